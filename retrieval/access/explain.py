"""May this person read this document, and why: the checks of a search, one by one, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.database import managing
from accounts.models import Group, Membership, Tenant, User
from accounts.resolve import is_emergency, scope_of
from accounts.roles import Right
from accounts.scope import AccessScope, Sensitivity
from retrieval.access.grants import TABLES
from retrieval.access.paths import paths_to
from retrieval.access.values import Grant, Grantee, Kind, Permission
from retrieval.models import Collection, Document

# The grants in force that count for the document, from the view the permission filter reads.
COUNTING = """
select grantee_kind, grant_id, principal, expires_at, inherited from retrieval_right
 where tenant_id = %(tenant)s and document_id = %(document)s and right_name = 'view_document'
   and principal = any(%(holders)s)
 order by expires_at desc nulls first, grantee_kind = 'group', principal
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question that reading depends on. `rule` is for machines, the sentence for people."""

    rule: str
    passed: bool
    sentence: str
    decides: bool = True  # False: it stands in the way of asking, not of opening


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingGrant:
    """The grant one reads by, and how one comes to be its grantee."""

    grant: Grant
    path: tuple[Grantee, ...]  # groups from the person's own to the granted one; empty: granted in person


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether a person may read a document now, every check in order, and the grant that decides."""

    document_id: UUID
    checks: tuple[Check, ...]
    grants: tuple[DecidingGrant, ...]  # in force and counting; the first decides

    @property
    def readable(self) -> bool:
        """Whether search finds it for her and its page opens."""
        return all(check.passed for check in self.checks if check.decides)

    @property
    def asks(self) -> bool:
        """Whether her role lets her ask, so that answers may rest on it."""
        return all(check.passed for check in self.checks)

    @property
    def decided_by(self) -> Check:
        """The first check that fails; where all pass, the one of the grant."""
        failed = [check for check in self.checks if not check.passed and check.decides]
        return failed[0] if failed else next(check for check in self.checks if check.rule == "granted")


def explain(tenant_id: UUID, membership: Membership | None, document: Document) -> Explanation:
    """Why a person may or may not read a document of the tenant, by the grants and states of this moment.

    membership: hers in the tenant, in force or not, with its user and tenant; None: she has none. A
    membership that is nowhere stored is an emergency access.
    """
    with managing(tenant_id):
        found = Document.objects.select_related("collection").get(tenant_id=tenant_id, pk=document.pk)
        if membership is None:
            nowhere = Check(rule="no_membership", passed=False, sentence="This person is no member here.")
            return Explanation(
                document_id=found.pk, checks=(nowhere, not_granted(found), *state_checks(found)), grants=()
            )
        scope = scope_of(membership)
        grants = deciding_grants(membership, scope, found)
        checks: tuple[Check, ...] = (
            *standing_checks(membership),
            grant_check(membership, scope, found, grants),
            ceiling_check(membership, found),
            *state_checks(found),
            agreement_check(scope, found, granted=bool(grants)),
            asking_check(membership),
        )
    return Explanation(document_id=found.pk, checks=checks, grants=grants)


def member_of(tenant_id: UUID, user: User) -> Membership | None:
    """The person's membership in the tenant, in force or not."""
    memberships = Membership.objects.select_related("user", "tenant", "own_role")
    return memberships.filter(tenant_id=tenant_id, user=user).first()


def standing_checks(membership: Membership) -> tuple[Check, ...]:
    """Account, tenant and membership: without these there is no scope to search with."""
    user, tenant = membership.user, membership.tenant
    active = membership.is_active
    return (
        check("account_deactivated", user.is_active, "The account is active.", "The account is deactivated."),
        check(
            "tenant_suspended",
            tenant.state == Tenant.State.ACTIVE,
            "The organisation is active.",
            "The organisation is suspended: nobody gets in.",
        ),
        check(
            "membership_inactive",
            active,
            "The membership is in force." if not is_emergency(membership) else "An emergency access is open.",
            "The membership is not in force.",
        ),
    )


def check(rule: str, passed: bool, good: str, bad: str, *, decides: bool = True) -> Check:
    return Check(rule=rule, passed=passed, sentence=good if passed else bad, decides=decides)


def deciding_grants(
    membership: Membership, scope: AccessScope, document: Document
) -> tuple[DecidingGrant, ...]:
    holders = [scope.user_id, *scope.group_ids]
    parameters: dict[str, Any] = {"tenant": scope.tenant_id, "document": document.pk, "holders": holders}
    with connection.cursor() as cursor:
        cursor.execute(COUNTING, parameters)
        rows = cursor.fetchall()
    groups = [holder for kind, _, holder, _, _ in rows if kind == "group"]
    paths = paths_to(scope.tenant_id, scope.user_id, groups, scope.group_ids)
    labels = dict(Group.objects.filter(tenant_id=scope.tenant_id, pk__in=groups).values_list("pk", "label"))
    people = {} if is_emergency(membership) else {scope.user_id: membership.user.get_full_name()}
    return tuple(
        DecidingGrant(
            grant=Grant(
                id=number,
                grantee=Grantee(
                    kind=kind, id=holder, name=labels[holder] if kind == "group" else people.get(holder, "")
                ),
                permission=Permission.VIEW,
                expires_at=end,
                on="collection" if inherited else "document",
                object_id=document.collection_id if inherited else document.pk,
            ),
            path=paths.get(holder, ()) if kind == "group" else (),
        )
        for kind, number, holder, end, inherited in rows
    )


def grant_check(
    membership: Membership, scope: AccessScope, document: Document, grants: tuple[DecidingGrant, ...]
) -> Check:
    if grants:
        return Check(rule="granted", passed=True, sentence=grant_in_words(grants[0], document))
    ended = last_end(scope, document)
    if ended is None:
        return not_granted(document)
    return Check(rule="grant_ended", passed=False, sentence=f"The grant ended on {in_words(ended)}.")


def not_granted(document: Document) -> Check:
    if document.inherits_grants:
        where = f"the collection '{document.collection.name}', whose grants the document takes"
    else:
        where = (
            f"the document, which has grants of its own (those of '{document.collection.name}' do not count)"
        )
    return Check(rule="no_grant", passed=False, sentence=f"There is no grant on {where}.")


def grant_in_words(deciding: DecidingGrant, document: Document) -> str:
    """Such as "The group 'Sales' is granted the collection 'Prices', until 3 May 2027, 12:00 UTC."."""
    granted = deciding.grant
    who = f"The group '{granted.grantee.name}'" if granted.grantee.kind == "group" else "The person"
    what = (
        f"the collection '{document.collection.name}'"
        if granted.on == "collection"
        else "the document itself"
    )
    until = f", until {in_words(granted.expires_at)}" if granted.expires_at else ""
    return f"{who} is granted {what}{until}."


def in_words(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%-d %B %Y, %H:%M} UTC"


def last_end(scope: AccessScope, document: Document) -> datetime | None:
    """When the last grant that counted for the document ended; None: its row is gone, or there was none."""
    model, target = (
        (Collection, document.collection_id) if document.inherits_grants else (Document, document.pk)
    )
    ends: list[datetime] = []
    kinds: tuple[tuple[Kind, list[int]], ...] = (
        ("user", [scope.user_id]),
        ("group", list(scope.group_ids)),
    )
    for kind, holders in kinds:
        rows = TABLES[model, kind].with_ended.filter(
            content_object_id=target, expires_at__lte=timezone.now(), permission__codename__startswith="view_"
        )
        rows = rows.filter(user_id__in=holders) if kind == "user" else rows.filter(group_id__in=holders)
        ends.extend(rows.values_list("expires_at", flat=True))
    return max(ends, default=None)


def ceiling_check(membership: Membership, document: Document) -> Check:
    level, ceiling = Sensitivity(document.sensitivity), Sensitivity(membership.ceiling)
    return check(
        "above_ceiling",
        level <= ceiling,
        f"The document is {level.name.lower()}, and the membership reads up to {ceiling.name.lower()}.",
        f"The document is {level.name.lower()}, and the membership reads up to {ceiling.name.lower()} only.",
    )


def state_checks(document: Document) -> tuple[Check, ...]:
    held_back = document.status == Document.Status.QUARANTINED and not document.searchable
    return (
        check(
            "quarantined", not held_back, "It is not in quarantine.", "The guardrail holds it in quarantine."
        ),
        check(
            "not_searchable",
            document.searchable or held_back,
            "It is in the index." if document.searchable else "Whether it is in the index is open till then.",
            "It is not in the index: it has not been taken in, or that failed.",
        ),
    )


def agreement_check(scope: AccessScope, document: Document, *, granted: bool) -> Check:
    """Search reads flattened principals, the permission filter the grants: only both together give."""
    flattened = bool(set(document.principals) & set(scope.principals))
    return check(
        "rights_disagree",
        flattened == granted,
        "The index and the grants agree.",
        "The index and the grants disagree, so it is withheld. Tell an operator: this must not happen.",
    )


def asking_check(membership: Membership) -> Check:
    return check(
        "role_lacks_ask",
        membership.may(Right.ASK) if membership.is_active else True,
        f"The role '{membership.role_name}' may ask questions.",
        f"The role '{membership.role_name}' may not ask questions; the document can be opened all the same.",
        decides=False,
    )
