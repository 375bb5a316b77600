"""A member's own keys, on their page."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.database import managing
from accounts.keys import make_key
from accounts.models import ApiKey, Membership
from accounts.roles import Right, Role
from compliance.models import AuditEntry
from tests.factories import a_member, a_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    return a_member(a_tenant())


def browser(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    return client


def wish(**change: object) -> dict[str, object]:
    return {"label": "report", "scopes": ["ask"], "days": "30", "ceiling": "", "addresses": ""} | change


def test_a_key_is_made_and_its_secret_shown_in_that_answer_only(member):
    client = browser(member)
    made = client.post("/keys/", wish(addresses="127.0.0.0/8, 192.0.2.0/24", ceiling="1"))
    key, secret = made.context["made"]

    assert made.content.decode().count(secret) == 1
    assert ApiKey.objects.find(secret, "127.0.0.1") == key
    assert (key.scopes, key.ceiling, key.addresses) == (["ask"], 1, ["127.0.0.0/8", "192.0.2.0/24"])
    again = client.get("/keys/").content.decode()
    assert secret not in again
    assert key.prefix in again
    assert made.headers["Cache-Control"] == "no-store"


def test_whoever_makes_a_key_is_on_record(member):
    key, _ = browser(member).post("/keys/", wish()).context["made"]
    with managing(member.tenant_id):
        entry = AuditEntry.objects.get(event="apikey.created")

    assert (entry.actor_id, entry.object_pk) == (member.user_id, str(key.pk))


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": ["manage_people"]},
        {"scopes": ["everything"]},
        {"scopes": []},
        {"ceiling": "3"},
        {"ceiling": "x"},
        {"days": "0"},
        {"days": "9999"},
        {"addresses": "everywhere"},
        {"label": ""},
        {"label": "x\0y"},
    ],
)
def test_a_wish_that_no_key_can_fulfil_is_an_error_of_the_form(member, change):
    response = browser(member).post("/keys/", wish(**change))

    assert response.status_code == 400
    assert not ApiKey.objects.exists()


def test_what_a_key_is_cannot_be_sent_along(member):
    """T-06."""
    owner = a_member(member.tenant, role=Role.OWNER)
    sent = wish(
        membership=owner.pk, id=7, digest="x", prefix="x", tenant=str(a_tenant().pk), created_at="2020-01-01"
    )
    key, _ = browser(member).post("/keys/", sent).context["made"]

    assert (key.membership_id, key.prefix[:4]) == (member.pk, "rgs_")
    assert key.pk != 7


def test_only_rights_of_ones_own_are_offered(member):
    scopes = browser(member).get("/keys/").context["form"].fields["scopes"].choices
    assert [value for value, _ in scopes] == [Right.ASK.value]
    owner = a_member(member.tenant, role=Role.OWNER)
    scopes = browser(owner).get("/keys/").context["form"].fields["scopes"].choices
    assert len(scopes) == len(Right)


def test_a_key_is_rotated_and_revoked(member):
    client = browser(member)
    key, old = make_key(member, member, "report", scopes=[Right.ASK])
    _, new = client.post(reverse("rotate-key", args=[key.pk])).context["made"]
    assert ApiKey.objects.find(old)
    assert ApiKey.objects.find(new)
    client.post(reverse("revoke-key", args=[key.pk]))
    assert ApiKey.objects.find(old) is None
    assert client.post(reverse("rotate-key", args=[key.pk])).status_code == 302, (
        "what has ended is not renewed"
    )
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("route", ["rotate-key", "revoke-key"])
def test_keys_of_others_are_as_absent_as_keys_that_never_were(member, route):
    colleague, stranger = a_member(member.tenant, role=Role.OWNER), a_member(a_tenant())
    answers = []
    for other in (colleague, stranger):
        key, secret = make_key(other, other, "secret label", scopes=[Right.ASK])
        answers.append(browser(member).post(reverse(route, args=[key.pk])))
        assert ApiKey.objects.find(secret) is not None
    answers.append(browser(member).post(reverse(route, args=[999_999_999])))
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert "secret label" not in browser(member).get("/keys/").content.decode()


def test_strangers_and_members_of_nowhere_have_no_keys(member):
    assert Client().get("/keys/").status_code == 302
    Membership.objects.filter(pk=member.pk).update(is_active=False)
    response = browser(member).post("/keys/", wish())
    assert response.status_code == 403
    assert not ApiKey.objects.exists()


def test_a_forged_request_makes_no_key(member):
    client = Client(enforce_csrf_checks=True)
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")

    assert client.post("/keys/", wish()).status_code == 403
    assert not ApiKey.objects.exists()
