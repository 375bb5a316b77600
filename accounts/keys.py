"""API keys: made, rotated and revoked by their owner, or by who may manage those of others."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, Membership
from accounts.people import Refuse, check_right, refusing
from accounts.refusals import told
from accounts.roles import Right, may_hand_out
from accounts.scope import Sensitivity

OVERLAP = timedelta(hours=24)
KEYS_MAX = 50  # in force, of one owner


@told
def make_key(
    own: Membership | None,
    owner: Membership,
    label: str,
    *,
    scopes: Iterable[Right],
    expires_at: datetime | None = None,
    ceiling: Sensitivity | None = None,
    addresses: Iterable[str] = (),
) -> tuple[ApiKey, str]:
    """A key of `owner` and its secret, which is nowhere kept.

    own: who makes it; None is the operator. Raises ValidationError for what no key can have, and
    Refusal, which is on record by then, for what this one may not have.
    """
    refuse = refusing(own, owner.tenant_id, owner.pk)
    scopes = frozenset(scopes)
    check_may_keep(own, owner, refuse)
    if owner.pk is None or not owner.is_active:
        raise refuse("Keys belong to members in force.", "owner")
    if not scopes:
        raise ValidationError({"scopes": "Choose at least one scope."})
    if not scopes <= owner.rights or (own is not None and not scopes <= own.rights):
        raise refuse("A key's scopes lie within its owner's role, and within yours.", "beyond_own_rights")
    if ceiling is not None and ceiling > min(owner.ceiling, owner.ceiling if own is None else own.ceiling):
        raise refuse("A key's ceiling lies within its owner's, and within yours.", "beyond_own_ceiling")
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": "A key ends in the future."})
    if (
        ApiKey.objects.filter(membership=owner, revoked_at=None)
        .exclude(expires_at__lte=timezone.now())
        .count()
        >= KEYS_MAX
    ):
        raise refuse(f"An owner has at most {KEYS_MAX} keys in force; revoke one first.", "keys_max")
    with managing(owner.tenant_id):
        return ApiKey.objects.issue(
            owner, label, expires_at, scopes=scopes, ceiling=ceiling, addresses=addresses
        )


@told
def rotate_key(own: Membership | None, key: ApiKey, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """A new key in the place of this one, which goes on for `overlap`. Raises ValidationError and Refusal."""
    check_may_keep(own, key.membership, refusing(own, key.membership.tenant_id, key.pk))
    with managing(key.membership.tenant_id):
        return ApiKey.objects.rotate(key, overlap)


@told
def revoke_key(own: Membership | None, key: ApiKey) -> None:
    """End a key now; one that has ended stays as it is."""
    refuse = refusing(own, key.membership.tenant_id, key.pk)
    if own is not None and key.membership_id != own.pk:
        check_right(own, Right.MANAGE_KEYS, refuse)
    with managing(key.membership.tenant_id):
        stored = ApiKey.objects.select_for_update().get(pk=key.pk)
        if stored.revoked_at is None:
            stored.revoked_at = timezone.now()
            stored.save(update_fields=["revoked_at"])


def check_may_keep(own: Membership | None, owner: Membership, refuse: Refuse) -> None:
    """Whoever sees the secret acts as the owner, so keys are made for oneself and for whom one outranks."""
    if own is None or own.pk == owner.pk:
        return
    check_right(own, Right.MANAGE_KEYS, refuse)
    if not may_hand_out(own.rights, owner.rights):
        raise refuse("This member may do more than you.", "outranked")
    if owner.ceiling > own.ceiling:
        raise refuse("This member may read further up than you.", "outranked")
