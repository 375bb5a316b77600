"""Choosing a tenant, signing in, and beginning a conversation."""

import uuid

import pytest
from django.test import Client

from accounts.database import reading
from accounts.models import Membership
from accounts.resolve import scope_of
from accounts.roles import RIGHTS, Role
from retrieval.api.tenants import local_path
from retrieval.models import Conversation
from tests import factories

PASSWORD = "correct horse battery staple"
ELSEWHERE = [
    "https://evil.test/",
    "//evil.test/",
    "/\\evil.test",
    "\\\\evil.test",
    "http:evil.test",
    "javascript:alert(1)",
    " //evil.test",
    "/\t/evil.test",
    "http://testserver/",
]


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_no_address_leads_off_this_site_after_a_choice(wanted: str) -> None:
    assert local_path(wanted) == "/"


def test_a_path_of_this_site_is_kept_after_a_choice() -> None:
    assert local_path("/documents/?page=2") == "/documents/?page=2"


@pytest.mark.django_db
def test_a_person_of_two_tenants_moves_between_them() -> None:
    first, second = factories.a_tenant(), factories.a_tenant()
    member = factories.a_member(first)
    Membership.objects.create(tenant=second, user=member.user)
    client = signed_in(member)

    response = client.post("/tenant/", {"tenant": str(second.pk), "next": "/documents/"})

    assert response["Location"] == "/documents/"
    assert f"What you may read at {second.name}" in client.get("/documents/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("chosen", ["foreign", "absent", "nonsense"])
def test_a_tenant_one_does_not_belong_to_cannot_be_chosen(chosen: str) -> None:
    client = signed_in(factories.a_member(factories.a_tenant()))
    tenant = {"foreign": str(factories.a_tenant().pk), "absent": str(uuid.uuid4()), "nonsense": "x"}[chosen]

    assert client.post("/tenant/", {"tenant": tenant}).status_code == 404
    assert "tenant_id" not in client.session


@pytest.mark.django_db
def test_choosing_a_tenant_takes_a_post_with_a_token() -> None:
    member = factories.a_member(factories.a_tenant())
    client = Client(enforce_csrf_checks=True)
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/tenant/").status_code == 405
    assert client.post("/tenant/", {"tenant": str(member.tenant_id)}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["no such account", "wrong password", "deactivated"])
def test_every_failed_sign_in_says_the_same(case: str) -> None:
    member = factories.a_member(factories.a_tenant(), password=PASSWORD)
    if case == "deactivated":
        member.user.is_active = False
        member.user.save()
    email = "nobody@acme.example" if case == "no such account" else member.user.email
    password = "not the password" if case == "wrong password" else PASSWORD

    page = Client().post("/sign-in/", {"username": email, "password": password}).content.decode()

    assert "This address and password do not go together." in page
    assert page.count('role="alert"') == 1


@pytest.mark.django_db
def test_signing_in_goes_on_to_a_page_of_this_site_only() -> None:
    member = factories.a_member(factories.a_tenant(), password=PASSWORD)
    credentials = {"username": member.user.email.upper(), "password": PASSWORD}

    home = Client().post("/sign-in/", credentials | {"next": "https://evil.test/"})
    there = Client().post("/sign-in/", credentials | {"next": "/documents/"})

    assert home["Location"] == "/"
    assert there["Location"] == "/documents/"


@pytest.mark.django_db
def test_signing_out_takes_a_post() -> None:
    client = signed_in(factories.a_member(factories.a_tenant()))

    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


@pytest.mark.django_db
def test_a_conversation_begins_in_the_callers_own_name() -> None:
    member = factories.a_member(factories.a_tenant())

    response = signed_in(member).post("/api/v1/conversations", {"user": 1}, "application/json")

    assert response.status_code == 201
    with reading(scope_of(member)):
        assert Conversation.objects.get(pk=response.json()["id"]).user_id == member.user_id


@pytest.mark.django_db
def test_a_conversation_is_refused_to_strangers_and_to_roles_that_may_not_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RIGHTS, Role.MEMBER, frozenset())
    member = factories.a_member(factories.a_tenant())

    assert Client().post("/api/v1/conversations").status_code == 401
    assert signed_in(member).post("/api/v1/conversations").status_code == 403


@pytest.mark.django_db
def test_a_question_by_session_takes_a_token() -> None:
    member = factories.a_member(factories.a_tenant())
    client = Client(enforce_csrf_checks=True)
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")

    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        assert client.generic("POST", "/api/v1/queries", b'{"question": "q"}', kind).status_code == 403
