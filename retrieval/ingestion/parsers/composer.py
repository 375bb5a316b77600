"""Writes down a document while a parser reads it, the same way for each format."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import (
    BLOCK_CHARS,
    BLOCK_WEIGHT,
    REGION_WEIGHT,
    TABLE,
    TEXT,
    Frame,
    ParsedBlock,
    ParsedDocument,
    Region,
    Section,
    Summary,
    joined,
    paragraph_end,
    weight,
)
from retrieval.ingestion.parsers.legible import cleaned, collapsed, smuggled
from retrieval.ingestion.parsers.tables import batches, header_rows, markdown_rows

__all__ = ["HEADING_CHARS_MAX", "Composer", "cleaned", "collapsed", "smuggled"]

HEADING_CHARS_MAX = 200  # in paths and titles; the text keeps the whole heading
_SHOWN_CHARS = 1_000_000  # how far from the beginning a title may stand to count as shown
_WRITE_CHARS_MAX = BLOCK_CHARS  # a longer paragraph is cut, so that a block stays bounded


class Composer:
    """Collects text, headings, pages and hidden text of one file, and stops at the limits.

    streamed: whether the parser hands on `blocks` while it reads, so that a far longer text is allowed.

    Every method may raise UnreadableFile when a limit is passed.
    """

    def __init__(self, name: str, media_type: str, limits: ParseLimits, *, streamed: bool = False) -> None:
        self._name = name
        self._media_type = media_type
        self._limits = limits
        self._chars_max = limits.streamed_chars_max if streamed else limits.text_chars_max
        self._chars = 0  # of the whole text, blocks that were handed on included
        self._parts: list[str] = []  # of the block that is being written
        self._block_start = 0
        self._starts: list[Section] = []  # of this block; their ends are known when the next begins
        self._regions: list[Region] = []
        self._weight = 0
        self._whole: list[ParsedBlock] = []
        self._beginning: list[str] = []
        self._hidden: dict[str, None] = {}  # a set that keeps its order
        self._hidden_chars = 0
        self._sections = 0
        self._first_heading = ""
        self._headings: list[tuple[int, str]] = []
        self._page: int | None = None
        self._kind, self._table_header = TEXT, ""
        self._section_due = True
        self._gap = 2  # newlines that the last stretch of running text ended with

    @property
    def chars(self) -> int:
        """Characters written so far: where the next write begins, but for a separator before it."""
        return self._chars

    def heading(self, level: int, text: str) -> None:
        """Begin a section under a heading; level 1 is the outermost."""
        text = self._legible(text)
        if not collapsed(text):
            return
        self._headings = [(depth, title) for depth, title in self._headings if depth < level]
        self._headings.append((level, collapsed(text)[:HEADING_CHARS_MAX]))
        self._first_heading = self._first_heading or self._headings[0][1]
        self._kind = TEXT
        self._section_due = True
        self._write(collapsed(text), "\n\n")

    def page(self, number: int) -> None:
        """Begin a page, counted from 1."""
        if number > self._limits.pages_max:
            raise UnreadableFile(f"{self._name} has more than {self._limits.pages_max:,} pages.")
        self._page = number
        self._section_due = True

    def kind(self, kind: str) -> None:
        """Say what follows is: `parsed.TEXT`, `parsed.LIST` or `parsed.NOTE`."""
        self._section_due = self._section_due or kind != self._kind
        self._kind = kind

    def paragraph(self, text: str) -> None:
        """Add text after a blank line; its own line breaks stay."""
        self._write_lines(text, "\n\n")

    def line(self, text: str) -> None:
        """Add text on a new line, right below what came before."""
        self._write_lines(text, "\n")

    def stretch(self, text: str) -> None:
        """Add the next part of running text, as if all parts were one paragraph; it may end in a line."""
        lines = "\n".join(line.rstrip() for line in self._legible(text).split("\n"))
        body = lines.strip("\n")
        if not body.strip():
            self._gap += lines.count("\n")
            return
        leading = len(lines) - len(lines.lstrip("\n"))
        self._write(re.sub("\n{3,}", "\n\n", body), "\n" * min(self._gap + leading, 2))
        self._gap = len(lines) - len(lines.rstrip("\n"))

    def table(self, header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> None:
        """Add a table as Markdown rows after a blank line, in a section of its own that knows its header.

        header: names of the columns, None where the table names none. rows: read once; those without a
        filled cell are left out.
        """
        for _ in self.table_blocks(header, rows):
            continue

    def table_blocks(self, header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> Iterator[None]:
        """Add a table as `table` does, pausing after some rows so that `blocks` can be handed on."""
        self._kind, self._table_header = TABLE, "" if header is None else header_rows(header)
        self._section_due = True
        separator = "\n\n"
        for lines in batches(markdown_rows(header, rows)):
            self._write_lines("\n".join(lines), separator)
            separator = "\n"
            yield
        self._kind, self._table_header = TEXT, ""
        self._section_due = True

    def locate(self, region: Region) -> None:
        """Note where on its page some of the text just written stands."""
        if region.start_char >= self._block_start:
            self._regions.append(region)
            self._weight += REGION_WEIGHT

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
        """Whether the first million characters say these words, in any case and spacing."""
        words = collapsed(cleaned(text)).casefold()
        written = "".join([*self._beginning, *self._parts])[:_SHOWN_CHARS]
        return bool(words) and words in collapsed(written).casefold()

    def blocks(self) -> Iterator[ParsedBlock]:
        """The blocks that are complete and were not handed on yet."""
        whole, self._whole = self._whole, []
        yield from whole

    def ending(
        self,
        title: str = "",
        pages: int | None = None,
        *,
        ocr: bool = False,
        pages_without_text: Sequence[int] = (),
    ) -> Iterator[Frame]:
        """The blocks that are left and the summary; without a title it takes the first top heading, then
        the file's name.

        Raises UnreadableFile when nothing was written.
        """
        if not self._chars:
            raise UnreadableFile(f"{self._name} holds no text that a reader would see.")
        for piece in smuggled(title):
            self.hide(piece)
        self._close_block()
        yield from self.blocks()
        yield Summary(
            title=collapsed(cleaned(title))[:HEADING_CHARS_MAX] or self._own_title(),
            hidden=tuple(self._hidden),
            media_type=self._media_type,
            pages=pages,
            text_chars=self._chars,
            ocr=ocr,
            pages_without_text=tuple(pages_without_text),
        )

    def finish(self, title: str = "", pages: int | None = None) -> ParsedDocument:
        """The whole document, of which nothing was handed on before; otherwise as `ending`."""
        return joined(self.ending(title, pages))

    def _own_title(self) -> str:
        return self._first_heading or self._name.rpartition(".")[0] or self._name

    def _write_lines(self, text: str, separator: str) -> None:
        lines = [line.rstrip() for line in self._legible(text).split("\n")]
        body = re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
        if body.strip():
            self._write(body, separator)

    def _legible(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return text
        for piece in smuggled(text):
            self.hide(piece)
        return cleaned(text)

    def _write(self, text: str, separator: str) -> None:
        if self._chars:
            self._put(separator)
            length = self._chars - self._block_start + min(len(text), _WRITE_CHARS_MAX)
            if length > BLOCK_CHARS or self._weight > BLOCK_WEIGHT:
                self._close_block()
        if self._section_due:
            self._open_section()
        start = 0
        while len(text) - start > _WRITE_CHARS_MAX:
            end = paragraph_end(text, start, start + _WRITE_CHARS_MAX)
            self._put(text[start:end])
            self._close_block()
            start = end
        self._put(text[start:])
        self._gap = 0

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._chars += len(text)
        if self._chars > self._chars_max:
            allowed = f"{self._chars_max:,}"
            raise UnreadableFile(f"{self._name} has more than {allowed} characters of text; split it.")

    def _close_block(self) -> None:
        """Finish the block; the section that goes on begins once more in the next one."""
        if not self._parts:
            return
        text = "".join(self._parts)
        ends = [start.start_char for start in self._starts[1:]] + [self._chars]
        self._whole.append(
            ParsedBlock(
                start_char=self._block_start,
                text=text,
                sections=tuple(
                    replace(start, end_char=end) for start, end in zip(self._starts, ends, strict=True)
                ),
                regions=tuple(self._regions),
            )
        )
        if self._block_start < _SHOWN_CHARS:
            self._beginning.append(text)
        self._starts = [replace(self._starts[-1], start_char=self._chars)]
        self._parts, self._regions, self._block_start = [], [], self._chars
        self._weight = weight(self._starts[0])

    def _open_section(self) -> None:
        section = Section(
            heading_path=tuple(title for _, title in self._headings),
            page=self._page,
            start_char=self._chars,
            end_char=self._chars,
            kind=self._kind,
            table_header=self._table_header,
        )
        if self._starts and self._starts[-1].start_char == self._chars:
            self._starts.pop()  # a block's beginning that is a section's beginning too
        self._starts.append(section)
        self._weight += weight(section)
        self._section_due = False
        self._sections += 1
        if self._sections > self._limits.sections_max:
            allowed = f"{self._limits.sections_max:,}"
            raise UnreadableFile(f"{self._name} has more than {allowed} headings and pages; split it.")
