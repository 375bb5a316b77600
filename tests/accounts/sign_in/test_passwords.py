"""Signing in by password: T-11, T-12, T-14 and the lockout."""

import re
from statistics import median
from time import perf_counter

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connections
from django.test import Client

from accounts.events import NobodyListens, happened
from accounts.models import SignInSession, User
from accounts.sign_in.adapters import TOO_MANY, AccountAdapter
from accounts.sign_in.backends import PersonBackend
from compliance.audit.listen import note
from ragsite import settings as base
from tests.accounts.sign_in.conftest import PASSWORD, sign_in
from tests.factories import a_member, a_tenant

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


def body(response) -> str:
    """A page without what differs by chance, or because it was typed."""
    return re.sub(r'value="[^"]*@[^"]*"', "", TOKEN.sub("", response.content.decode()))


def test_the_right_password_opens_and_is_on_record(door, told):
    member = a_member(a_tenant(), password=PASSWORD)

    response = sign_in(door, member.user.email.upper())

    assert response.status_code == 302
    assert door.get("/").status_code == 200
    event = told.last("sign_in.succeeded")
    assert (event["tenant_id"], event["actor_id"]) == (member.tenant_id, member.user_id)
    assert SignInSession.objects.get(user=member.user).method == "password"


@pytest.mark.parametrize("case", ["unknown", "wrong", "deactivated", "service", "without a password"])
def test_every_failure_looks_the_same(door, told, case):
    """T-11."""
    member = a_member(a_tenant(), password=None if case == "without a password" else PASSWORD)
    known = a_member(a_tenant(), password=PASSWORD).user
    if case == "deactivated":
        User.objects.filter(pk=member.user_id).update(is_active=False)
    if case == "service":
        User.objects.filter(pk=member.user_id).update(is_service=True)
    email = "nobody@nowhere.example" if case == "unknown" else member.user.email

    reference = sign_in(door, known.email, "not the password")
    response = sign_in(Client(), email, "not the password" if case == "wrong" else PASSWORD)

    assert response.status_code == reference.status_code == 200
    assert body(response) == body(reference)
    assert told.names()[-1] == "sign_in.failed"
    assert not SignInSession.objects.exists()


def test_a_failure_takes_the_same_time_whether_or_not_there_is_an_account(db, real_hashes):
    """T-11: one hash is computed either way."""
    member = a_member(a_tenant(), password=PASSWORD)
    backend = PersonBackend()

    def seconds(email: str) -> float:
        began = perf_counter()
        assert backend.authenticate(None, email=email, password="not the password") is None
        return perf_counter() - began

    known = median(seconds(member.user.email) for _ in range(5))
    unknown = median(seconds("nobody@nowhere.example") for _ in range(5))

    assert 0.4 < known / unknown < 2.5


def test_an_address_is_never_written_down_in_clear(door, told):
    sign_in(door, "Nobody@Nowhere.example")

    event = told.last("sign_in.failed")
    assert "nobody" not in str(event).lower()
    assert len(event["details"]["address"]) == 64


def test_an_old_hash_becomes_a_new_one(door, real_hashes):
    member = a_member(a_tenant())
    User.objects.filter(pk=member.user_id).update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))

    sign_in(door, member.user.email)

    assert User.objects.get(pk=member.user_id).password.startswith("argon2")


@pytest.mark.parametrize("known", [True, False])
def test_after_five_failures_the_account_is_shut_even_for_the_right_password(door, told, known):
    email = a_member(a_tenant(), password=PASSWORD).user.email if known else "nobody@nowhere.example"
    for _ in range(5):
        sign_in(Client(), email, "not the password")

    response = sign_in(door, email)

    assert response.status_code == 200
    assert TOO_MANY in response.content.decode()
    assert told.names()[-1] == "sign_in.locked"
    assert not SignInSession.objects.exists()


def test_an_address_on_the_network_is_shut_after_too_many_failures(door):
    for number in range(20):
        sign_in(Client(), f"nobody-{number}@nowhere.example", "not the password")
    member = a_member(a_tenant(), password=PASSWORD)

    assert TOO_MANY in sign_in(door, member.user.email).content.decode()
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    assert sign_in(elsewhere, member.user.email).status_code == 302


def test_the_header_of_a_stranger_is_no_address(door):
    for number in range(20):
        client = Client(headers={"X-Forwarded-For": f"198.51.100.{number}"})
        sign_in(client, f"nobody-{number}@nowhere.example", "not the password")

    assert TOO_MANY in sign_in(door, a_member(a_tenant(), password=PASSWORD).user.email).content.decode()


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "http:evil.test",
        "javascript:alert(1)",
        "http://testserver/x",
    ],
)
def test_one_is_sent_on_to_paths_of_this_site_only(door, target):
    """T-14."""
    member = a_member(a_tenant(), password=PASSWORD)

    assert sign_in(door, member.user.email, next=target)["Location"] == "/"


def test_what_cannot_be_audited_does_not_happen(door):
    member = a_member(a_tenant(), password=PASSWORD)
    happened.disconnect(note, dispatch_uid="compliance.audit")
    try:
        with pytest.raises(NobodyListens):
            sign_in(door, member.user.email)
    finally:
        happened.connect(note, dispatch_uid="compliance.audit")

    assert not SignInSession.objects.exists()
    assert door.get("/").status_code == 302


def test_the_audit_trail_holds_successes_and_failures(committed):
    member = a_member(a_tenant(), password=PASSWORD)
    sign_in(Client(), member.user.email)
    sign_in(Client(), "nobody@nowhere.example")

    name = connections["default"].settings_dict["NAME"]
    connections["owner"].settings_dict["NAME"] = name
    with connections["owner"].cursor() as cursor:
        cursor.execute("alter table compliance_auditentry no force row level security")
        cursor.execute("select event, tenant_id from compliance_auditentry order by sequence")
        rows = [row for row in cursor.fetchall() if row[0].startswith("sign_in")]
    connections["owner"].close()
    assert rows == [("sign_in.succeeded", member.tenant_id), ("sign_in.failed", None)]


def test_passwords_are_hashed_with_argon2():
    assert base.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")


def test_nobody_registers_herself(door):
    assert not AccountAdapter().is_open_for_signup(None)
    assert door.get("/account/signup/").status_code == 404
    assert door.get("/accounts/signup/").status_code == 404


def test_a_password_of_megabytes_is_not_hashed(door, told):
    response = sign_in(door, "somebody@acme.example", "x" * 300)

    assert response.status_code == 200
    assert "sign_in.failed" not in told.names()


def test_a_nul_in_an_address_is_an_ordinary_failure(door):
    assert sign_in(door, "some\0body@acme.example").status_code == 200
