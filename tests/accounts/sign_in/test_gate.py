"""What every request of a session meets: time, a second factor, the way it came."""

import asyncio
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, Membership, SignInPolicy, SignInSession, User
from accounts.roles import Role
from tests.factories import a_member, a_tenant

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def signed_in(membership: Membership, **row: object) -> Client:
    client = Client()
    client.force_login(membership.user, backend=MODEL_BACKEND)
    SignInSession.objects.filter(user=membership.user).update(**row)
    return client


def ago(**time: int):
    return timezone.now() - timedelta(**time)


@pytest.mark.django_db
def test_a_session_goes_on_while_somebody_is_there():
    assert signed_in(a_member(a_tenant()), seen_at=ago(minutes=59)).get("/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("policy", "row", "reason"),
    [
        ({}, {"seen_at": {"minutes": 61}}, "idle"),
        ({"idle_minutes": 5}, {"seen_at": {"minutes": 6}}, "idle"),
        ({}, {"started_at": {"hours": 13}}, "absolute"),
        ({"absolute_minutes": 30}, {"started_at": {"minutes": 31}}, "absolute"),
    ],
)
def test_a_session_ends_by_the_times_of_its_tenant(told, policy, row, reason):
    member = a_member(a_tenant())
    if policy:
        SignInPolicy.objects.create(tenant=member.tenant, **policy)
    client = signed_in(member, **{name: ago(**time) for name, time in row.items()})

    response = client.get("/documents/")

    assert response["Location"] == "/sign-in/?next=/documents/"
    assert not Session.objects.exists()
    assert told.last("session.expired")["outcome"] == reason


@pytest.mark.django_db
def test_an_ended_session_is_no_credential_of_the_api():
    client = signed_in(a_member(a_tenant()), seen_at=ago(hours=2))

    assert client.get("/api/v1/documents").status_code == 401


@pytest.mark.django_db
def test_the_times_are_those_of_the_tenant_the_session_acts_in():
    strict, easy = a_tenant(), a_tenant()
    SignInPolicy.objects.create(tenant=strict, idle_minutes=1)
    member = a_member(strict)
    Membership.objects.create(tenant=easy, user=member.user)
    client = signed_in(member)
    client.post("/tenant/", {"tenant": str(easy.pk)})
    SignInSession.objects.update(seen_at=ago(minutes=30))

    assert client.get("/").status_code == 200


@pytest.mark.django_db
def test_a_session_is_written_once_a_minute_at_most(django_assert_num_queries, settings):
    client = signed_in(a_member(a_tenant()))
    before = SignInSession.objects.get().seen_at
    client.get("/account/")
    assert SignInSession.objects.get().seen_at == before

    SignInSession.objects.update(seen_at=ago(minutes=2))
    client.get("/account/")
    assert SignInSession.objects.get().seen_at > ago(seconds=20)


@pytest.mark.django_db
def test_what_a_page_asks_by_itself_keeps_no_session_alive():
    client = signed_in(a_member(a_tenant(), role=Role.EDITOR), seen_at=ago(minutes=30))
    client.get("/documents/statuses/?id=7d0f7a8e-37a1-4f0c-b5c9-0d3f7a1b2c3d")

    assert SignInSession.objects.get().seen_at < ago(minutes=29)


@pytest.mark.django_db
def test_a_session_without_a_note_is_nobodys():
    client = signed_in(a_member(a_tenant()))
    SignInSession.objects.all().delete()

    assert client.get("/").status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"is_active": False}, {"is_service": True}])
def test_whoever_may_not_sign_in_has_no_session(change):
    member = a_member(a_tenant())
    client = signed_in(member)
    User.objects.filter(pk=member.user_id).update(**change)

    assert client.get("/").status_code == 302
    assert client.get("/api/v1/documents").status_code == 401


@pytest.mark.django_db
def test_where_a_second_factor_is_required_one_is_led_to_set_it_up_first():
    member = a_member(a_tenant())
    SignInPolicy.objects.create(tenant=member.tenant, require_second_factor=True)
    client = signed_in(member)

    assert client.get("/")["Location"] == "/account/"
    assert client.post("/tenant/", {"tenant": str(member.tenant_id)})["Location"] == "/account/"
    assert "requires a second factor" in client.get("/account/").content.decode()
    refusal = client.get("/api/v1/documents")
    assert refusal.status_code == 403
    assert refusal.json()["code"] == "second_factor_enrolment_required"
    assert refusal.json()["request_id"]


@pytest.mark.django_db
def test_a_session_that_showed_a_second_factor_goes_on():
    member = a_member(a_tenant())
    SignInPolicy.objects.create(tenant=member.tenant, require_second_factor=True)

    assert signed_in(member, second_factor=True).get("/").status_code == 200


@pytest.mark.django_db
def test_a_key_is_asked_for_no_second_factor_and_a_session_beside_it_gives_nothing():
    member = a_member(a_tenant())
    SignInPolicy.objects.create(tenant=member.tenant, require_second_factor=True)
    with managing(member.tenant_id):
        _, secret = ApiKey.objects.issue(member, "test")
    client = signed_in(member)

    with_key = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/documents", headers=with_key).status_code == 200
    assert client.get("/api/v1/documents", headers={"Authorization": "Basic eDp5"}).status_code == 401
    assert client.get("/api/v1/documents", headers={"Authorization": "Bearer nonsense"}).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("asked", [True, False])
def test_staff_need_a_second_factor_where_the_installation_says_so(settings, asked):
    settings.RAGSITE_STAFF_SECOND_FACTOR = asked
    member = a_member(a_tenant(), role=Role.ADMINISTRATOR)
    User.objects.filter(pk=member.user_id).update(is_staff=True)
    member.user.refresh_from_db()

    response = signed_in(member).get("/admin/")

    assert (response.status_code, response.get("Location")) == ((302, "/account/") if asked else (200, None))


@pytest.mark.django_db
def test_where_passwords_are_not_accepted_a_password_is_not_enough():
    member = a_member(a_tenant())
    SignInPolicy.objects.create(tenant=member.tenant, password_allowed=False)
    client = signed_in(member)

    assert client.get("/")["Location"] == "/account/"
    assert client.get("/api/v1/documents").json()["code"] == "other_way_in_required"
    assert signed_in(a_member(member.tenant), method="passkey").get("/").status_code == 200


@pytest.mark.django_db
def test_a_session_from_a_tenants_provider_stays_in_that_tenant():
    home, other = a_tenant(), a_tenant()
    member = a_member(home)
    Membership.objects.create(tenant=other, user=member.user)
    client = signed_in(member, tenant=home, method="identity_provider")

    client.post("/tenant/", {"tenant": str(other.pk)})

    page = client.get("/").content.decode()
    assert f"Ask the documents of {home.name}" in page


@pytest.mark.django_db
def test_a_session_from_a_tenants_provider_makes_no_way_into_other_tenants():
    home, other = a_tenant(), a_tenant()
    member = a_member(home)
    client = signed_in(member, tenant=home, method="identity_provider")
    assert client.get("/account/passkeys/").status_code == 200

    Membership.objects.create(tenant=other, user=member.user)

    for path in ("/account/passkeys/", "/account/app/", "/account/password/", "/account/recovery-codes/new/"):
        assert client.get(path)["Location"] == "/account/", path


@pytest.mark.django_db
def test_a_password_that_is_not_enough_makes_no_way_that_is():
    member = a_member(a_tenant())
    SignInPolicy.objects.create(tenant=member.tenant, password_allowed=False)

    assert signed_in(member).get("/account/passkeys/")["Location"] == "/account/"


@pytest.mark.django_db
def test_no_tenants_word_opens_the_platform():
    member = a_member(a_tenant())
    client = signed_in(member, tenant=member.tenant, method="identity_provider")
    User.objects.filter(pk=member.user_id).update(is_superuser=True)

    assert client.get("/").status_code == 302


def test_an_async_request_meets_the_same_gate(committed):
    member = a_member(a_tenant())
    SignInPolicy.objects.create(tenant=member.tenant, require_second_factor=True)
    client = signed_in(member)
    browser = AsyncClient()
    browser.cookies = client.cookies

    response = asyncio.run(browser.get("/api/v1/documents"))
    SignInSession.objects.update(second_factor=True)
    passed = asyncio.run(browser.get("/api/v1/documents"))
    SignInSession.objects.update(seen_at=ago(hours=2))
    ended = asyncio.run(browser.get("/api/v1/documents"))

    assert [response.status_code, passed.status_code, ended.status_code] == [403, 200, 401]
