"""Who may read a document here, because of who may where it comes from."""

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import Group, Membership
from retrieval.access.grants import TABLES, grant, revoke
from retrieval.access.values import Grantee, Kind, Permission
from retrieval.models import Document
from retrieval.sources.values import ExternalAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """The collection's readers, or these people and groups by their ids; by default nobody."""

    inherits: bool = False
    holders: frozenset[tuple[Kind, int]] = frozenset()

    @property
    def digest(self) -> str:
        """SHA-256 in hex of who they are."""
        said = json.dumps([self.inherits, sorted(self.holders)])
        return hashlib.sha256(said.encode()).hexdigest()

    def also_in(self, others: "Readers") -> "Readers":
        """Those of them who are among the others too. Collections are not looked into: nobody, then."""
        if self.inherits or others.inherits:
            return self if self == others else Readers()
        return Readers(holders=self.holders & others.holders)


def resolve(tenant_id: UUID, access: ExternalAccess) -> Readers:
    """The people and groups here that an access names; whoever is unknown here is nobody. Inside `managing`."""
    if access.inherits:
        return Readers(inherits=True)
    people = Membership.objects.filter(tenant_id=tenant_id, is_active=True)
    people = people.annotate(address=Lower("user__email")).filter(address__in=access.people)
    groups = Group.objects.filter(tenant_id=tenant_id)
    groups = groups.filter(Q(external_id__in=access.groups - {""}) | Q(label__in=access.groups))
    found: set[tuple[Kind, int]] = {("user", pk) for pk in people.values_list("user_id", flat=True)}
    found |= {("group", pk) for pk in groups.values_list("pk", flat=True)}
    return Readers(holders=frozenset(found))


def readers_of(document: Document) -> Readers:
    """Who has a grant to view it now, of its own or by its collection. Inside `managing`."""
    if document.inherits_grants:
        return Readers(inherits=True)
    found: set[tuple[Kind, int]] = set()
    for kind in ("user", "group"):
        rows = TABLES[Document, kind].objects.filter(
            content_object=document, permission__codename=f"{Permission.VIEW}_document"
        )
        found |= {(kind, pk) for pk in rows.values_list(f"{kind}_id", flat=True)}
    return Readers(holders=frozenset(found))


def give_to(document: Document, readers: Readers) -> None:
    """Make these its readers and nobody else. Inside `managing`."""
    before = readers_of(document)
    if before == readers:
        return
    for kind, pk in before.holders - readers.holders:
        revoke(document, Grantee(kind=kind, id=pk), Permission.VIEW)
    if document.inherits_grants != readers.inherits:
        document.inherits_grants = readers.inherits
        document.save(update_fields=["inherits_grants"])
    for kind, pk in readers.holders - before.holders:
        grant(document, Grantee(kind=kind, id=pk), Permission.VIEW)


def give_in_step(document: Document, readers: Readers) -> bool:
    """Take reading away at once, and give it once the document is the one it was given for.

    False while a newer version is on its way: its readers were never meant to have the older one.
    """
    whole = not document.searchable or document.status == Document.Status.INDEXED
    give_to(document, readers if whole else readers.also_in(readers_of(document)))
    return whole or readers_of(document) == readers
