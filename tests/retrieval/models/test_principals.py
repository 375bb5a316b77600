"""Grants flatten onto the document row, in the changing transaction, whatever changes them."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from guardian.shortcuts import assign_perm, remove_perm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.database import managing
from accounts.models import Group, User
from retrieval.models import Collection, Document
from tests.factories import a_collection, a_group, a_member, a_tenant, everyone, readers_of


def a_bare_document(collection: Collection, name: str = "a.txt") -> Document:
    with managing(collection.tenant_id):
        document = Document.objects.create(
            tenant_id=collection.tenant_id, collection=collection, title=name, source_name=name
        )
        document.refresh_from_db()
    return document


@pytest.mark.django_db
def test_a_document_takes_its_collections_grants():
    tenant = a_tenant()
    group, person = a_group(tenant), a_member(tenant).user
    document = a_bare_document(a_collection(tenant, readers=(group, person)))

    assert readers_of(document) == sorted([group.pk, person.pk])


@pytest.mark.django_db
def test_a_grant_on_the_collection_reaches_documents_that_are_in_it_already():
    tenant = a_tenant()
    collection = a_collection(tenant)
    document = a_bare_document(collection)
    with managing(tenant.pk):
        assign_perm("view_collection", everyone(tenant), collection)

    assert readers_of(document) == [everyone(tenant).pk]


@pytest.mark.django_db
def test_a_documents_own_grant_replaces_the_collections():
    tenant = a_tenant()
    own = a_group(tenant)
    document = a_bare_document(a_collection(tenant, readers=(everyone(tenant),)))
    with managing(tenant.pk):
        assign_perm("view_document", own, document)

    assert readers_of(document) == [own.pk]


@pytest.mark.django_db
def test_taking_the_last_own_grant_away_leaves_the_document_to_nobody():
    tenant = a_tenant()
    own = a_group(tenant)
    document = a_bare_document(a_collection(tenant, readers=(everyone(tenant),)))
    with managing(tenant.pk):
        assign_perm("view_document", own, document)
        remove_perm("view_document", own, document)

    assert readers_of(document) == []


@pytest.mark.django_db
def test_a_change_grant_does_not_let_anybody_read():
    tenant = a_tenant()
    document = a_bare_document(a_collection(tenant))
    with managing(tenant.pk):
        assign_perm("change_document", a_group(tenant), document)

    assert readers_of(document) == []


@pytest.mark.django_db
@pytest.mark.parametrize("grantee", ["group", "person"])
@pytest.mark.parametrize("kind", ["document", "collection"])
def test_nobody_of_another_tenant_can_be_granted_anything(kind, grantee):
    tenant, stranger = a_tenant(), a_tenant()
    collection = a_collection(tenant)
    document = a_bare_document(collection)
    foreign = a_group(stranger) if grantee == "group" else a_member(stranger).user
    granted = document if kind == "document" else collection
    with managing(tenant.pk), pytest.raises(IntegrityError, match="same organisation"), transaction.atomic():
        assign_perm(f"view_{kind}", foreign, granted)

    assert readers_of(document) == []


@pytest.mark.django_db
def test_deleting_a_group_takes_its_rights_along():
    tenant = a_tenant()
    group = a_group(tenant)
    document = a_bare_document(a_collection(tenant, readers=(group,)))
    with managing(tenant.pk):
        group.delete()

    assert readers_of(document) == []


@pytest.mark.django_db
def test_moving_a_document_gives_it_the_new_collections_readers():
    tenant = a_tenant()
    group = a_group(tenant)
    document = a_bare_document(a_collection(tenant, readers=(everyone(tenant),)))
    elsewhere = a_collection(tenant, readers=(group,))
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(collection=elsewhere)

    assert readers_of(document) == [group.pk]


@pytest.mark.django_db
def test_what_the_application_writes_into_principals_is_ignored():
    tenant = a_tenant()
    intruder = a_member(tenant).user
    document = a_bare_document(a_collection(tenant))
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(principals=[intruder.pk])
        inserted = Document.objects.create(
            tenant=tenant,
            collection=document.collection,
            title="b",
            source_name="b",
            principals=[intruder.pk],
        )

    assert readers_of(document) == []
    assert readers_of(inserted) == []


@pytest.mark.django_db
def test_users_and_groups_never_share_an_id():
    tenant = a_tenant()
    for _ in range(5):
        a_group(tenant)
        a_member(tenant)

    users = set(User.objects.values_list("pk", flat=True))
    groups = set(Group.objects.values_list("pk", flat=True))
    assert users.isdisjoint(groups)


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "revoke", "own", "disown", "move"]), st.integers(0, 2), st.integers(0, 1)
    ),
    max_size=12,
)


@pytest.mark.django_db
@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_principals_always_equal_the_grants(steps: list[Step]):
    tenant = a_tenant()
    groups = [a_group(tenant) for _ in range(3)]
    shelves = [a_collection(tenant) for _ in range(2)]
    document = a_bare_document(shelves[0])
    on_shelf: list[set[int]] = [set(), set()]
    own: set[int] | None = None
    here = 0
    with managing(tenant.pk):
        for verb, who, where in steps:
            group = groups[who]
            if verb == "grant":
                assign_perm("view_collection", group, shelves[where])
                on_shelf[where].add(group.pk)
            elif verb == "revoke":
                remove_perm("view_collection", group, shelves[where])
                on_shelf[where].discard(group.pk)
            elif verb == "own":
                assign_perm("view_document", group, document)
                own = (own or set()) | {group.pk}
            elif verb == "disown":
                remove_perm("view_document", group, document)
                own = own - {group.pk} if own is not None else None
            else:
                Document.objects.filter(pk=document.pk).update(collection=shelves[where])
                here = where

            expected = own if own is not None else on_shelf[here]
            assert readers_of(document) == sorted(expected)


def test_a_revoked_right_loses_every_race_with_a_grant(committed: None):
    tenant = a_tenant()
    kept, revoked = a_group(tenant), a_group(tenant)
    collection = a_collection(tenant)
    documents = [a_bare_document(collection, f"{n}.txt") for n in range(30)]
    with managing(tenant.pk):
        for document in documents:
            assign_perm("view_document", revoked, document)
    start = threading.Barrier(2)

    def race(act: object, group: Group) -> None:
        try:
            for document in documents:
                start.wait(30)
                with managing(tenant.pk):
                    act("view_document", group, document)  # type: ignore[operator]
        finally:
            connection.close()

    threads = [
        threading.Thread(target=race, args=(assign_perm, kept)),
        threading.Thread(target=race, args=(remove_perm, revoked)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [readers_of(document) for document in documents] == [[kept.pk]] * 30


def test_grants_under_another_isolation_level_are_refused(committed: None):
    tenant = a_tenant()
    document = a_bare_document(a_collection(tenant))
    group = a_group(tenant)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        with managing(tenant.pk), pytest.raises(DatabaseError, match="READ COMMITTED"), transaction.atomic():
            assign_perm("view_document", group, document)
