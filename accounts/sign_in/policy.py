"""What a session has to show before it may act."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from allauth.mfa.models import Authenticator
from django.conf import settings

from accounts.models import Membership, SignInPolicy, SignInSession, User
from accounts.resolve import active_memberships


class Lacking(StrEnum):
    """Why a session that goes on may not act yet."""

    ENROLMENT = "second_factor_enrolment_required"
    SECOND_FACTOR = "second_factor_required"
    OTHER_WAY = "other_way_in_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A session seen against the policy of the tenant it acts in."""

    user: User
    session: SignInSession
    policy: SignInPolicy

    def requires_second_factor(self) -> bool:
        staff = settings.RAGSITE_STAFF_SECOND_FACTOR and (self.user.is_staff or self.user.is_superuser)
        return bool(staff or self.policy.require_second_factor)

    def lacking(self) -> Lacking | None:
        """What is missing first; None: nothing."""
        if not self.policy.password_allowed and self.session.method == SignInSession.Method.PASSWORD:
            return Lacking.OTHER_WAY
        if self.session.second_factor or not self.requires_second_factor():
            return None
        return Lacking.SECOND_FACTOR if has_second_factor(self.user) else Lacking.ENROLMENT


def standing_of(user: User, session: SignInSession, membership: Membership | None) -> Standing:
    """membership: the one the session acts under, or None where there is none."""
    return Standing(
        user=user, session=session, policy=SignInPolicy.of(membership.tenant_id if membership else None)
    )


def has_second_factor(user: User) -> bool:
    """An authenticator app or a passkey; recovery codes alone are none."""
    return Authenticator.objects.filter(user=user, type__in=("totp", "webauthn")).exists()


def may_change_credentials(user: User, session: SignInSession | None) -> bool:
    """Whether a session may set up or take away ways to sign in.

    One that came through a tenant's identity provider only for people who are in no other tenant: that
    tenant's word would otherwise become a passkey to the others.
    """
    if session is None:
        return False
    if session.tenant_id is None:
        return True
    return not user.is_superuser and all(m.tenant_id == session.tenant_id for m in active_memberships(user))


Ended = Literal["idle", "absolute", "unknown"]
