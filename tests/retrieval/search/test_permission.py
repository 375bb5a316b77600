"""The permission filter, on its own: what it hands out for candidates from anywhere."""

from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from django.db import connections
from guardian.shortcuts import assign_perm, remove_perm

from accounts.database import managing
from accounts.scope import AccessScope, Sensitivity
from retrieval.models import Chunk, Document
from retrieval.values.chunks import Candidate, Candidates, NewChunk, PermittedChunks, SearchPlan
from tests.factories import (
    a_collection,
    a_document,
    a_group,
    a_scope,
    a_tenant,
    a_version,
    everyone,
    fake_vector,
)
from tests.retrieval.search.builders import a_query, permit, retrieve


def candidates_of(*documents: Document) -> Candidates:
    """Every chunk of the documents, as if a search had found them."""
    ranked = []
    for document in documents:
        with managing(document.tenant_id):
            for chunk_id in Chunk.objects.filter(version_id=document.version_id).values_list("id", flat=True):
                ranked.append(Candidate(chunk_id=chunk_id, document_id=document.pk, score=0.5))
    return Candidates(ranked=tuple(ranked), plan=SearchPlan(path="exact", readable_chunks=len(ranked)))


def permitted_to(scope: AccessScope, *documents: Document) -> PermittedChunks:
    return permit(candidates_of(*documents), a_query(scope))


def reasons(permitted: PermittedChunks) -> list[str]:
    return [denied.reason for denied in permitted.denied]


@pytest.mark.django_db
def test_a_granted_chunk_comes_with_its_text_and_place():
    tenant = a_tenant()
    document = a_document(a_collection(tenant, readers=(everyone(tenant),)), "leave policy", title="Leave")
    [chunk] = permitted_to(a_scope(tenant), document).chunks
    assert (chunk.text, chunk.title, chunk.ordinal, chunk.rank) == ("leave policy", "Leave", 0, 1)
    assert (chunk.start_char, chunk.end_char, chunk.document_id) == (0, 12, document.pk)
    assert len(chunk.digest) == 32


@pytest.mark.django_db
def test_a_grant_to_the_person_herself_counts():
    tenant = a_tenant()
    document = a_document(a_collection(tenant), "leave policy")
    scope = a_scope(tenant)
    assert not permitted_to(scope, document)
    with managing(tenant.pk):
        assign_perm("view_document", scope_user(scope), document)
    assert permitted_to(scope, document)


def scope_user(scope: AccessScope):
    from accounts.models import User

    return User.objects.get(pk=scope.user_id)


@pytest.mark.django_db
def test_a_revoked_grant_denies_what_was_just_found():
    tenant = a_tenant()
    group = a_group(tenant)
    document = a_document(a_collection(tenant), "leave policy", readers=(group,))
    scope = a_scope(tenant, groups=(group,))
    query = a_query(scope)
    found = retrieve(query)
    with managing(tenant.pk):
        remove_perm("view_document", group, document)
    permitted = permit(found, query)
    assert (len(found.ranked), permitted.chunks, reasons(permitted)) == (1, (), ["absent"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"searchable": False, "status": Document.Status.QUARANTINED}, "quarantined"),
        ({"searchable": False}, "absent"),
        ({"sensitivity": Sensitivity.RESTRICTED}, "absent"),  # row-level security hides the row as well
    ],
)
def test_what_changed_since_the_search_denies_with_its_reason(change, reason):
    tenant = a_tenant()
    document = a_document(a_collection(tenant, readers=(everyone(tenant),)), "leave policy")
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(**change)
    permitted = permitted_to(a_scope(tenant), document)
    assert (permitted.chunks, reasons(permitted)) == ((), [reason])


@pytest.mark.django_db
def test_a_chunk_that_was_replaced_in_between_is_absent():
    tenant = a_tenant()
    document = a_document(a_collection(tenant, readers=(everyone(tenant),)), "leave policy")
    found = candidates_of(document)
    chunk = NewChunk(ordinal=0, text="new words", heading="", page=None, start_char=0, end_char=9)
    with managing(tenant.pk):
        a_version(document, [chunk], np.stack([fake_vector("new words")]))
    permitted = permit(found, a_query(a_scope(tenant)))
    assert (permitted.chunks, reasons(permitted)) == ((), ["absent"])


@pytest.mark.django_db
def test_another_tenants_chunk_is_absent():
    acme, globex = a_tenant(), a_tenant()
    foreign = a_document(a_collection(globex, readers=(everyone(globex),)), "leave policy")
    permitted = permitted_to(a_scope(acme), foreign)
    assert (permitted.chunks, reasons(permitted)) == ((), ["absent"])


@pytest.mark.django_db
def test_a_chunk_is_never_handed_out_under_another_document():
    tenant = a_tenant()
    shelf = a_collection(tenant, readers=(everyone(tenant),))
    named = a_document(shelf, "monthly pay")
    readable = a_document(shelf, "leave year")
    secret = a_document(shelf, "leave policy", readers=(a_group(tenant),))
    found = candidates_of(readable, secret)
    forged = replace(found, ranked=tuple(replace(each, document_id=named.pk) for each in found.ranked))
    assert reasons(permit(forged, a_query(a_scope(tenant)))) == ["absent", "absent"]


@pytest.mark.django_db
def test_the_order_and_the_ranks_of_the_search_stay():
    tenant = a_tenant()
    shelf = a_collection(tenant, readers=(everyone(tenant),))
    first, last = a_document(shelf, "leave policy"), a_document(shelf, "monthly pay")
    secret = a_document(shelf, "salaries", readers=(a_group(tenant),))
    permitted = permitted_to(a_scope(tenant), first, secret, last)
    assert [(chunk.text, chunk.rank) for chunk in permitted.chunks] == [
        ("leave policy", 1),
        ("monthly pay", 3),
    ]
    assert [denied.rank for denied in permitted.denied] == [2]


@pytest.mark.django_db
def test_unknown_chunks_are_absent_and_nothing_found_is_nothing():
    tenant = a_tenant()
    ghost = Candidate(chunk_id=10**12, document_id=uuid4(), score=1.0)
    found = Candidates(ranked=(ghost,), plan=SearchPlan(path="exact", readable_chunks=1))
    query = a_query(a_scope(tenant))
    assert reasons(permit(found, query)) == ["absent"]
    assert not permit(replace(found, ranked=()), query).denied


def test_principals_that_drifted_from_the_grants_are_found_out(committed):
    tenant = a_tenant()
    group = a_group(tenant)
    document = a_document(a_collection(tenant), "leave policy")
    scope = a_scope(tenant, groups=(group,))
    with connections["owner"].cursor() as cursor:
        # Only the tables' owner can write principals past the triggers.
        cursor.execute(
            "update retrieval_document set principals = array[%s]::bigint[] where id = %s",
            [group.pk, document.pk],
        )
    query = a_query(scope)
    found = retrieve(query)
    permitted = permit(found, query)
    assert len(found.ranked) == 1
    assert (permitted.chunks, reasons(permitted)) == ((), ["no_grant"])
