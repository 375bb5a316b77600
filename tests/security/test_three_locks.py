"""Predicate, row-level security and permission filter: each alone stops every leak; without all, it leaks.

Everything that carries words or names of documents is asked three times, each time with two of the
three taken out, and once with none left, or the three times would prove nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.utils import timezone

from accounts.database import managing
from accounts.models import Membership
from accounts.resolve import scope_of
from accounts.roles import Role
from accounts.scope import AccessScope, Sensitivity
from retrieval.cache import answers
from retrieval.cache.keys import evidence_key, question_key
from retrieval.interfaces import Miss
from retrieval.models import Conversation, Document, Query, permitted
from retrieval.models.documents import DocumentQuerySet
from retrieval.search import permission, statements
from retrieval.values.answers import Answered
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone
from tests.retrieval.cache.test_answers import a_query, an_answer, evidence_of
from tests.retrieval.search.builders import ONLY_APPROXIMATE, permit, retrieve
from tests.retrieval.search.test_locks import WITHOUT_CONDITIONS
from tests.security.callers import session_of
from tests.security.grants import grant
from tests.security.open_flow import CONFIGURATION, SECRET_OF_KEYS, an_open_flow, one_configuration
from tests.support.clock import superuser, time_passes

QUESTION = "leave policy"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A document the asker may not read, and somebody who may."""

    document: Document
    reader: AccessScope


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    asker: Membership
    hidden: dict[str, Hidden]  # by the reason why it is hidden
    conversation: UUID  # the asker's own, with answers made from every hidden document

    @property
    def scope(self) -> AccessScope:
        return scope_of(self.asker)

    def kinds_in(self, text: str) -> set[str]:
        """The reasons of which a hidden word, title or shelf stands in the text."""
        return {kind for kind in self.hidden if f"secret-{kind}" in text}


def a_world() -> World:
    acme, globex = a_tenant(), a_tenant()
    insiders = a_group(acme)
    insider = a_member(acme, groups=(insiders,), ceiling=Sensitivity.RESTRICTED)
    asker = a_member(acme)
    # She belongs to the other tenant too, and is granted its document there.
    Membership.objects.create(tenant=globex, user=asker.user, created_at=timezone.now() + DAY)
    foreigner = a_member(globex)

    def hidden(kind: str, tenant, *readers, level: Sensitivity = Sensitivity.INTERNAL) -> Document:
        shelf = a_collection(tenant, readers=readers, name=f"shelf secret-{kind}")
        return a_document(
            shelf, f"leave policy secret-{kind}", sensitivity=level, title=f"title secret-{kind}"
        )

    documents = {
        "no-grant": hidden("no-grant", acme, insiders),
        "ceiling": hidden("ceiling", acme, everyone(acme), level=Sensitivity.RESTRICTED),
        "ended-on-shelf": hidden("ended-on-shelf", acme, insiders),
        "ended-on-document": hidden("ended-on-document", acme),
        "foreign": hidden("foreign", globex, everyone(globex), asker.user),
    }
    a_document(a_collection(acme, readers=(everyone(acme),)), "leave policy for all", title="open")
    with managing(acme.pk):
        ends = timezone.now() + DAY
        grant(documents["ended-on-shelf"].collection, asker.user, ends_at=ends)
        grant(documents["ended-on-document"], asker.user, ends_at=ends)
        grant(documents["ended-on-document"], insiders)
    with superuser() as connection:
        time_passes(connection, 2 * DAY)
    own, others = scope_of(insider), scope_of(foreigner)
    return World(
        asker=asker,
        hidden={
            kind: Hidden(document=document, reader=others if kind == "foreign" else own)
            for kind, document in documents.items()
        },
        conversation=a_conversation(asker, documents),
    )


def a_conversation(asker: Membership, documents: dict[str, Document]) -> UUID:
    with managing(asker.tenant_id):
        begun = Conversation.objects.create(tenant_id=asker.tenant_id, user=asker.user)
        for kind, document in documents.items():
            Query.objects.create(
                id=uuid4(), tenant_id=asker.tenant_id, user=asker.user, conversation=begun, question="what?",
                answer=f"it is secret-{kind}", outcome="answered", surface="web", document_ids=[document.pk],
            )  # fmt: skip
    return begun.pk


def about(kind: str) -> str:
    """The question that somebody who may read it asked and had answered."""
    return f"{QUESTION} {kind}"


# --- What is asked --------------------------------------------------------------------------------


def search(world: World, **changes: object) -> str:
    query = a_query(world.scope, QUESTION)
    return " ".join(
        chunk.text + chunk.title for chunk in permit(retrieve(query, chunks_max=50, **changes), query).chunks
    )


def search_approximately(world: World) -> str:
    return search(world, limits=ONLY_APPROXIMATE)


def ask(world: World) -> str:
    sent = {"question": QUESTION}
    response = session_of(world.asker).post("/api/v1/queries", sent, content_type="application/json")
    assert response.status_code == 200
    return response.content.decode()


def pages(*paths: str) -> Callable[[World], str]:
    def open_each(world: World) -> str:
        client = session_of(world.asker)
        return "\n".join(client.get(path).content.decode() for path in paths)

    return open_each


def each_document(pattern: str) -> Callable[[World], str]:
    def open_each(world: World) -> str:
        client = session_of(world.asker)
        opened = (client.get(pattern.format(hidden.document.pk)) for hidden in world.hidden.values())
        return "\n".join(response.content.decode() for response in opened)

    return open_each


def reopened_conversation(world: World) -> str:
    return session_of(world.asker).get(f"/conversations/{world.conversation}/").content.decode()


def cached_by_question(world: World) -> str:
    """Under the very key of somebody who may read it, as if keys could be had."""
    found = []
    for kind, hidden in world.hidden.items():
        query = a_query(hidden.reader, about(kind))
        key = question_key(SECRET_OF_KEYS, query.question, CONFIGURATION)
        found.append(answers.find_by_question(world.scope, key))
    return " ".join(answer.text for answer in found if isinstance(answer, Answered))


def cached_by_evidence(world: World) -> str:
    cache = answers.PostgresAnswerCache(SECRET_OF_KEYS, one_configuration)
    found = []
    for kind, hidden in world.hidden.items():
        evidence = evidence_of(hidden.document)
        # The tenant is part of the key; the reader's key is looked up under the asker's rights.
        key = evidence_key(SECRET_OF_KEYS, a_query(hidden.reader, about(kind)), evidence, CONFIGURATION)
        found += [
            answers.find_by_evidence(world.scope, key),
            async_to_sync(cache.lookup_evidence)(a_query(world.scope, about(kind)), evidence),
        ]
    return " ".join(answer.text for answer in found if answer is not None)


WAYS: dict[str, Callable[[World], str]] = {
    "search": search,
    "search-approximately": search_approximately,
    "ask": ask,
    "front-page": pages("/"),
    "list": pages("/documents/", "/documents/?page=2"),
    "list-api": pages("/api/v1/documents", "/api/v1/documents?limit=2&offset=1"),
    "collections": pages("/api/v1/collections"),
    "document": each_document("/documents/{}/"),
    "document-api": each_document("/api/v1/documents/{}"),
    "conversation": reopened_conversation,
    "cached-by-question": cached_by_question,
    "cached-by-evidence": cached_by_evidence,
}
# Held back by something else as well: the front page shows the newest four, a conversation and a
# collection are looked for in the asker's own tenant.
SHOWN_WITHOUT_ANY = {"front-page": {"foreign"}, "collections": {"no-grant", "ceiling"}}


def leaks(world: World) -> dict[str, set[str]]:
    return {name: world.kinds_in(way(world)) for name, way in WAYS.items()}


# --- What is taken out ----------------------------------------------------------------------------


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    return text


def without_predicate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DocumentQuerySet, "readable_by", lambda rows, scope: rows.filter(searchable=True))
    monkeypatch.setattr(statements, "READABLE", "d.searchable and %(collections)s::uuid[] is null")
    found = "(select * from retrieval_findable_document d where {condition}) d"
    monkeypatch.setattr(statements, "BY_PRINCIPAL", found)
    for name in ("EXACT", "APPROXIMATE", "EVERY_LEXEME", "RARE_LEXEMES"):
        text = replaced(getattr(statements, name), ("tenant_id = %(tenant)s", "true")).replace(
            "c.true", "true"
        )
        monkeypatch.setattr(statements, name, text)
    for name in ("BY_QUESTION", "BY_EVIDENCE"):
        text = replaced(
            getattr(answers, name), (answers.ALL_EVIDENCE_READABLE, "true"), ("c.tenant_id = %(tenant)s", "true"),
            *([("c.epoch = e.value", "true")] if name == "BY_QUESTION" else []),
        )  # fmt: skip
        monkeypatch.setattr(answers, name, text)


def without_row_level_security(monkeypatch: pytest.MonkeyPatch) -> None:
    with connections["owner"].cursor() as cursor:
        policies = cursor.execute(
            "select tablename, policyname from pg_policies"
            " where policyname <> 'owner_maintains' and tablename like 'retrieval_%'"
        )
        for table, policy in policies.fetchall():
            cursor.execute(f"alter policy {policy} on {table} using (true) with check (true)")
        cursor.execute(WITHOUT_CONDITIONS)


def without_permission_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = replaced(
        permission.RE_READ,
        ("d.id in (select id from granted) as granted", "true as granted"),
        ("d.sensitivity <= %(ceiling)s as within_ceiling", "true as within_ceiling"),
        ("d.tenant_id = %(tenant)s and", ""),
    )
    monkeypatch.setattr(permission, "RE_READ", passed)
    monkeypatch.setattr(permitted, "PERMITTED", "select unnest(%(documents)s::uuid[])")


TAKE_OUT = {
    "predicate": without_predicate,
    "row-level security": without_row_level_security,
    "permission filter": without_permission_filter,
}


def take_out(monkeypatch: pytest.MonkeyPatch, locks: Iterable[str]) -> None:
    for lock in locks:
        TAKE_OUT[lock](monkeypatch)


@pytest.fixture
def world(committed: None, monkeypatch: pytest.MonkeyPatch) -> World:
    world = a_world()
    monkeypatch.setattr("retrieval.api.queries.components", an_open_flow)
    cache = answers.PostgresAnswerCache(SECRET_OF_KEYS, one_configuration)
    for kind, hidden in world.hidden.items():
        query, evidence = a_query(hidden.reader, about(kind)), evidence_of(hidden.document)
        answer = replace(an_answer(evidence), text=f"it is secret-{kind} [1].")
        assert async_to_sync(cache.store)(query, evidence, answer, Miss(epoch=epoch_of(hidden.reader)))
    return world


def epoch_of(scope: AccessScope) -> int:
    found = answers.find_by_question(scope, b"nothing")
    assert isinstance(found, Miss)
    return found.epoch


NOTHING: dict[str, set[str]] = {name: set() for name in WAYS}


@pytest.mark.parametrize("left", TAKE_OUT)
def test_each_lock_alone_stops_every_leak(world, monkeypatch, left):
    take_out(monkeypatch, [lock for lock in TAKE_OUT if lock != left])

    assert leaks(world) == NOTHING


def test_with_all_three_there_is_no_leak_and_no_disagreement(world, monkeypatch):
    disagreed = []
    monkeypatch.setattr(
        permitted.log, "warning", lambda event, **keys: disagreed.append(event), raising=False
    )

    assert leaks(world) == NOTHING
    assert disagreed == []


def test_without_all_three_everything_hidden_is_shown(world, monkeypatch):
    take_out(monkeypatch, TAKE_OUT)
    shown = leaks(world)

    for name in WAYS:
        assert shown[name] >= SHOWN_WITHOUT_ANY.get(name, set(world.hidden)), name


def test_every_tenant_policy_is_taken_out(committed, monkeypatch):
    """Or a lock of the future would stay in, and prove the others for nothing."""
    without_row_level_security(monkeypatch)
    with connections["owner"].cursor() as cursor:
        kept = cursor.execute(
            "select tablename from pg_policies where policyname <> 'owner_maintains' and qual <> 'true'"
            " and tablename like 'retrieval_%'"
        ).fetchall()
    assert kept == []


def test_an_owner_of_the_tenant_is_shown_what_she_is_granted(world):
    """The world is not merely empty: who may read it is shown it by the same doors."""
    insider = Membership.objects.get(user=world.hidden["no-grant"].reader.user_id)
    assert insider.role == Role.MEMBER
    seen = {name: way(replace(world, asker=insider)) for name, way in WAYS.items() if name != "conversation"}
    for name in ("search", "ask", "list", "list-api", "document", "cached-by-evidence", "cached-by-question"):
        assert {"no-grant", "ceiling"} <= world.kinds_in(seen[name]), name
