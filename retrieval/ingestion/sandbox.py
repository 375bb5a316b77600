"""Reads files in a child process with limits, so that a hostile one costs a refusal and no more."""

import errno
import os
import signal
import stat
import time
from collections.abc import Callable, Collection, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import structlog

from retrieval.errors import UnreadableFile
from retrieval.ingestion import tesseract
from retrieval.ingestion.channel import Channel
from retrieval.ingestion.frames import FrameCheck
from retrieval.ingestion.limits import MEGABYTE, ParseLimits
from retrieval.ingestion.parsed import Frame, ParsedDocument, Summary, joined
from retrieval.ingestion.sniff import display_name

PARSERS_MODULE = "retrieval.ingestion.parsers"
FILES_PER_CHILD_MAX = 200  # memory that libraries never give back is freed with the child
_SENTENCE_CHARS_MAX = 500
_SWITCH_SECONDS = 5.0  # for a child to take an answer that it waits for

log = structlog.get_logger()


def parse_file(path: Path, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read one file in a child process of its own, and hold all of it.

    path: the file's bytes. name: as its sender called it; judged and shown, never opened.

    Raises UnreadableFile with a sentence for people when it cannot be taken in.
    """
    with ParserPool(limits) as pool:
        return pool.parse(path, name)


class ParserPool:
    """One child process that reads many files, replaced after any failure. For one thread at a time.

    parsers_module: the module in the child whose PARSERS maps media types to parsers.
    overrides: media types for which an installed parser replaces the built-in one.
    ocr_languages: what text recognition reads, as `tesseract -l` names them, joined by "+".

    Raises ValueError when ocr_languages are no names of languages.
    """

    def __init__(
        self,
        limits: ParseLimits,
        *,
        parsers_module: str = PARSERS_MODULE,
        overrides: Collection[str] = (),
        ocr_languages: str = tesseract.LANGUAGES,
    ) -> None:
        tesseract.check_languages(ocr_languages)
        self._limits = limits
        self._parsers_module = parsers_module
        self._overrides = tuple(overrides)
        self._ocr_languages = ocr_languages
        self._child: Channel | None = None
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the child; the next file starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def parse(self, path: Path, name: str) -> ParsedDocument:
        """Read one file and hold all of it, as `parse_file` does."""
        return joined(self.read(path, name))

    def read(
        self, source: int | Path, name: str, *, on_pages: Callable[[int], None] | None = None
    ) -> Generator[Frame, None, None]:
        """Read one file block by block; the summary comes last. One file at a time: finish or close each.

        source: its path, or a descriptor of its bytes that is read from the start and stays open.
        on_pages: told how many pages were read, where the format has pages; not only at a block's end.

        Raises UnreadableFile, at any point, with a sentence for people when it cannot be taken in.
        """
        shown = display_name(name)
        descriptor = os.dup(source) if isinstance(source, int) else _opened(source, shown)
        try:
            size = _checked_size(descriptor, shown, self._limits)
            os.lseek(descriptor, 0, os.SEEK_SET)
            child = self._started()
            self._served += 1
            yield from self._frames(child, _Reading(descriptor, name, shown, size, on_pages))
        finally:
            os.close(descriptor)
            if self._child and (self._child.broken or self._served >= FILES_PER_CHILD_MAX):
                self.close()

    def _started(self) -> Channel:
        if self._child is not None and self._child.broken:
            self.close()  # a file before was left half-read
        if self._child is None:
            self._child = Channel(self._limits, self._parsers_module, self._overrides)
            self._served = 0
            for media_type, fault in self._child.faults.items():
                log.error("parser.broken", media_type=media_type, fault=fault)
        return self._child

    def _frames(self, child: Channel, reading: "_Reading") -> Iterator[Frame]:
        program = tesseract.found()
        checked = FrameCheck()
        try:
            child.ask(reading.descriptor, reading.name, ocr=program is not None)
            while not checked.whole:
                kind, content = self._next(child, reading)
                if kind in ("block", "summary"):
                    frame = checked.frame(content)
                    self._refuse_excess(checked, frame, reading.shown)
                    child.broken = not checked.whole
                    yield frame
                elif kind == "picture" and program:
                    self._recognise(child, content, program, reading)
                elif kind == "progress" and isinstance(content, int):
                    reading.turned_to(content)
                else:
                    self._explain(child, kind, content, reading.shown)
        except TimeoutError:
            raise UnreadableFile(_too_slow(reading.shown, reading.seconds_allowed)) from None
        except (EOFError, ConnectionError):
            self._explain_end(child.stop(), reading.shown)
        except ValueError:
            raise UnreadableFile(
                f"{reading.shown} could not be read: the reader's answer made no sense."
            ) from None

    def _next(self, child: Channel, reading: "_Reading") -> tuple[str, object]:
        """A frame's kind and content, within what is left of the file's time."""
        a_while, in_all = (
            self._limits.wall_seconds_max,
            self._limits.seconds_in_all(reading.size, reading.pages),
        )
        left = in_all - reading.seconds
        reading.seconds_allowed = a_while if a_while <= left else in_all
        begun = time.monotonic()
        try:
            ((kind, content),) = child.frame(begun + min(a_while, left)).items()
        finally:
            reading.seconds += time.monotonic() - begun
        return kind, content

    def _recognise(self, child: Channel, asked: object, program: Path, reading: "_Reading") -> None:
        """Have the text on a page's picture recognised and tell the child."""
        told = asked if isinstance(asked, dict) else {}
        length, dots = told.get("bytes"), told.get("dots_per_inch")
        reading.pictures += 1
        if not isinstance(length, int) or not isinstance(dots, int) or not 0 < length <= tesseract.BYTES_MAX:
            raise ValueError("a picture must say its size")
        if reading.pictures > self._limits.ocr_pages_max:
            raise ValueError("too many pictures")
        picture = child.received(length, time.monotonic() + self._limits.wall_seconds_max)
        text = tesseract.recognised(picture, dots, program, self._ocr_languages, self._limits)
        child.answer({"text": text}, time.monotonic() + _SWITCH_SECONDS)

    def _refuse_excess(self, checked: FrameCheck, frame: Frame, shown: str) -> None:
        """Hold the limits here too, because the child is not to be trusted with them."""
        hidden = sum(map(len, frame.hidden)) if isinstance(frame, Summary) else 0
        if checked.text_chars > self._limits.streamed_chars_max or hidden > self._limits.hidden_chars_max:
            raise UnreadableFile(f"{shown} holds more text than can be taken in.")

    def _explain(self, child: Channel, kind: str, content: object, shown: str) -> NoReturn:
        if kind == "refused":
            child.broken = False
            raise UnreadableFile(str(content)[:_SENTENCE_CHARS_MAX])
        if kind != "failed":
            raise ValueError("an unknown kind of frame")
        if content == "MemoryError":
            allowed = self._limits.memory_bytes_max // MEGABYTE
            raise UnreadableFile(f"{shown} needs more than {allowed} MB of memory to be read.")
        refusal = UnreadableFile(f"{shown} is damaged or not what its name says, and cannot be read.")
        refusal.add_note(f"the parser raised {content}")
        raise refusal

    def _explain_end(self, signal_number: int, shown: str) -> NoReturn:
        if signal_number == signal.SIGXCPU:
            raise UnreadableFile(_too_slow(shown, self._limits.cpu_seconds_max)) from None
        refusal = UnreadableFile(f"{shown} made its reader stop; it is damaged or needs too much memory.")
        refusal.add_note(f"the child ended by signal {signal_number}")
        raise refusal from None


class _Reading:
    """One file while it is read, and what it has cost so far."""

    def __init__(
        self, descriptor: int, name: str, shown: str, size: int, on_pages: Callable[[int], None] | None
    ) -> None:
        self.descriptor = descriptor
        self.name = name
        self.shown = shown
        self.size = size
        self.seconds = 0.0  # waited for the child, time spent with its frames left out
        self.seconds_allowed = 0.0
        self.pages = 0
        self.pictures = 0
        self._on_pages = on_pages

    def turned_to(self, pages: int) -> None:
        """Note that so many pages were read; the number only grows, and only that is progress."""
        if pages <= self.pages:
            raise ValueError("progress must go on")
        self.pages = pages
        if self._on_pages:
            self._on_pages(pages)


def _opened(path: Path, shown: str) -> int:
    """A descriptor of the file; links are not followed, pipes not waited for."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        linked = isinstance(error, OSError) and error.errno == errno.ELOOP
        reason = "it is a link" if linked else getattr(error, "strerror", None) or "its path makes no sense"
        raise UnreadableFile(f"{shown} cannot be opened: {reason}.") from None


def _checked_size(descriptor: int, shown: str, limits: ParseLimits) -> int:
    """The bytes of a regular file of allowed size."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableFile(f"{shown} is not a file.")
    if found.st_size > limits.file_bytes_max:
        size, allowed = found.st_size / MEGABYTE, limits.file_bytes_max / MEGABYTE
        raise UnreadableFile(f"{shown} has {size:,.1f} MB; a file may have {allowed:,.0f} MB. Split it.")
    return found.st_size


def _too_slow(shown: str, seconds: float) -> str:
    return f"{shown} took longer than {round(seconds, 1):g} seconds to read."
