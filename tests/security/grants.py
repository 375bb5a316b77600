"""Grants with an end, given as rows: what every door that grants comes to in the end."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission

from accounts.models import Group, User
from retrieval.models import (
    Collection,
    CollectionGroupObjectPermission,
    CollectionUserObjectPermission,
    Document,
    DocumentGroupObjectPermission,
    DocumentUserObjectPermission,
)

TABLES: dict[tuple[type[Any], type[Any]], Any] = {
    (Collection, User): CollectionUserObjectPermission,
    (Collection, Group): CollectionGroupObjectPermission,
    (Document, User): DocumentUserObjectPermission,
    (Document, Group): DocumentGroupObjectPermission,
}


def grant(
    thing: Collection | Document, to: User | Group, *, ends_at: datetime | None = None, right: str = "view"
) -> None:
    """Grant anew, in the place of an earlier grant of the same. Call inside `managing`."""
    revoke(thing, to, right=right)
    who = {"user": to} if isinstance(to, User) else {"group_id": to.pk}
    TABLES[type(thing), type(to)]._default_manager.create(
        permission=permission_of(thing, right), content_object=thing, expires_at=ends_at, **who
    )


def revoke(thing: Collection | Document, to: User | Group, *, right: str = "view") -> None:
    who = {"user_id": to.pk} if isinstance(to, User) else {"group_id": to.pk}
    rows = TABLES[type(thing), type(to)].with_ended.filter(
        permission=permission_of(thing, right), content_object=thing, **who
    )
    rows.delete()


_permissions: dict[str, Permission] = {}


def permission_of(thing: Collection | Document, right: str) -> Permission:
    codename = f"{right}_{type(thing).__name__.lower()}"
    # The same rows in every test database: they are clones of one template.
    if codename not in _permissions:
        _permissions[codename] = Permission.objects.get(
            codename=codename, content_type__app_label="retrieval"
        )
    return _permissions[codename]
