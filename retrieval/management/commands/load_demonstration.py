"""Load the demonstration tenants, once."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.models import Tenant
from retrieval.assembly import ingestion_components
from retrieval.demonstration import create_tenant, load_documents, read_manifest, write_logins
from retrieval.ingestion.bulk import reading_in_one_child
from retrieval.management.commands.ingest import progress_bar


class Command(BaseCommand):
    help = "Load two tenants with people and documents to try ragsite on. Does nothing when they are there."

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.RAGSITE_ROOT) / "examples" / "data"
        manifest = read_manifest(folder)
        if Tenant.objects.filter(slug__in=[described["slug"] for described in manifest]).exists():
            self.stdout.write("The demonstration is loaded already.")
            return
        tenants = [(described, *create_tenant(described)) for described in manifest]
        # Written before the documents: an interrupted load leaves people who can sign in.
        write_logins(
            settings.RAGSITE_HOME / "logins.json", [login for *_, logins in tenants for login in logins]
        )
        with progress_bar() as bar, reading_in_one_child(ingestion_components()) as components:
            step = bar.add_task("Loading", total=sum(len(d["documents"]) for d in manifest), name="")
            for described, tenant, _ in tenants:
                for taken in load_documents(tenant, described["documents"], folder, components):
                    bar.update(step, advance=1, name=taken.path.name)
                    if taken.outcome not in ("indexed", "unchanged"):
                        self.stdout.write(f"  {taken.outcome}: {taken.path.name} ({taken.reason})")
        self.stdout.write(
            f"Loaded {sum(len(d['documents']) for d in manifest)} documents of {len(tenants)} tenants."
        )
