"""What commands are told in words, found in the database; each mistake is one sentence."""

from django.core.management.base import CommandError

from accounts.database import managing
from accounts.models import Membership, Tenant, User
from accounts.resolve import active_memberships
from retrieval.models import Collection


def find_tenant(slug: str) -> Tenant:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        known = ", ".join(Tenant.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no tenant '{slug}'. Known tenants: {known}.")
    return tenant


def find_collection(tenant: Tenant, name: str) -> Collection:
    with managing(tenant.pk):
        collection = Collection.objects.filter(tenant=tenant, name__iexact=name).first()
        if collection is None:
            known = ", ".join(Collection.objects.filter(tenant=tenant).values_list("name", flat=True))
            raise CommandError(
                f"Tenant '{tenant.slug}' has no collection '{name}'. It has: {known or 'none yet'}."
            )
    return collection


def find_member(email: str, slug: str | None) -> Membership:
    """The membership a command acts under; --tenant is needed only for people with several."""
    user = User.objects.filter(email__iexact=email).first()
    memberships = active_memberships(user) if user else []
    if slug:
        memberships = [membership for membership in memberships if membership.tenant.slug == slug]
    if not memberships:
        place = f" in tenant '{slug}'" if slug else ""
        raise CommandError(f"Nobody with the address '{email}' is an active member{place}.")
    if len(memberships) > 1:
        slugs = ", ".join(membership.tenant.slug for membership in memberships)
        raise CommandError(f"'{email}' belongs to several tenants ({slugs}); name one with --tenant.")
    return memberships[0]
