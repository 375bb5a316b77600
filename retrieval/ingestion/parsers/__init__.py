"""Which parser reads which media type."""

from collections.abc import Callable
from typing import BinaryIO

from retrieval.ingestion import sniff
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers import csv, docx, html, markdown, pdf, text

# Takes the open file, the name to show in messages and the limits; raises UnreadableFile.
Parser = Callable[[BinaryIO, str, ParseLimits], ParsedDocument]

PARSERS: dict[str, Parser] = {
    sniff.PDF: pdf.parse,
    sniff.DOCX: docx.parse,
    sniff.HTML: html.parse,
    sniff.MARKDOWN: markdown.parse,
    sniff.CSV: csv.parse,
    sniff.TEXT: text.parse,
}
