"""Changes of who may read what, as values that can be tried before they are made."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import Group, GroupNesting, Membership
from accounts.scope import Sensitivity
from retrieval.access.grants import TABLES, grant, revoke
from retrieval.access.values import Grantee, Permission, Target
from retrieval.errors import ChangeRefused
from retrieval.models import Collection, Document


class Change(Protocol):
    """Something that opens and closes documents to people."""

    @property
    def document_id(self) -> UUID | None:
        """The one document whose own principals it changes; None: documents stay as they are."""

    @property
    def collection_id(self) -> UUID | None:
        """The one collection in which it shows; None: it may show anywhere."""

    def principals(self) -> set[int]:
        """Whoever it could concern acts as one of these, before it or after."""

    def make(self) -> None:
        """Make it. Call inside `managing` of its tenant."""


def concerned(target: Target, grantee: Grantee) -> set[int]:
    """The grantee; and since a document's first own grant ends inheritance, everybody it names."""
    if isinstance(target, Collection):
        return {grantee.id}
    return {grantee.id, *named_by(target)}


def named_by(document: Document) -> set[int]:
    """Whom the document names, or would name if it took its own grants or its collection's."""
    own = {
        row.user_id if kind == "user" else row.group_id
        for kind in ("user", "group")
        for row in TABLES[Document, kind].objects.filter(content_object=document)
    }
    return {*own, *document.principals, document.collection.principal_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnTarget:
    target: Target

    @property
    def document_id(self) -> UUID | None:
        return self.target.pk if isinstance(self.target, Document) else None

    @property
    def collection_id(self) -> UUID | None:
        return self.target.pk if isinstance(self.target, Collection) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granting(_OnTarget):
    """`retrieval.access.grants.grant` with these arguments."""

    grantee: Grantee
    permission: Permission = Permission.VIEW
    expires_at: datetime | None = None

    def principals(self) -> set[int]:
        return concerned(self.target, self.grantee)

    def make(self) -> None:
        grant(self.target, self.grantee, self.permission, self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoking(_OnTarget):
    """`retrieval.access.grants.revoke` with these arguments."""

    grantee: Grantee
    permission: Permission = Permission.VIEW

    def principals(self) -> set[int]:
        return concerned(self.target, self.grantee)

    def make(self) -> None:
        revoke(self.target, self.grantee, self.permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheriting:
    """A document takes its collection's grants from now on, or no longer."""

    document: Document
    inherits_grants: bool
    collection_id: UUID | None = None

    @property
    def document_id(self) -> UUID | None:
        return self.document.pk

    def principals(self) -> set[int]:
        return named_by(self.document)

    def make(self) -> None:
        Document.objects.filter(tenant_id=self.document.tenant_id, pk=self.document.pk).update(
            inherits_grants=self.inherits_grants
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """A person comes into a group, or leaves it."""

    membership: Membership
    group: Group
    joins: bool
    document_id: UUID | None = None
    collection_id: UUID | None = None

    def principals(self) -> set[int]:
        return {self.membership.user_id}

    def make(self) -> None:
        groups = self.membership.user.groups
        groups.add(self.group.pk) if self.joins else groups.remove(self.group.pk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """Everybody in the inner group comes into the outer one, or is no longer in it for that."""

    outer: Group
    inner: Group
    nests: bool
    document_id: UUID | None = None
    collection_id: UUID | None = None

    def principals(self) -> set[int]:
        return {self.inner.pk}

    def make(self) -> None:
        """Raises ChangeRefused for a circle, a depth or a group that cannot be nested."""
        pair = GroupNesting.objects.filter(tenant=self.inner.tenant_id, outer=self.outer, inner=self.inner)
        if not self.nests:
            pair.delete()
            return
        if pair.exists():
            return
        try:
            with transaction.atomic():
                GroupNesting.objects.create(
                    tenant_id=self.inner.tenant_id, outer=self.outer, inner=self.inner
                )
        except IntegrityError as error:
            diagnosis = getattr(error.__cause__, "diag", None)
            if getattr(diagnosis, "constraint_name", None) != "group_nesting":
                raise
            raise ChangeRefused(str(diagnosis.message_primary)) from error  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A membership may read up to another level."""

    membership: Membership
    ceiling: Sensitivity
    document_id: UUID | None = None
    collection_id: UUID | None = None

    def principals(self) -> set[int]:
        return {self.membership.user_id}

    def make(self) -> None:
        Membership.objects.filter(pk=self.membership.pk).update(ceiling=self.ceiling)
