"""The demonstration: two tenants with people, groups, collections and documents, from one manifest."""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group as AuthGroup
from django.db import transaction
from guardian.shortcuts import assign_perm

from accounts.database import managing
from accounts.models import Group, Membership, Tenant, User
from accounts.roles import Right, Role, may
from accounts.scope import Sensitivity
from retrieval.ingestion.bulk import Batch, Candidate, Taken, take_file
from retrieval.ingestion.pipeline import IngestionComponents
from retrieval.models import Collection, Document, GlossaryTerm, TenantPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One person of the demonstration who can sign in."""

    tenant: str
    role: str
    email: str
    password: str


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "manifest.json").read_text())["tenants"])


@transaction.atomic
def create_tenant(described: dict[str, Any]) -> tuple[Tenant, list[Login]]:
    """One tenant with its people, groups, collections and settings, documents not yet; all or nothing."""
    tenant = Tenant.objects.create(slug=described["slug"], name=described["name"])
    with managing(tenant.pk):
        logins = [create_person(tenant, person) for person in described["users"]]
        for group in described["groups"]:
            members = User.objects.filter(email__in=group["members"])
            created = Group.objects.create(tenant=tenant, label=group["name"])
            for member in members:
                member.groups.add(AuthGroup.objects.get(pk=created.pk))
        for shelf in described["collections"]:
            collection = Collection.objects.create(
                tenant=tenant, name=shelf["name"], description=shelf["description"]
            )
            for grant in shelf["grants"]:
                assign_perm("view_collection", grantee(tenant, grant), collection)
        for term, expansion in described["glossary"].items():
            GlossaryTerm.objects.create(tenant=tenant, term=term, expansion=expansion)
        TenantPolicy.objects.create(tenant=tenant, allowed_hosts=described["allowed_hosts"])
    return tenant, logins


def create_person(tenant: Tenant, person: dict[str, str]) -> Login:
    """A member with a password made for this installation."""
    password = secrets.token_urlsafe(12)
    role = Role(person["role"])
    opens_admin = any(may(role, right) for right in Right if right not in (Right.ASK,))
    user = User.objects.create_user(person["email"], password, name=person["name"], is_staff=opens_admin)
    # No ceiling here, so that what a person sees follows from grants alone.
    Membership.objects.create(tenant=tenant, user=user, role=role, ceiling=Sensitivity.RESTRICTED)
    return Login(tenant=tenant.slug, role=role.value, email=user.email, password=password)


def grantee(tenant: Tenant, described: str) -> Group | User:
    """The group or user that a manifest names as "group:Everyone" or "user:somebody@acme.example"."""
    kind, _, name = described.partition(":")
    if kind == "group":
        return Group.objects.get(tenant=tenant, label=name)
    return User.objects.get(email=name)


def load_documents(
    tenant: Tenant, described: list[dict[str, Any]], folder: Path, components: IngestionComponents
) -> Iterator[Taken]:
    """Take the tenant's documents in, one after the other, with their own grants where they have any."""
    with managing(tenant.pk):
        shelves = {shelf.name: shelf for shelf in Collection.objects.filter(tenant=tenant)}
    for document in described:
        readers = [grantee(tenant, grant) for grant in document["grants"] or []]
        path = folder / document["path"]
        batch = Batch(
            collection=shelves[document["collection"]],
            components=components,
            bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX,
            title=document["title"],
            sensitivity=Sensitivity[document["sensitivity"].upper()],
            grant=None if document["grants"] is None else partial(restrict, readers=readers),
        )
        yield take_file(Candidate(path=path, name=path.name), batch)


def restrict(document: Document, readers: list[Group | User]) -> None:
    """Give a document its own grants in the place of its collection's."""
    with managing(document.tenant_id):
        Document.objects.filter(pk=document.pk).update(inherits_grants=False)
        for reader in readers:
            assign_perm("view_document", reader, document)


def add_logins(path: Path, logins: list[Login]) -> None:
    """Keep the logins where only the owner of the installation can read them, beside earlier ones."""
    known = json.loads(path.read_text()) if path.exists() else []
    known += [{"tenant": x.tenant, "role": x.role, "email": x.email, "password": x.password} for x in logins]
    # Written aside and moved into place: an interruption leaves the older list, never half of one.
    beside = path.with_suffix(".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(known, file)
    beside.replace(path)
