"""Permissions at the size of a large organisation, each figure beside the plain django-guardian call.

One tenant: 1,000,000 documents in 2,000 collections, 20,000 people, 5,000 groups nested to 4 levels, one
person in 1,000 groups; most documents inherit, 5,000 have grants of their own. Makes a database of its
own beside the configured one and drops it. Prints one JSON line. `make bench-permissions`.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

import django

django.setup()

import numpy as np
from django.db import connection, connections
from guardian.shortcuts import assign_perm, get_objects_for_user, remove_perm

from accounts.database import managing
from accounts.models import Group, Membership, Tenant
from accounts.resolve import scope_of
from retrieval.models import Collection, Document
from retrieval.search.permission import DatabasePermissionFilter
from retrieval.search.retriever import HybridRetriever
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Verdict
from tests.factories import a_document, a_member, a_tenant
from tests.retrieval.search.builders import FakeEncoder
from tests.support import databases

WORKER = "bench_permissions"
SEED = 20261122
NAIVE_TIMES = 3  # a plain call takes seconds here, and the whole run minutes
BIG = 100_000  # documents of the collection that is granted

# Rows are written by the owner with the triggers off, as they would have left them: a million
# documents through the door of ingestion would take hours, and what is measured comes after.
PEOPLE = """
insert into accounts_principal (id, kind)
select n, 'user' from generate_series(%(first)s, %(first)s + %(people)s - 1) n;
insert into accounts_user (id, email, name, password, is_active, is_staff, is_superuser, is_service, date_joined)
select n, 'p' || n || '@bench.example', '', '!', true, false, false, false, now()
  from generate_series(%(first)s, %(first)s + %(people)s - 1) n;
insert into accounts_membership (tenant_id, user_id, role, ceiling, is_active, external_id, created_at)
select %(tenant)s, n, 'member', 2, true, '', now() from generate_series(%(first)s, %(first)s + %(people)s - 1) n;
insert into accounts_principal (id, kind)
select n, 'group' from generate_series(%(first)s + %(people)s, %(first)s + %(people)s + %(groups)s - 1) n;
insert into auth_group (id, name)
select n, 'bench' || n from generate_series(%(first)s + %(people)s, %(first)s + %(people)s + %(groups)s - 1) n;
insert into accounts_group (group_ptr_id, tenant_id, label, builtin, external_id)
select n, %(tenant)s, 'group ' || n, false, ''
  from generate_series(%(first)s + %(people)s, %(first)s + %(people)s + %(groups)s - 1) n;
-- Four levels: every group of the lower three quarters lies in one of the quarter above it.
insert into accounts_groupnesting (tenant_id, inner_id, outer_id)
select %(tenant)s, %(first)s + %(people)s + i,
       %(first)s + %(people)s + (i / (%(groups)s / 4) - 1) * (%(groups)s / 4)
       + (hashint4(i) & 2147483647) %% (%(groups)s / 4)
  from generate_series(%(groups)s / 4, %(groups)s - 1) i;
-- Everybody in five groups.
insert into accounts_user_groups (user_id, group_id)
select distinct n, %(first)s + %(people)s + (hashint4(n * 7 + k) & 2147483647) %% %(groups)s
  from generate_series(%(first)s, %(first)s + %(people)s - 1) n, generate_series(1, 5) k;
"""
SHELVES = """
insert into accounts_principal (id, kind)
select n, 'collection' from generate_series(%(shelf)s, %(shelf)s + %(shelves)s - 1) n;
insert into retrieval_collection (id, tenant_id, name, description, created_at, principal_id)
select gen_random_uuid(), %(tenant)s, 'shelf ' || n, '', now(), n
  from generate_series(%(shelf)s, %(shelf)s + %(shelves)s - 1) n;
-- Each collection is granted to three groups.
insert into retrieval_collectiongroupobjectpermission (permission_id, group_id, content_object_id)
select distinct (select p.id from auth_permission p join django_content_type t on t.id = p.content_type_id
                  where p.codename = 'view_collection' and t.model = 'collection'),
       %(first)s + %(people)s + (hashint8(c.principal_id * 11 + k) & 2147483647) %% %(groups)s, c.id
  from retrieval_collection c, generate_series(1, 3) k where c.tenant_id = %(tenant)s;
insert into accounts_delegation (tenant_id, principal_id, holder_id)
select %(tenant)s, c.principal_id, g.group_id
  from retrieval_collectiongroupobjectpermission g join retrieval_collection c on c.id = g.content_object_id;
"""
DOCUMENTS = """
with shelf as (select array_agg(id order by principal_id) as ids, array_agg(principal_id order by principal_id) as ps
                 from retrieval_collection where tenant_id = %(tenant)s)
insert into retrieval_document (id, version_id, tenant_id, collection_id, title, source_name, media_type,
    size_bytes, content_sha256, sensitivity, inherits_grants, status, status_reason, status_at, searchable,
    content_version, chunk_count, principals, acl_version, created_at)
select gen_random_uuid(), gen_random_uuid(), %(tenant)s, shelf.ids[s.n], 'document ' || i, i || '.txt',
       'text/plain', 1, '',
       i %% 3, true, 'indexed', '', now(), true, 1, 1, array[shelf.ps[s.n]], 1, now()
  from shelf, generate_series(%(from)s, %(to)s - 1) i,
       -- The first hundred thousand on one shelf, the others on all of them.
       lateral (select case when i < %(big)s then 1 else 1 + i %% array_length(shelf.ids, 1) end as n) s
"""
# One passage a document. Its vector is noise: what is measured is whose it is, not what it means.
CHUNKS = """
insert into retrieval_documentversion (id, tenant_id, document_id, number, stored_name, sealed, declared_type,
    media_type, title, size_bytes, content_sha256, language, text_chars, chunk_count, created_at, indexed_at)
select version_id, tenant_id, id, 1, '', true, '', 'text/plain', '', 1, '', '', 1, 1, now(), now()
  from retrieval_document where tenant_id = %(tenant)s;
insert into retrieval_chunk (tenant_id, version_id, embedding)
select d.tenant_id, d.version_id, v.embedding
  from retrieval_document d,
       lateral (select array_agg(random() - 0.5)::real[]::halfvec(%(dimensions)s) as embedding
                  from generate_series(1, %(dimensions)s + 0 * length(d.title))) v
 where d.tenant_id = %(tenant)s
"""
# A graph half as dense as the real one takes a third of the time to build; a search walks it the same way.
GRAPH = """create index chunk_embedding on retrieval_chunk
    using hnsw (embedding halfvec_cosine_ops) with (m = 8, ef_construction = 32)"""
TABLES = (
    "accounts_user", "accounts_membership", "accounts_group", "accounts_groupnesting", "accounts_user_groups",
    "accounts_delegation", "retrieval_collection", "retrieval_collectiongroupobjectpermission", "retrieval_document",
)  # fmt: skip


def fill(tenant: Tenant, sizes: dict[str, int]) -> None:
    values: dict[str, Any] = {
        "tenant": tenant.pk,
        "first": 1_000_000,
        "shelf": 5_000_000,
        "big": BIG,
        "dimensions": FakeEncoder().dimensions,
        **sizes,
    }
    owner = connections["owner"]
    owner.set_autocommit(True)
    with owner.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"alter table {table} disable trigger user")
        cursor.execute(PEOPLE, values)
        cursor.execute(SHELVES, values)
        for start in range(0, sizes["documents"], 100_000):
            cursor.execute(
                DOCUMENTS, values | {"from": start, "to": min(start + 100_000, sizes["documents"])}
            )
        cursor.execute("drop index chunk_embedding")  # one build is quicker than a million insertions
        cursor.execute(CHUNKS, values)
        cursor.execute("set maintenance_work_mem = '2GB'")
        cursor.execute(GRAPH)
        for table in TABLES:
            cursor.execute(f"alter table {table} enable trigger user")
        cursor.execute("vacuum analyze")


def give_own_grants(tenant: Tenant, groups: list[int], number: int) -> None:
    """Some documents get readers of their own, through the door."""
    random = Random(SEED)
    with managing(tenant.pk):
        picked = list(Document.objects.filter(tenant=tenant).order_by("id")[:number])
        for start in range(0, number, 500):
            some = picked[start : start + 500]
            assign_perm("view_document", Group.objects.get(pk=random.choice(groups)), some)


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def of_each(people: list[Membership], work: Callable[[Membership], object]) -> list[float]:
    return [milliseconds(lambda member=member: work(member)) for member in people]


def guardians_scope(member: Membership) -> int:
    """What guardian would say she may see: documents of their own, and collections. It knows no nesting."""
    with managing(member.tenant_id):
        own = get_objects_for_user(member.user, "view_document", klass=Document, accept_global_perms=False)
        shelves = get_objects_for_user(
            member.user, "view_collection", klass=Collection, accept_global_perms=False
        )
        return len(own.values_list("pk", flat=True)) + len(shelves.values_list("pk", flat=True))


def guardians_documents(member: Membership) -> int:
    """The first page of every document in those collections: what a search would have to be given."""
    with managing(member.tenant_id):
        shelves = get_objects_for_user(
            member.user, "view_collection", klass=Collection, accept_global_perms=False
        )
        return len(Document.objects.filter(collection__in=shelves).values_list("pk", flat=True))


def finds(member: Membership, words: str) -> int:
    """Documents a search brings and the permission filter lets through, by the person's rights now."""
    query_text = Question(text=words, scope=scope_of(member), surface="bench")
    query = SearchQuery(question=SafeQuestion(question=query_text, text=words, verdict=Verdict()), text=words)

    async def run() -> int:
        found = await HybridRetriever(FakeEncoder()).retrieve(query)
        return len((await DatabasePermissionFilter().permit(found, query)).chunks)

    return asyncio.run(run())


def writes() -> dict[str, int]:
    """Rows written so far, by table: what a change of rights touches."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("select pg_stat_force_next_flush()")
        cursor.execute(
            "select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables where relname = any(%s)",
            [["retrieval_chunk", "retrieval_document", "accounts_delegation"]],
        )
        return dict(cursor.fetchall())


def membership_visible(tenant: Tenant, person: Membership) -> dict[str, object]:
    """From the start of the change of a group to the end of a search that sees it; both ways."""
    group = Group.objects.create(tenant=tenant, label="late")
    with managing(tenant.pk):
        shelf = Collection.objects.create(tenant=tenant, name="late")
        assign_perm("view_collection", group, shelf)
    a_document(shelf, "zephyr quarterly figures")
    finds(person, "zephyr quarterly")
    connection.close()
    before = writes()
    joined, left, naive = [], [], []
    for number in range(20):
        person.user.groups.remove(group.group_ptr)
        joined.append(milliseconds(lambda: (person.user.groups.add(group.group_ptr), seen(person, 1))))
        if number < NAIVE_TIMES:
            naive.append(milliseconds(lambda: guardians_documents(person)))
        left.append(milliseconds(lambda: (person.user.groups.remove(group.group_ptr), seen(person, 0))))
    connection.close()
    after = writes()
    return {
        "membership_visible_ms": quantile(joined, 0.95),
        "membership_gone_ms": quantile(left, 0.95),
        "naive_membership_visible_ms": quantile(naive, 0.95),
        "membership_chunk_rows_written": after["retrieval_chunk"] - before["retrieval_chunk"],
        "membership_document_rows_written": after["retrieval_document"] - before["retrieval_document"],
    }


def seen(person: Membership, expected: int) -> None:
    found = finds(person, "zephyr quarterly")
    if bool(found) != bool(expected):
        raise SystemExit(f"The search saw {found} passages and should have seen {expected}.")


def grant(tenant: Tenant, group: Group, naive_documents: int) -> dict[str, object]:
    """A collection of 100,000 documents granted to one more group, and taken back."""
    with managing(tenant.pk):
        shelf = Collection.objects.filter(tenant=tenant, name__startswith="shelf").order_by("principal_id")[0]
    connection.close()
    before = writes()

    def ours() -> None:
        with managing(tenant.pk):
            assign_perm("view_collection", group, shelf)

    def back() -> None:
        with managing(tenant.pk):
            remove_perm("view_collection", group, shelf)

    given, taken = milliseconds(ours), milliseconds(back)
    connection.close()
    after = writes()

    def guardians() -> None:
        with managing(tenant.pk):
            some = Document.objects.filter(collection=shelf)[:naive_documents]
            assign_perm("view_document", group, list(some))

    return {
        "grant_100k_s": round(given / 1000, 4),
        "revoke_100k_s": round(taken / 1000, 4),
        "naive_grant_100k_s": round(milliseconds(guardians) / 1000 * BIG / naive_documents, 1),
        "naive_grant_measured_on": naive_documents,
        "grant_chunk_rows_written": after["retrieval_chunk"] - before["retrieval_chunk"],
        "grant_document_rows_written": after["retrieval_document"] - before["retrieval_document"],
    }


def quantile(taken: list[float], share: float) -> float:
    return round(float(np.quantile(taken, share)), 2)


def measure(sizes: dict[str, int]) -> dict[str, object]:
    tenant = a_tenant("bench")
    started = time.perf_counter()
    fill(tenant, sizes)
    groups = list(
        Group.objects.filter(tenant=tenant, builtin=False).order_by("pk").values_list("pk", flat=True)
    )
    give_own_grants(tenant, groups, min(5_000, sizes["documents"] // 10))
    big = a_member(tenant)
    random = Random(SEED)
    big.user.groups.add(*random.sample(groups, min(1_000, len(groups) // 2)))
    filled = time.perf_counter() - started
    members = list(
        Membership.objects.filter(tenant=tenant).select_related("user", "tenant").order_by("pk")[:200]
    )
    scope_of(big)
    in_many = of_each([big] * 50, scope_of)
    ordinary = of_each(members, scope_of)
    naive_in_many = of_each([big] * NAIVE_TIMES, guardians_scope)
    naive_ordinary = of_each(members[:20], guardians_scope)
    return {
        "sizes": sizes,
        "fill_s": round(filled, 1),
        "principals_of_the_person_in_1000_groups": len(scope_of(big).principals),
        "scope_p95_ms": quantile(in_many, 0.95),
        "scope_p50_ms": quantile(in_many, 0.5),
        "naive_scope_p95_ms": quantile(naive_in_many, 0.95),
        "scope_ordinary_p95_ms": quantile(ordinary, 0.95),
        "naive_scope_ordinary_p95_ms": quantile(naive_ordinary, 0.95),
        **membership_visible(tenant, big),
        **grant(tenant, Group.objects.get(pk=groups[-1]), 10_000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=1_000_000)
    arguments = parser.parse_args()
    sizes = {"documents": arguments.documents, "people": 20_000, "groups": 5_000, "shelves": 2_000}
    databases.prepare_template()
    databases.clone_for(WORKER)
    try:
        print(json.dumps(measure(sizes)))
    finally:
        databases.drop(WORKER)


if __name__ == "__main__":
    main()
