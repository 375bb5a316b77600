"""Which parser reads which media type."""

from retrieval.ingestion import sniff
from retrieval.ingestion.parsers import (
    code,
    csv,
    docx,
    eml,
    epub,
    html,
    json,
    jsonl,
    markdown,
    odt,
    pdf,
    pptx,
    rtf,
    text,
    xlsx,
    zip,
)
from retrieval.ingestion.parsers.registry import Parser

__all__ = ["PARSERS", "Parser"]

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
    sniff.JSONL: jsonl.parse,
    sniff.CODE: code.parse,
    sniff.TEXT: text.parse,
}
