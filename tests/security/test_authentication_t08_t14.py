"""T-08 to T-14 of the checklist: who comes in, by what, until when, and where she is sent.

T-08, the open stream whose reader loses a right, is held where streams are: tests/http.
"""

import hashlib
import hmac
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import hashers
from django.shortcuts import resolve_url
from django.test import Client
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, Membership, User
from accounts.roles import Right, Role
from ragsite import checks
from ragsite.embedded.secrets import NAMES, ensure_secrets
from tests.factories import a_member, a_tenant
from tests.security.callers import (
    CREDENTIALS,
    PUT_OUT,
    a_second_owner,
    an_outsider,
    key_of,
    secret_of,
    session_of,
    with_key,
)
from tests.security.cases import CASES
from tests.security.matrix import PARAMETER, answer_of, own_routes, send

CONTENT = [case for case in CASES if case.is_api and case.method == "GET" and not case.has_ids]
PASSWORD = "a long and good password"

# --- T-09 -----------------------------------------------------------------------------------------

SPOILT_KEY = {
    "revoked": {"revoked_at": timezone.now},
    "expired": {"expires_at": timezone.now},
    "from elsewhere": {"addresses": lambda: ["192.0.2.0/24"]},
}


@pytest.mark.parametrize("state", PUT_OUT)
@pytest.mark.parametrize("form", CREDENTIALS)
def test_t09_no_credential_outlives_its_person_membership_or_tenant(scene, form, state):
    a_second_owner(scene)
    client = CREDENTIALS[form](scene.owner)
    assert client.get("/api/v1/documents").status_code == 200
    PUT_OUT[state](scene.owner)

    assert client.get("/api/v1/documents").status_code in (401, 403)
    assert client.get(f"/api/v1/documents/{scene.document.pk}").status_code in (401, 403)


@pytest.mark.parametrize("state", SPOILT_KEY)
def test_t09_a_key_that_has_ended_is_no_key(scene, state):
    client = key_of(scene.owner)
    assert client.get("/api/v1/documents").status_code == 200
    ApiKey.objects.update(**{name: value() for name, value in SPOILT_KEY[state].items()})

    response = client.get("/api/v1/documents")
    assert response.status_code == 401
    assert response.json()["code"] == "authentication_failed"


def test_t09_every_reason_why_a_key_is_none_is_answered_alike(scene):
    a_second_owner(scene)
    answers = set()
    for spoil in (*SPOILT_KEY, *PUT_OUT, "unknown"):
        secret = secret_of(scene.owner)
        if spoil in SPOILT_KEY:
            ApiKey.objects.update(**{name: value() for name, value in SPOILT_KEY[spoil].items()})
        elif spoil in PUT_OUT:
            PUT_OUT[spoil](scene.owner)
        else:
            secret = "rgs_" + "x" * 43
        answers.add(answer_of(with_key(secret).get("/api/v1/documents"), {}))
        ApiKey.objects.all().delete()
        Membership.objects.update(is_active=True)
        User.objects.update(is_active=True)
        type(scene.tenant).objects.update(state="active")
    assert len(answers) == 1


def test_t09_a_key_does_no_more_than_its_owner_does_now(scene):
    editor = a_member(scene.tenant, role=Role.EDITOR)
    client = key_of(editor, scopes=tuple(Right))
    assert client.delete(f"/api/v1/documents/{scene.ids['conversation']}").status_code == 404
    Membership.objects.filter(pk=editor.pk).update(role=Role.MEMBER)

    assert client.delete(f"/api/v1/documents/{scene.document.pk}").status_code == 403


# --- T-10 -----------------------------------------------------------------------------------------


def other_forms(secret: str) -> list[tuple[str, dict[str, Any]]]:
    """Ways in which products of this kind have taken keys by mistake."""
    return [
        ("/api/v1/documents", {"headers": {"X-API-Key": secret}}),
        ("/api/v1/documents", {"headers": {"Api-Key": secret}}),
        ("/api/v1/documents", {"headers": {"X-Auth-Token": secret}}),
        ("/api/v1/documents", {"headers": {"Authorization": f"Token {secret}"}}),
        ("/api/v1/documents", {"headers": {"Authorization": secret}}),
        ("/api/v1/documents", {"headers": {"Proxy-Authorization": f"Bearer {secret}"}}),
        (f"/api/v1/documents?api_key={secret}", {}),
        (f"/api/v1/documents?access_token={secret}", {}),
        (f"/api/v1/documents?token={secret}", {}),
        ("/api/v1/documents", {"headers": {"Cookie": f"Authorization=Bearer {secret}; token={secret}"}}),
        ("/api/v1/documents", {"headers": {"Cookie": f"sessionid={secret}"}}),
    ]


def test_t10_a_key_is_taken_in_one_form_only(scene):
    secret = secret_of(scene.owner)
    for path, sent in other_forms(secret):
        assert Client().get(path, **sent).status_code == 401, (path, sent)
    for scheme in ("Bearer", "bearer", "BEARER"):
        client = Client(headers={"Authorization": f"{scheme} {secret}"})
        assert client.get("/api/v1/documents").status_code == 200


def test_t10_every_form_of_a_key_is_held_to_its_scopes(scene):
    secret = secret_of(scene.owner, scopes=())
    for path, sent in [
        *other_forms(secret),
        ("/api/v1/documents", {"headers": {"Authorization": f"bearer {secret}"}}),
    ]:
        assert Client().get(path, **sent).status_code in (401, 403)


def test_t10_a_bad_key_is_not_passed_over_for_a_good_session(scene):
    client = session_of(scene.owner)
    for case in CONTENT:
        response = send(client, case, scene.ids, headers={"Authorization": "Bearer rgs_wrong"})
        assert response.status_code == 401, case.name


def test_t10_session_and_key_of_one_person_see_the_same(scene):
    by_session, by_key = session_of(scene.owner), key_of(scene.owner)
    for case in CONTENT:
        assert answer_of(send(by_session, case, scene.ids), {}) == answer_of(
            send(by_key, case, scene.ids), {}
        )


def test_t10_a_session_needs_its_csrf_token_to_write(scene):
    client = session_of(scene.owner, enforce_csrf_checks=True)
    for case in CASES:
        if case.method != "GET":
            assert send(client, case, scene.ids).status_code == 403, case.name


# --- T-11 -----------------------------------------------------------------------------------------


class Fields(HTMLParser):
    """The names of a form's inputs, by their type."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {key: value or "" for key, value in attrs}
        if tag == "input" and "name" in known:
            self.names.setdefault(known.get("type", "text"), known["name"])


def sign_in_page() -> str:
    return resolve_url(settings.LOGIN_URL)


def sign_in(email: str, password: str, wanted: str = "") -> Any:
    client = Client()
    names = Fields(client.get(sign_in_page()).content.decode()).names
    sent = {names.get("email") or names["text"]: email, names["password"]: password}
    return client.post(
        sign_in_page() + (f"?next={wanted}" if wanted else ""), sent | ({"next": wanted} if wanted else {})
    )


def test_t11_nobody_learns_who_has_an_account(scene, monkeypatch):
    member = a_member(scene.tenant, password=PASSWORD)
    inactive = a_member(scene.tenant, password=PASSWORD)
    User.objects.filter(pk=inactive.user_id).update(is_active=False)
    hashed = []
    hasher = type(hashers.get_hasher())
    encode, verify = hasher.encode, hasher.verify

    def once(act: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            before = len(hashed)
            result = act(*args, **kwargs)
            # Some hashers verify by encoding again: that is one.
            hashed[before:] = ["once"]
            return result

        return counted

    monkeypatch.setattr(hasher, "encode", once(encode))
    monkeypatch.setattr(hasher, "verify", once(verify))
    seen = set()
    for email in (member.user.email, inactive.user.email, "nobody@nowhere.example"):
        hashed.clear()
        response = sign_in(email, "a wrong password")
        body = re.sub(r'value="[^"]*"', "", response.content.decode().replace(email, "<email>"))
        body = body.replace(response.headers["X-Request-ID"], "<request>")
        # The dear part of a try is the hash: as often for nobody as for somebody.
        seen.add((response.status_code, body, len(hashed)))
    assert len(seen) == 1, [each[::2] for each in seen]
    assert next(iter(seen))[2] >= 1


# --- T-12 -----------------------------------------------------------------------------------------


def test_t12_a_start_without_real_secrets_is_refused(db, settings):
    for weak in ("changeme", "a" * 64, "secret" * 4):
        settings.SECRET_KEY = weak
        with pytest.raises(SystemExit, match="SECRET_KEY is no secret"):
            checks.refuse_to_serve_unsafely()


@pytest.mark.parametrize("keys", [{}, {"default": b"a" * 32}], ids=["none", "one that is no secret"])
def test_t12_a_start_without_a_real_master_key_is_refused(db, settings, keys):
    settings.RAGSITE_MASTER_KEYS = keys
    with pytest.raises(SystemExit, match="RAGSITE_MASTER_KEY is missing or no secret"):
        checks.refuse_to_serve_unsafely()


def test_t12_every_installation_makes_secrets_of_its_own(tmp_path):
    one, other = (ensure_secrets(tmp_path / name) for name in ("one", "other"))

    assert set(one) == set(NAMES)
    assert not set(one.values()) & set(other.values())
    assert all(len(value) >= 64 for value in one.values())


def test_t12_nobody_changes_her_own_role(scene):
    for role in (Role.ADMINISTRATOR, Role.EDITOR, Role.MEMBER):
        member = a_member(scene.tenant, role=role)
        User.objects.filter(pk=member.user_id).update(is_staff=True)
        member.user.refresh_from_db()
        sent = {"role": "owner", "ceiling": "3", "is_active": "on"}
        session_of(member).post(f"/admin/accounts/membership/{member.pk}/change/", sent)
        member.refresh_from_db()
        assert member.role == role


def test_t12_a_changed_password_ends_every_other_session(scene):
    member = a_member(scene.tenant, password=PASSWORD)
    client = session_of(member)
    assert client.get("/documents/").status_code == 200
    member.user.set_password("another long and good password")
    member.user.save()

    assert client.get("/documents/").status_code == 302
    assert client.get("/api/v1/documents").status_code in (401, 403)


def test_t12_nothing_but_a_session_is_a_session(scene):
    secret = secret_of(scene.owner)
    for value in (secret, "", "../../etc/passwd", "a\x00b", "x" * 5000):
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = value
        assert client.get("/documents/").status_code == 302


# --- T-13 -----------------------------------------------------------------------------------------


def test_t13_two_keys_that_begin_alike_share_nothing(scene):
    outsider = an_outsider()
    start = "rgs_" + "a" * 42
    clients = {}
    for member, end in ((scene.owner, "b"), (outsider, "c")):
        digest = hmac.new(settings.SECRET_KEY.encode(), (start + end).encode(), hashlib.sha256).hexdigest()
        with managing(member.tenant_id):
            ApiKey.objects.create(
                membership=member,
                label="t13",
                prefix=start[:12],
                digest=digest,
                scopes=[right.value for right in Right],
            )
        clients[member.tenant_id] = with_key(start + end)
    for _ in range(3):
        mine = clients[scene.tenant.pk].get("/api/v1/documents").json()
        theirs = clients[outsider.tenant_id].get("/api/v1/documents").json()
        assert (mine["count"], theirs["count"]) == (1, 0)
    assert with_key(start).get("/api/v1/documents").status_code == 401
    assert with_key(start + "bb").get("/api/v1/documents").status_code == 401


# --- T-14 -----------------------------------------------------------------------------------------

ORIGINS = ("https://evil.test", "null", "http://testserver.evil.test", "https://testserver")
ELSEWHERE = [
    "https://evil.test/", "//evil.test/", "///evil.test", "/\\evil.test", "\\\\evil.test", "http:evil.test",
    "http:///evil.test", "javascript:alert(1)", "data:text/html,x", " //evil.test", "/\t/evil.test", "/\n/evil.test",
    "https:evil.test", "//evil.test\\@testserver", "https://testserver@evil.test", "%2f%2fevil.test",
]  # fmt: skip


def test_t14_no_origin_is_let_in_by_any_address(scene):
    client = session_of(scene.owner)
    for origin in ORIGINS:
        for case in CASES:
            if case.method == "GET":
                assert_no_cors(send(client, case, scene.ids, headers={"Origin": origin}))
        for route in own_routes():
            path = "/" + PARAMETER.sub(str(scene.document.pk), route)
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            assert_no_cors(client.options(path, headers=asked))


def assert_no_cors(response: Any) -> None:
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_t14_nobody_is_sent_off_this_site(scene, wanted):
    member = a_member(scene.tenant, password=PASSWORD)
    other = a_tenant()
    Membership.objects.create(tenant=other, user=member.user)
    client = session_of(member)
    responses = [
        sign_in(member.user.email, PASSWORD, wanted),
        client.post("/tenant/", {"tenant": str(other.pk), "next": wanted}),
        client.get(sign_in_page(), {"next": wanted}),
        Client().get("/admin/login/", {"next": wanted}),
        client.post("/sign-out/", {"next": wanted}),
    ]
    for response in responses:
        location = response.headers.get("Location", "/")
        # As a browser reads it, to which a backslash is a slash.
        led_to = urlsplit(urljoin("http://testserver/sign-in/", location.strip().replace("\\", "/")))
        assert (led_to.scheme, led_to.netloc) == ("http", "testserver"), location
