"""`manage.py adopt_originals`: encrypt the files that an earlier release kept as they were sent."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.database import managing
from accounts.models import Tenant
from retrieval.ingestion import vault
from retrieval.models import DocumentVersion


class Command(BaseCommand):
    help = "Encrypt files kept by an earlier release with their tenant's key. May be run again at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        sealed = missing = 0
        for tenant_id in Tenant.objects.values_list("pk", flat=True):
            with managing(tenant_id):
                plain = list(DocumentVersion.objects.filter(tenant_id=tenant_id, sealed=False))
            for version in plain:
                if self.seal(version):
                    sealed += 1
                else:
                    missing += 1
                    self.stderr.write(f"The file of document {version.document_id} is not there.")
        if sealed or missing:
            self.stdout.write(f"{sealed} files encrypted, {missing} missing.")

    def seal(self, version: DocumentVersion) -> bool:
        """Encrypt one; its row changes in the transaction in which the plain file goes."""
        with managing(version.tenant_id), transaction.atomic():
            held = DocumentVersion.objects.select_for_update().filter(pk=version.pk, sealed=False).first()
            if held is None:
                return True
            try:
                kept = vault.adopt(version.tenant_id, held.stored_name)
            except FileNotFoundError:
                return False
            DocumentVersion.objects.filter(pk=version.pk).update(stored_name=kept.name, sealed=True)
        return True
