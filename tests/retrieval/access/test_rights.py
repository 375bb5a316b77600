"""Who may change, share and delete what, by role and by grant."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.database import managing
from accounts.models import BreakGlass, Membership, User
from accounts.resolve import emergency_memberships
from accounts.roles import Right, Role
from accounts.scope import Sensitivity
from retrieval.access.changes import DocumentChange, change_document
from retrieval.access.grants import grant
from retrieval.access.rights import check_may_give, check_may_take, check_take_in, may
from retrieval.access.values import Permission
from retrieval.errors import ChangeRefused, GrantRefused
from retrieval.models import Document
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone
from tests.retrieval.access.builders import acting, to

pytestmark = pytest.mark.django_db
VIEW, CHANGE, SHARE, DELETE = Permission
TOMORROW = timezone.now() + timedelta(days=1)


def allowed(member: Membership, target, cap=None) -> set[Permission]:
    with managing(member.tenant_id):
        return {p for p in (CHANGE, SHARE, DELETE) if may(acting(member, cap), p, target)}


@pytest.mark.parametrize(
    ("role", "expected"),
    [(Role.EDITOR, {CHANGE, SHARE, DELETE}), (Role.MEMBER, set()), (Role.COMPLIANCE_OFFICER, set())],
)
def test_a_role_covers_the_whole_tenant(role, expected):
    tenant = a_tenant()
    shelf = a_collection(tenant)
    member = a_member(tenant, role=role)

    assert allowed(member, shelf) == expected
    assert allowed(member, a_document(shelf, "words")) == expected


@pytest.mark.parametrize("permission", [CHANGE, SHARE, DELETE])
def test_a_grant_on_the_collection_counts_for_it_and_for_documents_that_take_its_grants(permission):
    tenant = a_tenant()
    shelf, group = a_collection(tenant), a_group(tenant)
    member = a_member(tenant, groups=(group,))
    inheriting = a_document(shelf, "words")
    closed = a_document(shelf, "words", readers=(everyone(tenant),))
    grant(shelf, to(group), permission)

    assert allowed(member, shelf) == allowed(member, inheriting) == {permission}
    assert allowed(member, closed) == set()


def test_a_grant_gives_nothing_above_the_ceiling():
    tenant = a_tenant()
    shelf = a_collection(tenant)
    member = a_member(tenant, ceiling=Sensitivity.INTERNAL)
    above = a_document(shelf, "words", sensitivity=Sensitivity.CONFIDENTIAL)
    within = a_document(shelf, "words", sensitivity=Sensitivity.INTERNAL)
    grant(shelf, to(member), CHANGE)

    assert allowed(member, above) == set()
    assert allowed(member, within) == {CHANGE}


def test_a_keys_scopes_hold_back_roles_and_grants_alike():
    tenant = a_tenant()
    shelf, member, editor = a_collection(tenant), a_member(tenant), a_member(tenant, role=Role.EDITOR)
    for permission in (CHANGE, SHARE, DELETE):
        grant(shelf, to(member), permission)

    for person in (member, editor):
        assert allowed(person, shelf, frozenset({Right.ASK})) == set()
        assert allowed(person, shelf, frozenset({Right.EDIT_DOCUMENTS})) == {CHANGE, DELETE}
        assert allowed(person, shelf, frozenset({Right.GRANT_ACCESS})) == {SHARE}


def test_an_emergency_access_changes_nothing_by_the_grants_of_others():
    tenant = a_tenant()
    shelf = a_collection(tenant)
    grant(shelf, to(a_member(tenant)), CHANGE)
    root = User.objects.create_superuser("root@example.org", "x" * 12)
    later = timezone.now() + timedelta(hours=1)
    BreakGlass.objects.create(tenant=tenant, user=root, reason="A drill.", expires_at=later)
    (stay,) = emergency_memberships(root)

    assert acting(stay).scope.group_ids
    assert allowed(stay, shelf) == set()


def sharer(tenant, target, *permissions: Permission, until=None) -> Membership:
    member = a_member(tenant)
    for permission in (*permissions, SHARE):
        grant(target, to(member), permission, until)
    return member


def test_who_shares_by_a_grant_hands_out_what_she_holds_and_no_more():
    tenant = a_tenant()
    shelf, friend = a_collection(tenant), a_member(tenant)
    actor = acting(sharer(tenant, shelf, CHANGE))
    with managing(tenant.pk):
        for permission in (VIEW, CHANGE, SHARE):
            check_may_give(actor, shelf, to(friend), permission, None)
        with pytest.raises(GrantRefused, match="'delete': you do not hold it"):
            check_may_give(actor, shelf, to(friend), DELETE, None)


def test_who_shares_for_a_time_shares_for_no_longer_with_herself_neither():
    tenant = a_tenant()
    shelf, friend = a_collection(tenant), a_member(tenant)
    member = sharer(tenant, shelf, until=TOMORROW)
    with managing(tenant.pk):
        check_may_give(acting(member), shelf, to(friend), VIEW, TOMORROW)
        for grantee in (to(friend), to(member)):
            for end in (None, TOMORROW + timedelta(seconds=1)):
                with pytest.raises(GrantRefused, match="longer than you have it"):
                    check_may_give(acting(member), shelf, grantee, VIEW, end)


def test_taking_view_away_takes_holding_everything_that_goes_with_it():
    tenant = a_tenant()
    shelf, friend = a_collection(tenant), a_member(tenant)
    actor = acting(sharer(tenant, shelf))
    grant(shelf, to(friend), DELETE)
    with managing(tenant.pk), pytest.raises(GrantRefused, match="'delete'"):
        check_may_take(actor, shelf, to(friend), VIEW)


def test_a_sharer_does_not_end_a_documents_inheritance():
    tenant = a_tenant()
    shelf, friend = a_collection(tenant), a_member(tenant)
    document = a_document(shelf, "words")
    actor = acting(sharer(tenant, shelf))
    with managing(tenant.pk), pytest.raises(GrantRefused, match="takes its collection's grants"):
        check_may_give(actor, document, to(friend), VIEW, None)


def test_without_a_right_or_a_grant_nobody_shares():
    tenant = a_tenant()
    shelf, friend = a_collection(tenant), a_member(tenant)
    grant(shelf, to(friend), CHANGE)
    with managing(tenant.pk), pytest.raises(GrantRefused, match="may not share"):
        check_may_give(acting(friend), shelf, to(friend), VIEW, None)


def taken_in(member: Membership, shelf, name: str, level: Sensitivity | None = None) -> bool:
    with managing(member.tenant_id):
        try:
            check_take_in(acting(member), shelf, name, level)
        except ChangeRefused:
            return False
    return True


def test_a_file_may_replace_only_a_document_one_may_change():
    tenant = a_tenant()
    shelf, member, editor = a_collection(tenant), a_member(tenant), a_member(tenant, role=Role.EDITOR)
    own = a_document(shelf, "words", readers=(everyone(tenant),))
    grant(shelf, to(member), CHANGE)

    assert taken_in(member, shelf, "new.txt")
    assert not taken_in(member, shelf, own.source_name)
    assert not taken_in(a_member(tenant), shelf, "new.txt")
    assert taken_in(editor, shelf, own.source_name)


def test_a_file_taken_in_again_does_not_move_a_level_beyond_ones_ceiling():
    tenant = a_tenant()
    shelf, member, editor = a_collection(tenant), a_member(tenant), a_member(tenant, role=Role.EDITOR)
    closed = a_document(shelf, "words", sensitivity=Sensitivity.RESTRICTED)
    grant(shelf, to(member), CHANGE)

    assert taken_in(editor, shelf, "new.txt", Sensitivity.RESTRICTED)
    assert not taken_in(editor, shelf, closed.source_name, Sensitivity.PUBLIC)
    assert taken_in(editor, shelf, closed.source_name, Sensitivity.RESTRICTED)
    assert not taken_in(member, shelf, "new.txt", Sensitivity.RESTRICTED)
    assert taken_in(member, shelf, "new.txt", Sensitivity.CONFIDENTIAL)


def changed(member: Membership, document: Document, **change) -> Document:
    with managing(member.tenant_id):
        found = Document.objects.select_related("collection").get(pk=document.pk)
        change_document(acting(member), found, DocumentChange(**change))
        return Document.objects.get(pk=document.pk)


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (Sensitivity.INTERNAL, Sensitivity.CONFIDENTIAL, True),
        (Sensitivity.CONFIDENTIAL, Sensitivity.PUBLIC, True),
        (Sensitivity.INTERNAL, Sensitivity.RESTRICTED, False),
        (Sensitivity.RESTRICTED, Sensitivity.PUBLIC, False),
    ],
)
def test_a_level_is_set_within_ones_own_ceiling_only(before, after, allowed):
    tenant = a_tenant()
    editor = a_member(tenant, role=Role.EDITOR, ceiling=Sensitivity.CONFIDENTIAL)
    document = a_document(a_collection(tenant), "words", sensitivity=before)

    if allowed:
        assert changed(editor, document, sensitivity=after).sensitivity == after
        return
    with pytest.raises(ChangeRefused, match="up to 'confidential'"):
        changed(editor, document, sensitivity=after)


def test_moving_takes_change_on_both_collections():
    tenant = a_tenant()
    here, there, member = a_collection(tenant), a_collection(tenant), a_member(tenant)
    document = a_document(here, "words")
    grant(here, to(member), CHANGE)
    with pytest.raises(ChangeRefused, match="both collections"):
        changed(member, document, collection=there)

    grant(there, to(member), CHANGE)
    assert changed(member, document, collection=there).collection_id == there.pk


def test_a_document_does_not_move_onto_another_of_its_name():
    tenant = a_tenant()
    here, there, editor = a_collection(tenant), a_collection(tenant), a_member(tenant, role=Role.EDITOR)
    document, other = a_document(here, "words"), a_document(there, "words")
    with managing(tenant.pk):
        Document.objects.filter(pk=other.pk).update(source_name=document.source_name)

    with pytest.raises(ChangeRefused, match="file of this name"):
        changed(editor, document, collection=there)


def test_only_a_role_changes_whose_grants_a_document_takes():
    tenant = a_tenant()
    shelf, member = a_collection(tenant), a_member(tenant)
    document = a_document(shelf, "words")
    for permission in (CHANGE, SHARE):
        grant(shelf, to(member), permission)

    with pytest.raises(ChangeRefused, match="grant access"):
        changed(member, document, inherits_grants=False)
    assert not changed(a_member(tenant, role=Role.EDITOR), document, inherits_grants=False).inherits_grants
