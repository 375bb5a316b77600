"""A directory's key opens its own tenant and nothing else: T-02, T-04, T-07, T-09, T-10."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.database import managing
from accounts.events import happened
from accounts.models import Membership, Tenant
from accounts.roles import Right, Role
from tests.accounts.scim.directory import PATCH, Directory, a_directory
from tests.factories import a_group, a_member, a_tenant

ROUTES = {
    "/Users": ("GET", "POST"),
    "/Users/{user}": ("GET", "PUT", "PATCH", "DELETE"),
    "/Groups": ("GET", "POST"),
    "/Groups/{group}": ("GET", "PUT", "PATCH", "DELETE"),
    "/ServiceProviderConfig": ("GET",),
    "/ResourceTypes": ("GET",),
    "/Schemas": ("GET",),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def revoke(directory: Directory) -> None:
    directory.key.revoked_at = timezone.now()
    with managing(directory.tenant.pk):
        directory.key.save()


def expire(directory: Directory) -> None:
    directory.key.expires_at = timezone.now() - timedelta(seconds=1)
    with managing(directory.tenant.pk):
        directory.key.save()


def restrict(directory: Directory) -> None:
    directory.key.addresses = ["192.0.2.0/24"]
    with managing(directory.tenant.pk):
        directory.key.save()


def leave(directory: Directory) -> None:
    Membership.objects.filter(pk=directory.owner.pk).update(is_active=False)


def go(directory: Directory) -> None:
    directory.owner.user.is_active = False
    directory.owner.user.save()


def demote(directory: Directory) -> None:
    Membership.objects.filter(pk=directory.owner.pk).update(role=Role.MEMBER)


def suspend(directory: Directory) -> None:
    Tenant.objects.filter(pk=directory.tenant.pk).update(state=Tenant.State.SUSPENDED)


def nothing(directory: Directory) -> None:
    pass


def with_another_right(tenant: Tenant) -> Directory:
    return a_directory(tenant, scopes=tuple(right for right in Right if right is not Right.PROVISION))


def of_another_tenant(tenant: Tenant) -> Directory:
    foreign = a_directory(a_tenant(), role=Role.OWNER, scopes=tuple(Right))
    return Directory(tenant=tenant, key=foreign.key, secret=foreign.secret)


def of_an_absent_tenant(tenant: Tenant) -> Directory:
    own = a_directory(tenant)
    return Directory(tenant=Tenant(slug="absent"), key=own.key, secret=own.secret)


REFUSED: dict[str, tuple[Callable[[Tenant], Directory], Callable[[Directory], None]]] = {
    "another tenant's key": (of_another_tenant, nothing),
    "a tenant that is not there": (of_an_absent_tenant, nothing),
    "a key without the right": (with_another_right, nothing),
    "an owner without the right": (a_directory, demote),
    "a deactivated owner": (a_directory, leave),
    "a deactivated account": (a_directory, go),
    "a suspended tenant": (a_directory, suspend),
    "a revoked key": (a_directory, revoke),
    "an expired key": (a_directory, expire),
    "a key of another network": (a_directory, restrict),
}


@pytest.fixture
def tenant(db: None) -> Tenant:
    return a_tenant()


def requests(tenant: Tenant) -> Iterator[tuple[str, str]]:
    ids = {"user": a_member(tenant).pk, "group": a_group(tenant).pk}
    return ((method, route.format(**ids)) for route in ROUTES for method in METHODS)


def answer(directory: Directory, method: str, path: str) -> tuple[int, Any]:
    response = directory.send(
        method, path, {"schemas": [PATCH], "userName": "x@y.example", "displayName": "X"}
    )
    return response.status_code, response.content if method != "HEAD" else b""


def the_refusal(tenant: Tenant) -> bytes:
    return Client().get(f"/scim/v2/{tenant.slug}/Users").content


@pytest.mark.parametrize("reason", REFUSED)
def test_whatever_is_wrong_with_a_key_the_answer_is_the_same_everywhere(tenant: Tenant, reason: str):
    make, spoil = REFUSED[reason]
    directory = make(tenant)
    spoil(directory)
    expected = the_refusal(tenant)

    for method, path in requests(tenant):
        status, body = answer(directory, method, path)
        assert (status, body) == (401, b"" if method == "HEAD" else expected), (method, path)
    assert Membership.objects.filter(tenant=tenant, user__email="x@y.example").count() == 0


def test_every_other_method_is_refused_to_a_good_key(tenant: Tenant):
    directory = a_directory(tenant)
    ids = {"user": directory.owner.pk, "group": a_group(tenant).pk}
    for route, allowed in ROUTES.items():
        for method in set(METHODS) - {*allowed, "HEAD"}:
            response = directory.send(method, route.format(**ids), {})
            assert (response.status_code, response.headers["Allow"]) == (405, ", ".join(sorted(allowed)))


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Basic {secret}", "{secret}", "Bearer {secret}x", "Bearer ../{secret}",
        "Bearer {secret}\t{secret}", "Bearer \0", "Bearer " + "x" * 5000, "Token {secret}", "Bearer é{secret}",
    ],
)  # fmt: skip
def test_a_credential_in_any_other_form_is_none(tenant: Tenant, header: str):
    directory = a_directory(tenant)

    response = Client().get(
        f"/scim/v2/{tenant.slug}/Users", headers={"Authorization": header.format(secret=directory.secret)}
    )

    assert (response.status_code, response.content) == (401, the_refusal(tenant))


def test_a_session_is_no_credential_here_nor_is_a_key_anywhere_but_in_its_header(tenant: Tenant):
    owner = a_member(tenant, role=Role.OWNER)
    browser = Client()
    browser.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    secret = a_directory(tenant).secret

    for response in (
        browser.get(f"/scim/v2/{tenant.slug}/Users"),
        Client().get(f"/scim/v2/{tenant.slug}/Users", {"key": secret, "access_token": secret}),
        Client().get(f"/scim/v2/{tenant.slug}/Users", headers={"X-API-Key": secret}),
    ):
        assert (response.status_code, response.content) == (401, the_refusal(tenant))


def test_foreign_and_absent_ids_in_the_path_are_answered_alike(tenant: Tenant):
    abroad = a_tenant()
    foreign = {"/Users": str(a_member(abroad).pk), "/Groups": str(a_group(abroad).pk)}
    directory = a_directory(tenant)

    for route, known in foreign.items():
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            body = {
                "schemas": [PATCH], "userName": "x@y.example", "displayName": "X",
                "Operations": [{"op": "replace", "path": "displayName", "value": "X"}],
            }  # fmt: skip
            answers = {
                (response.status_code, response.content)
                for each in (known, "99999999", "x", "0", "-1", "9" * 40, "1e3", "٣", "%00", "1;drop", "..")
                for response in [directory.send(method, f"{route}/{each}", body)]
            }
            assert len(answers) == 1, (method, route, answers)
            assert next(iter(answers))[0] == 404

    with managing(abroad.pk):
        assert Membership.objects.get(pk=foreign["/Users"]).is_active


def test_a_foreign_id_in_a_filter_finds_nobody(tenant: Tenant):
    abroad = a_tenant()
    member, group = a_member(abroad), a_group(abroad, "Abroad")
    member.user.groups.add(group)
    directory = a_directory(tenant)

    for path, text in (
        ("/Users", f'id eq "{member.pk}"'),
        ("/Users", f'userName eq "{member.user.email}"'),
        ("/Users", f'not (id ne "{member.pk}")'),
        ("/Groups", f'id eq "{group.pk}"'),
        ("/Groups", 'displayName eq "Abroad"'),
        ("/Groups", f'members eq "{member.pk}"'),
    ):
        found = directory.get(path, filter=text)
        assert (found.status_code, found.body["totalResults"], found.body["Resources"]) == (200, 0, [])


def test_a_refused_key_is_on_record_with_its_own_tenant_and_not_with_the_one_it_knocked_at(tenant: Tenant):
    stranger = of_another_tenant(tenant)

    stranger.get("/Users")

    home = Directory(tenant=stranger.owner.tenant, key=stranger.key, secret="")
    (entry,) = home.entries("scim.refused")
    assert (entry.actor_id, entry.additional_data["rule"]) == (stranger.owner.user_id, "key")
    at_the_door = Directory(tenant=tenant, key=stranger.key, secret="")
    assert at_the_door.entries("scim.refused") == []


def test_an_unknown_key_is_told_of_without_a_tenant_and_no_key_not_at_all(tenant: Tenant):
    told: list[tuple[str, object]] = []

    def listen(sender: object, *, event: str, tenant_id: object, **rest: object) -> bool:
        told.append((event, tenant_id))
        return True

    happened.connect(listen)
    try:
        Client().get(f"/scim/v2/{tenant.slug}/Users")
        assert told == []
        Client().get(f"/scim/v2/{tenant.slug}/Users", headers={"Authorization": "Bearer rgs_unknown"})
        assert told == [("scim.refused", None)]
    finally:
        happened.disconnect(listen)
