"""From a provider's word to a person: whom a tenant's identity provider may bring in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.events import tell
from accounts.models import Group, IdentityProvider, Membership, TenantDomain, UsedAssertion, User
from accounts.models.sign_in import normalise_domain
from accounts.roles import Role
from accounts.sign_in.adapters import live_provider
from accounts.sign_in.people import find_person, may_sign_in

GROUPS_MAX = 1000
SUBJECT_CHARS_MAX = 191

# What the refusal page says. Reasons that are not here get the general sentence.
SENTENCES = {
    "provider_unknown": "This way in is closed. Ask your administrator.",
    "email_not_verified": "The service did not confirm your email address.",
    "domain_not_of_tenant": "Your email address does not belong to this organisation.",
    "membership_deactivated": "Your place in this organisation has been deactivated. Ask an administrator.",
    "account_not_in_force": "Your place in this organisation has been deactivated. Ask an administrator.",
    "platform_administrator": "Platform administrators sign in with their password or a passkey.",
    "address_taken": "Your account belongs to another organisation too. Ask an administrator to add you here first.",
    "replayed": "This sign-in was used before. Start again.",
    "unsolicited": "This sign-in did not begin here. Start from our sign-in page.",
    "state_unknown": "This sign-in took too long, or did not begin in this browser. Start again.",
}
GENERAL = (
    "The answer of your organisation’s service could not be accepted. Start again, or ask your administrator."
)


class Refused(PermissionDenied):
    """A provider's answer that opens nothing; the reason is a word for the audit trail."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a provider vouches for, its signature already checked."""

    provider: IdentityProvider
    subject: str  # the provider's stable id for the person
    email: str
    email_verified: bool
    name: str
    groups: frozenset[str] | None  # stable ids; None: the provider said nothing about groups


class TenantLogin(SocialLogin):
    """A sign-in the library carries on with. It looks nobody up itself, and no claim is stored."""

    def __init__(self, provider: Any = None, identity: Identity | None = None) -> None:
        super().__init__(provider=provider)
        self.identity = identity
        if identity is not None:
            self.account = SocialAccount(provider=str(identity.provider.pk), uid=identity.subject)

    def lookup(self) -> None:
        self._did_authenticate_by_email = None

    def serialize(self) -> None:
        """Nothing: what comes after a second factor needs the person only."""


def groups_of(claims: Mapping[str, Any], claim: str) -> frozenset[str] | None:
    """The groups in a claim; None without one. Raises Refused for anything but a list of texts."""
    if not claim or claim not in claims:
        return None
    listed = claims[claim]
    if isinstance(listed, str):
        listed = [listed]
    if (
        not isinstance(listed, list)
        or len(listed) > GROUPS_MAX
        or not all(isinstance(one, str) for one in listed)
    ):
        raise Refused("group_claim_malformed")
    return frozenset(one for one in listed if one)


def use_once(provider: IdentityProvider, assertion: str, expires_at: datetime) -> None:
    """Take note of an assertion. Raises Refused when it was used before."""
    UsedAssertion.objects.filter(expires_at__lt=timezone.now() - timedelta(days=1)).delete()
    digest = hashlib.sha256(assertion.encode()).hexdigest()
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(provider=provider, digest=digest, expires_at=expires_at)
    except IntegrityError:
        raise Refused("replayed") from None


def let_in(request: HttpRequest, sociallogin: Any) -> None:
    """Make the library's sign-in that of the person; answers with a refusal where there is none."""
    identity: Identity = sociallogin.identity
    try:
        with transaction.atomic():
            sociallogin.account = admit(identity)
            sociallogin.user = sociallogin.account.user
    except Refused as refusal:
        raise ImmediateHttpResponse(refuse(request, identity.provider, refusal.reason)) from None


def admit(identity: Identity) -> SocialAccount:
    """The account of the person, made a member where she was none. Raises Refused, with nothing changed.

    She is known by provider and subject. Only a first time is she looked for by address, whose domain
    is the tenant's, and found only where no other tenant would be opened by this one's word.
    """
    provider = live_provider(identity.provider.pk)
    if provider is None:
        raise Refused("provider_unknown")
    if not 0 < len(identity.subject) <= SUBJECT_CHARS_MAX:
        raise Refused("subject_malformed")
    check_address(identity, provider)
    known = SocialAccount.objects.filter(provider=str(provider.pk), uid=identity.subject)
    account = known.select_related("user").first() or first_time(identity, provider)
    if not may_sign_in(account.user):
        raise Refused("account_not_in_force")
    if account.user.is_superuser:
        raise Refused("platform_administrator")  # no tenant's word opens the platform
    keep_member(account.user, identity, provider)
    return account


def check_address(identity: Identity, provider: IdentityProvider) -> None:
    """Raises Refused unless the provider confirms an address of the tenant's own domains."""
    if not identity.email_verified or identity.email.count("@") != 1:
        raise Refused("email_not_verified")
    try:
        domain = normalise_domain(identity.email.rpartition("@")[2])
    except ValidationError:
        raise Refused("domain_not_of_tenant") from None
    own = TenantDomain.objects.filter(tenant_id=provider.tenant_id, domain=domain, confirmed_at__isnull=False)
    if not own.exists():
        raise Refused("domain_not_of_tenant")


def first_time(identity: Identity, provider: IdentityProvider) -> SocialAccount:
    person = find_person(identity.email)
    if person is None:
        if User.objects.filter(email__iexact=identity.email).exists():
            raise Refused("account_not_in_force")  # a service's
        person = User.objects.create_user(identity.email, name=identity.name[:200])
    elif not Membership.objects.filter(user=person, tenant_id=provider.tenant_id).exists() and (
        person.is_staff or Membership.objects.filter(user=person).exists()
    ):
        raise Refused("address_taken")
    elif SocialAccount.objects.filter(provider=str(provider.pk), user=person).exists():
        raise Refused(
            "subject_changed"
        )  # an address given to somebody new does not bring the old one's place
    return SocialAccount.objects.create(provider=str(provider.pk), uid=identity.subject, user=person)


def keep_member(person: User, identity: Identity, provider: IdentityProvider) -> None:
    """A membership with the default role where there is none; the role of an existing one is left alone."""
    membership, joined = Membership.objects.get_or_create(
        tenant_id=provider.tenant_id,
        user=person,
        defaults={"role": Role.MEMBER, "ceiling": provider.default_ceiling},
    )
    if not membership.is_active:
        raise Refused("membership_deactivated")
    if joined:
        told(provider, person, "member.joined", {"membership": membership.pk})
    if identity.groups is not None:
        follow_groups(person, identity.groups, provider)


def follow_groups(person: User, listed: frozenset[str], provider: IdentityProvider) -> None:
    """Be in those of the directory's groups that are listed. Groups made here by hand are left alone."""
    theirs = Group.objects.filter(tenant_id=provider.tenant_id, builtin=False).exclude(external_id="")
    wanted = {group.pk for group in theirs if group.external_id in listed}
    held = set(person.groups.filter(pk__in=theirs.values("pk")).values_list("pk", flat=True))
    if wanted == held:
        return
    person.groups.add(*(wanted - held))
    person.groups.remove(*(held - wanted))
    told(
        provider,
        person,
        "member.groups_followed",
        {"added": sorted(wanted - held), "left": sorted(held - wanted)},
    )


def told(provider: IdentityProvider, person: User, event: str, details: dict[str, Any]) -> None:
    tell(
        event,
        tenant_id=provider.tenant_id,
        actor_id=person.pk,
        object_pk=str(person.pk),
        details={"provider": str(provider.pk), **details},
    )


def refuse(request: HttpRequest, provider: IdentityProvider | None, reason: str) -> HttpResponse:
    """The page that says no, with the reason on record."""
    tell(
        "sign_in.refused",
        tenant_id=provider.tenant_id if provider else None,
        outcome=reason[:32],
        details={"provider": str(provider.pk)} if provider else {},
    )
    sentence = SENTENCES.get(reason, GENERAL)
    return render(request, "sign_in_refused.html", {"sentence": sentence}, status=403)
