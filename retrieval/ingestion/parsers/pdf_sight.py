"""Which text of a PDF page a reader sees: judged by properties, then by drawing the page without it."""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from retrieval.ingestion.parsers.colours import Colour, indistinguishable

_SIZE_MIN = 2.0  # points; the smallest print is set at five
_ALPHA_MIN = 26  # of 255
_SIDE_PIXELS_MAX = 1000  # what a page is drawn at: enough to show five-point type
_DRAWN_BY_FILL = (raw.FPDF_TEXTRENDERMODE_FILL, raw.FPDF_TEXTRENDERMODE_FILL_CLIP)
_INVISIBLE_MODES = (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
_SAMPLES = (0.1, 0.3, 0.5, 0.7, 0.9)  # where along a run the paper is looked at


@dataclass(frozen=True, slots=True)
class Run:
    """Characters drawn by one text object, in reading order."""

    text: str
    first: int  # index of its first character on the page
    drawn: object | None  # the text object; None for characters that only the library adds


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A page as pixels, three bytes each, rows from the top."""

    pixels: bytes
    stride: int
    width: int
    height: int

    def rows(self, box: tuple[int, int, int, int]) -> list[bytes]:
        left, top, right, bottom = box
        starts = (row * self.stride for row in range(top, bottom))
        return [self.pixels[start + left * 3 : start + right * 3] for start in starts]

    def colour(self, column: int, row: int) -> Colour:
        start = row * self.stride + column * 3
        red, green, blue = self.pixels[start : start + 3]
        return red, green, blue


def runs(textpage: pdfium.PdfTextPage) -> list[Run]:
    """The page's characters grouped by the object that draws them."""
    # Two calls a character are most of the time a page takes, so their look-ups stand outside.
    handle, shape_of, letter_of = textpage.raw, raw.FPDFText_GetTextObject, raw.FPDFText_GetUnicode
    address_of = ctypes.addressof
    found: list[Run] = []
    letters: list[str] = []
    start, address, drawn = 0, None, None
    for index in range(textpage.count_chars()):
        shape = shape_of(handle, index)
        here = address_of(shape.contents) if shape else None
        if here is not None and here != address:
            found.append(Run("".join(letters), start, drawn))
            letters, start, address, drawn = [], index, here, shape
        letters.append(chr(letter_of(handle, index)))
    found.append(Run("".join(letters), start, drawn))
    return [run for run in found if run.text]


def seen(page: pdfium.PdfPage, textpage: pdfium.PdfTextPage) -> Iterator[tuple[str, bool]]:
    """The page's text in order, each piece with whether a reader sees it."""
    found = runs(textpage)
    shapes = [run.drawn for run in found if run.drawn is not None]
    with_text = _draw(page)
    for shape in shapes:
        raw.FPDFPageObj_SetIsActive(shape, False)
    without_text = _draw(page)
    for run in found:
        blank = run.drawn is None or not run.text.strip()
        yield run.text, blank or _visible(run, page, textpage, with_text, without_text)


def _visible(
    run: Run, page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, with_text: _Drawing, without_text: _Drawing
) -> bool:
    mode = raw.FPDFTextObj_GetTextRenderMode(run.drawn)
    if mode in _INVISIBLE_MODES or _size(run, textpage) < _SIZE_MIN:
        return False
    boxes = list(_boxes(run, page, textpage, with_text))
    # Covered, clipped, off the page or in the colour of what lies below: the pixels are the same.
    if all(with_text.rows(box) == without_text.rows(box) for box in boxes):
        return False
    ink, alpha = _ink(run, textpage)
    if alpha < _ALPHA_MIN:
        return False
    papers = [colour for box in boxes for colour in _papers(box, without_text)]
    return mode not in _DRAWN_BY_FILL or not all(indistinguishable(ink, paper) for paper in papers)


def _size(run: Run, textpage: pdfium.PdfTextPage) -> float:
    """Height of the letters in points, as the page scales them."""
    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(textpage, run.first, matrix)
    scale = math.sqrt(abs(matrix.a * matrix.d - matrix.b * matrix.c))
    return float(raw.FPDFText_GetFontSize(textpage, run.first)) * scale


def _ink(run: Run, textpage: pdfium.PdfTextPage) -> tuple[Colour, int]:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    known = raw.FPDFText_GetFillColor(textpage, run.first, red, green, blue, alpha)
    if not known:
        return (0, 0, 0), 255
    return (red.value, green.value, blue.value), alpha.value


def _boxes(
    run: Run, page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, drawing: _Drawing
) -> Iterator[tuple[int, int, int, int]]:
    """Pixels that the run may cover, cut to the page; none for a run off the page."""
    count = raw.FPDFText_CountRects(textpage, run.first, len(run.text))
    for index in range(count):
        edges = [ctypes.c_double() for _ in range(4)]  # left, top, right, bottom in points
        raw.FPDFText_GetRect(textpage, index, *edges)
        left, top, right, bottom = (edge.value for edge in edges)
        columns, rows = zip(
            _pixel(page, left, top, drawing), _pixel(page, right, bottom, drawing), strict=True
        )
        box = (
            max(min(columns) - 1, 0),
            max(min(rows) - 1, 0),
            min(max(columns) + 2, drawing.width),
            min(max(rows) + 2, drawing.height),
        )
        if box[0] < box[2] and box[1] < box[3]:
            yield box


def _papers(box: tuple[int, int, int, int], drawing: _Drawing) -> Iterator[Colour]:
    left, top, right, bottom = box
    row = (top + bottom) // 2
    for share in _SAMPLES:
        yield drawing.colour(
            min(left + int((right - left) * share), drawing.width - 1), min(row, drawing.height - 1)
        )


def _pixel(page: pdfium.PdfPage, x: float, y: float, drawing: _Drawing) -> tuple[int, int]:
    column, row = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, drawing.width, drawing.height, 0, x, y, column, row)
    return column.value, row.value


def _draw(page: pdfium.PdfPage) -> _Drawing:
    width, height = page.get_size()
    scale = min(1.0, _SIDE_PIXELS_MAX / max(width, height, 1.0))
    bitmap = page.render(scale=scale, may_draw_forms=False, draw_annots=False, rev_byteorder=True)
    drawing = _Drawing(bytes(bitmap.buffer), bitmap.stride, bitmap.width, bitmap.height)
    bitmap.close()
    return drawing
