"""Word documents: headings by style, lists, tables, notes; what Word keeps out of sight is hidden text."""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.opc.part import Part
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from lxml import etree

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.docx_numbering import Numbering
from retrieval.ingestion.parsers.docx_runs import FALLBACK, pieces
from retrieval.ingestion.parsers.package import check_package, outside_references, xml_parser
from retrieval.ingestion.parsers.tables import looks_like_header

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_NOTES = ("footnotes+xml", "endnotes+xml")
_UNSEEN_PARTS = ("comments+xml", "custom-properties+xml", "customXml")
_PROPERTIES = ("title", "subject", "keywords", "comments", "category", "content_status")
_FOREIGN = "/aFChunk"  # a whole file of another kind that Word puts in the place of a mark
_MARKUP = re.compile(r"<[^<>]{0,2000}>")
_ROW, _CELL, _PARAGRAPH, _TABLE = qn("w:tr"), qn("w:tc"), qn("w:p"), qn("w:tbl")


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a Word document after its package was checked; nothing outside it is opened."""
    check_package(file, name, limits, "Word document")
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
        self._numbering = Numbering(document)
        self._notes: dict[tuple[str, str], int] = {}  # in the order of their marks in the text
        self.title = ""  # of the paragraph styled as the title, if there is one

    def write(self) -> None:
        """Body, then notes, then everything a reader does not see."""
        self._blocks(self._document.element.body)
        self._write_notes()
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
        elif text.strip() and (mark := self._numbering.mark(paragraph, style)) is not None:
            self._composer.line(f"{mark} {text}")
        else:
            self._composer.paragraph(text)
        for box in _text_boxes(paragraph):
            self._blocks(box)

    def _text(self, paragraph: BaseOxmlElement) -> str:
        seen: list[str] = []
        unseen: list[str] = []
        for text, visible in pieces(paragraph, self._document.styles, self._reference):
            (seen if visible else unseen).append(text)
        self._composer.hide("".join(unseen))
        return "".join(seen)

    def _reference(self, kind: str, identity: str) -> str:
        """The mark of a note in the text, numbered in reading order."""
        number = self._notes.setdefault((kind, identity), len(self._notes) + 1)
        return f"[{number}]"

    def _write_notes(self) -> None:
        """Notes under the number of their mark; those that nothing refers to come last."""
        found: list[tuple[int, str]] = []
        for part in self._parts(_NOTES):
            for note in etree.fromstring(part, xml_parser()):
                key = (etree.QName(note).localname, note.get(qn("w:id"), ""))
                if text := "\n".join(_note_lines(note)).strip():
                    found.append((self._notes.get(key, 0), text))
        for number, text in sorted(found, key=lambda note: note[0] or len(self._notes) + 1):
            self._composer.paragraph(f"[{number}] {text}" if number else text)

    def _table(self, table: BaseOxmlElement) -> None:
        elements = list(table.iterchildren(_ROW))
        rows = [[self._cell(cell) for cell in row.iter(_CELL) if cell.getparent() is row] for row in elements]
        headed = len(rows) > 1 and (_marked_as_header(elements[0]) or looks_like_header(rows[0]))
        self._composer.table(rows[0] if headed else None, rows[1:] if headed else rows)

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
            words = etree.fromstring(part, xml_parser()).itertext()
            self._composer.hide(" ".join(words))
        for part in self._document.part.package.iter_parts():
            self._hide_references(part)

    def _hide_references(self, part: Part) -> None:
        """What Word would fetch or insert on opening; it stays outside and is noted."""
        for reference in outside_references(part.rels.xml):
            self._composer.hide(reference)
        for relationship in part.rels.values():
            if relationship.reltype.endswith(_FOREIGN) and not relationship.is_external:
                foreign = relationship.target_part
                self._composer.hide(f"Foreign content (altChunk), not taken in: {foreign.partname}")
                self._composer.hide(_MARKUP.sub(" ", foreign.blob.decode("utf-8", "replace")))

    def _parts(self, kinds: Iterable[str]) -> Iterator[bytes]:
        """The XML of the parts whose content type or place names one of these kinds."""
        for part in self._document.part.package.iter_parts():
            named = any(kind in part.content_type or kind in str(part.partname) for kind in kinds)
            if named and part.blob.lstrip()[:1] == b"<":
                yield part.blob


def _note_lines(note: etree._Element) -> Iterator[str]:
    for paragraph in note.iter(_PARAGRAPH):
        yield "".join(t.text or "" for t in paragraph.iter(qn("w:t"))).strip()


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


def _marked_as_header(row: BaseOxmlElement) -> bool:
    return next(row.iter(qn("w:tblHeader")), None) is not None
