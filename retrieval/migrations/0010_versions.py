import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

TENANT = "tenant_id = (select current_setting('ragsite.tenant')::uuid)"
PRINCIPALS = "(select current_setting('ragsite.principals')::int8multirange)"
CEILING = "(select current_setting('ragsite.ceiling')::integer)"
MANAGING = "(select current_setting('ragsite.purpose')) = 'manage'"
HELD = f"""({PRINCIPALS} @> d.principals[1] or cardinality(d.principals) > 1
    and exists (select 1 from unnest(d.principals) p where {PRINCIPALS} @> p))"""

OF_READABLE_DOCUMENT = (
    f"{TENANT} and ({MANAGING} or exists (select 1 from retrieval_document d where d.id = document_id))"
)
TEXT_OF_READABLE = (
    f"{TENANT} and ({MANAGING} or exists (select 1 from retrieval_documentversion v where v.id = version_id))"
)

# The first version of a document has the document's own id, so chunks belong to it without being touched.
FIRST_VERSIONS = """
insert into retrieval_documentversion (id, tenant_id, document_id, number, stored_name, sealed, declared_type,
    media_type, title, size_bytes, content_sha256, language, text_chars, chunk_count, created_by_id, created_at,
    indexed_at)
select id, tenant_id, id, greatest(content_version, 1), file, file = '', '', media_type, '', size_bytes,
       content_sha256, '', 0, chunk_count, created_by_id, created_at, indexed_at
  from retrieval_document;
insert into retrieval_ingestion (version_id, tenant_id, document_id, state, reason, attempts, next_try_at,
    parsed_name, pieces_name, chunks_done, chunks_total, chunks_before, pages_done, ended_at)
select id, tenant_id, id, case when status in ('parsing', 'splitting', 'embedding') then 'received' else status end,
       status_reason, 0, now(), '', '', case when status = 'indexed' then chunk_count else 0 end,
       case when status = 'indexed' then chunk_count end, 0, 0, indexed_at
  from retrieval_document;
update retrieval_document set version_id = id where searchable;
update retrieval_document set status = 'received' where status in ('parsing', 'splitting', 'embedding');
"""

CHUNKS_OF_VERSIONS = f"""
drop view retrieval_findable_document;
drop view retrieval_findable_lexeme;

drop policy inside on retrieval_chunk_text;
alter table retrieval_chunk drop constraint retrieval_chunk_document_id_fkey;
alter table retrieval_chunk_lexeme drop constraint retrieval_chunk_lexeme_document_id_fkey;
alter table retrieval_chunk_text drop constraint retrieval_chunk_text_document_id_fkey;
alter table retrieval_chunk rename column document_id to version_id;
alter table retrieval_chunk_lexeme rename column document_id to version_id;
alter table retrieval_chunk_text rename column document_id to version_id;
alter table retrieval_chunk add constraint chunk_version
    foreign key (version_id) references retrieval_documentversion (id) on delete cascade;
alter table retrieval_chunk_lexeme add constraint chunk_lexeme_version
    foreign key (version_id) references retrieval_documentversion (id) on delete cascade;
alter table retrieval_chunk_text add constraint chunk_text_version
    foreign key (version_id) references retrieval_documentversion (id) on delete cascade;
alter table retrieval_chunk_text add column section integer not null default 0;
alter table retrieval_chunk_text add column regions jsonb;
create policy inside on retrieval_chunk_text using ({TEXT_OF_READABLE}) with check ({TEXT_OF_READABLE});

create view retrieval_findable_document as
    select d.id, d.tenant_id, d.collection_id, d.searchable, d.sensitivity, d.principals, d.chunk_count, d.version_id
      from retrieval_document d, (values (1)) as read_only
     where d.tenant_id = (select current_setting('ragsite.tenant')::uuid) and {HELD}
       and d.sensitivity <= {CEILING};
create view retrieval_findable_lexeme as
    select l.chunk_id, l.tenant_id, l.version_id, l.terms, l.weights
      from retrieval_chunk_lexeme l, (values (1)) as read_only
     where l.tenant_id = (select current_setting('ragsite.tenant')::uuid);
"""


def secure(table: str, condition: str) -> str:
    return f"""
alter table {table} enable row level security;
alter table {table} force row level security;
create policy inside on {table} using ({condition}) with check ({condition});
do $$ begin
    execute format('create policy owner_maintains on {table} to %I using (true) with check (true)', current_user);
end $$;
"""


SECURE = secure("retrieval_documentversion", OF_READABLE_DOCUMENT) + secure(
    "retrieval_ingestion", OF_READABLE_DOCUMENT
)

# Written at every batch: room on the page keeps the new row beside the old one, and the indexes untouched.
ROOM = "alter table retrieval_ingestion set (fillfactor = 50)"

# Which organisations have work waiting or abandoned, for the reaper, which knows none of them beforehand.
# Ids and nothing else, so it may look past the row-level policies.
UNATTENDED = """
create function retrieval_unattended() returns table (tenant uuid, document uuid, waits boolean)
language sql stable security definer set search_path = pg_catalog, public as $$
    select i.tenant_id, i.document_id, i.state = 'received'
      from retrieval_ingestion i join accounts_tenant t on t.id = i.tenant_id and t.state = 'active'
     where (i.state = 'received' and i.next_try_at <= statement_timestamp()
            and coalesce(i.queued_at, '-infinity') < statement_timestamp() - interval '60 seconds')
        or i.lease_until < statement_timestamp()
     limit 1000
$$;
"""


class Migration(migrations.Migration):
    """Documents have versions: chunks belong to one, and a document says which one is read.

    Columns of the chunk tables are renamed, not written; the first version of each document takes its id.
    Files stay where they are until `manage.py adopt_originals` has sealed them.
    Lock: the chunk tables, briefly. Back: no, restore instead.
    """

    dependencies = [
        ("accounts", "0004_sign_in"),
        ("retrieval", "0009_principals_at_once"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="DocumentVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("number", models.PositiveIntegerField()),
                ("stored_name", models.CharField(blank=True, max_length=200)),
                ("sealed", models.BooleanField(default=True)),
                ("declared_type", models.CharField(blank=True, max_length=100)),
                ("media_type", models.CharField(blank=True, max_length=100)),
                ("title", models.CharField(blank=True, max_length=300)),
                ("size_bytes", models.PositiveBigIntegerField(default=0)),
                ("content_sha256", models.CharField(blank=True, max_length=64)),
                ("pages", models.PositiveIntegerField(null=True)),
                ("language", models.CharField(blank=True, max_length=8)),
                ("text_chars", models.PositiveBigIntegerField(default=0)),
                ("chunk_count", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("indexed_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="retrieval.document",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "constraints": [
                    models.UniqueConstraint(fields=("document", "number"), name="version_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="Ingestion",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="retrieval.documentversion",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("scanning", "Scanning"),
                            ("parsing", "Parsing"),
                            ("splitting", "Splitting"),
                            ("embedding", "Embedding"),
                            ("indexed", "Indexed"),
                            ("quarantined", "Quarantined"),
                            ("failed", "Failed"),
                            ("erasing", "Erasing"),
                            ("superseded", "Superseded"),
                        ],
                        default="received",
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("queued_at", models.DateTimeField(null=True)),
                ("lease_token", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("parsed_name", models.CharField(blank=True, max_length=200)),
                ("pieces_name", models.CharField(blank=True, max_length=200)),
                ("chunks_done", models.PositiveIntegerField(default=0)),
                ("chunks_total", models.PositiveIntegerField(null=True)),
                ("chunks_before", models.PositiveIntegerField(default=0)),
                ("pages_done", models.PositiveIntegerField(default=0)),
                ("batch", models.UUIDField(db_index=True, null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("embedding_at", models.DateTimeField(null=True)),
                ("progressed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="retrieval.document",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            "document", "version_id", models.UUIDField(editable=False, null=True, unique=True)
        ),
        migrations.AlterField(
            "document",
            "status",
            models.CharField(
                choices=[
                    ("received", "Received"),
                    ("scanning", "Scanning"),
                    ("parsing", "Parsing"),
                    ("splitting", "Splitting"),
                    ("embedding", "Embedding"),
                    ("indexed", "Indexed"),
                    ("quarantined", "Quarantined"),
                    ("failed", "Failed"),
                    ("erasing", "Erasing"),
                ],
                default="received",
                editable=False,
                max_length=12,
            ),
        ),
        migrations.RunSQL(FIRST_VERSIONS),
        migrations.RunSQL(CHUNKS_OF_VERSIONS),
        migrations.RunSQL(SECURE),
        migrations.RunSQL(UNATTENDED),
        migrations.RunSQL(ROOM),
    ]
