"""Parsers that a site adds by installing a distribution with an entry point in the group "ragsite.parsers".

An entry point's name is the media type it reads and its value a `Parser`. The parser's attribute
`extensions`, for example (".dwg",), says which file names the type goes by.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame, ParsedDocument

GROUP = "ragsite.parsers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many pages were read so far; a parser yields it where a block takes long to fill."""

    pages: int


# Takes the open file, the name to show in messages and the limits; raises UnreadableFile. A generator
# yields blocks and one summary, so that neither side holds the whole.
Parser = Callable[[BinaryIO, str, ParseLimits], ParsedDocument | Iterator[Frame | Progress]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """One entry point. fault: the class of the error that loading it raised, "" when it is whole."""

    media_type: str
    parser: Parser
    extensions: tuple[str, ...] = ()
    fault: str = ""


@cache
def registered() -> tuple[Registered, ...]:
    """What is installed, read once a process; one that does not load refuses its files."""
    return tuple(_loaded(point) for point in sorted(entry_points(group=GROUP), key=lambda one: one.name))


def parsers(built_in: Mapping[str, Parser], overrides: Collection[str]) -> dict[str, Parser]:
    """Built-in and installed parsers by media type.

    overrides: media types for which an installed parser replaces the built-in one; elsewhere it does not.
    """
    added = {
        one.media_type: one.parser
        for one in registered()
        if one.media_type not in built_in or one.media_type in overrides
    }
    return {**built_in, **added}


def extensions() -> dict[str, str]:
    """Media types of installed parsers by extension in small letters, the dot included."""
    return {extension: one.media_type for one in registered() for extension in one.extensions}


def _loaded(point: EntryPoint) -> Registered:
    try:
        parser = point.load()
        if not callable(parser):
            raise TypeError(f"{point.value} cannot be called")
        names = tuple(str(extension).lower() for extension in getattr(parser, "extensions", ()))
    # The one place where strangers' code is imported: it may raise what it likes.
    except Exception as error:
        return Registered(
            media_type=point.name, parser=_refusing(point.name), fault=f"{type(error).__name__}: {error}"
        )
    return Registered(media_type=point.name, parser=parser, extensions=names)


def _refusing(media_type: str) -> Parser:
    def refuse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
        raise UnreadableFile(
            f"{name} cannot be read: the parser installed for {media_type} does not load. Ask an administrator."
        )

    return refuse
