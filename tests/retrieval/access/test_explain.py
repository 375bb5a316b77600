"""The explanation agrees with search, always, and names what decides."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.database import managing, reading
from accounts.models import BreakGlass, GroupNesting, Membership, Tenant, TenantRole, User
from accounts.resolve import active_memberships, emergency_memberships, scope_of
from accounts.scope import Sensitivity
from retrieval.access.explain import explain, member_of
from retrieval.access.grants import grant, revoke
from retrieval.access.values import Permission
from retrieval.access.visible import visible
from retrieval.models import Document
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone
from tests.retrieval.access.builders import to

pytestmark = pytest.mark.django_db
VIEW = Permission.VIEW


def decided(member: Membership, document: Document) -> str:
    return explain(document.tenant_id, member, document).decided_by.rule


def test_a_grant_in_person_decides():
    tenant = a_tenant()
    member = a_member(tenant)
    document = a_document(a_collection(tenant), "words")
    grant(document, to(member), VIEW)
    explained = explain(tenant.pk, member, document)

    assert explained.readable
    assert explained.decided_by.sentence == "The person is granted the document itself."
    assert (explained.grants[0].grant.on, explained.grants[0].path) == ("document", ())


def test_the_groups_between_a_person_and_a_grant_are_named_in_order():
    tenant = a_tenant()
    berlin, sales, world = (a_group(tenant, label) for label in ("Berlin", "Sales", "World"))
    member = a_member(tenant, groups=(berlin,))
    for inner, outer in ((berlin, sales), (sales, world)):
        GroupNesting.objects.create(tenant=tenant, inner=inner, outer=outer)
    shelf = a_collection(tenant, name="Prices")
    document = a_document(shelf, "words")
    grant(shelf, to(world), VIEW)
    explained = explain(tenant.pk, member, document)

    assert [group.name for group in explained.grants[0].path] == ["Berlin", "Sales", "World"]
    assert explained.decided_by.sentence == "The group 'World' is granted the collection 'Prices'."


def test_of_several_grants_the_one_that_lasts_longest_decides():
    tenant = a_tenant()
    member = a_member(tenant)
    shelf = a_collection(tenant, readers=(everyone(tenant),))
    grant(shelf, to(member), VIEW, timezone.now() + timedelta(days=1))
    explained = explain(tenant.pk, member, a_document(shelf, "words"))

    assert [deciding.grant.grantee for deciding in explained.grants] == [to(everyone(tenant)), to(member)]


def test_a_collections_grant_does_not_count_for_a_document_with_its_own():
    tenant = a_tenant()
    member = a_member(tenant)
    shelf = a_collection(tenant, readers=(everyone(tenant),), name="Prices")
    document = a_document(shelf, "words", readers=(a_group(tenant),))
    explained = explain(tenant.pk, member, document)

    assert explained.decided_by.rule == "no_grant"
    assert "those of 'Prices' do not count" in explained.decided_by.sentence


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("account_deactivated", lambda m, d: User.objects.filter(pk=m.user_id).update(is_active=False)),
        ("tenant_suspended", lambda m, d: Tenant.objects.filter(pk=m.tenant_id).update(state="suspended")),
        ("membership_inactive", lambda m, d: Membership.objects.filter(pk=m.pk).update(is_active=False)),
        ("no_grant", lambda m, d: revoke(d.collection, to(everyone(m.tenant)), VIEW)),
        ("above_ceiling", lambda m, d: Membership.objects.filter(pk=m.pk).update(ceiling=0)),
        ("quarantined", lambda m, d: the(d).update(searchable=False, status="quarantined")),
        ("not_searchable", lambda m, d: the(d).update(searchable=False, status="parsing")),
        ("no_membership", lambda m, d: Membership.objects.filter(pk=m.pk).delete()),
    ],
)
def test_what_is_missing_is_named(rule, spoil):
    tenant = a_tenant()
    member = a_member(tenant)
    document = a_document(a_collection(tenant, readers=(everyone(tenant),)), "words")
    assert explain(tenant.pk, member_of(tenant.pk, member.user), document).readable
    with managing(tenant.pk):
        spoil(member, document)
    explained = explain(tenant.pk, member_of(tenant.pk, member.user), document)

    assert not explained.readable
    assert explained.decided_by.rule == rule


def the(document: Document):
    return Document.objects.filter(pk=document.pk)


def test_a_role_that_may_not_ask_reads_all_the_same_and_it_is_said():
    tenant = a_tenant()
    member = a_member(tenant)
    Membership.objects.filter(pk=member.pk).update(
        own_role=TenantRole.objects.create(tenant=tenant, name="Reader", rights=[])
    )
    document = a_document(a_collection(tenant, readers=(everyone(tenant),)), "words")
    explained = explain(tenant.pk, member_of(tenant.pk, member.user), document)

    assert (explained.readable, explained.asks) == (True, False)
    assert explained.checks[-1].rule == "role_lacks_ask"


def test_an_emergency_access_is_explained_by_the_grant_it_borrows():
    tenant = a_tenant()
    group = a_group(tenant, "Sales")
    document = a_document(a_collection(tenant, readers=(group,)), "words")
    root = User.objects.create_superuser("root@example.org", "x" * 12)
    later = timezone.now() + timedelta(hours=1)
    BreakGlass.objects.create(tenant=tenant, user=root, reason="A drill.", expires_at=later)
    (stay,) = emergency_memberships(root)
    explained = explain(tenant.pk, stay, document)

    assert explained.readable
    assert explained.grants[0].grant.grantee == to(group)
    assert "An emergency access is open." in [check.sentence for check in explained.checks]


CHOICES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)), max_size=14)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=CHOICES)
def test_the_explanation_agrees_with_search(db, steps):
    """Random grants, groups, ceilings, states and standings: readable here is readable there, exactly."""
    tenant = a_tenant()
    groups = [a_group(tenant) for _ in range(3)]
    shelves = [a_collection(tenant) for _ in range(2)]
    documents = [a_document(shelves[n % 2], "words", sensitivity=Sensitivity(n)) for n in range(4)]
    members = [a_member(tenant) for _ in range(3)]
    for kind, one, two in steps:
        step(kind, groups, shelves, documents, members, one, two)

    for member in members:
        now = member_of(tenant.pk, member.user)
        found = readable(now)
        for document in documents:
            explained = explain(tenant.pk, now, document)
            assert explained.readable == (document.pk in found), explained


def step(kind, groups, shelves, documents, members, one, two) -> None:
    member, group = members[one % 3], groups[two % 3]
    grantee = to(member) if one % 2 else to(group)
    target = (shelves + documents)[(one * 2 + two) % 6]
    end = timezone.now() + timedelta(days=1) if two % 2 else None
    with managing(member.tenant_id):
        match kind:
            case 0 | 1 | 2:
                grant(target, grantee, Permission.VIEW if two else Permission.CHANGE, end)
            case 3:
                revoke(target, grantee, Permission.VIEW)
            case 4:
                member.user.groups.add(group)
            case 5 if one % 3 < two % 3:
                GroupNesting.objects.get_or_create(
                    tenant_id=member.tenant_id, inner=groups[one % 3], outer=group
                )
            case 6:
                Membership.objects.filter(pk=member.pk).update(ceiling=two % 4)
            case 7:
                the(documents[two % 4]).update(
                    searchable=False, status="quarantined" if one % 2 else "failed"
                )
            case 8:
                the(documents[two % 4]).update(inherits_grants=bool(one % 2))
            case 9 if one == 0:
                Membership.objects.filter(pk=member.pk).update(is_active=False)


def readable(member: Membership) -> set:
    if member not in active_memberships(member.user):
        return set()
    scope = scope_of(member)
    with reading(scope):
        return set(Document.objects.readable_by(scope).values_list("pk", flat=True))


def test_what_a_person_sees_is_counted_by_collection_in_a_fixed_number_of_statements():
    tenant = a_tenant()
    member = a_member(tenant)
    for name, number in (("Alpha", 3), ("Beta", 2), ("Closed", 0)):
        shelf = a_collection(tenant, readers=(everyone(tenant),), name=name)
        for n in range(number):
            a_document(shelf, "words", title=f"{name} {n}")
    a_document(a_collection(tenant), "words", title="hidden")
    a_document(shelf, "words", sensitivity=Sensitivity.RESTRICTED, title="above")
    scope = scope_of(member)
    with CaptureQueriesContext(connection) as one:
        visible(scope, limit=1)
    with CaptureQueriesContext(connection) as several:
        seen = visible(scope, limit=4, offset=1)
        assert [document.collection.name for document in seen.documents] == ["Alpha", "Alpha", "Beta", "Beta"]

    assert len(one) == len(several)
    assert seen.total == 5
    assert [(shelf.name, shelf.documents) for shelf in seen.collections] == [("Alpha", 3), ("Beta", 2)]
    assert [document.title for document in seen.documents[:2]] == ["Alpha 1", "Alpha 2"]
