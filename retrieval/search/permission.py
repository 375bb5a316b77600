"""The permission filter: the truth, read again, for what the search found.

Search reads the flattened principals of a document; this reads the grants they are made from. Where
the two differ, the chunk is denied and the difference is a security event.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.database import in_database, rows_for
from accounts.scope import AccessScope
from retrieval.models import Document
from retrieval.values.chunks import Candidate, Candidates, DeniedChunk, PermittedChunk, PermittedChunks
from retrieval.values.questions import SearchQuery

# Text is joined under the verdict, so that what is denied is not even read.
RE_READ = """
with found as (select * from unnest(%(chunks)s::bigint[], %(documents)s::uuid[]) as f (chunk_id, document_id)),
granted as materialized (select retrieval_granted(%(documents)s::uuid[], %(principals)s::bigint[]) as id),
judged as materialized (
    select d.id, d.version_id, d.content_version, d.title, d.searchable, d.status,
           d.id in (select id from granted) as granted, d.sensitivity <= %(ceiling)s as within_ceiling
      from retrieval_document d
     where d.tenant_id = %(tenant)s and d.id = any(%(documents)s::uuid[]))
select f.chunk_id, j.title, j.searchable, j.status, j.granted, j.within_ceiling,
       j.content_version, t.ordinal, t.heading, t.page, t.body, t.start_char, t.end_char, t.digest
  from found f
  left join judged j on j.id = f.document_id
  left join retrieval_chunk_text t
    on t.chunk_id = f.chunk_id and t.version_id = j.version_id and j.searchable and j.granted and j.within_ceiling
"""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One found chunk as the database has it now; None where there is no such row, or none to be read."""

    title: str | None
    searchable: bool | None
    status: str | None
    granted: bool | None
    within_ceiling: bool | None
    version: int | None
    ordinal: int
    heading: str
    page: int | None
    text: str | None
    start_char: int
    end_char: int
    digest: bytes

    @property
    def denial(self) -> str:
        """Why the chunk may not be read; "" when it may."""
        if self.searchable is None:
            return "absent"
        if not self.searchable:
            return "quarantined" if self.status == Document.Status.QUARANTINED else "absent"
        if not self.granted:
            return "no_grant"
        if not self.within_ceiling:
            return "sensitivity"
        # The document is readable and its chunk is gone: it was ingested anew in between.
        return "absent" if self.text is None else ""


class DatabasePermissionFilter:
    """Hands out the text of chunks whose documents are granted to the asker at this moment."""

    async def permit(self, candidates: Candidates, query: SearchQuery) -> PermittedChunks:
        """Re-read grants, state and sensitivity of what was found; text for what may be read now.

        The order of the candidates stays; what is denied is listed with its reason.
        """
        if not candidates.ranked:
            return PermittedChunks(chunks=())
        readings = await in_database(_re_read, query.scope, candidates.ranked)
        return _sorted_out(candidates.ranked, readings)


def _re_read(scope: AccessScope, found: Sequence[Candidate]) -> dict[int, _Reading]:
    parameters = {
        "chunks": [candidate.chunk_id for candidate in found],
        "documents": [candidate.document_id for candidate in found],
        "tenant": scope.tenant_id,
        "ceiling": int(scope.ceiling),
        "principals": list(scope.principals),
    }
    return {chunk_id: _Reading(*row) for chunk_id, *row in rows_for(scope, RE_READ, parameters)}


def _sorted_out(found: Sequence[Candidate], readings: dict[int, _Reading]) -> PermittedChunks:
    permitted: list[PermittedChunk] = []
    denied: list[DeniedChunk] = []
    for rank, candidate in enumerate(found, start=1):
        read = readings[candidate.chunk_id]
        if read.denial:
            denied.append(_denied(candidate, rank, read.denial))
        else:
            permitted.append(_permitted(candidate, rank, read))
    return PermittedChunks(chunks=tuple(permitted), denied=tuple(denied))


def _denied(candidate: Candidate, rank: int, reason: str) -> DeniedChunk:
    return DeniedChunk(
        chunk_id=candidate.chunk_id,
        document_id=candidate.document_id,
        rank=rank,
        score=candidate.score,
        reason=reason,
    )


def _permitted(candidate: Candidate, rank: int, read: _Reading) -> PermittedChunk:
    return PermittedChunk(
        chunk_id=candidate.chunk_id,
        document_id=candidate.document_id,
        version=read.version or 0,
        ordinal=read.ordinal,
        rank=rank,
        score=candidate.score,
        title=read.title or "",
        heading=read.heading,
        page=read.page,
        text=read.text or "",
        start_char=read.start_char,
        end_char=read.end_char,
        digest=bytes(read.digest),
        dense_score=candidate.dense_score,
    )
