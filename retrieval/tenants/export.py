"""Everything a tenant owns as one ZIP: JSON lines a table, and the documents' files.

Left out: secrets and their digests, and what is made anew from the rest (index, cached answers).
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from django.apps import apps
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import BinaryField, FileField, Model, QuerySet
from django.utils import timezone

from accounts.database import managing
from accounts.events import tell
from accounts.models import ApiKey, Delegation, Membership, Tenant, TenantKey, User
from compliance.models import AuditEntry
from retrieval.errors import DamagedOriginal
from retrieval.ingestion import vault
from retrieval.models import (
    CachedAnswer,
    CollectionGroupObjectPermission,
    CollectionUserObjectPermission,
    DocumentGroupObjectPermission,
    DocumentUserObjectPermission,
    DocumentVersion,
    Epoch,
    ResumableUpload,
)

ROWS_PER_FETCH = 1_000
COPY_BYTES = 1024 * 1024
DERIVED = (CachedAnswer, Epoch, Delegation)
UNFINISHED = (ResumableUpload,)
SECRET = (TenantKey,)
# In a column's name: what opens something, and what follows from the grants beside it.
HIDDEN_WORDS = ("password", "secret", "digest", "token", "session", "principals", "acl_version")


@dataclass(slots=True, kw_only=True)
class Exported:
    """What an export holds: rows by file name, and how many documents' files; `missing` were not there, and
    `damaged` are not whole."""

    path: Path
    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def exports_of(tenant_id: UUID) -> Path:
    """The folder for exports that are made from the platform's pages."""
    return Path(settings.RAGSITE_HOME) / "exports" / str(tenant_id)


def export_path(tenant: Tenant) -> Path:
    return exports_of(tenant.pk) / f"{tenant.slug}-{timezone.now():%Y%m%d-%H%M%S}.zip"


def export_tenant(tenant: Tenant, out: Path, by: User | None = None) -> Exported:
    """Write the tenant's export to `out`, readable by the owner of this process only.

    Audited before anything is written. Raises FileExistsError; nothing is left of one that fails.
    """
    out.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Created here, exclusively and with these rights: no moment in which others could open it.
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        try:
            with managing(tenant.pk):
                tell(
                    "tenant.exported",
                    tenant_id=tenant.pk,
                    actor_id=by.pk if by else None,
                    object_pk=str(tenant.pk),
                )
            return write(tenant, target, Exported(path=out))
        except BaseException:
            out.unlink()
            raise


def write(tenant: Tenant, target: IO[bytes], exported: Exported) -> Exported:
    with ZipFile(target, "w", ZIP_DEFLATED, allowZip64=True) as archive:
        with managing(tenant.pk):
            for name, rows in sections(tenant.pk):
                exported.rows[name] = write_rows(archive, name, rows)
            named = DocumentVersion.objects.filter(tenant_id=tenant.pk, pk__in=newest_versions(tenant.pk))
            files = list(named.exclude(stored_name="").values_list("document_id", "stored_name"))
        for document_id, name in files:
            write_file(archive, tenant.pk, str(document_id), name, exported)
        manifest = {
            "tenant": str(tenant.pk),
            "slug": tenant.slug,
            "made_at": timezone.now(),
            "rows": exported.rows,
            "files": exported.files,
            "missing_files": exported.missing,
            "damaged_files": exported.damaged,
        }
        archive.writestr("manifest.json", json.dumps(manifest, cls=DjangoJSONEncoder, indent=2))
    return exported


def newest_versions(tenant_id: UUID) -> "QuerySet[Any]":
    """Ids of the file that was sent last for each document."""
    versions = DocumentVersion.objects.filter(tenant_id=tenant_id).order_by("document_id", "-number")
    return versions.distinct("document_id").values("pk")


def sections(tenant_id: UUID) -> Iterator[tuple[str, "QuerySet[Any]"]]:
    """Every model of the tenant with its rows: those that name it, and those that hang on such a row."""
    yield "tenant", Tenant.objects.filter(pk=tenant_id)
    for model in apps.get_models():
        named = any(f.name == "tenant" and f.related_model is Tenant for f in model._meta.concrete_fields)
        if named and model._meta.managed and model not in (*DERIVED, *SECRET, *UNFINISHED):
            yield model._meta.model_name or "", model._base_manager.filter(tenant_id=tenant_id)
    for name, rows in HANGING.items():
        yield name, rows(tenant_id)


HANGING: dict[str, Callable[[UUID], "QuerySet[Any]"]] = {
    "people": lambda tenant: User.objects.filter(
        pk__in=Membership.objects.filter(tenant_id=tenant).values("user_id")
    ),
    "places_in_groups": lambda tenant: User.groups.through._base_manager.filter(
        group__in=apps.get_model("accounts", "Group")._base_manager.filter(tenant_id=tenant).values("pk")
    ),
    "keys": lambda tenant: ApiKey.objects.filter(membership__tenant_id=tenant),
    "grants_to_people_on_collections": lambda tenant: CollectionUserObjectPermission._base_manager.filter(
        content_object__tenant_id=tenant
    ),
    "grants_to_groups_on_collections": lambda tenant: CollectionGroupObjectPermission._base_manager.filter(
        content_object__tenant_id=tenant
    ),
    "grants_to_people_on_documents": lambda tenant: DocumentUserObjectPermission._base_manager.filter(
        content_object__tenant_id=tenant
    ),
    "grants_to_groups_on_documents": lambda tenant: DocumentGroupObjectPermission._base_manager.filter(
        content_object__tenant_id=tenant
    ),
    "audit": lambda tenant: AuditEntry.objects.filter(tenant_id=tenant).order_by("sequence"),
}


def write_rows(archive: ZipFile, name: str, rows: "QuerySet[Any]") -> int:
    written = 0
    with archive.open(f"{name}.jsonl", "w", force_zip64=True) as lines:
        for row in rows.iterator(chunk_size=ROWS_PER_FETCH):
            lines.write(json.dumps(as_json(row), cls=DjangoJSONEncoder, ensure_ascii=False).encode() + b"\n")
            written += 1
    return written


def as_json(row: Model) -> dict[str, Any]:
    """The columns of a row. What opens something stays here, and so does where a file is kept."""
    shown = {}
    for column in row._meta.concrete_fields:
        hidden = isinstance(column, BinaryField | FileField) or any(w in column.name for w in HIDDEN_WORDS)
        if not hidden:
            shown[column.attname] = column.value_from_object(row)
    if isinstance(row, AuditEntry):
        shown["sha256"] = bytes(row.digest).hex()
    return shown


def write_file(archive: ZipFile, tenant_id: UUID, document_id: str, name: str, exported: Exported) -> None:
    """One document's file, decrypted. What is absent or damaged is named, and the rest exported."""
    try:
        with (
            vault.open(tenant_id, name) as source,
            archive.open(f"documents/{document_id}", "w", force_zip64=True) as target,
        ):
            shutil.copyfileobj(source, target, COPY_BYTES)
        exported.files += 1
    except FileNotFoundError:
        exported.missing.append(document_id)
    except DamagedOriginal:
        # Noticed in the middle, its beginning is in the archive, and the manifest says what that is worth.
        exported.damaged.append(document_id)
