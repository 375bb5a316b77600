"""Files inside files: what may be unpacked of one outermost file, and how an inner document joins an outer one."""

import importlib
import io
import re
from dataclasses import dataclass

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import MEGABYTE, ParseLimits
from retrieval.ingestion.media_types import EML, ZIP
from retrieval.ingestion.parsed import TABLE, ParsedDocument, Section, joined
from retrieval.ingestion.parsers.composer import HEADING_CHARS_MAX, Composer
from retrieval.ingestion.parsers.legible import collapsed
from retrieval.ingestion.parsers.registry import Parser, Progress
from retrieval.ingestion.sniff import HEAD_BYTES, sniff

DEPTH_MAX = {ZIP: 2, EML: 3}  # an archive in an archive, a forwarded forward
_NAMED_MAX = 50
_REASON_CHARS_MAX = 160
_PATHS = re.compile(r"; supported are .*")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


class BudgetSpent(UnreadableFile):
    """The outermost file unpacks to more than is allowed; no part of it can go on."""


@dataclass(slots=True)
class Budget:
    """What may still be unpacked of one outermost file, whatever its headers say."""

    name: str
    entries: int
    bytes: int
    limits: ParseLimits

    @classmethod
    def of(cls, name: str, limits: ParseLimits) -> "Budget":
        return cls(name, limits.zip_entries_max, limits.zip_bytes_max, limits)

    def take_entry(self) -> None:
        """Count one entry. Raises BudgetSpent."""
        self.entries -= 1
        if self.entries < 0:
            raise BudgetSpent(
                f"{self.name} holds more than {self.limits.zip_entries_max:,} files inside, nested ones counted."
            )

    def take_bytes(self, count: int) -> None:
        """Count what was unpacked. Raises BudgetSpent."""
        self.bytes -= count
        if self.bytes < 0:
            allowed = self.limits.zip_bytes_max // MEGABYTE
            raise BudgetSpent(f"{self.name} unpacks to more than {allowed} MB.")


def read_inner(content: bytes, name: str, budget: Budget, depth: int) -> ParsedDocument:
    """Read a file found inside another; depth is the number of files around it.

    Raises UnreadableFile with a sentence when it cannot be taken in.
    """
    file = io.BytesIO(content)
    media_type = sniff(content[:HEAD_BYTES], name, file)
    file.seek(0)
    if media_type in DEPTH_MAX and depth >= DEPTH_MAX[media_type]:
        raise UnreadableFile(f"{name} lies {depth} files deep; that is too deep to be opened.")
    _refuse_embedded(file, media_type, name, budget.limits)
    try:
        return _read(media_type, file, name, budget, depth)
    except (UnreadableFile, MemoryError):
        raise
    # A damaged file inside costs itself and not its neighbours; parsers raise what they like.
    except Exception:
        raise UnreadableFile(f"{name} is damaged and cannot be read.") from None


def _refuse_embedded(file: io.BytesIO, media_type: str, name: str, limits: ParseLimits) -> None:
    """A document inside another is not scanned by itself, so what it embeds leaves it out."""
    inspection = importlib.import_module("retrieval.ingestion.scan.inspection")
    for finding in inspection.inspect(file, media_type, name, limits):
        if finding.blocks:
            raise UnreadableFile(f"{name} is held back: {finding.sentence}")
    file.seek(0)


def _read(media_type: str, file: io.BytesIO, name: str, budget: Budget, depth: int) -> ParsedDocument:
    # Looked up now: the registry imports the parsers, and two of them import this module.
    if media_type in DEPTH_MAX:
        module = "zip" if media_type == ZIP else "eml"
        container = importlib.import_module(f"retrieval.ingestion.parsers.{module}")
        document: ParsedDocument = container.read(file, name, budget, depth + 1)
        return document
    parsers: dict[str, Parser] = importlib.import_module("retrieval.ingestion.parsers").PARSERS
    found = parsers[media_type](file, name, budget.limits)
    if isinstance(found, ParsedDocument):
        return found
    return joined(frame for frame in found if not isinstance(frame, Progress))


def compose_inner(document: ParsedDocument, composer: Composer, level: int) -> None:
    """Write an inner document down below a heading of this level; what it hides stays hidden."""
    path: tuple[str, ...] = ()
    for section in document.sections:
        text = document.text[section.start_char : section.end_char]
        if section.heading_path and section.heading_path != path:
            path = section.heading_path
            first, _, rest = text.lstrip("\n").partition("\n")
            if collapsed(first)[:HEADING_CHARS_MAX] == path[-1]:
                composer.heading(level + len(path), first)
                text = rest
        _write(text, section, composer)
    for piece in document.hidden:
        composer.hide(piece)


def left_out(refused: list[tuple[str, str]]) -> str:
    """One line that names what could not be taken in, and why."""
    named = [f"{place} ({_shortened(reason)})" for place, reason in refused[:_NAMED_MAX]]
    more = len(refused) - len(named)
    return f"Not taken in: {'; '.join(named)}{f'; and {more:,} more' if more else ''}."


def _write(text: str, section: Section, composer: Composer) -> None:
    if section.kind != TABLE:
        composer.paragraph(text)
        return
    lines = text.strip("\n").split("\n")
    header = _row(lines[0]) if section.table_header else None
    composer.table(header, (_row(line) for line in (lines[2:] if header else lines)))


def _row(line: str) -> list[str]:
    return [cell.replace("\\|", "|").strip() for cell in _CELL_BORDER.split(line)[1:-1]]


def _shortened(reason: str) -> str:
    return _PATHS.sub("", reason).removesuffix(".")[:_REASON_CHARS_MAX]
