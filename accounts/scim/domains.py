"""Whose addresses are a tenant's to bring in and to change."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet

from accounts.models import Tenant, TenantDomain, User
from accounts.models.sign_in import normalise_domain
from accounts.scim.errors import ADDRESS, IN_DOMAIN, ScimError, invalid_value
from accounts.sign_in.people import find_person


def owns_address(tenant: Tenant, address: str) -> bool:
    """Whether the address lies in a confirmed domain of the tenant; only then is its directory its authority."""
    return _confirmed(address).filter(tenant=tenant).exists()


def person_to_bring_in(tenant: Tenant, address: str, name: str) -> User:
    """The person with this address, made if there is none. Raises ScimError.

    A person known here already is brought in only by the owner of her domain. Without a domain, a
    tenant is refused her in the words for an address that is none, so as not to tell that she exists.
    """
    refusal = not_an_address(tenant)
    if not is_address(address):
        raise refusal
    owned = owns_address(tenant, address)
    if not owned and (has_domain(tenant) or _confirmed(address).exists()):
        raise refusal
    person = find_person(address)
    if person is None:
        return User.objects.create_user(address, name=name)
    if not owned:
        raise refusal
    return person


def not_an_address(tenant: Tenant) -> ScimError:
    return invalid_value(IN_DOMAIN if has_domain(tenant) else ADDRESS, rule="address")


def has_domain(tenant: Tenant) -> bool:
    return TenantDomain.objects.filter(tenant=tenant, confirmed_at__isnull=False).exists()


def is_address(address: str) -> bool:
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def _confirmed(address: str) -> QuerySet[TenantDomain]:
    try:
        domain = normalise_domain(address.rpartition("@")[2])
    except ValidationError:
        return TenantDomain.objects.none()
    return TenantDomain.objects.filter(domain=domain, confirmed_at__isnull=False)
