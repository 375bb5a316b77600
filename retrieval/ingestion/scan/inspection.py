"""The program of the sandbox that looks for what a file embeds, in the shape of parsers.

A finding is a line of the answer's text, its rule before a tab; the first line only says that it is done.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from retrieval.ingestion import media_types
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer, collapsed
from retrieval.ingestion.parsers.registry import Parser
from retrieval.ingestion.scan import office, pdf
from retrieval.ingestion.scan.findings import Finding

_BETWEEN = " :: "
_DONE = "inspected"

Inspect = Callable[[BinaryIO, str, ParseLimits], Iterator[Finding]]


def findings_of(document: ParsedDocument) -> list[Finding]:
    """What an inspection has told. Raises ValueError for a rule that there is none of."""
    lines = document.text.split("\n")[1:]
    pairs = (line.partition(_BETWEEN) for line in lines)
    return [Finding(rule=rule, detail=detail) for rule, _, detail in pairs]


def _told(inspect: Inspect) -> Parser:
    def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
        composer = Composer(name, "text/plain", limits)
        composer.line(_DONE)
        for finding in dict.fromkeys(inspect(file, name, limits)):
            composer.line(f"{finding.rule}{_BETWEEN}{collapsed(finding.detail) or '-'}")
        return composer.finish()

    return parse


PARSERS: dict[str, Parser] = {
    media_types.PDF: _told(pdf.inspect),
    **{
        kind: _told(office.inspect)
        for kind in (media_types.DOCX, media_types.XLSX, media_types.PPTX, media_types.ODT)
    },
}
