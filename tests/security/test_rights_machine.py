"""Random worlds, changed step by step, and after each step what production shows against a slow oracle."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from accounts import resolve
from accounts.database import rows_for
from accounts.models import Tenant, User
from accounts.roles import Role
from accounts.scope import AccessScope, Sensitivity
from retrieval.cache.answers import PostgresAnswerCache, find_by_evidence, find_by_question
from retrieval.cache.keys import evidence_key, question_key
from retrieval.interfaces import Miss
from retrieval.models import Document
from retrieval.search.permission import _re_read, _sorted_out
from retrieval.search.planner import Limits
from retrieval.values.answers import Answered
from retrieval.values.chunks import PermittedChunks
from tests.factories import fake_vector
from tests.retrieval.cache.test_answers import a_query, an_answer, evidence_of
from tests.retrieval.search.builders import ONLY_APPROXIMATE, FakeEncoder, a_retriever
from tests.security.open_flow import CONFIGURATION, SECRET_OF_KEYS, one_configuration
from tests.security.rights_world import WORDS, World, sync
from tests.support.clock import superuser

STEPS_MIN = 2_000
RUNS, STEPS_OF_A_RUN = 22, 100
LONG_RUNS, LONG_STEPS = 1_000, 100
KEPT_MAX = 2
LIST_EVERY = 8  # steps
VECTOR = fake_vector(WORDS)

PICK = st.integers(0, 11)
LEVELS = st.sampled_from(Sensitivity)
ENDS = st.sampled_from([None, None, 1, 2, 3])
RIGHTS = st.sampled_from(["view", "view", "view", "change"])
ROLES = st.sampled_from(Role.assignable())


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer in the cache, and the state of its tenant when it was stored."""

    question: str
    author: AccessScope
    evidence: PermittedChunks
    changes: int

    @property
    def papers(self) -> set[UUID]:
        return set(self.evidence.document_ids)


class Rights(RuleBasedStateMachine):
    """Every rule is a step: something changes on both sides, then both are compared."""

    connection: Any = None  # the superuser's, which moves time
    steps = 0

    @initialize()
    def begin(self) -> None:
        self.world = World(clock=type(self).connection)
        self.oracle = self.world.oracle
        self.kept: list[Kept] = []
        self.turn = 0
        # Kept for the whole run, as a process keeps them: what they remember must not outlive a right.
        self.retrievers = {
            "exact": a_retriever(chunks_max=50, limits=Limits()),
            "approximate": a_retriever(chunks_max=50, limits=ONLY_APPROXIMATE),
        }
        self.cache = PostgresAnswerCache(SECRET_OF_KEYS, one_configuration)

    # --- Steps ---

    @rule(who=PICK, group=PICK)
    def somebody_joins_or_leaves_a_group(self, who: int, group: int) -> None:
        self.world.join(one(self.world.people, who), one(self.world.groups, group))
        self.compare()

    @rule(inner=PICK, outer=PICK)
    def a_group_goes_into_another_or_out_of_it(self, inner: int, outer: int) -> None:
        self.world.nest(one(self.world.groups, inner), one(self.world.groups, outer))
        self.compare()

    @rule(shelf=PICK, to=PICK, days=ENDS, right=RIGHTS)
    def a_collection_is_granted(self, shelf: int, to: int, days: int | None, right: str) -> None:
        self.world.grant(one(self.world.shelves, shelf), self.grantee(to), days=days, right=right)
        self.compare()

    @rule(paper=PICK, to=PICK, days=ENDS, right=RIGHTS)
    def a_document_is_granted(self, paper: int, to: int, days: int | None, right: str) -> None:
        if self.world.papers:
            self.world.grant(one(self.world.papers, paper), self.grantee(to), days=days, right=right)
        self.compare()

    @rule(which=PICK)
    def a_grant_is_revoked(self, which: int) -> None:
        if self.oracle.grants:
            on, to, _ = one(list(self.oracle.grants), which)
            things: dict[Any, Any] = {thing.pk: thing for thing in (*self.world.shelves, *self.world.papers)}
            readers: dict[Any, Any] = {
                reader.pk: reader
                for reader in (*self.world.people, *self.world.groups, *self.world.of_everybody)
            }
            self.world.revoke(things[on], readers[to])
        self.compare()

    @rule(paper=PICK, shelf=PICK)
    def a_document_moves(self, paper: int, shelf: int) -> None:
        if self.world.papers:
            moved = one(self.world.papers, paper)
            at_home = [shelf for shelf in self.world.shelves if shelf.tenant_id == moved.tenant_id]
            self.world.change_paper(moved, collection_id=one(at_home, shelf).pk)
        self.compare()

    @rule(paper=PICK, inherits=st.booleans())
    def a_document_takes_its_collections_grants_or_does_not(self, paper: int, inherits: bool) -> None:
        self.change_paper(paper, inherits_grants=inherits)

    @rule(paper=PICK, level=LEVELS)
    def a_document_gets_another_level(self, paper: int, level: Sensitivity) -> None:
        self.change_paper(paper, sensitivity=level)

    @rule(paper=PICK, searchable=st.booleans())
    def a_document_is_held_back_or_released(self, paper: int, searchable: bool) -> None:
        self.change_paper(paper, searchable=searchable)

    @rule(place=PICK, level=LEVELS)
    def somebody_gets_another_ceiling(self, place: int, level: Sensitivity) -> None:
        self.world.change_place(*one(self.world.places, place), ceiling=level)
        self.compare()

    @rule(place=PICK, role=ROLES)
    def somebody_gets_another_role(self, place: int, role: Role) -> None:
        """Which gives nothing to read."""
        self.world.change_place(*one(self.world.places, place), role=role)
        self.compare()

    @rule(place=PICK, active=st.booleans())
    def a_membership_ends_or_begins_again(self, place: int, active: bool) -> None:
        self.world.change_place(*one(self.world.places, place), is_active=active)
        self.compare()

    @rule(who=PICK, back=st.booleans())
    def somebody_is_deactivated(self, who: int, back: bool) -> None:
        person = one(self.world.people, who)
        self.world.lock_out(person, True)
        self.compare()
        if back:
            for each in self.world.people:
                self.world.lock_out(each, False)

    @rule(which=PICK)
    def a_tenant_is_suspended_for_a_while(self, which: int) -> None:
        tenant = one(self.world.tenants, which)
        self.world.suspend(tenant, True)
        self.compare()
        self.world.suspend(tenant, False)

    @rule()
    def a_day_passes(self) -> None:
        self.world.pass_a_day()
        self.compare()

    @rule(shelf=PICK, level=LEVELS)
    def a_document_arrives(self, shelf: int, level: Sensitivity) -> None:
        if len(self.world.papers) < 9:
            self.world.add_paper(one(self.world.shelves, shelf), level)
        self.compare()

    @rule(paper=PICK)
    def a_document_goes(self, paper: int) -> None:
        if len(self.world.papers) > 3:
            self.world.remove_paper(one(self.world.papers, paper))
        self.compare()

    @rule(group=PICK)
    def a_group_is_replaced_by_a_new_one(self, group: int) -> None:
        gone = one(self.world.groups, group)
        self.world.remove_group(gone)
        self.world.add_group(gone.tenant)
        self.compare()

    @rule(place=PICK, some=st.integers(1, 3))
    def an_answer_is_stored(self, place: int, some: int) -> None:
        person, tenant = one(self.world.places, place)
        readable = self.oracle.readable(person.pk, tenant.pk)
        evidence = [paper for paper in self.world.papers if paper.pk in readable][:some]
        if evidence:
            self.keep(self.scope(User.objects.get(pk=person.pk), tenant), evidence)
        self.compare()

    # --- Both sides ---

    def grantee(self, pick: int) -> Any:
        return one([*self.world.people, *self.world.groups, *self.world.of_everybody], pick)

    def change_paper(self, paper: int, **columns: Any) -> None:
        if self.world.papers:
            self.world.change_paper(one(self.world.papers, paper), **columns)
        self.compare()

    def scope(self, person: User, tenant: Tenant) -> AccessScope | None:
        """As a request resolves it; None: there is no coming in."""
        membership = resolve.find_membership(person, tenant.pk)
        return None if membership is None else resolve.scope_of(membership)

    def keep(self, author: AccessScope | None, papers: list[Document]) -> None:
        assert author is not None
        self.turn += 1
        query = a_query(author, f"question {self.turn}")
        evidence = evidence_of(*papers)
        miss = sync(self.cache.lookup_question, query.question)
        assert isinstance(miss, Miss)
        assert sync(self.cache.store, query, evidence, an_answer(evidence), miss)
        changes = self.world.changes[author.tenant_id]
        self.kept.append(Kept(question=query.text, author=author, evidence=evidence, changes=changes))
        self.kept = self.kept[-KEPT_MAX:]

    def compare(self) -> None:
        """Everything that is shown, for one place after the other."""
        type(self).steps += 1
        self.turn += 1
        self.compare_place(*one(self.world.places, self.turn))
        if self.turn % LIST_EVERY == 0:
            self.compare_list(*one(self.world.places, self.turn // LIST_EVERY))

    def teardown(self) -> None:
        """At the end of a run, for all places."""
        for place in (getattr(self, "world", None) and self.world.places) or ():
            self.compare_place(*place)
            self.compare_list(*place)

    def compare_place(self, person: User, tenant: Tenant) -> None:
        scope = self.scope(User.objects.get(pk=person.pk), tenant)
        assert (scope is not None) == self.oracle.in_force(person.pk, tenant.pk)
        if scope is not None:
            assert readable_ids(scope) == self.expected(scope)
            self.compare_search(scope)
            self.compare_caches(scope)

    def compare_search(self, scope: AccessScope) -> None:
        query = a_query(scope, WORDS)
        expected = self.expected(scope)
        for path, retriever in self.retrievers.items():
            found = retriever._search(query, FakeEncoder(), VECTOR)
            permitted = _sorted_out(found.ranked, _re_read(scope, found.ranked))
            assert permitted.denied == ()
            assert set(permitted.document_ids) == expected
            pieces = sum(self.oracle.papers[paper].pieces for paper in expected)
            assert (found.plan.readable_chunks, len(permitted.chunks)) == (pieces, pieces)
            assert found.plan.path == (path if expected else "empty")

    def compare_caches(self, scope: AccessScope) -> None:
        expected = self.expected(scope)
        for kept in self.kept:
            query = a_query(scope, kept.question)
            by_evidence = find_by_evidence(
                scope, evidence_key(SECRET_OF_KEYS, query, kept.evidence, CONFIGURATION)
            )
            if kept.author.tenant_id == scope.tenant_id:
                assert (by_evidence is not None) == (kept.papers <= expected)
            else:
                assert by_evidence is None
            by_question = find_by_question(scope, question_key(SECRET_OF_KEYS, query.question, CONFIGURATION))
            if isinstance(by_question, Answered):
                assert kept.papers <= expected
                assert scope == kept.author
            elif scope == kept.author:
                # Given up although nothing happened, it would be a cache of nothing.
                assert kept.changes != self.world.changes[scope.tenant_id]

    def compare_list(self, person: User, tenant: Tenant) -> None:
        response = self.world.browser(person, tenant).get("/api/v1/documents?limit=100")
        listed = self.oracle.listed(person.pk, tenant.pk)
        if listed is None:
            assert response.status_code in (401, 403)
            return
        body = response.json()
        assert {UUID(row["id"]) for row in body["results"]} == listed
        assert body["count"] == len(body["results"]) == len(listed)

    def expected(self, scope: AccessScope) -> set[Any]:
        return self.oracle.readable(scope.user_id, scope.tenant_id)


def readable_ids(scope: AccessScope) -> set[Any]:
    """What `Document.objects.readable_by` brings inside `reading(scope)`, in one round trip for both."""
    statement, values = (
        Document.objects.readable_by(scope).order_by().values_list("pk").query.sql_with_params()
    )
    named = {f"value{number}": value for number, value in enumerate(values)}
    return {pk for (pk,) in rows_for(scope, statement % tuple(f"%({name})s" for name in named), named)}


def one(things: list[Any], pick: int) -> Any:
    return things[pick % len(things)]


STANDARD = settings(
    max_examples=RUNS,
    stateful_step_count=STEPS_OF_A_RUN,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def machine(committed: None) -> Iterator[type[Rights]]:
    """A machine of its own for each test, with time in its hands."""
    with superuser() as connection:
        yield type("Machine", (Rights,), {"connection": connection, "steps": 0})


def test_what_production_shows_is_what_the_oracle_allows_after_every_step(machine, capsys):
    run_state_machine_as_test(machine, settings=STANDARD)
    with capsys.disabled():
        os.write(1, f"\n{machine.steps} steps against the oracle\n".encode())

    assert machine.steps >= STEPS_MIN


@pytest.mark.long
def test_the_same_for_a_long_time_and_never_twice_alike(machine):
    long = settings(
        STANDARD, max_examples=LONG_RUNS, stateful_step_count=LONG_STEPS, derandomize=False, print_blob=True
    )
    run_state_machine_as_test(machine, settings=long)

    assert machine.steps >= LONG_RUNS * LONG_STEPS * 0.9


def without_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    real = resolve.scope_of
    monkeypatch.setattr(
        resolve, "scope_of", lambda *asked: replace(real(*asked), ceiling=Sensitivity.RESTRICTED)
    )


# What `accounts_acting_as` does, in the open, so that a rule of it can be left out.
ACTING = """
with held as materialized ({groups}),
     acting as (select d.principal_id, d.expires_at from accounts_delegation d
                 where d.tenant_id = %(tenant)s and d.holder_id in (select id from held union select %(user)s)
                   and {in_force})
select array(select id from held), array(select distinct principal_id from acting), (select min(expires_at) from acting)
"""
NESTED = "select unnest(accounts_group_ids(%(user)s, %(tenant)s)) as id"
NOT_NESTED = """select g.group_ptr_id::bigint as id from accounts_group g where g.tenant_id = %(tenant)s
    and (g.builtin or exists (select 1 from accounts_user_groups m
                               where m.user_id = %(user)s and m.group_id = g.group_ptr_id))"""
IN_FORCE = "(d.expires_at is null or d.expires_at > now())"


def with_ended_grants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "PRINCIPALS", ACTING.format(groups=NESTED, in_force="true"))


def without_nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "PRINCIPALS", ACTING.format(groups=NOT_NESTED, in_force=IN_FORCE))


def with_suspended_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    class EveryState:
        class State:
            ACTIVE = "active"

    real = resolve.active_memberships

    def all_of_them(user: User) -> list[Any]:
        from accounts.models import Membership

        return list(Membership.objects.filter(user=user, is_active=True)) if user.is_active else real(user)

    monkeypatch.setattr(resolve, "active_memberships", all_of_them)


BROKEN: list[Callable[[pytest.MonkeyPatch], None]] = [
    without_ceilings,
    with_ended_grants,
    without_nesting,
    with_suspended_tenants,
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_rule_is_noticed(machine, monkeypatch, broken):
    broken(monkeypatch)
    quick = settings(STANDARD, max_examples=15, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=quick)
