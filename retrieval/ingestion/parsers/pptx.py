"""PowerPoint presentations: each slide a page under its title; what no viewer sees is hidden text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from lxml import etree

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer, collapsed
from retrieval.ingestion.parsers.package import check_package, outside_references, xml_parser
from retrieval.ingestion.parsers.pptx_looks import Backdrop, on_slide, readable
from retrieval.ingestion.parsers.tables import looks_like_header

if TYPE_CHECKING:
    from pptx.presentation import Presentation

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_KIND = "PowerPoint presentation"
_PROPERTIES = ("title", "subject", "keywords", "comments", "category", "content_status")
_UNSEEN_PARTS = ("/ppt/comments", "/ppt/tags/", "/docProps/custom", "/customXml/item", "/ppt/commentAuthors")
_GROUPS_DEEP = 20
_SHAPES_MAX = 5_000  # on one slide


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a presentation after its package was checked; speaker notes stand under "Notes"."""
    check_package(file, name, limits, _KIND)
    file.seek(0)
    presentation = _opened(file, name)
    composer = Composer(name, _MEDIA_TYPE, limits)
    try:
        _Writer(presentation, composer).write()
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, etree.XMLSyntaxError):
        raise UnreadableFile(f"{name} holds a damaged slide and cannot be read.") from None
    title = presentation.core_properties.title or ""
    return composer.finish(title if composer.shows(title) else "", len(presentation.slides))


def _opened(file: BinaryIO, name: str) -> "Presentation":
    # Imported here: it takes a picture library along, which a child that reads no slides can do without.
    import pptx
    from pptx.exc import PythonPptxError

    try:
        return pptx.Presentation(file)
    except (PythonPptxError, KeyError, ValueError, AttributeError, TypeError, etree.XMLSyntaxError):
        raise UnreadableFile(f"{name} is damaged or not a real {_KIND}.") from None


class _Writer:
    """Writes one presentation down, slide after slide."""

    def __init__(self, presentation: "Presentation", composer: Composer) -> None:
        self._presentation = presentation
        self._composer = composer

    def write(self) -> None:
        """Slides, then everything that is on none of them."""
        for number, slide in enumerate(self._presentation.slides, start=1):
            self._composer.page(number)
            if slide._element.get("show") in ("0", "false"):
                self._hide_slide(slide)
            else:
                self._slide(slide, number)
        self._hide_unseen()

    def _slide(self, slide: Any, number: int) -> None:
        backdrop = Backdrop(slide)
        title = slide.shapes.title
        heading = collapsed(self._words(title, backdrop)) if title is not None else ""
        self._composer.heading(1, heading or f"Slide {number}")
        for shape in _flattened(slide.shapes):
            self._hide_alternative(shape)
            if title is not None and shape.shape_id == title.shape_id:
                continue
            self._shape(shape, backdrop)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = slide.notes_slide.notes_text_frame.text
            if notes.strip():
                self._composer.heading(2, "Notes")
                self._composer.paragraph(notes)

    def _shape(self, shape: Any, backdrop: Backdrop) -> None:
        if getattr(shape, "has_table", False) and shape.has_table:
            self._table(shape, backdrop)
        elif shape.has_text_frame:
            self._composer.paragraph(self._words(shape, backdrop))
        elif getattr(shape, "has_chart", False) and shape.has_chart:
            self._chart(shape)

    def _words(self, shape: Any, backdrop: Backdrop) -> str:
        """A shape's text as seen, list items marked; the unseen is noted."""
        if not on_slide(shape, self._presentation):
            self._composer.hide(shape.text_frame.text)
            return ""
        paper = backdrop.behind(shape)
        lines = [self._line(paragraph, paper) for paragraph in shape.text_frame.paragraphs]
        return "\n".join(line for line in lines if line.strip())

    def _line(self, paragraph: Any, paper: Any) -> str:
        seen: list[str] = []
        unseen: list[str] = []
        for child in paragraph._p:
            kind = etree.QName(child).localname
            if kind in ("r", "fld"):
                text = "".join(t.text or "" for t in child.iter("{*}t"))
                (seen if readable(child, paper) else unseen).append(text)
            elif kind == "br":
                seen.append("\n")
        self._composer.hide("".join(unseen))
        text = "".join(seen)
        return f"{'  ' * (paragraph.level - 1)}- {text}" if paragraph.level and text.strip() else text

    def _table(self, shape: Any, backdrop: Backdrop) -> None:
        if not on_slide(shape, self._presentation):
            for row in shape.table.rows:
                self._composer.hide(" ".join(cell.text for cell in row.cells))
            return
        rows = [
            [
                collapsed(" ".join(self._line(p, backdrop.of_cell(cell)) for p in cell.text_frame.paragraphs))
                for cell in row.cells
            ]
            for row in shape.table.rows
        ]
        headed = len(rows) > 1 and (shape.table.first_row or looks_like_header(rows[0]))
        self._composer.table(rows[0] if headed else None, rows[1:] if headed else rows)

    def _chart(self, shape: Any) -> None:
        if shape.chart.has_title and shape.chart.chart_title.has_text_frame:
            self._composer.paragraph(shape.chart.chart_title.text_frame.text)
        for plot in shape.chart.plots:
            names = [str(category) for category in plot.categories]
            series = [
                [one.name, *(f"{value:g}" if value is not None else "" for value in one.values)]
                for one in plot.series
            ]
            self._composer.table(["Series", *names], series)

    def _hide_slide(self, slide: Any) -> None:
        for shape in _flattened(slide.shapes):
            self._hide_alternative(shape)
            self._composer.hide(" ".join(t.text or "" for t in shape._element.iter("{*}t")))
        if slide.has_notes_slide:
            self._composer.hide(" ".join(t.text or "" for t in slide.notes_slide._element.iter("{*}t")))

    def _hide_alternative(self, shape: Any) -> None:
        for properties in shape._element.iter("{*}cNvPr"):
            self._composer.hide(properties.get("descr") or "")
            self._composer.hide(properties.get("title") or "")

    def _hide_unseen(self) -> None:
        properties = self._presentation.core_properties
        for name in _PROPERTIES:
            self._composer.hide(getattr(properties, name) or "")
        for part in self._presentation.part.package.iter_parts():
            if str(part.partname).startswith(_UNSEEN_PARTS) and part.blob.lstrip()[:1] == b"<":
                self._composer.hide(" ".join(etree.fromstring(part.blob, xml_parser()).itertext()))
            for reference in _outside(part):
                self._composer.hide(reference)


def _outside(part: Any) -> Iterator[str]:
    relationships = part.rels.xml if len(part.rels) else b""
    if relationships:
        yield from outside_references(relationships)


def _flattened(shapes: Any, deep: int = 0) -> Iterator[Any]:
    """Shapes from back to front, those inside groups included."""
    for number, shape in enumerate(shapes):
        if number >= _SHAPES_MAX:
            return
        if shape.shape_type is not None and int(shape.shape_type) == 6 and deep < _GROUPS_DEEP:  # a group
            yield from _flattened(shape.shapes, deep + 1)
        else:
            yield shape
