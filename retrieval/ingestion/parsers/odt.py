"""OpenDocument texts, read from their XML: headings, lists, tables, notes; the unseen is hidden text.

Read with lxml and not with odfpy: that one parses with the plain standard parser, which expands entities,
unpacks every picture, and has had no release since 2020.
"""

import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import ODT
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer, collapsed
from retrieval.ingestion.parsers.odt_styles import Styles
from retrieval.ingestion.parsers.package import check_package, xml_parser
from retrieval.ingestion.parsers.tables import looks_like_header

_KIND = "OpenDocument text"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_STYLE_NAME = f"{_TEXT}style-name"
_UNSEEN = {
    f"{_OFFICE}annotation",
    f"{_TEXT}tracked-changes",
    f"{_TEXT}hidden-text",
    f"{_TEXT}hidden-paragraph",
    f"{_TEXT}conditional-text",
    f"{_SVG}title",
    f"{_SVG}desc",
    f"{_OFFICE}forms",
    f"{_TEXT}variable-decls",
    f"{_TEXT}user-field-decls",
    f"{_OFFICE}scripts",
    f"{_OFFICE}event-listeners",
}
_REPEATED_MAX = 1_000  # a row or cell that says it stands there many times


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a text document after its package was checked."""
    check_package(file, name, limits, _KIND)
    file.seek(0)
    composer = Composer(name, ODT, limits)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = {part: archive.read(part) for part in archive.namelist() if part in _PARTS}
        if b"encryption-data" in parts.get("META-INF/manifest.xml", b""):
            raise UnreadableFile(f"{name} is encrypted; send a copy without a password.")
        writer = _Writer(parts, composer)
        writer.write()
    except (KeyError, ValueError, etree.XMLSyntaxError):
        raise UnreadableFile(f"{name} is damaged or not a real {_KIND}.") from None
    return composer.finish(writer.title)


_PARTS = ("content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml")


class _Writer:
    """Writes one document down, in the order of its body."""

    def __init__(self, parts: dict[str, bytes], composer: Composer) -> None:
        self._content = etree.fromstring(parts["content.xml"], xml_parser())
        styles = parts.get("styles.xml")
        self._styles = Styles([self._content, *([etree.fromstring(styles, xml_parser())] if styles else [])])
        self._meta = parts.get("meta.xml")
        self._composer = composer
        self._notes: list[str] = []
        self.title = ""

    def write(self) -> None:
        """Body, then notes, then the document's properties as hidden text."""
        body = self._content.find(f"{_OFFICE}body/{_OFFICE}text")
        if body is None:
            raise KeyError("no text in the body")
        self._blocks(body, seen=True, marks=())
        for number, note in enumerate(self._notes, start=1):
            self._composer.paragraph(f"[{number}] {note}")
        if self._meta:
            self._properties(etree.fromstring(self._meta, xml_parser()))

    def _blocks(self, container: etree._Element, *, seen: bool, marks: tuple[str, ...]) -> None:
        for block in container:
            if block.tag == f"{_TEXT}p":
                self._paragraph(block, seen, marks)
                marks = tuple(" " * len(mark) for mark in marks)
            elif block.tag == f"{_TEXT}h":
                level = block.get(f"{_TEXT}outline-level", "1")
                self._heading(block, seen, int(level) if level.isdigit() else 1)
            elif block.tag == f"{_TABLE}table":
                self._table(block, seen)
            elif block.tag in _UNSEEN:
                self._hide(block)
            elif block.tag == f"{_TEXT}list":
                self._list(block, seen, marks)
            elif isinstance(block.tag, str):
                self._blocks(block, seen=seen and not self._section_hidden(block), marks=marks)

    def _list(self, element: etree._Element, seen: bool, marks: tuple[str, ...]) -> None:
        style = element.get(_STYLE_NAME)
        for number, item in enumerate(element.iterchildren(f"{_TEXT}list-item"), start=1):
            mark = f"{number}." if self._styles.numbered(style, len(marks) + 1) else "-"
            self._blocks(item, seen=seen, marks=(*("  " for _ in marks), mark))

    def _paragraph(self, block: etree._Element, seen: bool, marks: tuple[str, ...]) -> None:
        text = self._words(block, seen)
        if self._styles.name(block.get(_STYLE_NAME)) == "Title" and text.strip():
            self.title = self.title or collapsed(text)
            self._composer.heading(1, text)
        elif marks and text.strip():
            self._composer.line(f"{''.join(marks)} {text}")
        else:
            self._composer.paragraph(text)

    def _heading(self, block: etree._Element, seen: bool, level: int) -> None:
        self._composer.heading(level + bool(self.title), self._words(block, seen))

    def _words(self, block: etree._Element, seen: bool) -> str:
        """What a reader sees of a paragraph; the rest is hidden."""
        visible: list[str] = []
        unseen: list[str] = []
        here = seen and self._styles.visible(block.get(_STYLE_NAME))
        for text, in_sight in self._pieces(block, here):
            (visible if in_sight else unseen).append(text)
        self._composer.hide("".join(unseen))
        return "".join(visible)

    def _pieces(self, element: etree._Element, seen: bool) -> Iterator[tuple[str, bool]]:
        yield element.text or "", seen
        for child in element:
            yield from self._piece(child, seen)
            yield child.tail or "", seen

    def _piece(self, child: etree._Element, seen: bool) -> Iterator[tuple[str, bool]]:
        if child.tag in _UNSEEN:
            self._hide(child)
        elif child.tag == f"{_TEXT}s":
            yield " ", seen
        elif child.tag == f"{_TEXT}tab":
            yield "\t", seen
        elif child.tag == f"{_TEXT}line-break":
            yield "\n", seen
        elif child.tag == f"{_TEXT}note":
            yield self._note(child, seen), seen
        elif isinstance(child.tag, str):
            inner = seen and self._styles.visible(child.get(_STYLE_NAME) or child.get(f"{_DRAW}style-name"))
            if child.tag == f"{_TEXT}p":
                yield "\n", seen  # of a text box inside the line
            yield from self._pieces(child, inner)

    def _note(self, note: etree._Element, seen: bool) -> str:
        body = note.find(f"{_TEXT}note-body")
        words = collapsed(" ".join(self._words(part, seen) for part in body)) if body is not None else ""
        if not words:
            return ""
        self._notes.append(words)
        return f"[{len(self._notes)}]"

    def _table(self, table: etree._Element, seen: bool) -> None:
        rows = [self._cells(row, seen) for row in table.iter(f"{_TABLE}table-row")]
        header = table.find(f"{_TABLE}table-header-rows") is not None
        headed = len(rows) > 1 and (header or looks_like_header(rows[0]))
        self._composer.table(rows[0] if headed else None, rows[1:] if headed else rows)

    def _cells(self, row: etree._Element, seen: bool) -> list[str]:
        cells: list[str] = []
        hidden = row.get(f"{_TABLE}visibility", "visible") != "visible"
        for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            paragraphs = cell.iter(f"{_TEXT}p", f"{_TEXT}h")
            text = collapsed(" ".join(self._words(part, seen and not hidden) for part in paragraphs))
            count = cell.get(f"{_TABLE}number-columns-repeated", "1")
            cells += [text] * min(int(count) if count.isdigit() else 1, _REPEATED_MAX if text else 1)
        return cells

    def _section_hidden(self, block: etree._Element) -> bool:
        return block.get(f"{_TEXT}display") == "none" or block.get(f"{_TEXT}condition") is not None

    def _hide(self, element: etree._Element) -> None:
        self._composer.hide(" ".join(element.itertext()))
        for value in element.attrib.values():
            if " " in str(value):  # words, where formats and names have none
                self._composer.hide(str(value))

    def _properties(self, meta: etree._Element) -> None:
        for entry in meta.iter():
            self._composer.hide(entry.text or "")
