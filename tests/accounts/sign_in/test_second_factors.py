"""Authenticator apps and recovery codes: set up, shown, used once."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from accounts.models import SignInPolicy, SignInSession
from tests.accounts.sign_in.conftest import PASSWORD, sign_in
from tests.factories import a_member, a_tenant

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(secret: str = SECRET, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def with_app(membership):
    from allauth.core.context import request_context
    from django.test import RequestFactory

    with request_context(RequestFactory().get("/")):
        TOTP.activate(membership.user, SECRET)
    return membership


def confirmed(client: Client) -> Client:
    """A session that has just typed its password once more."""
    client.post("/account/confirm/password/", {"password": PASSWORD})
    return client


@pytest.fixture
def member(door):
    return a_member(a_tenant(), password=PASSWORD)


def test_a_password_alone_does_not_open_an_account_with_an_app(door, member):
    with_app(member)

    assert sign_in(door, member.user.email)["Location"] == "/account/second-factor/"
    assert door.get("/").status_code == 302
    assert not SignInSession.objects.exists()


def test_the_code_opens_it_and_is_on_record(door, told, member):
    with_app(member)
    sign_in(door, member.user.email, next="/documents/")

    assert door.post("/account/second-factor/", {"code": code()})["Location"] == "/documents/"
    assert SignInSession.objects.get().second_factor
    assert told.last("sign_in.succeeded")["details"]["second_factor"]


def test_a_wrong_code_opens_nothing_and_is_on_record(door, told, member):
    with_app(member)
    sign_in(door, member.user.email)

    response = door.post("/account/second-factor/", {"code": "000000"})

    assert "This code is not right" in response.content.decode()
    assert told.names()[-1] == "second_factor.failed"
    assert not SignInSession.objects.exists()


def test_a_code_is_used_once(door, member):
    with_app(member)
    used = code()
    sign_in(door, member.user.email)
    door.post("/account/second-factor/", {"code": used})
    again = Client()
    sign_in(again, member.user.email)

    assert again.post("/account/second-factor/", {"code": used}).status_code == 200
    assert SignInSession.objects.count() == 1


@pytest.mark.parametrize(("steps", "opens"), [(-1, True), (1, True), (-3, False), (3, False)])
def test_a_clock_may_be_a_little_off_and_not_much(door, member, steps, opens):
    with_app(member)
    sign_in(door, member.user.email)

    response = door.post("/account/second-factor/", {"code": code(steps=steps)})

    assert (response.status_code == 302) is opens


def test_codes_cannot_be_tried_through(door, member):
    with_app(member)
    sign_in(door, member.user.email)
    for _ in range(5):
        door.post("/account/second-factor/", {"code": "000000"})

    assert door.post("/account/second-factor/", {"code": code()}).status_code == 200
    assert not SignInSession.objects.exists()


def test_setting_up_an_app_takes_the_password_a_code_and_gives_recovery_codes(
    door, told, member, django_capture_on_commit_callbacks
):
    SignInPolicy.objects.create(tenant=member.tenant, require_second_factor=True)
    sign_in(door, member.user.email)
    assert door.get("/")["Location"] == "/account/"
    assert door.get("/account/app/")["Location"].startswith("/account/confirm/password/")
    confirmed(door)
    page = door.get("/account/app/")
    secret = page.context["form"].secret

    with django_capture_on_commit_callbacks(execute=True):
        response = door.post("/account/app/", {"code": code(secret)})

    assert response["Location"] == "/account/recovery-codes/"
    assert len(door.get("/account/recovery-codes/").context["unused_codes"]) == 10
    assert "****" in door.get("/account/recovery-codes/").context["unused_codes"], "they are shown once"
    assert door.get("/").status_code == 200
    assert [name for name in told.names() if name == "second_factor.added"] == ["second_factor.added"] * 2
    stored = str(Authenticator.objects.filter(user=member.user).values_list("data", flat=True))
    assert secret not in stored


def test_a_recovery_code_opens_once(door, member, django_capture_on_commit_callbacks):
    sign_in(door, member.user.email)
    confirmed(door)
    secret = door.get("/account/app/").context["form"].secret
    door.post("/account/app/", {"code": code(secret)})
    recovery = door.get("/account/recovery-codes/").context["unused_codes"][0]

    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client, member.user.email)
    assert first.post("/account/second-factor/", {"code": recovery}).status_code == 302
    assert second.post("/account/second-factor/", {"code": recovery}).status_code == 200


def test_an_older_session_without_the_factor_is_asked_for_it(door, member):
    SignInPolicy.objects.create(tenant=member.tenant, require_second_factor=True)
    sign_in(door, member.user.email)
    with_app(member)

    away = door.get("/documents/")["Location"]
    assert away == "/account/confirm/?next=%2Fdocuments%2F"
    there = door.get(away)["Location"]
    assert there == "/account/confirm/code/?next=%2Fdocuments%2F"
    assert door.post(there, {"code": code()})["Location"] == "/documents/"
    assert door.get("/documents/").status_code == 200


def test_removing_the_app_takes_a_confirmation_and_is_on_record(door, told, member):
    with_app(member)
    sign_in(door, member.user.email)
    door.post("/account/second-factor/", {"code": code()})
    assert door.post("/account/app/remove/")["Location"].startswith("/account/confirm/")
    assert Authenticator.objects.count() == 1

    confirmed(door)
    door.post("/account/app/remove/")

    assert not Authenticator.objects.exists()
    assert "second_factor.removed" in told.names()


def test_a_passkey_of_nobody_opens_nothing(door, told):
    assert "request_options" in door.get("/account/passkey/", headers={"Accept": "application/json"}).json()

    response = door.post(
        "/account/passkey/", {"credential": '{"id": "eA", "rawId": "eA", "type": "public-key"}'}
    )

    assert response["Location"] == "/sign-in/"
    assert not SignInSession.objects.exists()
    assert door.post("/account/passkey/", {"credential": "no JSON"})["Location"] == "/sign-in/"
