"""Random worlds of tenants, groups, grants and sensitivities, against a brute-force oracle in Python."""

from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest
from django.contrib.auth.models import AbstractBaseUser

from accounts.models import Group, Membership
from accounts.resolve import scope_of
from accounts.scope import AccessScope, Sensitivity
from retrieval.language.analyser import analyse, term_id
from retrieval.models import Document
from retrieval.search.fusion import fuse_scores
from retrieval.search.planner import Limits
from retrieval.search.weighting import document_weights, inverse_frequency
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone, fake_vector
from tests.retrieval.search.builders import ONLY_APPROXIMATE, a_query, permit, retrieve

LISTED = "leave policy pay month canteen noon board secret travel cost laptop badge contract notice"
WORDS = LISTED.split()
TOLERANCE = 2e-3  # half precision of the stored vectors, stretched by fusion


@dataclass
class World:
    """Tenants with documents and people, and the grants as they were given: the oracle's only source."""

    random: Random
    texts: dict[object, tuple[str, ...]] = field(default_factory=dict)  # by document id
    readers: dict[object, set[int]] = field(default_factory=dict)  # principals granted, by document id
    tenants: dict[object, object] = field(default_factory=dict)  # tenant id, by document id
    sensitivity: dict[object, int] = field(default_factory=dict)
    members: list[Membership] = field(default_factory=list)

    @property
    def scopes(self) -> list[AccessScope]:
        return [scope_of(member) for member in self.members]

    def fill(self) -> None:
        for _ in range(2):
            tenant = a_tenant()
            groups = [everyone(tenant), *(a_group(tenant) for _ in range(3))]
            for _ in range(4):
                joined = tuple(g for g in groups[1:] if self.random.random() < 0.4)
                ceiling = self.random.choice(list(Sensitivity))
                self.members.append(a_member(tenant, groups=joined, ceiling=ceiling))
            people = [member.user for member in self.members if member.tenant_id == tenant.pk]
            for _ in range(3):
                granted = self._some([*groups, *people])
                shelf = a_collection(tenant, readers=granted)
                for _ in range(5):
                    self._add(tenant, shelf, granted, self._some([*groups, *people]))

    def _some(self, readers: list[Group | AbstractBaseUser]) -> tuple:
        return tuple(self.random.sample(readers, self.random.choice([0, 0, 1, 2])))

    def _add(self, tenant, shelf, inherited: tuple, own: tuple) -> None:
        texts = tuple(" ".join(self.random.choices(WORDS, k=self.random.randint(2, 9))) for _ in range(3))
        level = self.random.choice(list(Sensitivity))
        document: Document = a_document(shelf, *texts, readers=own, sensitivity=level)
        self.texts[document.pk] = texts
        self.readers[document.pk] = {reader.pk for reader in own or inherited}
        self.tenants[document.pk] = tenant.pk
        self.sensitivity[document.pk] = level

    def readable(self, scope: AccessScope) -> set[object]:
        asks_as = {scope.user_id, *scope.group_ids}
        return {
            document_id
            for document_id, granted in self.readers.items()
            if granted & asks_as
            and self.tenants[document_id] == scope.tenant_id
            and self.sensitivity[document_id] <= scope.ceiling
        }

    def best_scores(self, scope: AccessScope, question: str, count: int) -> list[float]:
        """Fused scores of the best readable chunks, by comparing every one."""
        own = [
            text
            for id_, texts in self.texts.items()
            if self.tenants[id_] == scope.tenant_id
            for text in texts
        ]
        readable = [text for id_ in self.readable(scope) for text in self.texts[id_]]
        vector = fake_vector(question)
        dense = {n: float(fake_vector(text) @ vector) for n, text in enumerate(readable)}
        lexical = {n: bm25(question, text, own) for n, text in enumerate(readable)}
        found = {n: score for n, score in lexical.items() if score > 0}
        return [score for _, score in fuse_scores(dense, found)[:count]]


def bm25(question: str, text: str, texts: list[str]) -> float:
    terms: dict[int, int] = {}
    for stem in analyse(text):
        terms[term_id(stem)] = terms.get(term_id(stem), 0) + 1
    weights = document_weights(terms)
    return sum(
        inverse_frequency(sum(stem in analyse(each) for each in texts), len(texts))
        * weights.get(term_id(stem), 0)
        for stem in set(analyse(question))
    )


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_a_search_brings_exactly_what_the_oracle_allows(seed):
    world = World(random=Random(seed))
    world.fill()
    for scope in world.scopes:
        for limits in (Limits(), ONLY_APPROXIMATE):
            question = " ".join(world.random.choices(WORDS, k=3))
            query = a_query(scope, question)
            found = retrieve(query, limits=limits)
            permitted = permit(found, query)

            assert {chunk.document_id for chunk in permitted.chunks} <= world.readable(scope)
            assert all(chunk.text in world.texts[chunk.document_id] for chunk in permitted.chunks)
            assert permitted.denied == ()
            assert [c.score for c in found.ranked] == pytest.approx(
                world.best_scores(scope, question, 8), abs=TOLERANCE
            ), (scope, question, found.plan)


@pytest.mark.django_db
def test_the_random_worlds_hold_people_who_may_read_all_some_and_nothing():
    world = World(random=Random(0))
    world.fill()
    counts = {len(world.readable(scope)) for scope in world.scopes}
    assert min(counts) < 4 < max(counts)
    assert np.std(list(counts)) > 0
