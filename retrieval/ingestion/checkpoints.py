"""What a step leaves for the next one, and for whoever goes on after a worker died.

A small document's text and pieces stay in memory, since doing them again costs less than keeping them;
those of a large one are streamed into the vault and out of it again, and never stand in memory whole.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from uuid import UUID

from retrieval.errors import RetrievalError
from retrieval.ingestion import vault
from retrieval.ingestion.frames import dump_blocks, load_blocks
from retrieval.ingestion.parsed import Frame, ParsedBlock, Region, Summary
from retrieval.ingestion.splitter import PieceOfText

LINES_AT_ONCE = 200


class BrokenCheckpoint(RetrievalError):
    """What an earlier worker left cannot be read; the work begins anew."""

    code = "broken_checkpoint"
    permanent = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A document's text. `name` is empty while it is in memory."""

    tenant_id: UUID
    summary: Summary
    in_memory: tuple[ParsedBlock, ...] = ()
    name: str = ""

    def blocks(self) -> Iterator[ParsedBlock]:
        if not self.name:
            yield from self.in_memory
            return
        for frame in frames_in(self.tenant_id, self.name):
            if isinstance(frame, ParsedBlock):
                yield frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A document's pieces in order. `name` is empty while they are in memory."""

    tenant_id: UUID
    total: int
    in_memory: tuple[PieceOfText, ...] = ()
    name: str = ""

    def after(self, done: int) -> Iterator[PieceOfText]:
        """The pieces from number `done` on."""
        if not self.name:
            yield from self.in_memory[done:]
            return
        for number, line in enumerate(lines_in(self.tenant_id, self.name)):
            if number >= done:
                yield piece_from(line)


def keep_parsed(tenant_id: UUID, frames: Iterator[Frame]) -> Parsed:
    """Take a document's frames in: blocks, then one summary."""
    first = next(frames)
    if isinstance(first, Summary):
        return Parsed(tenant_id=tenant_id, summary=first)
    second = next(frames)
    if isinstance(second, Summary):
        return Parsed(tenant_id=tenant_id, summary=second, in_memory=(first,))
    last: list[Summary] = []
    passing = noting_summary(chain((first, second), frames), last)
    kept = vault.keep(tenant_id, dump_blocks(passing))
    return Parsed(tenant_id=tenant_id, summary=last[0], name=kept.name)


def parsed_before(tenant_id: UUID, name: str) -> Parsed:
    """What an earlier worker kept under this name. Raises BrokenCheckpoint."""
    summary = next((frame for frame in frames_in(tenant_id, name) if isinstance(frame, Summary)), None)
    if summary is None:
        raise BrokenCheckpoint("What was read before is incomplete.")
    return Parsed(tenant_id=tenant_id, summary=summary, name=name)


def keep_pieces(tenant_id: UUID, pieces: Iterator[PieceOfText], *, in_memory: bool) -> Pieces:
    """Take a document's pieces in, whole or by way of the vault."""
    if in_memory:
        whole = tuple(pieces)
        return Pieces(tenant_id=tenant_id, total=len(whole), in_memory=whole)
    counted = Counted(pieces)
    kept = vault.keep(tenant_id, compressed(json.dumps(asdict(piece)) for piece in counted))
    return Pieces(tenant_id=tenant_id, total=counted.number, name=kept.name)


class Counted:
    """Counts what passes through it."""

    def __init__(self, pieces: Iterable[PieceOfText]) -> None:
        self.number = 0
        self._pieces = pieces

    def __iter__(self) -> Iterator[PieceOfText]:
        for piece in self._pieces:
            self.number += 1
            yield piece


def noting_summary(frames: Iterable[Frame], last: list[Summary]) -> Iterator[Frame]:
    for frame in frames:
        if isinstance(frame, Summary):
            last.append(frame)
        yield frame


def frames_in(tenant_id: UUID, name: str) -> Iterator[Frame]:
    try:
        with vault.open(tenant_id, name) as stream:
            yield from load_blocks(stream)
    except (ValueError, OSError) as error:
        raise BrokenCheckpoint("What was read before cannot be read again.") from error


def compressed(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines as gzip (RFC 1952), some at a time."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as out:
        for number, line in enumerate(lines, start=1):
            out.write(line.encode() + b"\n")
            if number % LINES_AT_ONCE == 0:
                yield taken_from(buffer)
    yield taken_from(buffer)


def taken_from(buffer: io.BytesIO) -> bytes:
    content = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return content


def lines_in(tenant_id: UUID, name: str) -> Iterator[str]:
    try:
        with vault.open(tenant_id, name) as stream, gzip.GzipFile(fileobj=stream) as lines:
            for line in lines:
                yield line.decode()
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise BrokenCheckpoint("The pieces found before cannot be read again.") from error


def piece_from(line: str) -> PieceOfText:
    fields = json.loads(line)
    fields["regions"] = tuple(Region(**region) for region in fields["regions"])
    return PieceOfText(**fields)
