"""OpenID Connect per tenant: one provider that follows every rule, and one that breaks each."""

import re
import time
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone

from accounts.models import (
    Group,
    IdentityProvider,
    Membership,
    SignInPolicy,
    SignInSession,
    Tenant,
    TenantDomain,
    User,
)
from accounts.roles import Role
from accounts.scope import Sensitivity
from accounts.sign_in.fetching import Unreachable, check_address
from tests.factories import a_member, a_tenant, everyone
from tests.support import oidc_idp


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings):
    settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS = True


def a_provider(issuer: str, **fields: object) -> IdentityProvider:
    tenant = a_tenant("acme")
    TenantDomain.objects.create(tenant=tenant, domain="acme.example", confirmed_at=timezone.now())
    provider = IdentityProvider(
        tenant=tenant,
        kind="oidc",
        name="Acme login",
        issuer=issuer,
        client_id="ragsite",
        group_claim="groups",
        **fields,
    )
    provider.client_secret = "provider-secret"
    provider.save()
    return provider


@pytest.fixture
def bent(door):
    with oidc_idp.serving(oidc_idp.Provider()) as served:
        served.row = a_provider(served.address)
        yield served


def begin(client: Client, provider: IdentityProvider, **query: str) -> dict[str, str]:
    return oidc_idp.asked(client.get(f"/sso/{provider.pk}/start/", query)["Location"])


def come_back(client: Client, provider: IdentityProvider, state: str, **query: str):
    return client.get(f"/sso/{provider.pk}/callback/", {"code": "x", "state": state, **query})


def through(client: Client, bent):
    """The whole way, with the nonce that was asked for."""
    asked = begin(client, bent.row)
    bent.nonce = asked["nonce"]
    return come_back(client, bent.row, asked["state"])


def nothing_changed() -> bool:
    return not (
        SocialAccount.objects.exists() or SignInSession.objects.exists() or Membership.objects.exists()
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the provider's own libraries warn each other
def test_a_person_of_the_tenants_domain_becomes_a_member_and_is_in(door, told):
    from oidc_provider_mock import User as Claimed
    from oidc_provider_mock import run_server_in_thread

    claims = {
        "email": "ada@acme.example", "email_verified": True, "name": "Ada Lovelace", "groups": ["g-1", "g-unknown"],
        "role": "owner", "is_superuser": True, "tenant": "globex",
    }  # fmt: skip
    with run_server_in_thread(user_claims=[Claimed(sub="ada", claims=claims)]) as server:
        provider = a_provider(f"http://localhost:{server.server_port}", default_ceiling=Sensitivity.PUBLIC)
        group = Group.objects.create(tenant=provider.tenant, label="Engineering", external_id="g-1")
        away = door.get(f"/sso/{provider.pk}/start/", {"next": "/documents/"})["Location"]
        back = requests.post(away, data={"sub": "ada"}, allow_redirects=False, timeout=5).headers["Location"]
        parts = urlsplit(back)
        response = door.get(f"{parts.path}?{parts.query}")

    assert response["Location"] == "/documents/"
    assert door.get("/").status_code == 200
    member = Membership.objects.get(user__email="ada@acme.example")
    assert (member.role, member.ceiling, member.tenant) == (Role.MEMBER, Sensitivity.PUBLIC, provider.tenant)
    assert not member.user.is_superuser
    assert set(member.user.groups.values_list("pk", flat=True)) == {group.pk}
    assert not member.user.has_usable_password()
    assert SocialAccount.objects.get().extra_data == {}, "no claim is kept"
    session = SignInSession.objects.get()
    assert (session.method, session.tenant_id) == ("identity_provider", provider.tenant_id)
    assert told.names() == ["member.joined", "member.groups_followed", "sign_in.succeeded"]
    assert told.last("sign_in.succeeded")["tenant_id"] == provider.tenant_id


def test_the_request_carries_pkce_a_state_and_a_nonce_and_nothing_of_the_callers(door, bent):
    asked = oidc_idp.asked(
        door.get(
            f"/sso/{bent.row.pk}/start/",
            {
                "scope": "admin",
                "auth_params": "prompt=none",
                "process": "connect",
                "next": "https://evil.test/",
            },
        )["Location"]
    )

    assert set(asked["scope"].split()) == {"openid", "email", "profile"}
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) >= 32
    assert "prompt" not in asked
    assert "provider-secret" not in str(asked)


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        ({"claims": {"aud": "somebody-else"}}, "audience_mismatch"),
        ({"claims": {"aud": ["ragsite", "somebody-else"]}}, "audience_mismatch"),
        ({"claims": {"iss": "https://evil.test"}}, "issuer_mismatch"),
        ({"configuration": {"issuer": "https://evil.test"}}, "issuer_mismatch"),
        ({"claims": {"nonce": "another"}}, "nonce_mismatch"),
        ({"dropped": ("nonce",)}, "claim_missing"),
        ({"dropped": ("exp",)}, "claim_missing"),
        ({"claims": {"exp": int(time.time()) - 600, "iat": int(time.time()) - 900}}, "expired"),
        ({"claims": {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200}}, "not_yet_valid"),
        ({"signing_key": oidc_idp.a_key()}, "signature_wrong"),
        (
            {"signing_key": "a shared secret of more than thirty-two bytes", "algorithm": "HS256"},
            "algorithm_refused",
        ),
        ({"signing_key": "", "algorithm": "none"}, "algorithm_refused"),
        ({"claims": {"email_verified": False}}, "email_not_verified"),
        ({"dropped": ("email_verified",)}, "email_not_verified"),
        ({"claims": {"email_verified": "yes"}}, "email_not_verified"),
        ({"dropped": ("email",)}, "email_not_verified"),
        ({"claims": {"email": "ada@evil.test"}}, "domain_not_of_tenant"),
        ({"claims": {"email": "ada@acme.example.evil.test"}}, "domain_not_of_tenant"),
        ({"claims": {"email": "ada@evil.test@acme.example"}}, "email_not_verified"),
        ({"claims": {"email": "ada@sub.acme.example"}}, "domain_not_of_tenant"),
        ({"claims": {"groups": {"admins": True}}}, "group_claim_malformed"),
        ({"claims": {"groups": [1, 2]}}, "group_claim_malformed"),
        ({"claims": {"groups": ["g"] * 1001}}, "group_claim_malformed"),
        ({"claims": {"sub": "s" * 500}}, "subject_malformed"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(door, told, bent, bend, reason):
    for name, value in bend.items():
        setattr(bent, name, value)

    early = "configuration" in bend
    response = door.get(f"/sso/{bent.row.pk}/start/") if early else through(door, bent)

    assert response.status_code == 403
    assert "You are not signed in" in response.content.decode()
    assert (told.names(), told.events[-1]["outcome"]) == (["sign_in.refused"], reason)
    assert told.events[-1]["tenant_id"] == bent.row.tenant_id
    assert nothing_changed()
    assert not User.objects.exists()


@pytest.mark.parametrize("seconds", [-40, 40])
def test_a_clock_that_is_a_little_off_is_borne(door, bent, seconds):
    now = int(time.time())
    bent.claims = {"iat": now + seconds, "exp": now + seconds + 30}

    assert through(door, bent)["Location"] == "/"


@pytest.mark.parametrize("state", ["unknown", "missing", "another browser's", "used"])
def test_a_state_is_good_once_and_in_the_browser_that_began(door, told, bent, state):
    asked = begin(door, bent.row)
    bent.nonce = asked["nonce"]
    client = door
    sent = {"unknown": "x", "missing": ""}.get(state, asked["state"])
    if state == "another browser's":
        client = Client()
    if state == "used":
        come_back(door, bent.row, sent)
        SignInSession.objects.all().delete()
        Membership.objects.all().delete()
        told.events.clear()

    response = come_back(client, bent.row, sent)

    assert response.status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "state_unknown"
    assert not SignInSession.objects.exists()


def test_a_state_of_one_provider_is_none_of_another(door, bent):
    other = IdentityProvider.objects.create(
        tenant=a_tenant("globex"), kind="oidc", name="Globex", issuer=bent.address, client_id="ragsite"
    )
    asked = begin(door, bent.row)

    assert come_back(door, other, asked["state"]).status_code == 403


def test_a_sign_in_that_was_cancelled_there_says_so(door, told, bent):
    asked = begin(door, bent.row)

    response = door.get(f"/sso/{bent.row.pk}/callback/", {"error": "access_denied", "state": asked["state"]})

    assert response.status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "cancelled"


@pytest.mark.parametrize("wrong", ["disabled", "suspended", "absent"])
def test_a_closed_way_is_as_good_as_none(door, bent, wrong):
    asked = begin(door, bent.row)
    if wrong == "disabled":
        IdentityProvider.objects.update(enabled=False)
    if wrong == "suspended":
        Tenant.objects.filter(pk=bent.row.tenant_id).update(state="suspended")
    if wrong == "absent":
        IdentityProvider.objects.all().delete()

    assert door.get(f"/sso/{bent.row.pk}/start/").status_code == 404
    assert come_back(door, bent.row, asked["state"]).status_code == 404
    assert door.get("/sign-in/acme/").status_code == 404
    assert nothing_changed()


def test_a_deactivated_membership_stays_so(door, told, bent):
    through(door, bent)
    Membership.objects.update(is_active=False)
    SignInSession.objects.all().delete()

    assert through(Client(), bent).status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "membership_deactivated"
    assert not Membership.objects.get().is_active


def test_a_role_that_was_given_here_is_left_alone(door, bent):
    through(door, bent)
    Membership.objects.update(role=Role.EDITOR, ceiling=Sensitivity.RESTRICTED)

    through(Client(), bent)

    assert Membership.objects.values_list("role", "ceiling").get() == (Role.EDITOR, Sensitivity.RESTRICTED)


def test_a_person_is_known_by_provider_and_subject(door, bent):
    through(door, bent)
    person = User.objects.get()
    bent.claims = {"email": "ada.byron@acme.example"}

    through(Client(), bent)

    assert User.objects.get() == person
    assert SocialAccount.objects.count() == 1


def test_an_address_given_to_somebody_new_does_not_bring_the_old_ones_place(door, told, bent):
    through(door, bent)
    bent.claims = {"sub": "subject-2"}

    assert through(Client(), bent).status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "subject_changed"


def test_a_member_made_by_hand_is_matched_by_the_tenants_own_domain(door, bent):
    member = a_member(bent.row.tenant)
    User.objects.filter(pk=member.user_id).update(email="Ada@acme.example")

    assert through(door, bent).status_code == 302
    assert SocialAccount.objects.get().user_id == member.user_id


@pytest.mark.parametrize("who", ["member elsewhere", "platform administrator", "staff", "service"])
def test_a_tenants_word_opens_nobody_elses_account(door, told, bent, who):
    """The domain is the tenant's, and the account belongs elsewhere."""
    person = User.objects.create_user("ada@acme.example")
    if who == "member elsewhere":
        Membership.objects.create(tenant=a_tenant("globex"), user=person)
    flags = {"platform administrator": "is_superuser", "staff": "is_staff", "service": "is_service"}
    if who in flags:
        User.objects.filter(pk=person.pk).update(**{flags[who]: True})

    assert through(door, bent).status_code == 403
    assert told.names() == ["sign_in.refused"]
    assert not SocialAccount.objects.exists()
    assert not Membership.objects.filter(tenant=bent.row.tenant).exists()


def test_a_platform_administrator_does_not_come_by_a_tenants_word(door, told, bent):
    member = a_member(bent.row.tenant)
    User.objects.filter(pk=member.user_id).update(email="ada@acme.example", is_superuser=True)

    assert through(door, bent).status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "platform_administrator"
    assert not SocialAccount.objects.exists()


def test_a_domain_that_nobody_confirmed_counts_for_nothing(door, told, bent):
    TenantDomain.objects.update(confirmed_at=None)

    assert through(door, bent).status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "domain_not_of_tenant"


def test_groups_follow_the_directory_by_id_and_those_made_by_hand_stay(door, bent):
    tenant = bent.row.tenant
    old, new = (
        Group.objects.create(tenant=tenant, label=one, external_id=f"id-{one}") for one in ("old", "new")
    )
    by_hand = Group.objects.create(tenant=tenant, label="by hand")
    elsewhere = Group.objects.create(tenant=a_tenant("globex"), label="x", external_id="id-x")
    bent.claims = {"groups": ["id-old"]}
    through(door, bent)
    person = User.objects.get()
    person.groups.add(by_hand)

    bent.claims = {"groups": ["id-new", "by hand", "id-x", everyone(tenant).label, str(old.pk)]}
    through(Client(), bent)
    held = set(person.groups.values_list("pk", flat=True))
    bent.claims = {}
    through(Client(), bent)

    assert held == {new.pk, by_hand.pk}
    assert elsewhere.pk not in held
    assert set(person.groups.values_list("pk", flat=True)) == held, "silence changes nothing"


def test_the_claims_of_userinfo_count_for_the_same_subject_only(door, told, bent):
    bent.dropped = ("email", "email_verified")
    bent.configuration = {"userinfo_endpoint": f"{bent.address}/keys"}

    assert through(door, bent).status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "subject_mismatch"


def test_a_second_factor_there_counts_where_the_tenant_says_so(door, bent):
    SignInPolicy.objects.create(tenant=bent.row.tenant, require_second_factor=True)
    through(door, bent)
    assert door.get("/")["Location"] == "/account/"

    IdentityProvider.objects.update(second_factor_there=True)
    again = Client()
    through(again, bent)
    assert again.get("/").status_code == 200


def test_the_address_leads_to_the_organisation_and_tells_nothing_of_accounts(door, bent):
    a_member(bent.row.tenant)
    typed = {"organisation": "1", "password": ""}
    known = door.post("/sign-in/", {"username": "anybody@ACME.example", **typed})
    unknown = door.post("/sign-in/", {"username": "anybody@nowhere.example", **typed})
    nonsense = door.post("/sign-in/", {"username": "nonsense", **typed})

    assert known["Location"] == "/sign-in/acme/"
    page = door.get("/sign-in/acme/").content.decode()
    assert re.findall(r"/sso/([0-9a-f-]+)/start/", page) == [str(bent.row.pk)]
    assert "No organisation here" in unknown.content.decode()
    assert "Enter a whole email address" in nonsense.content.decode()


def test_a_provider_that_is_away_is_a_refusal(door, told):
    provider = a_provider("http://127.0.0.1:9")

    assert door.get(f"/sso/{provider.pk}/start/").status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "provider_failed"


@pytest.mark.parametrize(
    "address",
    [
        "http://login.example.org/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "https:///x",
    ],
)
def test_a_provider_inside_our_network_is_not_called(settings, address):
    settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS = False

    with pytest.raises(Unreachable):
        check_address(address)
