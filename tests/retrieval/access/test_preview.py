"""What would change: counted before it is made, true once it is made, and nothing is left behind."""

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.database import managing, reading
from accounts.models import Delegation, GroupNesting, Membership
from accounts.resolve import active_memberships, scope_of
from accounts.scope import Sensitivity
from compliance.models import AuditEntry
from retrieval.access import preview as counting
from retrieval.access.grants import grant, grants_on
from retrieval.access.preview import preview, standings
from retrieval.access.values import Permission
from retrieval.access.whatif import Ceiling, Granting, Inheriting, Joining, Nesting, Revoking
from retrieval.errors import ChangeRefused, GrantRefused
from retrieval.models import Document
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone
from tests.retrieval.access.builders import to

VIEW = Permission.VIEW
db = pytest.mark.django_db


def numbers(counted) -> tuple[int, int, int, int]:
    return (counted.people_gaining, counted.documents_gained, counted.people_losing, counted.documents_lost)


@db
def test_granting_a_collection_to_a_group_opens_all_of_it_to_all_of_them():
    tenant = a_tenant()
    shelf, group, inner = a_collection(tenant), a_group(tenant), a_group(tenant)
    GroupNesting.objects.create(tenant=tenant, outer=group, inner=inner)
    people = [a_member(tenant, groups=(inner if n else group,)) for n in range(3)]
    a_member(tenant)
    for _ in range(4):
        a_document(shelf, "words")
    counted = preview(tenant.pk, Granting(target=shelf, grantee=to(group)))

    assert numbers(counted) == (3, 4, 0, 0)
    assert {(p.user_id, p.gained, p.lost) for p in counted.people} == {(m.user_id, 4, 0) for m in people}
    assert (counted.people_reached, counted.complete) == (3, True)


@db
def test_who_reads_already_gains_nothing():
    tenant = a_tenant()
    shelf = a_collection(tenant, readers=(everyone(tenant),))
    member = a_member(tenant)
    a_document(shelf, "words")

    assert numbers(preview(tenant.pk, Granting(target=shelf, grantee=to(member)))) == (0, 0, 0, 0)
    a_revocation = Revoking(target=shelf, grantee=to(everyone(tenant)))
    assert numbers(preview(tenant.pk, a_revocation)) == (0, 0, 1, 1)


@db
def test_a_documents_first_own_grant_shows_who_loses_it():
    tenant = a_tenant()
    reader, chosen = a_member(tenant), a_member(tenant)
    document = a_document(a_collection(tenant, readers=(reader.user,)), "words")
    counted = preview(tenant.pk, Granting(target=document, grantee=to(chosen)))

    assert numbers(counted) == (1, 1, 1, 1)
    assert {(p.user_id, p.gained, p.lost) for p in counted.people} == {
        (reader.user_id, 0, 1),
        (chosen.user_id, 1, 0),
    }


@db
def test_taking_the_collections_grants_again_is_counted():
    tenant = a_tenant()
    reader, own = a_member(tenant), a_member(tenant)
    document = a_document(a_collection(tenant, readers=(reader.user,)), "words", readers=(own.user,))
    with managing(tenant.pk):
        document = Document.objects.select_related("collection").get(pk=document.pk)
        change = Inheriting(document=document, inherits_grants=True)
        assert numbers(preview(tenant.pk, change)) == (1, 1, 1, 1)


@db
def test_a_grant_beyond_somebodys_ceiling_opens_nothing_to_her_and_a_higher_one_would():
    tenant = a_tenant()
    member = a_member(tenant, ceiling=Sensitivity.INTERNAL)
    shelf = a_collection(tenant)
    a_document(shelf, "words", sensitivity=Sensitivity.RESTRICTED)
    assert numbers(preview(tenant.pk, Granting(target=shelf, grantee=to(member)))) == (0, 0, 0, 0)

    grant(shelf, to(member), VIEW)
    raised = Ceiling(membership=member, ceiling=Sensitivity.RESTRICTED)
    assert numbers(preview(tenant.pk, raised)) == (1, 1, 0, 0)


@db
def test_joining_leaving_nesting_and_unnesting_are_counted():
    tenant = a_tenant()
    inner, outer = a_group(tenant), a_group(tenant)
    inside, outside = a_member(tenant, groups=(inner,)), a_member(tenant)
    a_document(a_collection(tenant, readers=(outer,)), "words")

    def tried(change) -> tuple[int, int, int, int]:
        return numbers(preview(tenant.pk, change))

    assert tried(Joining(membership=outside, group=outer, joins=True)) == (1, 1, 0, 0)
    assert tried(Nesting(outer=outer, inner=inner, nests=True)) == (1, 1, 0, 0)
    GroupNesting.objects.create(tenant=tenant, outer=outer, inner=inner)
    assert tried(Joining(membership=outside, group=inner, joins=True)) == (1, 1, 0, 0)
    assert tried(Joining(membership=inside, group=inner, joins=False)) == (0, 0, 1, 1)
    assert tried(Nesting(outer=outer, inner=inner, nests=False)) == (0, 0, 1, 1)


@db
def test_a_change_that_cannot_be_made_is_refused_in_its_own_words():
    tenant = a_tenant()
    one, two = a_group(tenant), a_group(tenant)
    GroupNesting.objects.create(tenant=tenant, outer=one, inner=two)
    with pytest.raises(ChangeRefused, match="circle"):
        preview(tenant.pk, Nesting(outer=two, inner=one, nests=True))
    with pytest.raises(GrantRefused):
        preview(tenant.pk, Granting(target=a_collection(tenant), grantee=to(a_member(a_tenant()))))


@db
def test_deactivated_people_are_not_counted():
    tenant = a_tenant()
    shelf, group = a_collection(tenant), a_group(tenant)
    a_document(shelf, "words")
    gone = a_member(tenant, groups=(group,))
    Membership.objects.filter(pk=gone.pk).update(is_active=False)

    assert numbers(preview(tenant.pk, Granting(target=shelf, grantee=to(group)))) == (0, 0, 0, 0)


@db
def test_beyond_the_bound_it_says_that_it_did_not_count_all(monkeypatch):
    monkeypatch.setattr(counting, "MEMBERS_MAX", 2)
    tenant = a_tenant()
    shelf = a_collection(tenant)
    a_document(shelf, "words")
    for _ in range(3):
        a_member(tenant)
    counted = preview(tenant.pk, Granting(target=shelf, grantee=to(everyone(tenant))))

    assert (counted.people_gaining, counted.people_reached, counted.complete) == (2, 3, False)


@db
def test_more_people_and_documents_take_no_more_statements():
    tenant = a_tenant()
    shelf = a_collection(tenant)
    change = Granting(target=shelf, grantee=to(everyone(tenant)))

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            preview(tenant.pk, change)
        return len(captured)

    a_member(tenant), a_document(shelf, "words")
    few = statements()
    for _ in range(5):
        a_member(tenant), a_document(shelf, "words")
    assert statements() == few


@db
def test_the_standing_of_many_is_what_search_resolves_for_each():
    tenant = a_tenant()
    inner, outer = a_group(tenant), a_group(tenant)
    GroupNesting.objects.create(tenant=tenant, outer=outer, inner=inner)
    people = [a_member(tenant, groups=groups) for groups in ((inner,), (outer,), ())]
    grant(a_collection(tenant), to(outer), VIEW)
    grant(a_document(a_collection(tenant), "words"), to(people[2]), VIEW, timezone.now() + timedelta(days=1))
    together = standings(tenant.pk, [m.user_id for m in people])

    for member in people:
        assert tuple(sorted(together[member.user_id].principals)) == scope_of(member).principals


@pytest.mark.usefixtures("committed")
def test_a_preview_leaves_no_row_no_audit_entry_and_no_news():
    tenant = a_tenant()
    member = a_member(tenant)
    shelf = a_collection(tenant, readers=(everyone(tenant),))
    a_document(shelf, "words")
    owner = settings.DATABASES["owner"]
    with psycopg.connect(
        host=owner["HOST"], port=owner["PORT"] or None, user=owner["USER"], password=owner["PASSWORD"],
        dbname=str(connection.settings_dict["NAME"]), autocommit=True,
    ) as listener:  # fmt: skip
        listener.execute("listen ragsite_rights")
        before = traces(tenant)
        preview(tenant.pk, Revoking(target=shelf, grantee=to(everyone(tenant))))
        preview(tenant.pk, Ceiling(membership=member, ceiling=Sensitivity.PUBLIC))
        heard = list(listener.notifies(timeout=0.2))

    assert heard == []
    assert traces(tenant) == before


def traces(tenant) -> tuple[object, ...]:
    with managing(tenant.pk):
        shelf = Document.objects.get().collection
        return (
            [g.id for g in grants_on(shelf)],
            list(Delegation.objects.values_list("pk", flat=True)),
            AuditEntry.objects.count(),
            list(Membership.objects.values_list("ceiling", flat=True)),
        )


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8)


@db
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_a_preview_is_true_once_the_change_is_made(steps):
    tenant = a_tenant()
    groups = [a_group(tenant) for _ in range(3)]
    members = [a_member(tenant, groups=(groups[n],)) for n in range(3)]
    shelves = [a_collection(tenant) for _ in range(2)]
    documents = [a_document(shelves[n % 2], "words", sensitivity=Sensitivity(n)) for n in range(4)]
    for kind, one, two in steps:
        with managing(tenant.pk):
            for document in documents:
                document.refresh_from_db()
            change = chosen(kind, groups, members, [*shelves, *documents], one, two)
            before = {m.user_id: readable(m) for m in members}
            counted = preview(tenant.pk, change)
            assert before == {m.user_id: readable(m) for m in members}
            change.make()
        gained = {m.user_id: readable(m) - before[m.user_id] for m in members}
        lost = {m.user_id: before[m.user_id] - readable(m) for m in members}
        assert {(p.user_id, p.gained, p.lost) for p in counted.people} == {
            (m.user_id, len(gained[m.user_id]), len(lost[m.user_id]))
            for m in members
            if gained[m.user_id] or lost[m.user_id]
        }
        assert counted.documents_gained == len(set().union(*gained.values()))
        assert counted.documents_lost == len(set().union(*lost.values()))


def chosen(kind, groups, members, targets, one, two):
    member, group, target = members[one % 3], groups[two % 3], targets[(2 * one + two) % 6]
    grantee = to(member) if one % 2 else to(group)
    match kind:
        case 0 | 1 if not isinstance(target, Document) or target.collection:
            end = timezone.now() + timedelta(days=1) if two % 2 else None
            return Granting(target=target, grantee=grantee, expires_at=end)
        case 2:
            return Revoking(target=target, grantee=grantee)
        case 3:
            return Inheriting(document=targets[2 + one % 4], inherits_grants=bool(two % 2))
        case 4 if one % 3 < two % 3:
            return Nesting(outer=group, inner=groups[one % 3], nests=bool(one % 2))
        case 5:
            return Ceiling(membership=member, ceiling=Sensitivity(two % 4))
    return Joining(membership=member, group=group, joins=bool(one % 2))


def readable(member: Membership) -> set:
    (now,) = active_memberships(member.user)
    scope = scope_of(now)
    with reading(scope):
        return set(Document.objects.readable_by(scope).values_list("pk", flat=True))
