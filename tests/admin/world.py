"""A tenant with one row of everything that the admin shows, and browsers to look at it."""

from datetime import timedelta
from uuid import uuid4

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.database import managing
from accounts.models import (
    ApiKey,
    BreakGlass,
    GroupNesting,
    IdentityProvider,
    Membership,
    SignInPolicy,
    TenantDomain,
    TenantRole,
    User,
)
from accounts.roles import Right, Role
from accounts.scope import Sensitivity
from compliance.models import AuditEntry
from retrieval.models import GlossaryTerm, Query, Source, TenantPolicy
from tests.factories import a_collection, a_document, a_group, a_member

SECRET = "Ferdinand keeps the lighthouse"
WORDS = ("Secret", "secret", "Ferdinand")


def browser(tenant, role: Role = Role.OWNER, staff: bool = True) -> Client:
    membership = a_member(tenant, role=role, ceiling=Sensitivity.RESTRICTED)
    User.objects.filter(pk=membership.user_id).update(is_staff=staff)
    client = Client()
    client.force_login(User.objects.get(pk=membership.user_id), "django.contrib.auth.backends.ModelBackend")
    client.membership = membership  # type: ignore[attr-defined]
    return client


def populate(tenant):
    """One row of everything, all of it this tenant's, each with a word of WORDS in it where it has words."""
    group, inner = a_group(tenant, "Secret society"), a_group(tenant, "Secret inner circle")
    GroupNesting.objects.create(tenant=tenant, outer=group, inner=inner)
    shelf = a_collection(tenant, name="Secret shelf")
    document = a_document(shelf, SECRET, readers=(group,), title="Secret title")
    person = a_member(tenant, groups=(inner,))
    User.objects.filter(pk=person.user_id).update(
        name="Ferdinand Secret", email=f"secret-{uuid4().hex}@secret.example"
    )
    root = User.objects.create_superuser(f"secret-root-{uuid4().hex}@secret.example", "x" * 12)
    with managing(tenant.pk):
        TenantPolicy.objects.create(tenant=tenant, allowed_hosts=["secret.example"])
        term = GlossaryTerm.objects.create(tenant=tenant, term="Secret", expansion="secret expansion")
        key, _ = ApiKey.objects.issue(person, "secret key")
        role = TenantRole.objects.create(tenant=tenant, name="Secret role", rights=[Right.ASK])
        stay = BreakGlass.objects.create(
            tenant=tenant, user=root, reason="Secret reason", expires_at=timezone.now() + timedelta(hours=1)
        )
        query = Query.objects.create(
            id=uuid4(), tenant=tenant, user=person.user, question=SECRET, outcome="answered", surface="web"
        )
        entry = AuditEntry.objects.first()
        source = Source.objects.create(
            tenant=tenant, collection=shelf, kind="web", name="Secret site", last_problem="secret problem"
        )
    sign_in = [
        IdentityProvider.objects.create(
            tenant=tenant,
            kind="oidc",
            name="Secret login",
            issuer="https://secret.example",
            client_id="secret",
        ),
        TenantDomain.objects.create(tenant=tenant, domain=f"secret-{tenant.slug}.example"),
        SignInPolicy.objects.create(tenant=tenant),
    ]
    person = Membership.objects.get(pk=person.pk)
    return [
        tenant,
        group,
        shelf,
        document,
        person,
        tenant.policy,
        term,
        key,
        role,
        stay,
        query,
        entry,
        source,
        *sign_in,
    ]


def url(thing, page: str = "change", pk=None) -> str:
    meta = thing._meta
    name = f"admin:{meta.app_label}_{meta.model_name}_{page}"
    return reverse(name, args=[pk or thing.pk]) if page in ("change", "delete", "history") else reverse(name)
