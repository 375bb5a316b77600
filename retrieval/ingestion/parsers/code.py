"""Source code as text: its language in the title, what it defines as headings, comments where they stand."""

import re
from pathlib import PurePosixPath
from typing import BinaryIO

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import CODE, SOURCE_LANGUAGES
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import decoded

# What stands at the left edge and names a thing. A guess that costs nothing where it is wrong: the line
# stays in the text either way.
_DEFINITION = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([a-z]+\))?"
    r"|unsafe|open|sealed|data)\s+){0,6}"
    r"(?:class|def|function|func|fn|interface|trait|enum|struct|impl|module|namespace|object|protocol|type"
    r"|create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure|trigger))\s+[\w\"'`.:<*(]",
    re.IGNORECASE,
)
_HEADING_CHARS_MAX = 160  # longer lines are not names


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a program as what it is to a reader: lines."""
    composer = Composer(name, CODE, limits)
    block: list[str] = []
    for line in decoded(file.read()).expandtabs(4).splitlines():
        if _DEFINITION.match(line) and len(line) <= _HEADING_CHARS_MAX:
            composer.paragraph("\n".join(block))
            composer.heading(1, line)
            block = []
        else:
            block.append(line)
    composer.paragraph("\n".join(block))
    language = SOURCE_LANGUAGES.get(PurePosixPath(name).suffix.lower(), "")
    return composer.finish(f"{name} ({language})" if language else name)
