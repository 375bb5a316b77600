"""Which parser reads which media type."""

from collections.abc import Callable
from typing import BinaryIO

from retrieval.ingestion import sniff
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers import (
    code,
    csv,
    docx,
    eml,
    epub,
    html,
    json,
    markdown,
    odt,
    pdf,
    pptx,
    rtf,
    text,
    xlsx,
    zip,
)

# Takes the open file, the name to show in messages and the limits; raises UnreadableFile.
Parser = Callable[[BinaryIO, str, ParseLimits], ParsedDocument]

PARSERS: dict[str, Parser] = {
    sniff.PDF: pdf.parse,
    sniff.DOCX: docx.parse,
    sniff.XLSX: xlsx.parse,
    sniff.PPTX: pptx.parse,
    sniff.ODT: odt.parse,
    sniff.EPUB: epub.parse,
    sniff.RTF: rtf.parse,
    sniff.ZIP: zip.parse,
    sniff.EML: eml.parse,
    sniff.HTML: html.parse,
    sniff.MARKDOWN: markdown.parse,
    sniff.CSV: csv.parse,
    sniff.TSV: csv.parse,
    sniff.JSON: json.parse,
    sniff.CODE: code.parse,
    sniff.TEXT: text.parse,
}
