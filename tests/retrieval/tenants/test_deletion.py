"""A tenant deleted with everything it owns, and nothing of anybody else."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.database import managing
from accounts.models import ApiKey, BreakGlass, GroupNesting, Membership, Principal, Tenant, TenantRole, User
from accounts.roles import Right, Role
from compliance.models import AuditEntry
from retrieval.errors import LockedOriginal
from retrieval.ingestion import vault
from retrieval.models import (
    CachedAnswer,
    Conversation,
    Document,
    DocumentUserObjectPermission,
    DocumentVersion,
    GlossaryTerm,
    Query,
    TenantPolicy,
)
from retrieval.tenants import deletion
from retrieval.tenants.deletion import delete_tenant, remaining
from retrieval.tenants.export import exports_of
from retrieval.tenants.ownership import owned_tables
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant

SECRET = "Ferdinand keeps the lighthouse"


def furnish(slug: str = "") -> Tenant:
    """A tenant with rows in every table that tenants have rows in, and a file."""
    tenant = a_tenant(slug)
    owner = a_member(tenant, role=Role.OWNER)
    outer, inner = a_group(tenant), a_group(tenant)
    GroupNesting.objects.create(tenant=tenant, outer=outer, inner=inner)
    member = a_member(tenant, groups=(inner,))
    shelf = a_collection(tenant, readers=(outer, member.user))
    document = a_document(shelf, SECRET, "second passage")
    own = a_document(shelf, SECRET, readers=(inner, member.user))
    with managing(tenant.pk):
        assign_perm("view_document", owner.user, own)
        DocumentUserObjectPermission.objects.create(
            content_object=document,
            user=owner.user,
            permission=Permission.objects.get(codename="share_document"),
            expires_at=timezone.now() + timedelta(days=1),
        )
        DocumentVersion.objects.filter(document=document).update(
            stored_name=vault.keep(tenant.pk, [SECRET.encode()]).name
        )
        talk = Conversation.objects.create(tenant=tenant, user=member.user)
        Query.objects.create(
            id=uuid4(), tenant=tenant, user=member.user, conversation=talk, question=SECRET, outcome="answered",
            surface="web",
        )  # fmt: skip
        CachedAnswer.objects.create(
            tenant=tenant, author=member.user, question_key=b"q" * 32, epoch=1, evidence_key=uuid4().bytes * 2,
            answer=SECRET, citations=[], verdict={}, model="m", document_ids=[document.pk], chunk_ids=[1],
        )  # fmt: skip
        TenantPolicy.objects.create(tenant=tenant)
        GlossaryTerm.objects.create(tenant=tenant, term="t", expansion="e")
        ApiKey.objects.issue(member, "key")
        role = TenantRole.objects.create(tenant=tenant, name="own", rights=[Right.ASK])
        Membership.objects.filter(pk=member.pk).update(own_role=role)
        BreakGlass.objects.create(
            tenant=tenant, user=owner.user, reason="x" * 10, expires_at=timezone.now() + timedelta(hours=1)
        )
    return tenant


def counted(tenant: Tenant) -> dict[str, int]:
    return {name: count for name, count in remaining(tenant.pk).items() if count}


def test_nothing_is_left_of_a_deleted_tenant_and_all_of_another(committed):
    tenant, other = furnish(), furnish()
    folder = Path(default_storage.path(str(tenant.pk)))
    exported = exports_of(tenant.pk)
    exported.mkdir(parents=True)
    (exported / "old.zip").write_bytes(b"x")
    people = list(Membership.objects.filter(tenant=tenant).values_list("user_id", flat=True))
    groups = list(tenant.groups.values_list("pk", flat=True))
    before, others = counted(tenant), counted(other)
    tables = {table.name for table in owned_tables()}
    assert tables - set(before) <= {"accounts_delegation"} | unfurnished(), "every table has a row before"
    gone = delete_tenant(tenant)

    assert remaining(tenant.pk) == {}
    assert not folder.exists()
    assert not exported.exists()
    assert not User.objects.filter(pk__in=people).exists()
    assert not Principal.objects.filter(pk__in=[*people, *groups]).exists()
    assert counted(other) == others
    assert gone["retrieval_chunk_text"] == 3


def test_a_deletion_that_is_cut_short_has_made_every_file_unreadable_already(committed, monkeypatch):
    tenant = furnish()
    (name,) = (name for name, _ in vault.names(tenant.pk))

    def cut_short(*_: object) -> int:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "delete_rows", cut_short)
        with pytest.raises(ConnectionError):
            delete_tenant(tenant)

    with pytest.raises(LockedOriginal, match="destroyed"):
        vault.open(tenant.pk, name)
    delete_tenant(tenant)
    assert list(vault.names(tenant.pk)) == []


def unfurnished() -> set[str]:
    """Tables of parts that have tests of their own for what they keep."""
    return {name for name in (table.name for table in owned_tables()) if name not in FURNISHED}


FURNISHED = {
    "accounts_apikey", "accounts_breakglass", "accounts_group", "accounts_groupnesting", "accounts_membership",
    "accounts_tenantkey", "accounts_tenantrole", "retrieval_cachedanswer", "retrieval_chunk", "retrieval_chunk_lexeme",
    "retrieval_chunk_text", "retrieval_collection", "retrieval_collectiongroupobjectpermission",
    "retrieval_collectionuserobjectpermission", "retrieval_conversation", "retrieval_document",
    "retrieval_documentgroupobjectpermission", "retrieval_documentuserobjectpermission", "retrieval_epoch",
    "retrieval_glossaryterm", "retrieval_lexeme_frequency", "retrieval_query", "retrieval_tenantpolicy",
}  # fmt: skip


def test_every_model_of_a_tenant_is_among_the_tables_that_are_deleted(django_db_setup, django_db_blocker):
    from django.apps import apps

    with django_db_blocker.unblock():
        tables = {table.name for table in owned_tables()}
    assert tables >= FURNISHED - {"accounts_group"}
    for model in apps.get_models():
        if any(field.name in ("tenant", "tenant_id") for field in model._meta.concrete_fields):
            assert model._meta.db_table in tables | {"compliance_auditentry"}, model


def test_the_trail_stays_with_one_entry_more_and_holds_no_words(committed):
    tenant = furnish()
    with managing(tenant.pk):
        before = AuditEntry.objects.count()
    delete_tenant(tenant)

    with managing(tenant.pk):
        entries = list(AuditEntry.objects.order_by("sequence"))
    assert entries[-1].event == "tenant.deleted"
    assert len(entries) - before == 3 + 1, "suspended, the change of state, the key destroyed, deleted"
    for entry in entries[before:]:
        assert SECRET not in str(entry.changes) + str(entry.additional_data)
        assert bytes(entry.digest) == entry.compute_digest()


def test_people_who_belong_elsewhere_and_administrators_keep_their_accounts(committed):
    tenant, other = furnish(), a_tenant()
    shared = a_member(tenant)
    Membership.objects.create(tenant=other, user=shared.user)
    root = User.objects.create_superuser("root@platform.example", "x" * 12)
    Membership.objects.create(tenant=tenant, user=root)
    delete_tenant(tenant)

    assert User.objects.get(pk=shared.user_id).is_active
    assert User.objects.filter(pk=root.pk).exists()
    assert Membership.objects.filter(user=shared.user, tenant=other).exists()


def test_who_left_something_in_another_tenant_is_closed_and_what_she_left_stays(committed):
    tenant, other = furnish(), a_tenant()
    former = a_member(tenant)
    with managing(other.pk):
        talk = Conversation.objects.create(tenant=other, user=former.user)
    delete_tenant(tenant)

    assert not User.objects.get(pk=former.user_id).is_active
    assert remaining(tenant.pk) == {}
    with managing(other.pk):
        assert Conversation.objects.filter(pk=talk.pk).exists()


def test_a_deletion_that_was_cut_short_is_taken_up_again(committed, monkeypatch):
    tenant = furnish()

    def cut(*args: object) -> int:
        raise ConnectionError

    monkeypatch.setattr(deletion, "delete_groups", cut)
    with pytest.raises(ConnectionError):
        delete_tenant(tenant)
    assert Tenant.objects.get(pk=tenant.pk).state == Tenant.State.SUSPENDED
    monkeypatch.undo()
    delete_tenant(Tenant.objects.get(pk=tenant.pk))
    assert remaining(tenant.pk) == {}


def test_large_tables_go_in_batches(committed, monkeypatch):
    tenant = furnish()
    monkeypatch.setattr(deletion, "ROWS_PER_BATCH", 1)
    monkeypatch.setattr(deletion, "USERS_PER_BATCH", 1)
    delete_tenant(tenant)

    assert remaining(tenant.pk) == {}


def test_the_application_role_is_enough(committed):
    with connection.cursor() as cursor:
        user = cursor.execute("select current_user").fetchone()[0]
    assert user.endswith("_app")
    delete_tenant(furnish())


def test_the_command_deletes_what_was_named_twice(committed, monkeypatch):
    tenant = furnish("acme-life")
    out = StringIO()
    with pytest.raises(CommandError, match="nothing was deleted"):
        call_command("tenant", "delete", "--tenant", "acme-life", "--confirm", "acme", stdout=out)
    monkeypatch.setattr("builtins.input", lambda prompt: "no")
    with pytest.raises(CommandError, match="nothing was deleted"):
        call_command("tenant", "delete", "--tenant", "acme-life", stdout=out)
    with pytest.raises(CommandError, match="no tenant 'nowhere'"):
        call_command("tenant", "delete", "--tenant", "nowhere", "--confirm", "nowhere", stdout=out)
    with managing(tenant.pk):
        assert Document.objects.filter(tenant=tenant).count() == 2
    call_command("tenant", "delete", "--tenant", "acme-life", "--confirm", "acme-life", stdout=out)
    assert "nothing of it is left" in out.getvalue()
