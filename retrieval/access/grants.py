"""The one way to grant and revoke access to a collection or document.

A grant is a row of guardian's and is never changed: it is deleted and made anew, row by row, so that
each passes the audit trail. Change, share and delete take view along, and nothing outlives view.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission as PermissionRow
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from accounts.database import managing
from accounts.events import tell
from accounts.models import Group
from retrieval.access.values import (
    Ends,
    Grant,
    Grantee,
    Kind,
    Permission,
    Target,
    after_granting,
    after_revoking,
)
from retrieval.errors import GrantRefused
from retrieval.models import (
    Collection,
    CollectionGroupObjectPermission,
    CollectionUserObjectPermission,
    Document,
    DocumentGroupObjectPermission,
    DocumentUserObjectPermission,
)

GRANTS_LISTED_MAX = 1000
TABLES: dict[tuple[type[Target], str], Any] = {
    (Collection, "user"): CollectionUserObjectPermission,
    (Collection, "group"): CollectionGroupObjectPermission,
    (Document, "user"): DocumentUserObjectPermission,
    (Document, "group"): DocumentGroupObjectPermission,
}
# What the columns hold; a number beyond them is nobody's.
IDS = {"user": range(1, 2**63), "group": range(1, 2**31)}
REFUSALS = {
    "grant_of_the_tenant": "Access is granted to people and groups of this organisation only.",
    "grant_ends": "A grant ends in the future.",
}


def grant(
    target: Target, grantee: Grantee, permission: Permission, expires_at: datetime | None = None
) -> None:
    """Let a person or group of the target's own tenant do something with it, until the end given.

    Granting again gives the grant the new end; the same again changes nothing. Raises GrantRefused, with
    nothing written: for somebody from elsewhere, who looks like nobody at all, and for an end that has passed.
    """
    if grantee.id not in IDS[grantee.kind]:
        raise GrantRefused(REFUSALS["grant_of_the_tenant"])
    if expires_at is not None and expires_at <= timezone.now():
        raise GrantRefused(REFUSALS["grant_ends"])
    with managing(target.tenant_id):
        held = held_by(target, grantee)
        rewrite(target, grantee, held, after_granting(held, permission, expires_at))


def revoke(target: Target, grantee: Grantee, permission: Permission) -> bool:
    """Take a grant back, and with `view` everything else; False when there was none in force."""
    with managing(target.tenant_id):
        held = held_by(target, grantee)
        rewrite(target, grantee, held, after_revoking(held, permission))
    return permission in held


def held_by(target: Target, grantee: Grantee) -> Ends:
    """What the grantee is granted by name, in force. Grants that have ended are removed on the way.

    Other grants and revocations of the same target wait until this transaction ends.
    """
    locked = type(target)._default_manager.select_for_update(no_key=True)
    if not locked.filter(tenant_id=target.tenant_id, pk=target.pk).values_list("pk").first():
        raise GrantRefused("There is no such thing here.")
    now = timezone.now()
    for row in rows_of(target, grantee).filter(expires_at__lte=now):
        row.delete()
    return {permission_of(row): row.expires_at for row in rows_of(target, grantee)}


def rewrite(target: Target, grantee: Grantee, before: Ends, after: Ends) -> None:
    """Delete and make anew what differs."""
    for permission in Permission:
        if permission in before and (permission not in after or after[permission] != before[permission]):
            rows_of(target, grantee).get(permission=row_of(permission, target)).delete()
        if permission in after and (permission not in before or after[permission] != before[permission]):
            write(target, grantee, permission, after[permission])


def write(target: Target, grantee: Grantee, permission: Permission, expires_at: datetime | None) -> None:
    row = TABLES[type(target), grantee.kind](
        content_object=target, permission=row_of(permission, target), expires_at=expires_at
    )
    setattr(row, f"{grantee.kind}_id", grantee.id)
    try:
        with managing(target.tenant_id):
            row.save()
    except IntegrityError as error:
        raise refusal_of(error) from error


def refusal_of(error: IntegrityError) -> Exception:
    """The database's refusal as a sentence; another error of the database stays what it is."""
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return GrantRefused(REFUSALS[constraint]) if constraint in REFUSALS else error


def rows_of(target: Target, grantee: Grantee) -> "QuerySet[Any]":
    """The grantee's rows on the target, ended ones among them."""
    rows = TABLES[type(target), grantee.kind].with_ended.select_related("permission")
    rows = rows.filter(content_object=target)
    return rows.filter(user_id=grantee.id) if grantee.kind == "user" else rows.filter(group_id=grantee.id)


def row_of(permission: Permission, target: Target) -> PermissionRow:
    model = target._meta.model_name
    return PermissionRow.objects.get(
        codename=f"{permission}_{model}", content_type__app_label="retrieval", content_type__model=model
    )


def permission_of(row: Any) -> Permission:
    return Permission(row.permission.codename.split("_", 1)[0])


def grants_on(target: Target) -> list[Grant]:
    """The grants on a target, ended ones too while their rows are there; people first, then by name.

    At most GRANTS_LISTED_MAX of each kind.
    """
    with managing(target.tenant_id):
        people = list(listed(target, "user", "user"))
        groups = list(listed(target, "group"))
        labels = labels_of(target.tenant_id, [row.group_id for row in groups])
    grants = [made_of(row, "user", target, row.user.get_full_name()) for row in people]
    grants += [
        made_of(row, "group", target, labels[row.group_id]) for row in groups if row.group_id in labels
    ]
    order = list(Permission)
    return sorted(
        grants,
        key=lambda g: (g.grantee.kind != "user", g.grantee.name, g.grantee.id, order.index(g.permission)),
    )


def listed(target: Target, kind: Kind, *related: str) -> "QuerySet[Any]":
    rows = TABLES[type(target), kind].with_ended.filter(content_object=target)
    return rows.select_related("permission", *related).order_by("pk")[:GRANTS_LISTED_MAX]


def labels_of(tenant_id: UUID, ids: list[int]) -> dict[int, str]:
    groups = Group.objects.filter(tenant_id=tenant_id, pk__in=ids)
    return dict(groups.values_list("pk", "label"))


def find_grant(target: Target, kind: Kind, grant_id: int) -> Grant | None:
    """The grant with this number if it is one on this target. Call inside `managing`."""
    row = (
        TABLES[type(target), kind]
        .with_ended.filter(pk=grant_id, content_object=target)
        .select_related("permission")
        .first()
    )
    return made_of(row, kind, target, "") if row else None


def made_of(row: Any, kind: Kind, target: Target, name: str) -> Grant:
    holder = row.user_id if kind == "user" else row.group_id
    return Grant(
        id=row.pk,
        grantee=Grantee(kind=kind, id=holder, name=name),
        permission=permission_of(row),
        expires_at=row.expires_at,
        on="collection" if isinstance(target, Collection) else "document",
        object_id=target.pk,
    )


@contextmanager
def refusals_on_record(tenant_id: UUID, actor_id: int, object_pk: str) -> Iterator[None]:
    """Put a refused grant into the audit trail. Enter it outside of the transaction that is rolled back."""
    try:
        yield
    except GrantRefused:
        tell("grant.refused", tenant_id=tenant_id, actor_id=actor_id, outcome="refused", object_pk=object_pk)
        raise


def remove_ended(tenant_id: UUID) -> int:
    """Delete the rows of grants that have ended, which nobody reads by any more. Returns how many."""
    removed = 0
    with managing(tenant_id):
        for (model, _), table in TABLES.items():
            targets = model._default_manager.filter(tenant_id=tenant_id)
            for row in table.with_ended.filter(
                expires_at__lte=timezone.now(), content_object__in=targets
            ).iterator():
                row.delete()
                removed += 1
    return removed
