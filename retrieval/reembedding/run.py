"""A re-embedding from its beginning to its end: begun, filled, indexed, verified, switched, dropped.

Each step may be killed and done again. Questions are answered from the old index until the switch, and from
the new one after it; until then nothing that is searched was touched.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from retrieval.errors import ReembeddingRefused
from retrieval.models import Reembedding
from retrieval.reembedding import tables
from retrieval.reembedding.fill import Filling, fill
from retrieval.reembedding.graph import build_graph
from retrieval.reembedding.owner import alone, application_role, briefly, owner
from retrieval.reembedding.switch import Switched, switch
from retrieval.reembedding.verify import SAMPLE, verify
from retrieval.search.space import recorded_space, space_of
from retrieval.values.spaces import Space

State = Reembedding.State

ROUNDS_MAX = 8
GRACE = timedelta(hours=24)  # in which somebody may look at the old table; nothing reads it


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a re-embedding is. state: "none", "filling" or "switched"; done: chunks in the new table."""

    state: str
    index: Space | None
    following: Space | None = None
    chunks: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reembedded:
    """What was done now. switched: None when the index had gone over before."""

    filled: int
    switched: Switched | None
    dropped: bool


Told = Callable[[str, int, int], None]  # step, chunks done, chunks in all


def reembed(filling: Filling, told: Told, *, drop: bool = False, sample: int = SAMPLE) -> Reembedded:
    """Take the index over to an encoder, or go on with that; the old table goes with `drop`, or after GRACE.

    Raises ReembeddingRefused, EncoderUnavailable; what was done so far is gone on from.
    """
    with alone():
        space = space_of(filling.encoder)
        found = Reembedding.objects.filter(pk=1).first()
        if found is None and recorded_space() == space:
            return Reembedded(filled=0, switched=None, dropped=False)
        if found is None:
            briefly(lambda cursor: begin(cursor, space))
        elif Space(name=found.name, dimensions=found.dimensions) != space:
            raise ReembeddingRefused(
                f"A re-embedding to encoder '{found.name}' with {found.dimensions} dimensions is {found.state},"
                f" and the next encoder is {space}. Go on with that one, or end it with --abort or --drop."
            )
        filled, switched = (
            (0, None) if found and found.state == State.SWITCHED else go_over(filling, told, sample)
        )
        return Reembedded(filled=filled, switched=switched, dropped=drop_old(at_once=drop))


def begin(cursor: Any, space: Space) -> None:
    """Make the second table and say so, in one transaction: from its commit on, writers write both."""
    current = recorded_space()
    if current is None:
        raise ReembeddingRefused("Nothing is indexed yet. Configure the encoder as RAGSITE_ENCODER instead.")
    tables.create_next(cursor, space, application_role())
    cursor.execute(
        """insert into retrieval_reembedding (id, state, name, dimensions, previous_name, previous_dimensions,
                                              started_at)
           values (1, 'filling', %s, %s, %s, %s, statement_timestamp())""",
        [space.name, space.dimensions, current.name, current.dimensions],
    )


class _Progress:
    """How many chunks the new table has, said step by step."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._done = self._total = self.filled = 0

    def step(self, name: str) -> None:
        now = status()
        self._done, self._total = now.done, now.chunks
        self._told(name, self._done, self._total)

    def more(self, chunks: int) -> None:
        self._done += chunks
        self.filled += chunks
        self._told("filling", self._done, max(self._total, self._done))


def go_over(filling: Filling, told: Told, sample: int) -> tuple[int, Switched]:
    """Fill, index, verify and switch; anew where chunks came past the new table meanwhile."""
    progress = _Progress(told)
    for _ in range(ROUNDS_MAX):
        progress.step("filling")
        fill(filling, progress.more)
        progress.step("indexing")
        build_graph()
        progress.step("verifying")
        verify(filling, sample)
        progress.step("switching")
        ended = switch()
        if isinstance(ended, Switched):
            return progress.filled, ended
        unequal = ended
    raise ReembeddingRefused(
        f"In each of {ROUNDS_MAX} attempts to switch, the new index lacked chunks ({unequal.missing}) or had too"
        f" many ({unequal.surplus}): a worker writes without knowing the next encoder. Restart the workers with"
        " the RAGSITE_NEXT_ settings, and run this again."
    )


def drop_old(*, at_once: bool) -> bool:
    """Drop the table that the index came from, at once or when it has been kept long enough."""
    found = Reembedding.objects.filter(pk=1, state=State.SWITCHED).first()
    if found is None or found.switched_at is None:
        return False
    if not at_once and timezone.now() - found.switched_at < GRACE:
        return False
    briefly(lambda cursor: cursor.execute(without("retrieval_chunk_old")))
    return True


def abort() -> bool:
    """Take back what was built, and leave the index as it was; False when there was nothing.

    Raises ReembeddingRefused when the index has gone over already.
    """
    with alone():
        found = Reembedding.objects.filter(pk=1).first()
        if found is None:
            return False
        if found.state == State.SWITCHED:
            raise ReembeddingRefused(
                "The index has gone over already. Drop the old one with --drop, or re-embed to its encoder."
            )
        briefly(lambda cursor: cursor.execute(without("retrieval_chunk_next")))
        return True


def without(table: str) -> str:
    """The statements that end a re-embedding and take one table along; all of them, or none."""
    return f"""
{tables.DROP_TRIGGER};
drop function if exists retrieval_chunk_gone();
drop table {table};
delete from retrieval_reembedding;
"""  # noqa: S608  (one of two names of our own)


def status() -> Status:
    found = Reembedding.objects.filter(pk=1).first()
    with owner().cursor() as cursor:
        (chunks,) = cursor.execute("select count(*) from retrieval_chunk").fetchone()
        done = chunks
        if found and found.state == State.FILLING:
            (done,) = cursor.execute("select count(*) from retrieval_chunk_next").fetchone()
    return Status(
        state=found.state if found else "none",
        index=recorded_space(),
        following=Space(name=found.name, dimensions=found.dimensions) if found else None,
        chunks=chunks,
        done=done if found else 0,
    )
