"""The same world twice: in the database, by the doors production writes through, and in the oracle."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from asgiref.sync import async_to_sync
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.browsing import TENANT_IN_SESSION
from accounts.database import managing
from accounts.models import Group, GroupNesting, Membership, Tenant, User
from accounts.roles import Role
from accounts.scope import Sensitivity
from retrieval.ingestion.erase import erase_document
from retrieval.models import Collection, Document
from retrieval.search.index import PostgresChunkIndex
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone
from tests.security.callers import BACKEND
from tests.security.grants import grant, revoke
from tests.security.rights_oracle import Oracle, Paper, Place
from tests.support.clock import time_passes

DAY = timedelta(days=1)
# Grants end between two days, so that no moment of a step is near one.
HALF_A_DAY = timedelta(hours=12)
WORDS = "leave policy"


@dataclass
class World:
    """Two tenants with a person in both, and everything that decides what they may read."""

    clock: psycopg.Connection[tuple[object, ...]]
    oracle: Oracle = field(default_factory=Oracle)
    tenants: list[Tenant] = field(default_factory=list)
    people: list[User] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    of_everybody: list[Group] = field(default_factory=list)  # neither joined, nested nor removed
    shelves: list[Collection] = field(default_factory=list)
    papers: list[Document] = field(default_factory=list)
    browsers: dict[tuple[int, UUID], Client] = field(default_factory=dict)
    changes: dict[UUID, int] = field(default_factory=dict)  # by tenant

    def __post_init__(self) -> None:
        for people, groups, shelves, papers in ((2, 4, 2, 4), (1, 2, 1, 1)):
            tenant = a_tenant()
            self.tenants.append(tenant)
            self.changes[tenant.pk] = 0
            self.oracle.of_everybody[tenant.pk] = everyone(tenant).pk
            self.oracle.groups[everyone(tenant).pk] = tenant.pk
            self.of_everybody.append(everyone(tenant))
            a_member(tenant, role=Role.OWNER)  # one stays, so that everybody else may come and go
            for _ in range(people):
                self._settle(a_member(tenant))
            for _ in range(groups):
                self.add_group(tenant)
            shelved = [self._add_shelf(tenant) for _ in range(shelves)]
            for number in range(papers):
                self.add_paper(shelved[number % len(shelved)], Sensitivity.INTERNAL)
        self._settle(Membership.objects.create(tenant=self.tenants[1], user=self.people[0]), known=True)
        self._begin_lively()

    def _begin_lively(self) -> None:
        """Somebody reads by a group in a group in a group, so that steps find something to take away."""
        innermost, middle, outermost, *_ = self.groups
        self.nest(innermost, middle)
        self.nest(middle, outermost)
        self.join(self.people[1], innermost)
        self.grant(self.shelves[0], outermost, days=None, right="view")
        self.grant(self.shelves[1], self.of_everybody[0], days=3, right="view")

    @property
    def places(self) -> list[tuple[User, Tenant]]:
        tenants: dict[Any, Tenant] = {tenant.pk: tenant for tenant in self.tenants}
        people: dict[Any, User] = {person.pk: person for person in self.people}
        return [(people[person], tenants[tenant]) for person, tenant in self.oracle.places]

    def changed(self, *tenants: UUID) -> None:
        for tenant in tenants or tuple(self.changes):
            self.changes[tenant] += 1

    def browser(self, person: User, tenant: Tenant) -> Client:
        """Signed in while she could, and in this tenant ever since."""
        known = self.browsers.get((person.pk, tenant.pk))
        if known is None:
            known = self.browsers[person.pk, tenant.pk] = Client()
            known.force_login(person, backend=BACKEND)
            session = known.session
            session[TENANT_IN_SESSION] = str(tenant.pk)
            session.save()
        return known

    # --- What there is ---

    def _settle(self, member: Membership, *, known: bool = False) -> None:
        if not known:
            self.people.append(member.user)
        self.oracle.places[member.user_id, member.tenant_id] = Place(ceiling=member.ceiling, role=member.role)

    def add_group(self, tenant: Tenant) -> None:
        group = a_group(tenant)
        self.groups.append(group)
        self.oracle.groups[group.pk] = tenant.pk

    def remove_group(self, group: Group) -> None:
        self.groups.remove(group)
        self.changed(group.tenant_id)
        self.oracle.forget_group(group.pk)
        with managing(group.tenant_id):
            group.delete()

    def _add_shelf(self, tenant: Tenant) -> Collection:
        shelf = a_collection(tenant)
        self.shelves.append(shelf)
        self.oracle.shelves[shelf.pk] = tenant.pk
        return shelf

    def add_paper(self, shelf: Collection, level: Sensitivity) -> None:
        pieces = 1 + len(self.papers) % 2
        texts = [f"{WORDS} {len(self.papers)} {piece}" for piece in range(pieces)]
        paper = a_document(shelf, *texts, sensitivity=level)
        self.papers.append(paper)
        self.changed(shelf.tenant_id)
        self.oracle.papers[paper.pk] = Paper(shelf=shelf.pk, level=int(level), pieces=pieces)

    def remove_paper(self, paper: Document) -> None:
        self.papers.remove(paper)
        self.changed(paper.tenant_id)
        self.oracle.forget_paper(paper.pk)
        erase_document(paper, PostgresChunkIndex())

    # --- What happens to it ---

    def join(self, person: User, group: Group) -> None:
        """In, or out of it when she is in."""
        self.changed(group.tenant_id)
        pair = (person.pk, group.pk)
        if pair in self.oracle.joined:
            self.oracle.joined.discard(pair)
            person.groups.remove(group.pk)
        else:
            self.oracle.joined.add(pair)
            person.groups.add(group.pk)

    def nest(self, inner: Group, outer: Group) -> None:
        """One in the other, or apart when they are; what the oracle forbids the database must refuse."""
        self.changed(inner.tenant_id)
        pair = (inner.pk, outer.pk)
        if pair in self.oracle.inside:
            self.oracle.inside.discard(pair)
            GroupNesting.objects.filter(inner=inner, outer=outer).delete()
            return
        allowed = self.oracle.may_nest(*pair)
        nested = not refused(
            lambda: GroupNesting.objects.create(tenant_id=outer.tenant_id, inner=inner, outer=outer)
        )
        assert nested == allowed, "the database and the oracle disagree on nesting"
        if allowed:
            self.oracle.inside.add(pair)

    def grant(self, thing: Collection | Document, to: User | Group, *, days: int | None, right: str) -> None:
        """Grant; a grant to somebody of another tenant must be refused."""
        tenant_id = thing.tenant_id
        self.changed(tenant_id)
        at_home = (to.pk, tenant_id) in self.oracle.places or self.oracle.groups.get(to.pk) == tenant_id
        ends_at = None if days is None else timezone.now() + days * DAY - HALF_A_DAY
        with managing(tenant_id):
            granted = not refused(lambda: grant(thing, to, ends_at=ends_at, right=right))
        assert granted == at_home, "the database and the oracle disagree on who may be granted anything"
        if granted:
            end = None if days is None else self.oracle.clock + days
            self.oracle.grants[thing.pk, to.pk, right] = end
            if thing.pk in self.oracle.papers:
                self.oracle.papers[thing.pk].inherits = False

    def revoke(self, thing: Collection | Document, to: User | Group) -> None:
        self.changed(thing.tenant_id)
        self.oracle.grants.pop((thing.pk, to.pk, "view"), None)
        with managing(thing.tenant_id):
            revoke(thing, to)

    def change_paper(self, paper: Document, **columns: Any) -> None:
        """Columns as production writes them: collection, inherits_grants, sensitivity, searchable."""
        self.changed(paper.tenant_id)
        told = self.oracle.papers[paper.pk]
        told.shelf = columns.get("collection_id", told.shelf)
        told.inherits = columns.get("inherits_grants", told.inherits)
        told.level = int(columns.get("sensitivity", told.level))
        told.searchable = columns.get("searchable", told.searchable)
        with managing(paper.tenant_id):
            assert Document.objects.filter(pk=paper.pk).update(**columns) == 1

    def change_place(self, person: User, tenant: Tenant, **columns: Any) -> None:
        """Columns of a membership: ceiling, role, is_active."""
        self.changed(tenant.pk)
        told = self.oracle.places[person.pk, tenant.pk]
        told.ceiling = int(columns.get("ceiling", told.ceiling))
        told.role = str(columns.get("role", told.role))
        told.active = columns.get("is_active", told.active)
        with managing(tenant.pk):
            Membership.objects.filter(tenant=tenant, user=person).update(**columns)

    def lock_out(self, person: User, locked: bool) -> None:
        self.changed()
        (self.oracle.locked_out.add if locked else self.oracle.locked_out.discard)(person.pk)
        User.objects.filter(pk=person.pk).update(is_active=not locked)

    def suspend(self, tenant: Tenant, suspended: bool) -> None:
        self.changed(tenant.pk)
        (self.oracle.suspended.add if suspended else self.oracle.suspended.discard)(tenant.pk)
        state = Tenant.State.SUSPENDED if suspended else Tenant.State.ACTIVE
        Tenant.objects.filter(pk=tenant.pk).update(state=state)

    def pass_a_day(self) -> None:
        self.changed()
        self.oracle.clock += 1
        time_passes(self.clock, DAY)


def refused(act: Callable[[], object]) -> bool:
    """Whether the database holds a constraint of ours against it."""
    try:
        with transaction.atomic():
            act()
    except IntegrityError:
        return True
    return False


def sync(coroutine_function: Callable[..., Any], *args: object) -> Any:
    return async_to_sync(coroutine_function)(*args)
