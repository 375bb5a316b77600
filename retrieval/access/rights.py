"""What somebody may do with a collection or document: by role in the whole tenant, or by a grant."""

from collections.abc import Collection as Collected
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

from accounts.models import Membership
from accounts.resolve import is_emergency
from accounts.roles import Right
from accounts.scope import AccessScope, Sensitivity
from retrieval.access.grants import held_by
from retrieval.access.values import (
    COVERED_BY,
    Ends,
    Grantee,
    Permission,
    Target,
    after_granting,
    after_revoking,
    earlier,
)
from retrieval.errors import ChangeRefused, GrantRefused
from retrieval.models import Collection, Document

# A person's and her groups' grants in force. On a document above her ceiling they give nothing.
ON_DOCUMENT = """
select split_part(right_name, '_', 1), bool_or(expires_at is null), max(expires_at)
  from retrieval_right
 where tenant_id = %(tenant)s and document_id = %(target)s and principal = any(%(holders)s)
   and sensitivity <= %(ceiling)s
 group by right_name
"""
AMONG_DOCUMENTS = """
select document_id
  from retrieval_right
 where tenant_id = %(tenant)s and document_id = any(%(targets)s::uuid[]) and principal = any(%(holders)s)
   and sensitivity <= %(ceiling)s
 group by document_id
having bool_or(right_name = 'view_document') and bool_or(right_name = %(wanted)s)
"""
ON_COLLECTION = """
select split_part(p.codename, '_', 1), bool_or(g.expires_at is null), max(g.expires_at)
  from retrieval_collection c
  join (select content_object_id, permission_id, user_id as holder, expires_at
          from retrieval_collectionuserobjectpermission
         union all
        select content_object_id, permission_id, group_id, expires_at
          from retrieval_collectiongroupobjectpermission) g on g.content_object_id = c.id
  join auth_permission p on p.id = g.permission_id
 where c.tenant_id = %(tenant)s and c.id = %(target)s and g.holder = any(%(holders)s)
   and (g.expires_at is null or g.expires_at > now())
 group by p.codename
"""


class Actor(Protocol):
    """Somebody who acts in a tenant: her rights by role, and what an API key lets through."""

    @property
    def membership(self) -> Membership: ...
    @property
    def scope(self) -> AccessScope: ...
    @property
    def rights(self) -> frozenset[Right]: ...
    @property
    def cap(self) -> frozenset[Right] | None:
        """The scopes of a key, beyond which grants reach no further than roles; None: no key."""


def may(actor: Actor, permission: Permission, target: Target) -> bool:
    """Whether her role covers it in the whole tenant, or a grant does. Call inside `managing`."""
    return may_everywhere(actor, permission) or permission in held_on(actor, target)


def may_everywhere(actor: Actor, permission: Permission) -> bool:
    return permission in COVERED_BY and COVERED_BY[permission] in actor.rights


def held_on(actor: Actor, target: Target) -> Ends:
    """What grants in force let the actor do with the target, herself and as her groups.

    Nothing where she may not view it: above her ceiling a grant gives nothing. Nothing in an emergency
    access, which reads as everybody and changes as nobody. Call inside `managing`.
    """
    if is_emergency(actor.membership):
        return {}
    scope = actor.scope
    parameters: dict[str, Any] = {
        "tenant": scope.tenant_id,
        "target": target.pk,
        "holders": [scope.user_id, *scope.group_ids],
        "ceiling": int(scope.ceiling),
    }
    with connection.cursor() as cursor:
        cursor.execute(ON_DOCUMENT if isinstance(target, Document) else ON_COLLECTION, parameters)
        granted: dict[Permission, datetime | None] = {
            Permission(name): None if endless else end for name, endless, end in cursor.fetchall()
        }
    if Permission.VIEW not in granted:
        return {}
    view = granted[Permission.VIEW]
    return {
        held: earlier(end, view)
        for held, end in granted.items()
        if actor.cap is None or held is Permission.VIEW or COVERED_BY[held] in actor.cap
    }


def may_among(actor: Actor, permission: Permission, documents: Collected[UUID]) -> set[UUID]:
    """Those of the tenant's documents for which `may` is true, in one query. Call inside `managing`."""
    if may_everywhere(actor, permission):
        return set(documents)
    capped = actor.cap is not None and COVERED_BY[permission] not in actor.cap
    if not documents or capped or is_emergency(actor.membership):
        return set()
    scope = actor.scope
    parameters: dict[str, Any] = {
        "tenant": scope.tenant_id,
        "targets": list(documents),
        "holders": [scope.user_id, *scope.group_ids],
        "ceiling": int(scope.ceiling),
        "wanted": f"{permission.value}_document",
    }
    with connection.cursor() as cursor:
        return {document_id for (document_id,) in cursor.execute(AMONG_DOCUMENTS, parameters)}


def check_may_give(
    actor: Actor, target: Target, grantee: Grantee, permission: Permission, expires_at: datetime | None
) -> None:
    """Raises GrantRefused where somebody who shares by a grant would hand out more than she holds."""
    before = held_by(target, grantee)
    check_within_own(actor, target, before, after_granting(before, permission, expires_at))


def check_may_take(actor: Actor, target: Target, grantee: Grantee, permission: Permission) -> None:
    """Raises GrantRefused where she would take away what she does not hold herself."""
    before = held_by(target, grantee)
    check_within_own(actor, target, before, after_revoking(before, permission))


def check_within_own(actor: Actor, target: Target, before: Ends, after: Ends) -> None:
    """Nobody shares more than she holds, nor for longer; a role that grants is not held back."""
    if may_everywhere(actor, Permission.SHARE):
        return
    own = held_on(actor, target)
    if Permission.SHARE not in own:
        raise GrantRefused("You may not share this.")
    if isinstance(target, Document) and target.inherits_grants:
        raise GrantRefused(
            "This document takes its collection's grants. Giving it grants of its own would take it from "
            "others, and needs a role with 'grant access'."
        )
    for permission in before.keys() | after.keys():
        if permission in before and permission in after and before[permission] == after[permission]:
            continue
        if permission not in own:
            raise GrantRefused(f"You cannot give or take '{permission}': you do not hold it here yourself.")
        end = earlier(own[permission], own[Permission.SHARE])
        if permission in after and earlier(after[permission], end) != after[permission]:
            raise GrantRefused("You cannot give access for longer than you have it yourself.")


def refused_levels(actor: Actor, *levels: Sensitivity) -> str:
    """Why she may not change a level from or to these; "" when all lie within her own ceiling."""
    ceiling = actor.scope.ceiling
    if any(level > ceiling for level in levels):
        return (
            f"You may read up to '{ceiling.name.lower()}', and set levels no further than that. "
            "Ask somebody with a higher ceiling."
        )
    return ""


def check_take_in(actor: Actor, collection: Collection, source_name: str, level: Sensitivity | None) -> None:
    """Raises ChangeRefused where she may not bring a file of this name and level in. Call inside `managing`.

    By a grant it takes `change` on the collection and on the document that is there under the name, and a
    level within her ceiling. Nobody sets another level on a document that is there beyond her ceiling.
    """
    there = Document.objects.filter(
        tenant_id=collection.tenant_id, collection=collection, source_name=source_name
    ).first()
    if not may_everywhere(actor, Permission.CHANGE):
        touched: list[Target] = [collection, *([there] if there else [])]
        if not all(Permission.CHANGE in held_on(actor, target) for target in touched):
            raise ChangeRefused("You may not put this file here.")
    levels = [] if level is None else [level]
    if there is not None and level is not None:
        levels = [] if level == there.sensitivity else [Sensitivity(there.sensitivity), level]
    elif may_everywhere(actor, Permission.CHANGE):
        levels = []  # an editor may bring in what she cannot read herself
    if refusal := refused_levels(actor, *levels):
        raise ChangeRefused(refusal)
