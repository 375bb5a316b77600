"""The second lock: what the application's role can see, whatever the query says."""

import pytest
from django.db import DatabaseError, connection, connections, transaction

from accounts.database import managing, reading
from accounts.scope import AccessScope
from compliance.models import AuditEntry
from retrieval.models import CachedAnswer, ChunkText, Collection, Document, Query
from tests.factories import a_collection, a_document, a_group, a_member, a_scope, a_tenant, everyone

TENANT_TABLES = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
       and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')"""

# Read before a tenant is known, to learn which tenants a person belongs to; they hold no content.
IDENTITY = {
    "accounts_breakglass",
    "accounts_delegation",
    "accounts_group",
    "accounts_groupnesting",
    "accounts_identityprovider",
    "accounts_membership",
    "accounts_signinpolicy",
    "accounts_signinsession",
    "accounts_tenantdomain",
    "accounts_tenantrole",
}


def tables_of_tenants() -> set[str]:
    with connection.cursor() as cursor:
        return {name for (name,) in cursor.execute(TENANT_TABLES).fetchall()}


@pytest.mark.django_db
def test_every_table_of_a_tenant_is_under_row_level_security():
    with connection.cursor() as cursor:
        secured = {
            name
            for (name,) in cursor.execute(
                "select relname from pg_class where relrowsecurity and relforcerowsecurity"
            ).fetchall()
        }

    assert tables_of_tenants() - IDENTITY <= secured


def rows_without_a_tenant(table: str) -> list[object]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            return cursor.execute(f"select * from {table}").fetchall()
    except DatabaseError:
        return []


@pytest.mark.django_db
def test_without_a_tenant_set_no_tenant_table_gives_a_row():
    tenant = a_tenant()
    a_document(a_collection(tenant, readers=(everyone(tenant),)), "some text")

    assert {table: rows_without_a_tenant(table) for table in tables_of_tenants() - IDENTITY} == {
        table: [] for table in tables_of_tenants() - IDENTITY
    }
    with pytest.raises(DatabaseError), transaction.atomic():
        Document.objects.count()


@pytest.mark.django_db
def test_the_application_role_owns_nothing_and_bypasses_nothing():
    with connection.cursor() as cursor:
        row = cursor.execute(
            """select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole,
                      (select count(*) from pg_tables where tableowner = current_user)
                 from pg_roles where rolname = current_user"""
        ).fetchone()

    assert row == (False, False, False, False, 0)


@pytest.mark.django_db
def test_partitions_cannot_be_read_past_their_parents_policy():
    with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("select * from retrieval_chunk_shared_0")


@pytest.mark.django_db
def test_an_unfiltered_query_sees_one_persons_documents_only():
    tenant = a_tenant()
    group = a_group(tenant)
    shelf = a_collection(tenant)
    mine = a_document(shelf, "for the group", readers=(group,))
    a_document(shelf, "for nobody")
    foreign = a_tenant()
    a_document(a_collection(foreign, readers=(everyone(foreign),)), "elsewhere")

    with reading(a_scope(tenant, groups=(group,))):
        assert list(Document.objects.values_list("pk", flat=True)) == [mine.pk]
        assert list(ChunkText.objects.values_list("body", flat=True)) == ["for the group"]


@pytest.mark.django_db
def test_a_scope_without_principals_sees_no_document():
    tenant = a_tenant()
    a_document(a_collection(tenant, readers=(everyone(tenant),)), "text")
    nobody = AccessScope(tenant_id=tenant.pk, user_id=0, group_ids=frozenset())

    with reading(nobody):
        assert not Document.objects.exists()
        assert not ChunkText.objects.exists()


@pytest.mark.django_db
def test_rows_cannot_be_written_into_another_tenant():
    tenant, foreign = a_tenant(), a_tenant()
    with pytest.raises(DatabaseError, match="row-level security"), managing(tenant.pk):
        Collection.objects.create(tenant=foreign, name="smuggled")


@pytest.mark.django_db
def test_a_nested_scope_ends_where_it_ends():
    tenant = a_tenant()
    document = a_document(a_collection(tenant), "for nobody")
    with managing(tenant.pk):
        with reading(a_scope(tenant)):
            assert not Document.objects.exists()
        assert Document.objects.get() == document


@pytest.mark.django_db
def test_a_cached_answer_is_invisible_to_who_may_not_read_all_of_its_evidence():
    tenant = a_tenant()
    group = a_group(tenant)
    shelf = a_collection(tenant)
    shown = a_document(shelf, "open", readers=(everyone(tenant),))
    hidden = a_document(shelf, "closed", readers=(group,))
    author = a_member(tenant, groups=(group,))
    with managing(tenant.pk):
        CachedAnswer.objects.create(
            tenant=tenant, author=author.user, question_key=b"q", epoch=0, evidence_key=b"e", answer="closed",
            citations=[], verdict={}, model="m", document_ids=[shown.pk, hidden.pk], chunk_ids=[1, 2],
        )  # fmt: skip

    with reading(a_scope(tenant, groups=(group,))):
        assert CachedAnswer.objects.count() == 1
    with reading(a_scope(tenant)):
        assert CachedAnswer.objects.count() == 0


@pytest.mark.django_db
def test_a_persons_questions_are_her_own():
    tenant = a_tenant()
    asker = a_member(tenant)
    with managing(tenant.pk):
        Query.objects.create(
            id="5b6e3c1e-3b86-4d8e-9f43-0a3f43f3d0a1", tenant=tenant, user=asker.user, question="mine",
            outcome="answered", surface="api",
        )  # fmt: skip

    with reading(a_scope(tenant)):
        assert not Query.objects.exists()


@pytest.mark.django_db
def test_the_trail_is_read_in_its_tenant_by_its_management_only():
    tenant, foreign = a_tenant(), a_tenant()
    with managing(foreign.pk):
        assert set(AuditEntry.objects.values_list("tenant_id", flat=True)) == {foreign.pk}
    with reading(a_scope(tenant)):
        assert not AuditEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "update compliance_auditentry set outcome = 'changed'",
        "delete from compliance_auditentry",
        "truncate compliance_auditentry",
    ],
)
def test_the_application_cannot_change_the_trail(statement: str):
    tenant = a_tenant()
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        managing(tenant.pk),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_owner_cannot_change_the_trail_either(committed: None):
    a_tenant()
    for statement in (
        "truncate compliance_auditentry",
        "update compliance_auditentry set outcome = 'changed'",
        "delete from compliance_auditentry",
    ):
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            # The owner's policies would hide the rows from her; without them the trigger is what is left.
            cursor.execute("alter table compliance_auditentry no force row level security")
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(using="owner"):
                cursor.execute(statement)
