"""Rich text: its words by `striprtf`, after everything that no reader sees was taken aside."""

import re
from typing import BinaryIO

from striprtf.striprtf import rtf_to_text

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import RTF
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import decoded
from retrieval.ingestion.parsers.rtf_sight import HEADING_MARK, HEADING_MARKS, parted
from retrieval.ingestion.parsers.tables import looks_like_header

_BLANK = re.compile(r"\n\s*\n")


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read rich text; hidden words, comments and properties are hidden text."""
    composer = Composer(name, RTF, limits)
    try:
        seen, unseen = (_words(part) for part in parted(decoded(file.read())))
    except (ValueError, IndexError, LookupError, OverflowError):
        raise UnreadableFile(f"{name} is damaged and cannot be read as rich text.") from None
    for block in _BLANK.split(unseen):
        composer.hide(block.replace("|", " "))  # borders of cells, which stand on both sides
    _write(seen, composer)
    return composer.finish()


def _words(part: str) -> str:
    text = rtf_to_text(part, errors="replace")
    # Characters beyond the first plane are written as two halves.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _write(text: str, composer: Composer) -> None:
    rows: list[list[str]] = []
    for line in [*text.split("\n"), ""]:
        if line.rstrip().endswith("|"):
            rows.append([cell.strip() for cell in line.rstrip()[:-1].split("|")])
            continue
        if rows:
            headed = len(rows) > 1 and looks_like_header(rows[0])
            composer.table(rows[0] if headed else None, rows[1:] if headed else rows)
            rows = []
        plain = line.lstrip()
        if plain[:1] in HEADING_MARKS:
            composer.heading(ord(plain[0]) - HEADING_MARK + 1, plain.translate(HEADING_MARKS_GONE))
        else:
            composer.paragraph(line.translate(HEADING_MARKS_GONE))


HEADING_MARKS_GONE = dict.fromkeys(map(ord, HEADING_MARKS))
