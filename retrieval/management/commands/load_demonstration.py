"""Load the demonstration tenants, or what is missing of them."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.models import Tenant
from retrieval.assembly import ingestion_components
from retrieval.demonstration import add_logins, create_tenant, load_documents, read_manifest
from retrieval.management.commands.ingest import progress_bar


class Command(BaseCommand):
    help = "Load two tenants with people and documents to try ragsite on. What is there already is skipped."

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.RAGSITE_ROOT) / "examples" / "data"
        manifest = read_manifest(folder)
        tenants = [(described, self.tenant_of(described)) for described in manifest]
        total = sum(len(described["documents"]) for described in manifest)
        loaded = 0
        with progress_bar() as bar:
            step = bar.add_task("Loading", total=total, name="")
            for described, tenant in tenants:
                for taken in load_documents(tenant, described["documents"], folder, ingestion_components()):
                    bar.update(step, advance=1, name=taken.path.name)
                    loaded += taken.outcome != "unchanged"
                    if taken.outcome not in ("indexed", "unchanged"):
                        self.stdout.write(f"  {taken.outcome}: {taken.path.name} ({taken.reason})")
        there = f"; {total - loaded} were there" if loaded < total else ""
        self.stdout.write(f"Loaded {loaded} documents of {len(tenants)} tenants{there}.")

    def tenant_of(self, described: dict[str, Any]) -> Tenant:
        """The tenant, made now with its people when it is new: an interrupted load goes on where it stopped."""
        there = Tenant.objects.filter(slug=described["slug"]).first()
        if there is not None:
            return there
        tenant, logins = create_tenant(described)
        add_logins(settings.RAGSITE_HOME / "logins.json", logins)
        return tenant
