"""The second table: made like the first one in everything but the length of its vectors."""

from typing import Any

from psycopg import sql

from retrieval.values.spaces import Space

# Taken over from the table that there is: its default, its key, its reference, its indexes but the graph.
TABLE = """
create table retrieval_chunk_next (
    id bigint not null default nextval('retrieval_chunk_id_seq'),
    tenant_id uuid not null,
    version_id uuid not null constraint chunk_version references retrieval_documentversion (id) on delete cascade,
    embedding halfvec({dimensions}) not null,
    primary key (tenant_id, id)
) partition by list (tenant_id);
create index chunk_next_document on retrieval_chunk_next (tenant_id, version_id);
create index chunk_next_of_document on retrieval_chunk_next (version_id);
alter table retrieval_chunk_next enable row level security;
alter table retrieval_chunk_next force row level security;
"""
GRAPH = "using hnsw (embedding halfvec_cosine_ops) with (m = 16, ef_construction = 128)"

TREE = """
select c.relname, p.relname, pg_get_expr(c.relpartbound, c.oid),
       case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end
  from pg_partition_tree({table}) t join pg_class c on c.oid = t.relid left join pg_class p on p.oid = t.parentrelid
 order by t.level, c.relname
"""
POLICIES = """
select policyname, permissive, roles, cmd, qual, with_check from pg_policies where tablename = {table} order by 1
"""

# In plpgsql and after the statement, so that it sees what was committed while the deletion waited for a row.
FORGET_BESIDE = """
create or replace function retrieval_chunk_gone() returns trigger language plpgsql as $$
begin
    delete from {beside} b using gone g where b.tenant_id = g.tenant_id and b.id = g.id;
    return null;
end $$;
create trigger chunk_gone after delete on {table} referencing old table as gone
    for each statement execute function retrieval_chunk_gone();
"""
DROP_TRIGGER = "drop trigger if exists chunk_gone on retrieval_chunk"


def create_next(cursor: Any, space: Space, role: str) -> None:
    """Make the table beside the index, empty, under the same locks; what is deleted here is deleted there."""
    cursor.execute(sql.SQL(TABLE).format(dimensions=sql.Literal(space.dimensions)))
    for name, parent, bound, key in _rows(cursor, TREE, "retrieval_chunk")[1:]:
        cursor.execute(
            sql.SQL("create table {} partition of {} {} {}").format(
                sql.Identifier(beside(name)),
                sql.Identifier(beside(parent)),
                sql.SQL(bound),
                sql.SQL(f"partition by {key}" if key else ""),
            )
        )
    for policy in policies(cursor, "retrieval_chunk"):
        _create_policy(cursor, policy)
    cursor.execute(
        sql.SQL("grant select, insert, update, delete on retrieval_chunk_next to {}").format(
            sql.Identifier(role)
        )
    )
    cursor.execute(FORGET_BESIDE.format(table="retrieval_chunk", beside="retrieval_chunk_next"))


def beside(name: str) -> str:
    """What a relation of the index is called in the one that is built beside it."""
    return name.replace("chunk", "chunk_next", 1)


def leaves(cursor: Any, table: str) -> list[str]:
    """Partitions that hold rows themselves."""
    return [name for name, _, _, key in _rows(cursor, TREE, table) if key is None]


def branches(cursor: Any, table: str) -> list[tuple[str, str | None]]:
    """The table and its partitions that have partitions, with what each is a part of; parents first."""
    return [
        (name, None if name == table else parent)
        for name, parent, _, key in _rows(cursor, TREE, table)
        if key is not None
    ]


def parent_of(cursor: Any, table: str) -> dict[str, str]:
    return {name: parent for name, parent, _, _ in _rows(cursor, TREE, table)}


def policies(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    return _rows(cursor, POLICIES, table)


def _create_policy(cursor: Any, policy: tuple[Any, ...]) -> None:
    name, permissive, roles, command, condition, check = policy
    named = roles if isinstance(roles, list) else roles.strip("{}").split(",")
    cursor.execute(
        sql.SQL(
            "create policy {} on retrieval_chunk_next as {} for {} to {} using ({}) with check ({})"
        ).format(
            sql.Identifier(name),
            sql.SQL(permissive),
            sql.SQL(command),
            sql.SQL(", ").join(sql.SQL("public") if r == "public" else sql.Identifier(r) for r in named),
            sql.SQL(condition),
            sql.SQL(check or condition),
        )
    )


def _rows(cursor: Any, statement: str, table: str) -> list[tuple[Any, ...]]:
    return list(cursor.execute(sql.SQL(statement).format(table=sql.Literal(table))).fetchall())
