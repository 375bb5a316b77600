"""PDF: visible text page by page; scans without text and locked files are refused with a plain reason."""

import ctypes
import re
from collections.abc import Iterator
from typing import BinaryIO

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer, collapsed
from retrieval.ingestion.parsers.pdf_sight import seen

# A line at least this long, measured by the longest on its page, goes on in the next.
_FULL_LINE = 0.6
_SENTENCE_END = (".", ":", ";", "!", "?")
_ITEM = re.compile(r"\s*(?:[-•*–◦▪·]|\(?\d{1,3}[.)]|[a-z][.)])\s")
_HYPHEN_AT_LINE_END = re.compile("[\x02\ufffe](?:\r?\n)?")
_PROPERTIES = ("Title", "Author", "Subject", "Keywords", "Creator", "Producer")
_OUTLINE_LEVELS_MAX = 6
_OUTLINE_ENTRIES_MAX = 20_000
_NOTE_BYTES_MAX = 1_000_000

Outline = dict[int, dict[str, int]]  # page from 1 -> heading in small letters -> level from 1


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a PDF's visible text; a locked, damaged or scanned one raises UnreadableFile."""
    document = _opened(file.read(), name)
    try:
        return _parsed(document, name, limits)
    except pdfium.PdfiumError:
        raise UnreadableFile(f"{name} is a damaged PDF: one of its pages cannot be read.") from None
    finally:
        document.close()


def _opened(content: bytes, name: str) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise UnreadableFile(f"{name} is encrypted; send a copy without a password.") from None
        raise UnreadableFile(f"{name} is damaged or not a real PDF.") from None


def _parsed(document: pdfium.PdfDocument, name: str, limits: ParseLimits) -> ParsedDocument:
    pages = len(document)
    if pages > limits.pages_max:
        raise UnreadableFile(f"{name} has {pages:,} pages; at most {limits.pages_max:,} are taken in.")
    composer = Composer(name, "application/pdf", limits)
    outline = _outline(document)
    visible_chars = sum(
        _page(document, index, outline.get(index + 1, {}), composer) for index in range(pages)
    )
    title = _hide_unseen(document, composer)
    if not visible_chars:
        reason = "it seems to be scanned; run text recognition with visible text on it first"
        raise UnreadableFile(f"{name} has no text that a reader could select and see: {reason}.")
    return composer.finish(title if composer.shows(title) else "", pages)


def _page(document: pdfium.PdfDocument, index: int, headings: dict[str, int], composer: Composer) -> int:
    """Write one page down; returns how many characters of it can be seen."""
    page = document[index]
    textpage = page.get_textpage()
    visible: list[str] = []
    for text, in_sight in seen(page, textpage):
        if in_sight:
            visible.append(text)
        else:
            composer.hide(_joined(text))
            visible.append("\n" if text.endswith("\n") else " ")
    composer.page(index + 1)
    body = _joined("".join(visible))
    _write(body, headings, composer)
    for note in _notes(page):
        composer.hide(note)
    textpage.close()
    page.close()
    return len(body.strip())


def _write(text: str, headings: dict[str, int], composer: Composer) -> None:
    for paragraph in _paragraphs(text, headings):
        level = headings.get(paragraph.casefold())
        if level is not None:
            composer.heading(level, paragraph)
        else:
            composer.line(paragraph)


def _paragraphs(text: str, headings: dict[str, int]) -> Iterator[str]:
    """Lines put together again where a sentence runs on; a heading stays alone."""
    lines = [collapsed(line) for line in text.splitlines()]
    longest = max(map(len, lines), default=0)
    current = ""
    for line in filter(None, lines):
        alone = line.casefold() in headings or current.casefold() in headings
        if current and not alone and _runs_on(current, line, longest):
            current = f"{current} {line}"
            continue
        if current:
            yield current
        current = line
    if current:
        yield current


def _runs_on(current: str, line: str, longest: int) -> bool:
    if _ITEM.match(line) or current.endswith(_SENTENCE_END):
        return False
    return line[0].islower() or len(current) >= _FULL_LINE * longest


def _joined(text: str) -> str:
    return _HYPHEN_AT_LINE_END.sub("", text)


def _outline(document: pdfium.PdfDocument) -> Outline:
    headings: Outline = {}
    for number, entry in enumerate(document.get_toc(max_depth=_OUTLINE_LEVELS_MAX)):
        destination = entry.get_dest()
        place = destination.get_index() if destination is not None else None
        if number >= _OUTLINE_ENTRIES_MAX:
            break
        if place is not None:
            headings.setdefault(place + 1, {})[collapsed(entry.get_title()).casefold()] = entry.level + 1
    return headings


def _hide_unseen(document: pdfium.PdfDocument, composer: Composer) -> str:
    """Note properties, scripts and attachments as hidden; returns the title among the properties."""
    properties = document.get_metadata_dict(skip_empty=True)
    for key in _PROPERTIES:
        composer.hide(properties.get(key, ""))
    for index in range(raw.FPDFDoc_GetJavaScriptActionCount(document)):
        composer.hide(_script(document, index))
    for index in range(document.count_attachments()):
        composer.hide(document.get_attachment(index).get_name())
    return properties.get("Title", "")


def _script(document: pdfium.PdfDocument, index: int) -> str:
    action = raw.FPDFDoc_GetJavaScriptAction(document, index)
    size = raw.FPDFJavaScriptAction_GetScript(action, None, 0)
    buffer = (ctypes.c_ushort * (min(size, _NOTE_BYTES_MAX) // 2 + 1))()
    raw.FPDFJavaScriptAction_GetScript(action, buffer, ctypes.sizeof(buffer))
    raw.FPDFDoc_CloseJavaScriptAction(action)
    return _wide_string(bytes(buffer))


def _notes(page: pdfium.PdfPage) -> Iterator[str]:
    """What annotations of a page say: comments, pop-ups, names and values of form fields."""
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        for key in (b"Contents", b"T", b"TU", b"V", b"Subj"):
            size = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
            buffer = (ctypes.c_ushort * (min(size, _NOTE_BYTES_MAX) // 2 + 1))()
            raw.FPDFAnnot_GetStringValue(annotation, key, buffer, ctypes.sizeof(buffer))
            yield _wide_string(bytes(buffer))
        raw.FPDFPage_CloseAnnot(annotation)


def _wide_string(content: bytes) -> str:
    return content.decode("utf-16-le", errors="ignore").partition("\x00")[0]
