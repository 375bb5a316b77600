"""The answer cache in PostgreSQL: exact by question, and by evidence.

Two locks and a check on every read, besides the keys: row-level security shows an entry only to who may
read every document of its evidence, the statement itself says the same once more, and what it found is
held against the grants.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from accounts.database import in_database, rows_for
from accounts.scope import AccessScope
from retrieval.cache.keys import evidence_key, question_key
from retrieval.cache.rows import answered_from_row, citation_to_json, verdict_to_json
from retrieval.interfaces import Miss
from retrieval.models.permitted import permitted_among
from retrieval.values.answers import Answered, Source
from retrieval.values.chunks import PermittedChunks
from retrieval.values.questions import SafeQuestion, SearchQuery

Configuration = Callable[[UUID], Awaitable[str]]

ALL_EVIDENCE_READABLE = """not exists (
    select 1 from unnest(c.document_ids) as e(id)
     where not exists (select 1 from retrieval_document d
                        where d.id = e.id and d.tenant_id = %(tenant)s and d.searchable
                          and d.sensitivity <= %(ceiling)s and d.principals && %(principals)s::bigint[]))"""

BY_QUESTION = f"""
select e.value, c.answer, c.citations, c.verdict, c.model, c.document_ids
  from (select coalesce((select value from retrieval_epoch where tenant_id = %(tenant)s), 0) as value) e
  left join retrieval_cachedanswer c
    on c.tenant_id = %(tenant)s and c.question_key = %(key)s and c.epoch = e.value
   and {ALL_EVIDENCE_READABLE}
 order by c.created_at desc limit 1"""  # noqa: S608  (constants only)

BY_EVIDENCE = f"""
select c.answer, c.citations, c.verdict, c.model, c.document_ids
  from retrieval_cachedanswer c
 where c.tenant_id = %(tenant)s and c.evidence_key = %(key)s and {ALL_EVIDENCE_READABLE}
 order by c.created_at desc limit 1"""  # noqa: S608  (constants only)

STORE = """
insert into retrieval_cachedanswer (id, tenant_id, author_id, question_key, epoch, evidence_key, answer,
                                    citations, verdict, model, document_ids, chunk_ids, created_at)
values (%(id)s, %(tenant)s, %(author)s, %(question_key)s, %(epoch)s, %(evidence_key)s, %(answer)s,
        %(citations)s, %(verdict)s, %(model)s, %(document_ids)s, %(chunk_ids)s, %(now)s)
on conflict (tenant_id, question_key, evidence_key) do update
   set epoch = excluded.epoch, answer = excluded.answer, citations = excluded.citations,
       verdict = excluded.verdict, model = excluded.model, document_ids = excluded.document_ids,
       chunk_ids = excluded.chunk_ids, created_at = excluded.created_at"""


class PostgresAnswerCache:
    """Implements `AnswerCache`.

    secret: keys the HMACs. configuration: what else an answer depends on (model, prompt, encoder and
    the tenant's own settings), as one string; a change of any of them finds nothing.
    """

    def __init__(self, secret: bytes, configuration: Configuration) -> None:
        self.secret = secret
        self.configuration = configuration

    async def lookup_question(self, question: SafeQuestion) -> Answered | Miss:
        configuration = await self.configuration(question.scope.tenant_id)
        key = question_key(self.secret, question, configuration)
        return await in_database(find_by_question, question.scope, key)

    async def lookup_evidence(self, query: SearchQuery, permitted: PermittedChunks) -> Answered | None:
        configuration = await self.configuration(query.scope.tenant_id)
        key = evidence_key(self.secret, query, permitted, configuration)
        return await in_database(find_by_evidence, query.scope, key)

    async def store(
        self, query: SearchQuery, permitted: PermittedChunks, answer: Answered, miss: Miss
    ) -> bool:
        if not qualifies(answer):
            return False
        configuration = await self.configuration(query.scope.tenant_id)
        row = {
            "id": uuid4(),
            "tenant": query.scope.tenant_id,
            "author": query.scope.user_id,
            "question_key": question_key(self.secret, query.question, configuration),
            "evidence_key": evidence_key(self.secret, query, permitted, configuration),
            "epoch": miss.epoch,
            "answer": answer.text,
            "citations": json.dumps([citation_to_json(citation) for citation in answer.citations]),
            "verdict": json.dumps(verdict_to_json(answer.verdict)),
            "model": answer.usage.model,
            "document_ids": list(permitted.document_ids),
            "chunk_ids": [chunk.chunk_id for chunk in permitted.chunks],
            "now": timezone.now(),
        }
        await in_database(insert, query.scope, row)
        return True


def qualifies(answer: Answered) -> bool:
    """Whether an answer may be given to others: freshly generated, let out, and resting on evidence."""
    return answer.source is Source.GENERATED and not answer.verdict.blocked and bool(answer.citations)


def rights(scope: AccessScope) -> dict[str, Any]:
    return {
        "tenant": scope.tenant_id,
        "ceiling": int(scope.ceiling),
        "principals": list(scope.principals),
    }


def find_by_question(scope: AccessScope, key: bytes) -> Answered | Miss:
    ((epoch, answer, *rest),) = rows_for(scope, BY_QUESTION, rights(scope) | {"key": key})
    if answer is None or not all_granted(scope, rest[-1]):
        return Miss(epoch=epoch)
    return answered_from_row(Source.EXACT_CACHE, answer, *decoded(rest))


def find_by_evidence(scope: AccessScope, key: bytes) -> Answered | None:
    rows = rows_for(scope, BY_EVIDENCE, rights(scope) | {"key": key})
    if not rows:
        return None
    answer, *rest = rows[0]
    if not all_granted(scope, rest[-1]):
        return None
    return answered_from_row(Source.EVIDENCE_CACHE, answer, *decoded(rest))


def all_granted(scope: AccessScope, documents: list[UUID]) -> bool:
    return permitted_among(scope, documents) == set(documents)


def decoded(columns: list[Any]) -> list[Any]:
    """(citations, verdict, model, documents): a raw cursor gives JSON as text."""
    citations, verdict, model, documents = columns
    return [json.loads(citations), json.loads(verdict), model, documents]


def insert(scope: AccessScope, row: dict[str, Any]) -> None:
    rows_for(scope, STORE, row)
