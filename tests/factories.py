"""Builders that state only what matters."""

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.database import managing
from accounts.models import Delegation, Group, Membership, Principal, Tenant, User
from accounts.resolve import scope_of
from accounts.roles import Role
from accounts.scope import AccessScope, Sensitivity
from retrieval.models import Collection, Document, DocumentVersion, Ingestion

if TYPE_CHECKING:
    from retrieval.values.chunks import NewChunk

_numbers = count(1)


def a_tenant(slug: str = "") -> Tenant:
    slug = slug or f"tenant-{next(_numbers)}"
    return Tenant.objects.create(slug=slug, name=slug.title())


def a_member(
    tenant: Tenant,
    *,
    role: Role = Role.MEMBER,
    groups: tuple[Group, ...] = (),
    ceiling: Sensitivity = Sensitivity.CONFIDENTIAL,
    password: str | None = None,
) -> Membership:
    user = User.objects.create_user(f"person-{next(_numbers)}@{tenant.slug}.example", password)
    user.groups.add(*groups)
    return Membership.objects.create(tenant=tenant, user=user, role=role, ceiling=ceiling)


def a_scope(tenant: Tenant, **member: object) -> AccessScope:
    return scope_of(a_member(tenant, **member))  # type: ignore[arg-type]  # passed through


def again(scope: AccessScope) -> AccessScope:
    """The same person's scope as it is now: what collections she may read is resolved for each request."""
    return scope_of(Membership.objects.get(tenant=scope.tenant_id, user=scope.user_id))


def a_group(tenant: Tenant, label: str = "") -> Group:
    return Group.objects.create(tenant=tenant, label=label or f"group {next(_numbers)}")


def everyone(tenant: Tenant) -> Group:
    return Group.objects.get(tenant=tenant, builtin=True)


def readers_of(document: Document) -> list[int]:
    """Ids of the users and groups that may act as one of the document's principals, ascending."""
    with managing(document.tenant_id):
        named = Document.objects.values_list("principals", flat=True).get(pk=document.pk)
    own = Principal.objects.filter(pk__in=named, kind__in=("user", "group")).values_list("pk", flat=True)
    acting = Delegation.objects.in_force().filter(principal__in=named).values_list("holder", flat=True)
    return sorted({*own, *acting})


def a_collection(tenant: Tenant, *, readers: tuple[Group | User, ...] = (), name: str = "") -> Collection:
    with managing(tenant.pk):
        collection = Collection.objects.create(tenant=tenant, name=name or f"collection {next(_numbers)}")
        for reader in readers:
            assign_perm("view_collection", reader, collection)
    return collection


def a_document(
    collection: Collection,
    *texts: str,
    readers: tuple[Group | User, ...] = (),
    sensitivity: Sensitivity = Sensitivity.INTERNAL,
    title: str = "",
) -> Document:
    """An indexed document with one chunk a text, embedded by `fake_vector`; own grants when readers are given."""
    from retrieval.values.chunks import NewChunk

    tenant_id: UUID = collection.tenant_id
    with managing(tenant_id):
        number = next(_numbers)
        document = Document.objects.create(
            tenant_id=tenant_id,
            collection=collection,
            title=title or f"document {number}",
            source_name=f"document-{number}.txt",
            sensitivity=sensitivity,
        )
        for reader in readers:
            assign_perm("view_document", reader, document)
        chunks = [
            NewChunk(ordinal=i, text=text, heading="", page=None, start_char=0, end_char=len(text))
            for i, text in enumerate(texts)
        ]
        vectors = [fake_vector(text) for text in texts]
        a_version(document, chunks, np.stack(vectors) if vectors else np.zeros((0, 384), np.float32))
        document.refresh_from_db()
        document.collection = collection  # loading it later would need the tenant again
    return document


def a_version(
    document: Document, chunks: Sequence["NewChunk"], vectors: np.ndarray, *, stored_name: str = ""
) -> DocumentVersion:
    """A new whole version in the place of the one that was read. Call inside `managing`."""
    from retrieval.search.index import PostgresChunkIndex

    index, tenant_id = PostgresChunkIndex(), document.tenant_id
    number = document.versions.count() + 1
    version = DocumentVersion.objects.create(
        tenant_id=tenant_id,
        document=document,
        number=number,
        chunk_count=len(chunks),
        stored_name=stored_name,
    )
    DocumentVersion.objects.filter(pk=version.pk).update(indexed_at=timezone.now())
    Ingestion.objects.create(version=version, tenant_id=tenant_id, document=document, state="indexed")
    if len(chunks):
        index.add(tenant_id, version.pk, chunks, vectors)
    older = Document.objects.values_list("version_id", flat=True).get(pk=document.pk)
    Document.objects.filter(pk=document.pk).update(
        searchable=True, status=Document.Status.INDEXED, chunk_count=len(chunks), content_version=number,
        version_id=version.pk,
    )  # fmt: skip
    while older and index.withdraw(tenant_id, older):
        pass
    return version


def fake_vector(text: str, dimensions: int = 384) -> np.ndarray:
    """A unit vector that depends on the words of a text: texts that share words are near."""
    from zlib import crc32

    vector = np.zeros(dimensions, dtype=np.float32)
    for word in text.lower().split():
        vector[crc32(word.strip(".,?!").encode()) % dimensions] += 1.0
    vector[0] += 0.01
    return vector / np.linalg.norm(vector)
