"""A tenant begins, is suspended, and goes on. How it is exported and deleted is retrieval's to say."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.db import transaction

from accounts.database import managing
from accounts.events import tell
from accounts.models import Membership, Tenant, User
from accounts.people import Appointment, add_member
from accounts.refusals import Refusal
from accounts.roles import Role
from accounts.scope import Sensitivity

FIRST_OWNER = Appointment(role=Role.OWNER, ceiling=Sensitivity.RESTRICTED)


def create_tenant(
    slug: str, name: str, owner_email: str, *, owner_name: str = "", by: User | None = None
) -> Membership:
    """A new tenant and its first owner, both or neither. Raises ValidationError with one sentence."""
    check_new(slug, name, owner_email)
    with transaction.atomic():
        tenant = Tenant.objects.create(slug=slug, name=name.strip())
        with managing(tenant.pk):
            owner = add_member(None, tenant, owner_email.strip(), FIRST_OWNER, name=owner_name.strip())
            tell(
                "tenant.opened",
                tenant_id=tenant.pk,
                actor_id=by.pk if by else None,
                object_pk=str(tenant.pk),
            )
    return owner


def check_new(slug: str, name: str, owner_email: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError:
        raise ValidationError(
            f"'{slug[:50]}' is no slug; use letters, digits, hyphens and underscores."
        ) from None
    try:
        validate_email(owner_email.strip())
    except ValidationError:
        raise ValidationError(f"'{owner_email[:80]}' is no email address.") from None
    if not name.strip():
        raise ValidationError("A tenant needs a name.")
    if Tenant.objects.filter(slug__iexact=slug).exists():
        raise Refusal(f"There is a tenant '{slug}' already.", rule="slug_taken")


def suspend_tenant(tenant: Tenant, by: User | None = None) -> bool:
    """Stop everything in the tenant with the commit, open streams included; nothing is lost.

    False when it was suspended already.
    """
    return move(tenant, Tenant.State.SUSPENDED, "tenant.suspended", by)


def resume_tenant(tenant: Tenant, by: User | None = None) -> bool:
    """Let the tenant go on where it stopped. False when it was not suspended.

    Documents that were waiting are put in line by the next sweep.
    """
    return move(tenant, Tenant.State.ACTIVE, "tenant.resumed", by)


def move(tenant: Tenant, state: Tenant.State, event: str, by: User | None) -> bool:
    with managing(tenant.pk):
        stored = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if stored.state == state:
            return False
        stored.state = state
        stored.save(update_fields=["state"])
        tell(event, tenant_id=tenant.pk, actor_id=by.pk if by else None, object_pk=str(tenant.pk))
    tenant.state = state
    return True
