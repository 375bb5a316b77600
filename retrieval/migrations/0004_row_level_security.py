from django.db import migrations

# Read once per statement, not once per row: a bare current_setting() costs up to three times as much.
TENANT = "tenant_id = (select current_setting('ragsite.tenant')::uuid)"
PRINCIPALS = "(select current_setting('ragsite.principals')::bigint[])"
MANAGING = "(select current_setting('ragsite.purpose')) = 'manage'"

# Everything a tenant owns is seen inside that tenant only.
BY_TENANT = (
    "retrieval_collection",
    "retrieval_chunk",
    "retrieval_chunk_lexeme",
    "retrieval_lexeme_frequency",
    "retrieval_epoch",
    "retrieval_tenantpolicy",
    "retrieval_glossaryterm",
)
READABLE_DOCUMENT = f"{TENANT} and ({MANAGING} or principals && {PRINCIPALS})"
# The inner query is itself held by the document policy.
TEXT_OF_READABLE = (
    f"{TENANT} and ({MANAGING} or exists (select 1 from retrieval_document d where d.id = document_id))"
)
OWN = f"{TENANT} and ({MANAGING} or array[user_id] && {PRINCIPALS})"
EVIDENCE_READABLE = (
    f"{TENANT} and ({MANAGING} or not exists (select 1 from unnest(document_ids) e(id) "
    "where not exists (select 1 from retrieval_document d where d.id = e.id)))"
)

POLICIES = dict.fromkeys(BY_TENANT, TENANT) | {
    "retrieval_document": READABLE_DOCUMENT,
    "retrieval_chunk_text": TEXT_OF_READABLE,
    "retrieval_conversation": OWN,
    "retrieval_query": OWN,
    "retrieval_cachedanswer": EVIDENCE_READABLE,
}


def secure(table: str, condition: str) -> str:
    """Policies of one table: the condition for everybody, and all of it for the owner's functions."""
    return f"""
alter table {table} enable row level security;
alter table {table} force row level security;
create policy inside on {table} using ({condition}) with check ({condition});
do $$ begin
    execute format('create policy owner_maintains on {table} to %I using (true) with check (true)', current_user);
end $$;
"""


def unsecure(table: str) -> str:
    return f"""
drop policy inside on {table};
drop policy owner_maintains on {table};
alter table {table} no force row level security;
alter table {table} disable row level security;
"""


class Migration(migrations.Migration):
    """The second lock on every read: row-level security under the application's role.

    `ragsite.tenant` and its companions are set for the transaction; without them every query on
    these tables fails. Partitions get no privileges of their own, so the parent's policies hold.
    Lock: brief. Back: yes.
    """

    dependencies = [("retrieval", "0003_principals")]
    operations = [
        migrations.RunSQL(secure(table, condition), unsecure(table)) for table, condition in POLICIES.items()
    ]
