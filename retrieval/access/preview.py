"""What would change if: a change is really made, counted and taken back, all in one transaction.

Nothing of it is ever committed: rows, news to open answers and audit entries go with the savepoint.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditlog.context import disable_auditlog
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from accounts.database import managing
from accounts.scope import Sensitivity
from retrieval.access.whatif import Change
from retrieval.errors import PreviewTooLarge

MEMBERS_MAX = 2_000  # people counted; a change that reaches more is counted for the first of them by id
PEOPLE_LISTED_MAX = 50
# Locks of the tried change are held meanwhile, and others' changes of the same tenant wait for them.
STATEMENT_SECONDS_MAX = 5

# People in force who act as one of some principals: in person, through groups, or through what those act as.
REACHED = """
with recursive holder (id) as (
    select unnest(%(principals)s::bigint[])
    union select d.holder_id from accounts_delegation d
           where d.tenant_id = %(tenant)s and d.principal_id = any(%(principals)s)
    union select n.inner_id from holder h join accounts_groupnesting n on n.outer_id = h.id),
everybody as (select exists (select 1 from holder h join accounts_group g on g.group_ptr_id = h.id
                              where g.builtin and g.tenant_id = %(tenant)s) as meant)
select m.user_id from accounts_membership m join accounts_user u on u.id = m.user_id
 where m.tenant_id = %(tenant)s and m.is_active and u.is_active
   and ((select meant from everybody) or m.user_id in (select id from holder)
        or exists (select 1 from accounts_user_groups ug join holder h on h.id = ug.group_id
                    where ug.user_id = m.user_id))
 order by m.user_id
"""

# As whom each of some people acts: what accounts.resolve asks for one, for all of them at once.
STANDING = """
with recursive person as (select user_id, ceiling from accounts_membership
                           where tenant_id = %(tenant)s and user_id = any(%(people)s)),
held (user_id, id) as (
    select p.user_id, g.group_ptr_id::bigint from person p join accounts_group g
        on g.tenant_id = %(tenant)s and g.builtin
    union
    select p.user_id, g.group_ptr_id from person p join accounts_user_groups ug on ug.user_id = p.user_id
      join accounts_group g on g.group_ptr_id = ug.group_id and g.tenant_id = %(tenant)s
    union
    select h.user_id, n.outer_id from held h join accounts_groupnesting n on n.inner_id = h.id),
acting as (
    select user_id, id from held union select user_id, user_id from person
    union
    select h.user_id, d.principal_id
      from (select user_id, id from held union select user_id, user_id from person) h
      join accounts_delegation d on d.holder_id = h.id and d.tenant_id = %(tenant)s
       and (d.expires_at is null or d.expires_at > now()))
select p.user_id, p.ceiling, array_agg(a.id) from person p join acting a using (user_id)
 group by p.user_id, p.ceiling
"""

# Documents that are alike to everybody are counted as one shelf; a changed document stands alone.
SHELVES = """
select principals, sensitivity, count(*) from retrieval_document
 where tenant_id = %(tenant)s and searchable
   and (%(document)s::uuid is null or id = %(document)s::uuid)
   and (%(collection)s::uuid is null or collection_id = %(collection)s::uuid)
   and principals && %(principals)s::bigint[]
 group by principals, sensitivity
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Documents one person would gain and lose."""

    user_id: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would change, had it been made now."""

    people_gaining: int
    people_losing: int
    documents_gained: int  # by anybody; a document that two people gain counts once
    documents_lost: int
    people: tuple[Difference, ...]  # the most affected ones, at most PEOPLE_LISTED_MAX
    people_reached: int  # people that the change could concern
    complete: bool  # False: only the first MEMBERS_MAX of them were counted


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom one person acts, and how far."""

    principals: frozenset[int]
    ceiling: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents with the same principals and level."""

    principals: frozenset[int]
    sensitivity: int
    documents: int

    def open_to(self, standing: Standing) -> bool:
        return self.sensitivity <= standing.ceiling and not self.principals.isdisjoint(standing.principals)


Standings = Mapping[int, Standing]
NOBODY = Standing(frozenset(), -1)


def preview(tenant_id: UUID, change: Change) -> Preview:
    """Count what the change would open and close, without making it.

    Raises what making it raises, GrantRefused or ChangeRefused, and PreviewTooLarge when counting takes
    too long.
    """
    try:
        with managing(tenant_id):
            return count(tenant_id, change)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise PreviewTooLarge(
                "This change reaches too many documents to be counted in time. Nothing was changed."
            ) from error
        raise


def count(tenant_id: UUID, change: Change) -> Preview:
    with undone():
        with connection.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [f"{STATEMENT_SECONDS_MAX}s"])
        reached = people_reached(tenant_id, change.principals())
        people = reached[:MEMBERS_MAX]
        before = standings(tenant_id, people)
        if change.document_id:
            old = shelves(tenant_id, change, principals_in(before))
            change.make()
            after = standings(tenant_id, people)
            new = shelves(tenant_id, change, principals_in(after))
        else:
            change.make()
            after = standings(tenant_id, people)
            old = new = shelves(tenant_id, change, moved(before, after))
        counted = compare(before, after, old, new)
    return summed(counted, reached=len(reached), complete=len(people) == len(reached))


class _Undo(Exception):
    pass


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is done inside is taken back at its end, and leaves no audit entry even for a moment."""
    with suppress(_Undo), transaction.atomic(), disable_auditlog():
        yield
        raise _Undo


def people_reached(tenant_id: UUID, principals: Iterable[int]) -> list[int]:
    rows = fetch(REACHED, {"tenant": tenant_id, "principals": sorted(principals)})
    return [user_id for (user_id,) in rows]


def standings(tenant_id: UUID, people: Sequence[int]) -> Standings:
    rows = fetch(STANDING, {"tenant": tenant_id, "people": list(people)})
    return {user_id: Standing(frozenset(acting), ceiling) for user_id, ceiling, acting in rows}


def shelves(tenant_id: UUID, change: Change, principals: Iterable[int]) -> list[Shelf]:
    parameters = {
        "tenant": tenant_id,
        "document": change.document_id,
        "collection": change.collection_id,
        "principals": sorted(principals),
    }
    return [Shelf(frozenset(named), level, number) for named, level, number in fetch(SHELVES, parameters)]


def fetch(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def principals_in(standings: Standings) -> set[int]:
    return set().union(*(standing.principals for standing in standings.values()))


def moved(before: Standings, after: Standings) -> set[int]:
    """The principals that somebody acts as on one side only; all of hers where a ceiling moved."""
    changed: set[int] = set()
    for user_id, old in before.items():
        new = after.get(user_id, NOBODY)
        changed |= old.principals ^ new.principals
        if old.ceiling != new.ceiling:
            changed |= old.principals | new.principals
    return changed


def compare(
    before: Standings, after: Standings, old: Sequence[Shelf], new: Sequence[Shelf]
) -> tuple[list[Difference], int, int]:
    """Each person's difference, and how many documents somebody gains and somebody loses."""
    # A changed document is on at most one shelf before and after; otherwise the shelves stay as they are.
    pairs = list(zip(new, new, strict=True)) if old is new else [(first(old), first(new))]
    people: list[Difference] = []
    gained_by_anybody: set[int] = set()
    lost_by_anybody: set[int] = set()
    for user_id, earlier in before.items():
        later = after.get(user_id, NOBODY)
        if earlier == later and old is new:
            continue
        gained = {n for n, (was, now) in enumerate(pairs) if now.open_to(later) and not was.open_to(earlier)}
        lost = {n for n, (was, now) in enumerate(pairs) if was.open_to(earlier) and not now.open_to(later)}
        gained_by_anybody |= gained
        lost_by_anybody |= lost
        if gained or lost:
            people.append(
                Difference(
                    user_id=user_id,
                    gained=sum(pairs[n][1].documents for n in gained),
                    lost=sum(pairs[n][0].documents for n in lost),
                )
            )
    return (
        people,
        sum(pairs[n][1].documents for n in gained_by_anybody),
        sum(pairs[n][0].documents for n in lost_by_anybody),
    )


def first(shelves: Sequence[Shelf]) -> Shelf:
    return shelves[0] if shelves else Shelf(frozenset(), int(Sensitivity.RESTRICTED), 0)


def summed(counted: tuple[list[Difference], int, int], *, reached: int, complete: bool) -> Preview:
    people, gained, lost = counted
    most_affected = sorted(people, key=lambda person: (-(person.gained + person.lost), person.user_id))
    return Preview(
        people_gaining=sum(person.gained > 0 for person in people),
        people_losing=sum(person.lost > 0 for person in people),
        documents_gained=gained,
        documents_lost=lost,
        people=tuple(most_affected[:PEOPLE_LISTED_MAX]),
        people_reached=reached,
        complete=complete,
    )
