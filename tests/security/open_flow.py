"""A flow that says everything it is given: real cache, search and permission filter, nobody who holds back."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from uuid import UUID

from retrieval.audit.trail import DatabaseAuditTrail
from retrieval.cache.answers import PostgresAnswerCache
from retrieval.interfaces import Components, Draft
from retrieval.search.permission import DatabasePermissionFilter
from retrieval.values.answers import Usage
from retrieval.values.chunks import PermittedChunks
from retrieval.values.questions import SearchQuery
from tests.retrieval.flow.fakes import some_components
from tests.retrieval.search.builders import a_retriever

SECRET_OF_KEYS = b"a secret of the tests"
CONFIGURATION = "the same for everybody"


class WholeDraft:
    usage = Usage(model="whole")
    watchwords: tuple[str, ...] = ()

    def __init__(self, permitted: PermittedChunks) -> None:
        self.permitted = permitted

    async def pieces(self) -> AsyncGenerator[str]:
        for number, chunk in enumerate(self.permitted.chunks, start=1):
            yield f"{chunk.title}: {chunk.text} [{number}]. "


class WholeGenerator:
    """Answers every question with all that was permitted, word for word."""

    name, prompt_version = "whole", "1"

    def draft(self, query: SearchQuery, permitted: PermittedChunks) -> Draft:
        return WholeDraft(permitted)


async def one_configuration(tenant_id: UUID) -> str:
    return CONFIGURATION


def an_open_flow() -> Components:
    return replace(
        some_components(),
        audit_trail=DatabaseAuditTrail(),
        cache=PostgresAnswerCache(SECRET_OF_KEYS, one_configuration),
        retriever=a_retriever(chunks_max=50),
        permission_filter=DatabasePermissionFilter(),
        generator=WholeGenerator(),
    )
