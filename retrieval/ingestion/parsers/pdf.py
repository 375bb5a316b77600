"""PDF: visible text page by page; locked files and scans that stay unread are refused with a plain reason."""

import ctypes
import io
import math
import re
from collections.abc import Iterator
from typing import BinaryIO

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import FRACTION_DIGITS, Frame, Region
from retrieval.ingestion.parsers import ocr
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.legible import collapsed, smuggled
from retrieval.ingestion.parsers.pdf_lines import Paragraph, paragraphs, recognised
from retrieval.ingestion.parsers.pdf_sight import seen
from retrieval.ingestion.parsers.registry import Progress

_HYPHEN = re.compile("[\x02\ufffe](?:\r?\n)?")
_HELD_BYTES_MAX = 20_000_000
_TAIL_BYTES = 65_536
_NO_PAGES = re.compile(rb"/Type\s*/Pages\b[^>]{0,200}/Count\s+0\b|/Count\s+0\b[^>]{0,200}/Type\s*/Pages\b")
_DOTS_PER_INCH = 300
_PIXELS_MAX = 40_000_000
_PROPERTIES = ("Title", "Author", "Subject", "Keywords", "Creator", "Producer")
_OUTLINE_LEVELS_MAX = 6
_OUTLINE_ENTRIES_MAX = 20_000
_COMMENT_BYTES_MAX = 1_000_000

Outline = dict[int, dict[str, int]]  # page from 1 -> heading in small letters -> level from 1


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> Iterator[Frame | Progress]:
    """Read a PDF's visible text page by page; a locked, damaged or empty one raises UnreadableFile.

    Pages that are pictures have their text recognised where that is possible, and are named otherwise.
    """
    document = _opened(file, name)
    try:
        yield from _Pages(document, name, limits).frames()
    except pdfium.PdfiumError:
        raise UnreadableFile(f"{name} is a damaged PDF: one of its pages cannot be read.") from None
    finally:
        document.close()


def _opened(file: BinaryIO, name: str) -> pdfium.PdfDocument:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        # A large one is read where it lies; callbacks for each read make that slower.
        return pdfium.PdfDocument(file.read() if size <= _HELD_BYTES_MAX else file)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise UnreadableFile(f"{name} is encrypted; send a copy without a password.") from None
    raise UnreadableFile(_why_closed(file, size, name))


def _why_closed(file: BinaryIO, size: int, name: str) -> str:
    file.seek(max(size - _TAIL_BYTES, 0))
    tail = file.read()
    if _NO_PAGES.search(tail):
        return f"{name} has no pages."
    if b"%%EOF" not in tail:
        return f"{name} is an incomplete PDF: its end is missing. Send the whole file."
    return f"{name} is damaged or not a real PDF."


class _Pages:
    """The pages of one document, written down one after the other."""

    def __init__(self, document: pdfium.PdfDocument, name: str, limits: ParseLimits) -> None:
        self._document = document
        self._name = name
        self._limits = limits
        self._composer = Composer(name, "application/pdf", limits, streamed=True)
        self._pictures: list[int] = []  # pages without text that show something
        self._asked = self._recognised = 0

    def frames(self) -> Iterator[Frame | Progress]:
        count = len(self._document)
        if not count:
            raise UnreadableFile(f"{self._name} has no pages.")
        if count > self._limits.pages_max:
            raise UnreadableFile(
                f"{self._name} has {count:,} pages; at most {self._limits.pages_max:,} are taken in."
            )
        outline = _outline(self._document)
        for number in range(1, count + 1):
            self._page(number, outline.get(number, {}))
            yield from self._composer.blocks()
            yield Progress(pages=number)
        title = _hide_unseen(self._document, self._composer)
        if not self._composer.chars:
            raise UnreadableFile(self._why_empty(count))
        yield from self._composer.ending(
            title if self._composer.shows(title) else "",
            count,
            ocr=self._recognised > 0,
            pages_without_text=self._pictures,
        )

    def _why_empty(self, count: int) -> str:
        if not self._pictures:
            return f"{self._name} has no text that a reader would see on {_counted(count)}."
        are = "page is a picture" if count == 1 else f"{count:,} pages are pictures"
        told = f"{self._name} is a scan: its {are} without text"
        if ocr.available():
            return f"{told}, and none could be recognised. Send the document it was made from."
        return (
            f"{told}. Send the document it was made from, or have an administrator install text recognition "
            "(the program tesseract) on the server."
        )

    def _page(self, number: int, headings: dict[str, int]) -> None:
        page = self._document[number - 1]
        textpage = page.get_textpage()
        sight = seen(page, textpage)
        for run in sight.runs:
            if not run.seen:
                self._composer.hide(_HYPHEN.sub("", run.text))
        self._composer.page(number)
        before = self._composer.chars
        for paragraph in paragraphs(sight.runs, headings):
            self._write(paragraph, number, headings)
        if self._composer.chars == before and sight.inked():
            self._recognise(page, number)
        for note in _notes(page):
            self._composer.hide(note)
        textpage.close()
        page.close()

    def _write(self, paragraph: Paragraph, number: int, headings: dict[str, int]) -> None:
        for words in smuggled(paragraph.said):
            self._composer.hide(words)
        level = headings.get(paragraph.text.casefold())
        before = self._composer.chars
        if level is not None:
            self._composer.heading(level, paragraph.text)
        else:
            self._composer.kind(paragraph.kind)
            self._composer.line(paragraph.text)
        self._locate(paragraph, number, before)

    def _locate(self, paragraph: Paragraph, number: int, before: int) -> None:
        """Note where the lines of a paragraph stand, if it was written as it is."""
        start = self._composer.chars - len(paragraph.text)
        if start < before or self._composer.chars == before:
            return
        for offset, length, box in paragraph.lines:
            region = Region(
                page=number,
                start_char=start + offset,
                end_char=start + offset + length,
                left=round(box.left, FRACTION_DIGITS),
                top=round(box.top, FRACTION_DIGITS),
                right=round(box.right, FRACTION_DIGITS),
                bottom=round(box.bottom, FRACTION_DIGITS),
            )
            self._composer.locate(region)

    def _recognise(self, page: pdfium.PdfPage, number: int) -> None:
        """Write down what is recognised on the picture of a page; without that the page is named."""
        before = self._composer.chars
        if ocr.available() and self._asked < self._limits.ocr_pages_max:
            self._asked += 1
            picture = _picture(page, number)
            for paragraph in recognised(picture):
                self._write(paragraph, number, {})
        if self._composer.chars == before:
            self._pictures.append(number)
        else:
            self._recognised += 1


def _counted(pages: int) -> str:
    return "its one page" if pages == 1 else f"its {pages:,} pages"


def _picture(page: pdfium.PdfPage, number: int) -> ocr.Picture:
    """A page as text recognition wants it: in grey, its lines dense enough for small print."""
    width, height = page.get_size()
    dots = min(_DOTS_PER_INCH, int(72 * math.sqrt(_PIXELS_MAX / max(width * height, 1))))
    bitmap = page.render(scale=dots / 72, grayscale=True, may_draw_forms=False)
    content, stride = bytes(bitmap.buffer), bitmap.stride
    rows = (content[row * stride : row * stride + bitmap.width] for row in range(bitmap.height))
    picture = ocr.Picture(
        page=number,
        width=bitmap.width,
        height=bitmap.height,
        dots_per_inch=dots,
        pixels=content if stride == bitmap.width else b"".join(rows),
    )
    bitmap.close()
    return picture


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
    buffer = (ctypes.c_ushort * (min(size, _COMMENT_BYTES_MAX) // 2 + 1))()
    raw.FPDFJavaScriptAction_GetScript(action, buffer, ctypes.sizeof(buffer))
    raw.FPDFDoc_CloseJavaScriptAction(action)
    return _wide_string(bytes(buffer))


def _notes(page: pdfium.PdfPage) -> Iterator[str]:
    """What annotations of a page say: comments, pop-ups, names and values of form fields."""
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        for key in (b"Contents", b"T", b"TU", b"V", b"Subj"):
            size = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
            buffer = (ctypes.c_ushort * (min(size, _COMMENT_BYTES_MAX) // 2 + 1))()
            raw.FPDFAnnot_GetStringValue(annotation, key, buffer, ctypes.sizeof(buffer))
            yield _wide_string(bytes(buffer))
        raw.FPDFPage_CloseAnnot(annotation)


def _wide_string(content: bytes) -> str:
    return content.decode("utf-16-le", errors="ignore").partition("\x00")[0]
