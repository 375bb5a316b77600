"""Plain text: one section, its own paragraphs."""

from typing import BinaryIO

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import decoded


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read plain text in any encoding that `decoding` knows."""
    composer = Composer(name, "text/plain", limits)
    composer.paragraph(decoded(file.read()))
    return composer.finish()
