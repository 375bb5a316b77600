"""Keys: never more than their owner, and gone with her."""

import secrets
from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.keys import make_key, revoke_key, rotate_key
from accounts.models import ApiKey, Membership, Tenant, User
from accounts.models.keys import digest_key
from accounts.people import Appointment, add_service, change_member, remove_member
from accounts.refusals import Refusal
from accounts.resolve import scope_of
from accounts.roles import Right, Role
from accounts.scope import Sensitivity
from accounts.tenant_life import resume_tenant, suspend_tenant
from tests.factories import a_member, a_tenant

pytestmark = pytest.mark.django_db

EVERY_API_PATH = (
    "/api/v1/documents",
    "/api/v1/collections",
    f"/api/v1/documents/{'0' * 8}-0000-0000-0000-{'0' * 12}",
)


@pytest.fixture
def tenant():
    return a_tenant()


@pytest.fixture
def owner(tenant):
    return a_member(tenant, role=Role.OWNER, ceiling=Sensitivity.RESTRICTED)


def asks(secret: str, address: str = "127.0.0.1") -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().get("/api/v1/documents", headers=headers, REMOTE_ADDR=address).status_code


def test_a_key_is_for_oneself_or_for_whom_one_outranks(tenant, owner):
    administrator, member = a_member(tenant, role=Role.ADMINISTRATOR), a_member(tenant)
    for own, keeper in ((member, member), (administrator, member), (owner, administrator)):
        key, secret = make_key(own, keeper, "key", scopes=[Right.ASK])
        assert key.membership_id == keeper.pk
        assert asks(secret) == 200
    auditor = a_member(tenant, role=Role.AUDITOR)  # reads the trail, which an administrator may not
    for own, keeper in ((member, administrator), (administrator, owner), (administrator, auditor)):
        with pytest.raises(Refusal):
            make_key(own, keeper, "key", scopes=[Right.ASK])


def test_a_keys_scopes_and_ceiling_lie_within_its_owners_and_its_makers(tenant, owner):
    member = a_member(tenant)
    with pytest.raises(Refusal, match="scopes"):
        make_key(member, member, "key", scopes=[Right.EDIT_DOCUMENTS])
    with pytest.raises(Refusal, match="scopes"):
        make_key(owner, member, "key", scopes=[Right.EDIT_DOCUMENTS])
    with pytest.raises(Refusal, match="ceiling"):
        make_key(member, member, "key", scopes=[Right.ASK], ceiling=Sensitivity.RESTRICTED)
    with pytest.raises(ValidationError):
        make_key(member, member, "key", scopes=[])
    with pytest.raises(ValidationError):
        make_key(member, member, "key", scopes=[Right.ASK], addresses=["not a network"])
    with pytest.raises(ValidationError):
        make_key(member, member, "key", scopes=[Right.ASK], expires_at=timezone.now())


def test_a_demoted_owner_demotes_her_keys(tenant, owner):
    editor = a_member(tenant, role=Role.EDITOR)
    key, secret = make_key(editor, editor, "key", scopes=[Right.ASK, Right.EDIT_DOCUMENTS])
    assert ApiKey.objects.find(secret).rights == {Right.ASK, Right.EDIT_DOCUMENTS}
    change_member(owner, editor, Appointment())

    found = ApiKey.objects.find(secret)
    assert found.rights == {Right.ASK}
    deletes = Client().delete(EVERY_API_PATH[2], headers={"Authorization": f"Bearer {secret}"})
    assert deletes.status_code == 403
    assert key.scopes == ["ask", "edit_documents"]


def test_a_lowered_ceiling_lowers_the_keys(tenant, owner):
    member = a_member(tenant)
    _, secret = make_key(member, member, "key", scopes=[Right.ASK], ceiling=Sensitivity.CONFIDENTIAL)
    change_member(owner, member, Appointment(ceiling=Sensitivity.PUBLIC))

    found = ApiKey.objects.find(secret)
    assert scope_of(found.membership, found).ceiling == Sensitivity.PUBLIC


def end(how: str, member: Membership, owner: Membership) -> None:
    if how == "membership deactivated":
        change_member(owner, member, Appointment(), is_active=False)
    elif how == "account deactivated":
        User.objects.filter(pk=member.user_id).update(is_active=False)
    elif how == "removed":
        remove_member(owner, member)
    elif how == "account deleted":
        User.objects.get(pk=member.user_id).delete()
    elif how == "tenant suspended":
        suspend_tenant(Tenant.objects.get(pk=member.tenant_id))


@pytest.mark.parametrize(
    "how",
    ["membership deactivated", "account deactivated", "removed", "account deleted", "tenant suspended"],
)
def test_a_key_dies_with_its_owner(tenant, owner, how):
    """T-09."""
    from accounts.database import managing

    member = a_member(tenant)
    _, secret = make_key(member, member, "key", scopes=[Right.ASK])
    unknown = Client().get("/api/v1/documents", headers={"Authorization": "Bearer rgs_unknown"})
    assert asks(secret) == 200
    with managing(tenant.pk):
        end(how, member, owner)

    response = Client().get("/api/v1/documents", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 401
    same = (response.json() | {"request_id": ""}, unknown.json() | {"request_id": ""})
    assert same[0] == same[1], "a dead key and an unknown one are answered alike"


def test_a_resumed_tenants_keys_go_on(tenant, owner):
    _, secret = make_key(owner, owner, "key", scopes=[Right.ASK])
    suspend_tenant(tenant)
    assert asks(secret) == 401
    resume_tenant(tenant)
    assert asks(secret) == 200


@pytest.mark.parametrize(
    ("network", "address", "expected"),
    [
        ("192.0.2.0/24", "192.0.2.7", 200),
        ("192.0.2.0/24", "192.0.3.7", 401),
        ("192.0.2.0/24", "::ffff:192.0.2.7", 200),
        ("192.0.2.0/24", "::ffff:192.0.3.7", 401),
        ("2001:db8::/32", "2001:db8::1", 200),
        ("2001:db8::/32", "2001:db9::1", 401),
        ("192.0.2.0/24", "", 401),
        ("192.0.2.0/24", "unix:", 401),
        ("0.0.0.0/0", "2001:db8::1", 401),
    ],
)
def test_a_key_is_used_from_its_networks_only(tenant, owner, network, address, expected):
    _, secret = make_key(owner, owner, "key", scopes=[Right.ASK], addresses=[network])

    assert asks(secret, address) == expected


@pytest.mark.parametrize(
    "spoilt",
    [
        "../{}",
        "{}/../{}",
        "{}\0",
        "\0{}",
        "{}\nX-Other: 1",
        "{}\r\n",
        "{}%00",
        "..%2f{}",
        "{}é",
        "{}" + "a" * 300,
        " ",
    ],
)
def test_a_key_string_that_is_none_is_refused(owner, spoilt):
    """T-07: it is looked up by its digest and never used as a name or path."""
    _, secret = make_key(owner, owner, "key", scopes=[Right.ASK])
    sent = spoilt.format(secret, secret)
    if sent.strip("\r\n ") == secret:
        sent = sent + "x"
    response = Client().get("/api/v1/documents", HTTP_AUTHORIZATION=f"Bearer {sent}")

    assert response.status_code == 401


def test_secrets_are_random_and_kept_as_a_keyed_digest(owner, settings):
    """T-05: 256 bits from the system's generator, and of nothing else the installation gives out."""
    made = [make_key(owner, owner, "key", scopes=[Right.ASK]) for _ in range(20)]
    bodies = [secret.removeprefix("rgs_") for _, secret in made]

    assert len({body[:8] for body in bodies}) == 20
    assert all(len(body) == len(secrets.token_urlsafe(32)) for body in bodies)
    for key, secret in made:
        row = ApiKey.objects.filter(pk=key.pk).values().get()
        assert secret not in map(str, row.values())
        assert row["digest"] == digest_key(secret)
    settings.SECRET_KEY = "another installation's, of more than enough characters"
    assert ApiKey.objects.find(made[0][1]) is None


@pytest.mark.parametrize("path", EVERY_API_PATH)
def test_only_the_authorization_header_carries_a_key(owner, path):
    """T-10: every other form of sending it does nothing at all."""
    _, secret = make_key(owner, owner, "key", scopes=[Right.ASK])
    headers = ("X-Api-Key", "Api-Key", "X-Auth-Token", "Proxy-Authorization", "X-Authorization", "Cookie")
    forms = [Client().get(path, headers={name: secret}) for name in headers]
    forms += [Client().get(path, headers={name: f"Bearer {secret}"}) for name in headers]
    forms += [Client().get(path, {name: secret}) for name in ("api_key", "key", "token", "access_token")]
    forms += [
        Client().get(path, headers={"Authorization": f"{x} {secret}"})
        for x in ("Token", "Basic", "ApiKey", "")
    ]
    cookie = Client()
    for name in ("api_key", "Authorization", "token", "sessionid"):
        cookie.cookies[name] = secret
    forms.append(cookie.get(path))

    assert {response.status_code for response in forms} == {401}
    assert len({tuple(sorted((response.json() | {"request_id": ""}).items())) for response in forms}) == 1


def test_keys_with_a_common_beginning_are_never_taken_for_each_other(tenant, owner):
    """T-13: the whole secret counts, whatever part of it is shown."""
    stranger = a_member(a_tenant())
    first, secret = make_key(owner, owner, "key", scopes=[Right.ASK])
    second, _ = make_key(stranger, stranger, "key", scopes=[Right.ASK])
    twin = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    ApiKey.objects.filter(pk=second.pk).update(prefix=first.prefix, digest=digest_key(twin))

    assert ApiKey.objects.find(secret).membership.tenant_id == tenant.pk
    assert ApiKey.objects.find(twin).membership.tenant_id == stranger.tenant_id
    assert ApiKey.objects.find(secret[:40]) is None


def test_rotation_overlaps_and_keeps_what_the_key_was(owner):
    key, old = make_key(
        owner, owner, "key", scopes=[Right.ASK, Right.READ_AUDIT], ceiling=Sensitivity.INTERNAL,
        addresses=["127.0.0.0/8"], expires_at=timezone.now() + timedelta(days=9),
    )  # fmt: skip
    fresh, new = rotate_key(owner, key)

    assert asks(old) == asks(new) == 200
    assert (fresh.scopes, fresh.ceiling, fresh.addresses) == (key.scopes, key.ceiling, key.addresses)
    key.refresh_from_db()
    assert key.replaced_by == fresh
    assert timezone.now() < key.expires_at <= timezone.now() + timedelta(hours=24)


def test_only_its_owner_or_a_keeper_of_keys_rotates_or_revokes_it(tenant, owner):
    member, colleague = a_member(tenant), a_member(tenant)
    key, secret = make_key(member, member, "key", scopes=[Right.ASK])
    for wish in (rotate_key, revoke_key):
        with pytest.raises(Refusal):
            wish(colleague, key)
        with pytest.raises(Refusal):
            wish(a_member(a_tenant(), role=Role.OWNER), key)
    revoke_key(owner, key)
    assert asks(secret) == 401
    with pytest.raises(ValidationError, match="ended"):
        rotate_key(member, key)


def test_a_service_accounts_key_is_its_own(tenant, owner):
    robot = add_service(owner, tenant, "robot", Appointment(role=Role.EDITOR))
    key, secret = make_key(owner, robot, "key", scopes=[Right.ASK, Right.EDIT_DOCUMENTS])

    assert ApiKey.objects.find(secret).membership.user.is_service
    assert key.rights == {Right.ASK, Right.EDIT_DOCUMENTS}


def test_the_command_makes_keys_with_scopes_ceiling_and_networks(owner):
    out = StringIO()
    options = {"scope": ["ask", "read_audit"], "ceiling": "internal", "address": ["127.0.0.0/8"]}
    call_command("create_key", owner.user.email, stdout=out, stderr=StringIO(), **options)
    key = ApiKey.objects.find(out.getvalue().strip(), "127.0.0.1")

    assert (key.scopes, key.ceiling, key.addresses) == (["ask", "read_audit"], 1, ["127.0.0.0/8"])
    plain = StringIO()
    call_command("create_key", owner.user.email, stdout=plain, stderr=StringIO())
    assert ApiKey.objects.find(plain.getvalue().strip()).scopes == ["ask"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scope": ["everything"]}, "There is no right 'everything'"),
        ({"scope": ["manage_people"]}, "within its owner's role"),
        ({"ceiling": "secret"}, "There is no level 'secret'"),
        ({"ceiling": "restricted"}, "ceiling lies within"),
        ({"address": ["everywhere"]}, "is no network"),
        ({"days": 0}, "at least one day"),
    ],
)
def test_the_command_says_what_is_wrong(tenant, options, said):
    member = a_member(tenant)
    with pytest.raises(CommandError, match=said):
        call_command("create_key", member.user.email, stdout=StringIO(), stderr=StringIO(), **options)
    assert not ApiKey.objects.exists()
