"""What the output guardrail costs on a 500-token answer, and how far behind it lets text go.

Prints one JSON line: processor milliseconds added per answer and their p95, characters a second by the
size of the pieces a model sends, and how many characters later a character leaves than it was written.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from accounts.scope import AccessScope
from compliance.pii import PiiEngine
from retrieval.guardrails.output import DefaultOutputGuardrail
from retrieval.guardrails.policy import GuardPolicy
from retrieval.interfaces import Released
from retrieval.values.answers import Usage
from retrieval.values.chunks import PermittedChunk, PermittedChunks
from retrieval.values.questions import Question, SafeQuestion, SearchQuery
from retrieval.values.verdicts import Verdict

TOKEN_CHARS = 4  # of English on average
ANSWER_CHARS = 500 * TOKEN_CHARS
PIECE_CHARS = (1, 4, 20, 2000)
ROUNDS = 60
PASSAGE = (
    "Employees who travel for more than 24 hours claim a daily allowance of 42.50 euros [1]. Claims go to "
    "finance@acme.example within 30 days, with receipts; see the travel policy, section 7.3 [2].\n\n"
    "- Flights over 6 hours: **premium economy** [1][3]\n- Trains: first class from 2026-04-01 on\n"
)


@dataclass
class _Draft:
    texts: Sequence[str]
    watchwords: tuple[str, ...] = ("9f3c51e07ab84d26", "You answer from passages. " * 60)
    usage: Usage = field(default_factory=lambda: Usage(model="bench"))
    written: int = 0

    async def pieces(self) -> AsyncGenerator[str]:
        for text in self.texts:
            self.written += len(text)
            yield text


class _Defaults:
    def policy_for(self, tenant_id: UUID) -> GuardPolicy:
        return GuardPolicy(allowed_hosts=("acme.example",))


def _chunk(rank: int) -> PermittedChunk:
    return PermittedChunk(
        chunk_id=rank,
        document_id=uuid4(),
        ordinal=0,
        rank=rank,
        score=0.5,
        title="Travel policy",
        heading="",
        page=None,
        text=PASSAGE,
        start_char=0,
        end_char=len(PASSAGE),
        digest=b"",
    )


_PERMITTED = PermittedChunks(chunks=tuple(map(_chunk, (1, 2, 3))))


def _query() -> SearchQuery:
    scope = AccessScope(tenant_id=uuid4(), user_id=1, group_ids=frozenset())
    safe = SafeQuestion(question=Question(text="?", scope=scope), text="?", verdict=Verdict())
    return SearchQuery(question=safe, text="?")


def _answer(chars: int) -> str:
    return (PASSAGE * (chars // len(PASSAGE) + 1))[:chars]


async def _bare(draft: _Draft) -> float:
    started = time.process_time()
    async for _ in draft.pieces():
        pass
    return time.process_time() - started


async def _guarded(by: DefaultOutputGuardrail, draft: _Draft) -> tuple[float, list[int]]:
    """Seconds it took, and for each character that left, how many had been written after it."""
    behind: list[int] = []
    left = 0
    started = time.process_time()
    async for item in by.watch(draft, _query(), _PERMITTED):
        if isinstance(item, Released):
            behind += range(draft.written - left, draft.written - left - len(item.text), -1)
            left += len(item.text)
    return time.process_time() - started, behind


async def _measure(by: DefaultOutputGuardrail, piece_chars: int) -> tuple[list[float], list[int]]:
    answer = _answer(ANSWER_CHARS)
    texts = [answer[at : at + piece_chars] for at in range(0, len(answer), piece_chars)]
    added, behind = [], []
    for _ in range(ROUNDS):
        bare = await _bare(_Draft(texts))
        seconds, behind = await _guarded(by, _Draft(texts))
        added.append(seconds - bare)
    return added, behind


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def main() -> None:
    pii = PiiEngine()
    pii.warm()
    by = DefaultOutputGuardrail(pii, _Defaults())
    added: dict[int, list[float]] = {}
    behind: dict[int, list[int]] = {}
    for piece_chars in PIECE_CHARS:
        added[piece_chars], behind[piece_chars] = await _measure(by, piece_chars)
    usual = PIECE_CHARS[1]
    print(
        json.dumps(
            {
                "bench": "guard_output",
                "answer_chars": ANSWER_CHARS,
                "added_ms_p50": round(statistics.median(added[usual]) * 1000, 2),
                "added_ms_p95": round(_quantile(added[usual], 0.95) * 1000, 2),
                "held_chars_p50": _quantile(behind[usual], 0.5),
                "held_chars_p95": _quantile(behind[usual], 0.95),
                "chars_a_second": {
                    str(size): round(ANSWER_CHARS / statistics.median(seconds))
                    for size, seconds in added.items()
                },
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
