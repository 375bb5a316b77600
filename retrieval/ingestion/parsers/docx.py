"""Word documents: headings by style, lists, tables, notes; what Word keeps out of sight is hidden text."""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from lxml import etree

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.docx_package import check_package
from retrieval.ingestion.parsers.docx_runs import FALLBACK, pieces
from retrieval.ingestion.parsers.tables import looks_like_header, row_lines

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_NOTES = ("footnotes+xml", "endnotes+xml")
_UNSEEN_PARTS = ("comments+xml", "custom-properties+xml", "customXml")
_PROPERTIES = ("title", "subject", "keywords", "comments", "category", "content_status")
_ROW, _CELL, _PARAGRAPH, _TABLE = qn("w:tr"), qn("w:tc"), qn("w:p"), qn("w:tbl")


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a Word document after its package was checked; nothing outside it is opened."""
    check_package(file, name, limits)
    file.seek(0)
    try:
        document = docx.Document(file)
    except (OpcError, KeyError, ValueError, AttributeError, etree.XMLSyntaxError):
        raise UnreadableFile(f"{name} is damaged or not a real Word document.") from None
    composer = Composer(name, _MEDIA_TYPE, limits)
    writer = _Writer(document, composer)
    writer.write()
    title = document.core_properties.title or ""
    return composer.finish(writer.title or (title if composer.shows(title) else ""))


class _Writer:
    """Writes one Word document down, in the order of its body."""

    def __init__(self, document: Document, composer: Composer) -> None:
        self._document = document
        self._composer = composer
        self.title = ""  # of the paragraph styled as the title, if there is one

    def write(self) -> None:
        """Body, then notes, then everything a reader does not see."""
        self._blocks(self._document.element.body)
        for part in self._parts(_NOTES):
            for paragraph in etree.fromstring(part, _parser()).iter(_PARAGRAPH):
                self._composer.paragraph("".join(t.text or "" for t in paragraph.iter(qn("w:t"))))
        self._hide_unseen()

    def _blocks(self, container: BaseOxmlElement) -> None:
        for block in _flattened(container):
            if block.tag == _TABLE:
                self._table(block)
            else:
                self._paragraph(block)

    def _paragraph(self, paragraph: BaseOxmlElement) -> None:
        text = self._text(paragraph)
        style = self._style_name(paragraph)
        level = _heading_level(paragraph, style)
        if style.lower() == "title":
            self.title = self.title or text
            self._composer.heading(1, text)
        elif level is not None:
            self._composer.heading(level + bool(self.title), text)
        elif _listed(paragraph, style):
            self._composer.line(f"- {text}" if text.strip() else "")
        else:
            self._composer.paragraph(text)
        for box in _text_boxes(paragraph):
            self._blocks(box)

    def _text(self, paragraph: BaseOxmlElement) -> str:
        seen: list[str] = []
        unseen: list[str] = []
        for text, visible in pieces(paragraph, self._document.styles):
            (seen if visible else unseen).append(text)
        self._composer.hide("".join(unseen))
        return "".join(seen)

    def _table(self, table: BaseOxmlElement) -> None:
        elements = list(table.iterchildren(_ROW))
        rows = [[self._cell(cell) for cell in row.iter(_CELL) if cell.getparent() is row] for row in elements]
        if len(rows) > 1 and (_marked_as_header(elements[0]) or looks_like_header(rows[0])):
            lines = row_lines(rows[1:], rows[0])
        else:
            lines = row_lines(rows, None)
        self._composer.paragraph("\n".join(lines))

    def _cell(self, cell: BaseOxmlElement) -> str:
        return " ".join(filter(None, (self._text(paragraph).strip() for paragraph in cell.iter(_PARAGRAPH))))

    def _style_name(self, paragraph: BaseOxmlElement) -> str:
        reference = paragraph.style
        style = self._document.styles.element.get_by_id(reference) if reference else None
        return (style.name_val or "") if style is not None else ""

    def _hide_unseen(self) -> None:
        properties = self._document.core_properties
        for name in _PROPERTIES:
            self._composer.hide(getattr(properties, name) or "")
        for drawing in self._document.element.body.iter(qn("wp:docPr"), qn("pic:cNvPr")):
            self._composer.hide(drawing.get("descr") or "")
            self._composer.hide(drawing.get("title") or "")
        for part in self._parts(_UNSEEN_PARTS):
            words = etree.fromstring(part, _parser()).itertext()
            self._composer.hide(" ".join(words))

    def _parts(self, kinds: Iterable[str]) -> Iterator[bytes]:
        """The XML of the parts whose content type or place names one of these kinds."""
        for part in self._document.part.package.iter_parts():
            named = any(kind in part.content_type or kind in str(part.partname) for kind in kinds)
            if named and part.blob.lstrip()[:1] == b"<":
                yield part.blob


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _flattened(container: BaseOxmlElement) -> Iterator[BaseOxmlElement]:
    """Paragraphs and tables of a body, also those inside content controls and tracked insertions."""
    for child in container:
        if child.tag in (_PARAGRAPH, _TABLE):
            yield child
        elif child.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml"), qn("w:smartTag")):
            yield from _flattened(child)


def _text_boxes(paragraph: BaseOxmlElement) -> Iterator[BaseOxmlElement]:
    for box in paragraph.iter(qn("w:txbxContent")):
        inner = next(box.iterancestors(_PARAGRAPH), None) is paragraph
        if inner and next(box.iterancestors(FALLBACK), None) is None:
            yield box


def _heading_level(paragraph: BaseOxmlElement, style: str) -> int | None:
    named = _HEADING_STYLE.match(style)
    if named:
        return int(named.group(1))
    outline = paragraph.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
    value = outline.get(qn("w:val"), "9") if outline is not None else "9"
    return int(value) + 1 if value.isdigit() and int(value) < 9 else None


def _listed(paragraph: BaseOxmlElement, style: str) -> bool:
    numbered = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None
    return numbered or style.lower().startswith("list ")


def _marked_as_header(row: BaseOxmlElement) -> bool:
    return next(row.iter(qn("w:tblHeader")), None) is not None
