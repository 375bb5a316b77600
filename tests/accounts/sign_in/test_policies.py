"""What a tenant decides: times, domains, providers; and who may decide it."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.database import managing
from accounts.models import IdentityProvider, SignInPolicy, TenantDomain, User
from accounts.models.sign_in import DOMAIN_TAKEN, normalise_domain
from accounts.roles import Role
from accounts.sign_in.sealing import seal, unseal
from compliance.models import AuditEntry
from tests.factories import a_member, a_tenant

OIDC = {"kind": "oidc", "issuer": "https://login.acme.example", "client_id": "ragsite"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ACME.example", "acme.example"),
        (" acme.example. ", "acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_kept_as_it_is_compared(typed, kept):
    assert normalise_domain(typed) == kept


NO_DOMAINS = (
    "", "example", "a b.example", "acme..example", "-a.example", "x" * 300 + ".example", "a_b.example",
    "../x.example", "a\0.example",
)  # fmt: skip


@pytest.mark.parametrize("typed", NO_DOMAINS)
def test_what_is_no_domain_is_refused(typed):
    with pytest.raises(ValidationError, match="is no domain"):
        normalise_domain(typed)


@pytest.mark.django_db
def test_two_tenants_cannot_claim_one_domain():
    TenantDomain.objects.create(tenant=a_tenant(), domain="acme.example")
    second = TenantDomain(tenant=a_tenant(), domain="ACME.example.")

    with pytest.raises(ValidationError) as refusal:
        second.full_clean()
    assert refusal.value.message_dict == {"domain": [DOMAIN_TAKEN]}
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()


@pytest.mark.django_db
def test_the_operator_confirms_a_claim_and_takes_it_back(capsys, told):
    tenant = a_tenant()
    TenantDomain.objects.create(tenant=tenant, domain="acme.example")

    call_command("confirm_domain", tenant.slug, "ACME.example")
    assert TenantDomain.objects.get().confirmed_at is not None
    call_command("confirm_domain", tenant.slug, "acme.example", "--withdraw")
    assert TenantDomain.objects.get().confirmed_at is None
    assert told.names() == ["domain.confirmed", "domain.withdrawn"]
    with pytest.raises(CommandError, match="claims no domain"):
        call_command("confirm_domain", a_tenant().slug, "acme.example")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({**OIDC, "client_id": ""}, "client_id"),
        ({**OIDC, "issuer": "http://login.acme.example"}, "issuer"),
        ({**OIDC, "issuer": "file:///etc/passwd"}, "issuer"),
        ({**OIDC, "issuer": "https://user:pass@acme.example"}, "issuer"),
        ({"kind": "saml", "issuer": "idp", "sign_in_url": "https://acme.example/sso"}, "certificate"),
        ({"kind": "saml", "issuer": "idp", "certificate": "x", "sign_in_url": "javascript:x"}, "sign_in_url"),
    ],
)
def test_half_a_provider_is_refused(fields, wrong):
    with pytest.raises(ValidationError) as refusal:
        IdentityProvider(name="x", **fields).clean()

    assert wrong in refusal.value.message_dict


def test_a_sealed_secret_opens_for_its_purpose_only():
    sealed = seal("the secret", purpose="one")

    assert "the secret" not in sealed
    assert unseal(sealed, purpose="one") == "the secret"
    for wrong in (sealed[:-4] + "AAA=", "", "1:eA=="):
        with pytest.raises(ValueError, match="another key"):
            unseal(wrong, purpose="one")
    with pytest.raises(ValueError, match="another key"):
        unseal(sealed, purpose="two")


def administrator(tenant, role=Role.ADMINISTRATOR) -> Client:
    member = a_member(tenant, role=role)
    User.objects.filter(pk=member.user_id).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=member.user_id), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.django_db
def test_a_provider_is_made_in_the_admin_and_its_secret_is_never_shown(told):
    tenant = a_tenant()
    client = administrator(tenant)
    filled = {
        **OIDC,
        "name": "Acme login",
        "enabled": "on",
        "client_secret": "very-secret",
        "default_ceiling": "1",
    }

    assert client.post("/admin/accounts/identityprovider/add/", filled).status_code == 302
    provider = IdentityProvider.objects.get()
    assert (provider.tenant_id, provider.client_secret) == (tenant.pk, "very-secret")
    assert "very-secret" not in provider.sealed_secret
    page = client.get(f"/admin/accounts/identityprovider/{provider.pk}/change/").content.decode()
    assert "very-secret" not in page
    assert provider.sealed_secret not in page
    client.post(f"/admin/accounts/identityprovider/{provider.pk}/change/", {**filled, "client_secret": ""})
    assert IdentityProvider.objects.get().client_secret == "very-secret", "empty keeps it"
    assert told.names().count("identity_provider.secret_set") == 1
    with managing(tenant.pk):
        assert "very-secret" not in str(list(AuditEntry.objects.values()))


@pytest.mark.django_db
def test_a_name_given_twice_and_a_domain_of_another_are_said_in_the_admin():
    tenant = a_tenant()
    client = administrator(tenant)
    IdentityProvider.objects.create(tenant=tenant, name="Acme login", **OIDC)
    TenantDomain.objects.create(tenant=a_tenant(), domain="acme.example")

    twice = client.post(
        "/admin/accounts/identityprovider/add/", {**OIDC, "name": "Acme login", "default_ceiling": "1"}
    )
    taken = client.post("/admin/accounts/tenantdomain/add/", {"domain": "Acme.example"})

    assert "There is a provider of this name already." in twice.content.decode()
    assert DOMAIN_TAKEN in taken.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["identityprovider", "signinpolicy", "tenantdomain"])
@pytest.mark.parametrize("role", [Role.EDITOR, Role.COMPLIANCE_OFFICER, Role.AUDITOR])
def test_a_role_without_the_right_decides_nothing(model, role):
    assert administrator(a_tenant(), role).get(f"/admin/accounts/{model}/").status_code == 403


@pytest.mark.django_db
def test_another_tenants_rows_are_as_good_as_none():
    other, client = a_tenant(), administrator(a_tenant())
    rows = [
        IdentityProvider.objects.create(tenant=other, name="Secret login", **OIDC),
        TenantDomain.objects.create(tenant=other, domain="secret.example"),
        SignInPolicy.objects.create(tenant=other, idle_minutes=17),
    ]
    for row in rows:
        model = row._meta.model_name
        assert "ecret" not in client.get(f"/admin/accounts/{model}/").content.decode()
        foreign = client.post(
            f"/admin/accounts/{model}/{row.pk}/change/", {"name": "taken", "idle_minutes": "5"}
        )
        assert foreign.status_code in (302, 403), model
        row.refresh_from_db()
    assert rows[0].name == "Secret login"
    assert rows[2].idle_minutes == 17


@pytest.mark.django_db
def test_a_tenant_has_one_policy():
    tenant = a_tenant()
    client = administrator(tenant)
    filled = {"password_allowed": "on", "idle_minutes": "15", "absolute_minutes": "60"}

    assert client.post("/admin/accounts/signinpolicy/add/", filled).status_code == 302
    assert client.get("/admin/accounts/signinpolicy/add/").status_code == 403
    assert SignInPolicy.of(tenant.pk).idle_minutes == 15
    assert SignInPolicy.of(a_tenant().pk).idle_minutes == 60
