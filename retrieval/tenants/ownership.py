"""Which rows are a tenant's: read from the database's own catalogue, so that no new table is forgotten."""

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from django.db import connection
from psycopg import sql

# The trail outlives what it speaks of.
KEPT = frozenset({"compliance_auditentry"})

TABLES = """
select c.relname, coalesce(array_agg(a.attname order by k.place) filter (where a.attname is not null), '{}'),
       exists (select 1 from pg_attribute t
                where t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped)
  from pg_class c
  left join pg_constraint p on p.conrelid = c.oid and p.contype = 'p'
  left join lateral unnest(p.conkey) with ordinality as k(number, place) on true
  left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
 group by c.oid, c.relname"""
REFERENCES = """
select child.relname, a.attname, parent.relname, b.attname
  from pg_constraint f
  join pg_class child on child.oid = f.conrelid and not child.relispartition
  join pg_class parent on parent.oid = f.confrelid
  join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
  join pg_attribute b on b.attrelid = f.confrelid and b.attnum = f.confkey[1]
 where f.contype = 'f' and cardinality(f.conkey) = 1 and f.connamespace = 'public'::regnamespace"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTable:
    """A table with rows of tenants. `condition` picks one tenant's, with the parameter %(tenant)s."""

    name: str
    key: tuple[str, ...]
    condition: sql.Composable
    direct: bool  # carries the tenant's id itself

    def count(self) -> sql.Composed:
        return sql.SQL("select count(*) from {} where {}").format(sql.Identifier(self.name), self.condition)

    def delete(self) -> sql.Composed:
        """Deletes at most %(most)s rows."""
        key = sql.SQL(", ").join(map(sql.Identifier, self.key))
        return sql.SQL(
            "delete from {table} where ({key}) in (select {key} from {table} where {rows} limit %(most)s)"
        ).format(table=sql.Identifier(self.name), key=key, rows=self.condition)


def owned_tables() -> list[OwnedTable]:
    """Every table with rows of a tenant, by its id or through a row that has it; children before parents."""
    with connection.cursor() as cursor:
        tables = {name: (tuple(key), direct) for name, key, direct in cursor.execute(TABLES).fetchall()}
        references = cursor.execute(REFERENCES).fetchall()
    own = sql.SQL("tenant_id = %(tenant)s")
    conditions: dict[str, sql.Composable] = {
        name: own for name, (_, direct) in tables.items() if direct and name not in KEPT
    }
    add_children(conditions, references)
    return [
        OwnedTable(name=name, key=tables[name][0], condition=conditions[name], direct=tables[name][1])
        for name in children_first(conditions, references)
    ]


def add_children(conditions: dict[str, sql.Composable], references: list[tuple[Any, ...]]) -> None:
    """Rows without a tenant's id of their own belong to whom the row belongs that they refer to."""
    found = True
    while found:
        found = False
        for child, column, parent, key in references:
            if child not in conditions and child not in KEPT and parent in conditions:
                conditions[child] = sql.SQL("{} in (select {} from {} where {})").format(
                    sql.Identifier(column), sql.Identifier(key), sql.Identifier(parent), conditions[parent]
                )
                found = True


def children_first(conditions: dict[str, sql.Composable], references: list[tuple[Any, ...]]) -> list[str]:
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(sorted(conditions), ()))
    for child, _, parent, _ in references:
        if child in conditions and parent in conditions and child != parent:
            order.add(parent, child)
    return list(order.static_order())
