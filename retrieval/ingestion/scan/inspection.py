"""The program of the sandbox that looks for what a file embeds, in the shape of parsers.

A finding is a line of the answer's text; the first line only says that it is done.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from retrieval.ingestion import media_types
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.registry import Parser
from retrieval.ingestion.scan import office, pdf
from retrieval.ingestion.scan.findings import Finding, to_line

_OFFICE = (media_types.DOCX, media_types.XLSX, media_types.PPTX, media_types.ODT)

Inspect = Callable[[BinaryIO, str, ParseLimits], Iterator[Finding]]


def inspect(file: BinaryIO, media_type: str, name: str, limits: ParseLimits) -> Iterator[Finding]:
    """What a file inside another embeds. Raises UnreadableFile when that cannot be told."""
    if media_type in _OFFICE:
        yield from office.inspect(file, name, limits)
    elif media_type == media_types.PDF and pdf.may_act(file):
        yield from pdf.inspect(file, name, limits)


def _told(inspect_one: Inspect) -> Parser:
    def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
        composer = Composer(name, "text/plain", limits)
        composer.line("inspected")
        for finding in dict.fromkeys(inspect_one(file, name, limits)):
            composer.line(to_line(finding))
        return composer.finish()

    return parse


PARSERS: dict[str, Parser] = {
    media_types.PDF: _told(pdf.inspect),
    **dict.fromkeys(_OFFICE, _told(office.inspect)),
}
