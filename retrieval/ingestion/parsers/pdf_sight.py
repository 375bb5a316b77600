"""Which text of a PDF page a reader sees: judged by properties, then by drawing the page without it."""

import ctypes
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from retrieval.ingestion.parsers.colours import Colour, indistinguishable

_SIZE_MIN = 2.0  # points; the smallest print is set at five
_ALPHA_MIN = 26  # of 255
_SIDE_PIXELS_MAX = 800  # what a page is drawn at: enough to show five-point type
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
class Box:
    """A rectangle in fractions of the page as it is shown, from its top left corner."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Sight:
    """Text of one run, whether a reader sees it, where, and how high its letters are in points.

    box: None for what is blank or off the page. size: 0.0 for what is blank.
    """

    text: str
    seen: bool
    box: Box | None = None
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class PageSight:
    """What a page shows, in order. inked: tells whether anything at all is drawn on it."""

    runs: list[Sight]
    inked: Callable[[], bool]


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

    def inked(self) -> bool:
        """Whether any two pixels differ."""
        return self.pixels != self.pixels[:1] * len(self.pixels)

    def fractions(self, boxes: list[tuple[int, int, int, int]]) -> Box | None:
        """The rectangle around boxes of pixels."""
        if not boxes:
            return None
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return Box(
            min(lefts) / self.width,
            min(tops) / self.height,
            max(rights) / self.width,
            max(bottoms) / self.height,
        )


def runs(textpage: pdfium.PdfTextPage) -> list[Run]:
    """The page's characters grouped by the object that draws them."""
    count, handle = textpage.count_chars(), ctypes.cast(textpage.raw, ctypes.c_void_p)
    # Two calls a character are most of the time a page takes, so they are made without a loop in Python.
    addresses = list(map(_object_address, repeat(handle, count), range(count)))
    letters = "".join(map(chr, map(_letter, repeat(handle, count), range(count))))
    found: list[Run] = []
    start, drawn = 0, None
    for index, address in enumerate(addresses):
        if address is not None and address != drawn:
            found.append(_run(letters, start, index, drawn))
            start, drawn = index, address
    found.append(_run(letters, start, count, drawn))
    return [run for run in found if run.text]


def _run(letters: str, start: int, end: int, address: int | None) -> Run:
    drawn = None if address is None else ctypes.cast(address, raw.FPDF_PAGEOBJECT)
    return Run(letters[start:end], start, drawn)


def _plain(function: object, result: type) -> "ctypes._FuncPointer":
    """A function of the library that gives plain numbers, which cost a fraction of typed pointers."""
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    return ctypes.CFUNCTYPE(result, ctypes.c_void_p, ctypes.c_int)(address or 0)


_object_address = _plain(raw.FPDFText_GetTextObject, ctypes.c_void_p)
_letter = _plain(raw.FPDFText_GetUnicode, ctypes.c_uint)


def seen(page: pdfium.PdfPage, textpage: pdfium.PdfTextPage) -> PageSight:
    """The page's text in order, each piece with whether a reader sees it."""
    found = runs(textpage)
    shapes = [run.drawn for run in found if run.drawn is not None]
    with_text = _draw(page)
    for shape in shapes:
        raw.FPDFPageObj_SetIsActive(shape, False)
    without_text = _draw(page) if shapes else with_text
    return PageSight([_sight(run, page, textpage, with_text, without_text) for run in found], with_text.inked)


def _sight(
    run: Run, page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, with_text: _Drawing, without_text: _Drawing
) -> Sight:
    if run.drawn is None or not run.text.strip():
        return Sight(run.text, True)
    boxes = list(_boxes(run, page, textpage, with_text))
    size = _size(run, textpage)
    visible = size >= _SIZE_MIN and _visible(run, textpage, boxes, with_text, without_text)
    return Sight(run.text, visible, with_text.fractions(boxes), size)


def _visible(
    run: Run,
    textpage: pdfium.PdfTextPage,
    boxes: list[tuple[int, int, int, int]],
    with_text: _Drawing,
    without_text: _Drawing,
) -> bool:
    mode = raw.FPDFTextObj_GetTextRenderMode(run.drawn)
    if mode in _INVISIBLE_MODES:
        return False
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
