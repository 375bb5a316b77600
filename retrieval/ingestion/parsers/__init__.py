"""Which parser reads which media type."""

from retrieval.ingestion import sniff
from retrieval.ingestion.parsers import csv, docx, html, markdown, pdf, text
from retrieval.ingestion.parsers.registry import Parser

__all__ = ["PARSERS", "Parser"]

PARSERS: dict[str, Parser] = {
    sniff.PDF: pdf.parse,
    sniff.DOCX: docx.parse,
    sniff.HTML: html.parse,
    sniff.MARKDOWN: markdown.parse,
    sniff.CSV: csv.parse,
    sniff.TEXT: text.parse,
}
