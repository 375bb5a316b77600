"""Writes down a document while a parser reads it, the same way for each format."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import TABLE, TEXT, ParsedDocument, Section
from retrieval.ingestion.parsers.legible import cleaned, collapsed, smuggled
from retrieval.ingestion.parsers.tables import batches, header_rows, markdown_rows

__all__ = ["Composer", "cleaned", "collapsed", "smuggled"]

HEADING_CHARS_MAX = 200  # in paths and titles; the text keeps the whole heading


class Composer:
    """Collects text, headings, pages and hidden text of one file, and stops at the limits.

    Every method may raise UnreadableFile when a limit is passed.
    """

    def __init__(self, name: str, media_type: str, limits: ParseLimits) -> None:
        self._name = name
        self._media_type = media_type
        self._limits = limits
        self._parts: list[str] = []
        self._chars = 0
        self._hidden: dict[str, None] = {}  # a set that keeps its order
        self._hidden_chars = 0
        self._starts: list[Section] = []  # their ends are known when the next begins
        self._kind, self._table_header = TEXT, ""
        self._headings: list[tuple[int, str]] = []
        self._page: int | None = None
        self._section_due = True

    def heading(self, level: int, text: str) -> None:
        """Begin a section under a heading; level 1 is the outermost."""
        text = self._legible(text)
        if not collapsed(text):
            return
        self._headings = [(depth, title) for depth, title in self._headings if depth < level]
        self._headings.append((level, collapsed(text)[:HEADING_CHARS_MAX]))
        self._section_due = True
        self._write(collapsed(text), "\n\n")

    def page(self, number: int) -> None:
        """Begin a page, counted from 1."""
        if number > self._limits.pages_max:
            raise UnreadableFile(f"{self._name} has more than {self._limits.pages_max:,} pages.")
        self._page = number
        self._section_due = True

    def paragraph(self, text: str) -> None:
        """Add text after a blank line; its own line breaks stay."""
        self._write_lines(text, "\n\n")

    def line(self, text: str) -> None:
        """Add text on a new line, right below what came before."""
        self._write_lines(text, "\n")

    def table(self, header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> None:
        """Add a table as Markdown rows after a blank line, in a section of its own that knows its header.

        header: names of the columns, None where the table names none. rows: read once, never gathered;
        those without a filled cell are left out.
        """
        self._kind, self._table_header = TABLE, "" if header is None else header_rows(header)
        self._section_due = True
        separator = "\n\n"
        for lines in batches(markdown_rows(header, rows)):
            self._write_lines("\n".join(lines), separator)
            separator = "\n"
        self._kind, self._table_header = TEXT, ""
        self._section_due = True

    def hide(self, text: str) -> None:
        """Note text that a reader would not see."""
        if not text:
            return
        for piece in [collapsed(cleaned(text)), *smuggled(text)]:
            if not piece or piece in self._hidden:
                continue
            self._hidden_chars += len(piece)
            if self._hidden_chars > self._limits.hidden_chars_max:
                allowed = f"{self._limits.hidden_chars_max:,}"
                raise UnreadableFile(f"{self._name} hides more than {allowed} characters from its readers.")
            self._hidden[piece] = None

    def shows(self, text: str) -> bool:
        """Whether a reader of the text so far has seen these words, in any case and spacing."""
        words = collapsed(cleaned(text)).casefold()
        return bool(words) and words in collapsed("".join(self._parts)).casefold()

    def finish(self, title: str = "", pages: int | None = None) -> ParsedDocument:
        """The document; without a title it takes the first top heading, then the file's name.

        Raises UnreadableFile when nothing was written.
        """
        text = "".join(self._parts)
        if not text:
            raise UnreadableFile(f"{self._name} holds no text that a reader would see.")
        for piece in smuggled(title):
            self.hide(piece)
        return ParsedDocument(
            text=text,
            sections=tuple(self._sections(len(text))),
            title=collapsed(cleaned(title))[:HEADING_CHARS_MAX] or self._own_title(),
            hidden=tuple(self._hidden),
            media_type=self._media_type,
            pages=pages,
        )

    def _own_title(self) -> str:
        stem = self._name.rpartition(".")[0] or self._name
        return next((start.heading_path[0] for start in self._starts if start.heading_path), stem)

    def _sections(self, text_chars: int) -> list[Section]:
        ends = [start.start_char for start in self._starts[1:]] + [text_chars]
        return [replace(start, end_char=end) for start, end in zip(self._starts, ends, strict=True)]

    def _write_lines(self, text: str, separator: str) -> None:
        lines = [line.rstrip() for line in self._legible(text).split("\n")]
        body = re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
        if body.strip():
            self._write(body, separator)

    def _legible(self, text: str) -> str:
        for piece in smuggled(text):
            self.hide(piece)
        return cleaned(text)

    def _write(self, text: str, separator: str) -> None:
        if self._parts:
            self._parts.append(separator)
            self._chars += len(separator)
        if self._section_due:
            self._open_section()
        self._parts.append(text)
        self._chars += len(text)
        if self._chars > self._limits.text_chars_max:
            allowed = f"{self._limits.text_chars_max:,}"
            raise UnreadableFile(f"{self._name} has more than {allowed} characters of text; split it.")

    def _open_section(self) -> None:
        section = Section(
            heading_path=tuple(title for _, title in self._headings),
            page=self._page,
            start_char=self._chars,
            end_char=self._chars,
            kind=self._kind,
            table_header=self._table_header,
        )
        self._starts.append(section)
        self._section_due = False
        if len(self._starts) > self._limits.sections_max:
            allowed = f"{self._limits.sections_max:,}"
            raise UnreadableFile(f"{self._name} has more than {allowed} headings and pages; split it.")
