"""Every way of losing the right to an answer, and changes that take nothing from its asker."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from accounts.database import managing
from accounts.models import ApiKey, Group, GroupNesting, Membership, Tenant, TenantRole, User
from accounts.roles import Right
from accounts.scope import Sensitivity
from retrieval.models import Collection, Document
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A person who reads one document: her group is nested in the one that is granted its collection."""

    tenant: Tenant
    membership: Membership
    inner: Group
    outer: Group
    collection: Collection
    document: Document
    key: ApiKey
    secret: str
    session_key: str


def a_scene(text: str = "An employee has 27 days of holiday in a year.") -> Scene:
    tenant = a_tenant()
    inner, outer = a_group(tenant, "inner"), a_group(tenant, "outer")
    GroupNesting.objects.create(tenant=tenant, outer=outer, inner=inner)
    membership = a_member(tenant, groups=(inner,))
    collection = a_collection(tenant, readers=(outer,))
    document = a_document(collection, text, title="Holiday policy")
    key, secret = ApiKey.objects.issue(membership, "test")
    browser = Client()
    browser.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.session.session_key
    return Scene(
        tenant=tenant, membership=membership, inner=inner, outer=outer, collection=collection,
        document=document, key=key, secret=secret, session_key=browser.session.session_key,
    )  # fmt: skip


def change(model: type[Any], pk: object, **values: object) -> None:
    model.objects.filter(pk=pk).update(**values)


def revoke_grant(scene: Scene) -> None:
    remove_perm("view_collection", scene.outer, scene.collection)


def narrow_to_others(scene: Scene) -> None:
    assign_perm("view_document", a_group(scene.tenant), scene.document)


def own_role_without_asking(scene: Scene) -> None:
    role = TenantRole.objects.create(tenant=scene.tenant, name="looker", rights=[Right.EXPLAIN_ACCESS])
    change(Membership, scene.membership.pk, own_role=role)


def end_grant(scene: Scene) -> None:
    """By the clock: the owner moves the end of what she acts as into the past, and says nothing."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("alter table accounts_delegation disable trigger user")
        cursor.execute("update accounts_delegation set expires_at = now() - interval '1 second'")
        cursor.execute("alter table accounts_delegation enable trigger user")


LOSSES: dict[str, Callable[[Scene], object]] = {
    "the grant is revoked": revoke_grant,
    "the group is deleted": lambda scene: Group.objects.get(pk=scene.outer.pk).delete(),
    "the nesting is undone": lambda scene: GroupNesting.objects.filter(tenant=scene.tenant).delete(),
    "she leaves her group": lambda scene: scene.membership.user.groups.remove(scene.inner),
    "the document gets readers of its own": narrow_to_others,
    "the document is held back": lambda scene: change(
        Document, scene.document.pk, searchable=False, status=Document.Status.QUARANTINED
    ),
    "the document's level rises": lambda scene: change(
        Document, scene.document.pk, sensitivity=Sensitivity.RESTRICTED
    ),
    "the document is deleted": lambda scene: Document.objects.filter(pk=scene.document.pk).delete(),
    "her ceiling is lowered": lambda scene: change(
        Membership, scene.membership.pk, ceiling=Sensitivity.PUBLIC
    ),
    "her role loses asking": own_role_without_asking,
    "her membership ends": lambda scene: change(Membership, scene.membership.pk, is_active=False),
    "her membership is deleted": lambda scene: Membership.objects.get(pk=scene.membership.pk).delete(),
    "her account is closed": lambda scene: change(User, scene.membership.user_id, is_active=False),
    "the tenant is suspended": lambda scene: change(Tenant, scene.tenant.pk, state=Tenant.State.SUSPENDED),
}  # fmt: skip
# By committed changes only: a key's, and one made beside the application.
KEY_LOSSES: dict[str, Callable[[Scene], object]] = {
    "the key is revoked": lambda scene: change(ApiKey, scene.key.pk, revoked_at=timezone.now()),
    "the key ends": lambda scene: change(ApiKey, scene.key.pk, expires_at=timezone.now() - timedelta(seconds=1)),
    "the key loses its scope": lambda scene: change(ApiKey, scene.key.pk, scopes=[]),
    "the key's ceiling is lowered": lambda scene: change(ApiKey, scene.key.pk, ceiling=Sensitivity.PUBLIC),
    "her grant ends": end_grant,
    "the key is deleted": lambda scene: ApiKey.objects.filter(pk=scene.key.pk).delete(),
}  # fmt: skip
SESSION_LOSSES: dict[str, Callable[[Scene], object]] = {
    "the session is ended": lambda scene: Session.objects.filter(pk=scene.session_key).delete(),
}
# These are told of, too, and must not end an answer.
HARMLESS: dict[str, Callable[[Scene], object]] = {
    "somebody else is granted it": lambda scene: assign_perm(
        "view_collection", a_group(scene.tenant), scene.collection
    ),
    "somebody else leaves the group": lambda scene: leave_and_join(scene),
    "another document goes": lambda scene: a_document(scene.collection, "other").delete(),
    "she joins a group": lambda scene: scene.membership.user.groups.add(a_group(scene.tenant)),
    "another key is revoked": lambda scene: change(
        ApiKey, ApiKey.objects.issue(scene.membership, "other")[0].pk, revoked_at=timezone.now()
    ),
}  # fmt: skip


def leave_and_join(scene: Scene) -> None:
    colleague = a_member(scene.tenant, groups=(scene.inner,)).user
    colleague.groups.remove(scene.inner)


def happen(way: Callable[[Scene], object], scene: Scene) -> None:
    """Let it happen, as the tenant's own work."""
    with managing(scene.tenant.pk):
        way(scene)
