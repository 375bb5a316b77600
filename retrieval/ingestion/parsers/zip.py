"""ZIP archives: every document inside under a heading with its path, in the order of names."""

import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.archives import TornArchive, open_archive
from retrieval.ingestion.limits import MEGABYTE, ParseLimits
from retrieval.ingestion.media_types import ZIP
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.nested import Budget, BudgetSpent, compose_inner, left_out, read_inner
from retrieval.ingestion.parsers.package import ARCHIVE_ERRORS, RATIO_MATTERS_FROM
from retrieval.ingestion.sniff import display_name

_BLOCK_BYTES = 256 * 1024
_ENCRYPTED = 0x1
# Systems put these beside people's files; nobody asks for them.
_LITTER = (".ds_store", "thumbs.db", "desktop.ini")
_LITTER_FOLDER = "__MACOSX/"
# Signs that look like the two that make a path; compatibility forms are folded before.
_LIKE_SLASH = str.maketrans({"\\": "/", "\u2044": "/", "\u2215": "/", "\u29f8": "/", "\u29f5": "/"})
_LIKE_DOT = str.maketrans({"\u0701": ".", "\u0702": ".", "\ua60e": ".", "\u06d4": "."})


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read every document of an archive; what cannot be taken in is named and the rest goes on."""
    return read(file, name, Budget.of(name, limits), 1)


def read(file: BinaryIO, name: str, budget: Budget, depth: int) -> ParsedDocument:
    """Read an archive as `parse` does; depth is 1 for one that lies in no other file."""
    composer = Composer(name, ZIP, budget.limits)
    try:
        with open_archive(file, name, budget.limits) as archive:
            outcomes = [*_entries(archive, composer, budget, depth)]
    except (*ARCHIVE_ERRORS, TornArchive):
        raise UnreadableFile(f"{name} is a damaged or incomplete archive.") from None
    refused = [(place, reason) for place, reason in outcomes if reason]
    if len(refused) == len(outcomes):
        reason = left_out(refused) if refused else "It is empty."
        raise UnreadableFile(f"{name} holds no document that can be taken in. {reason}")
    if refused:
        composer.heading(1, "Left out of this archive")
        composer.line(left_out(refused))
    return composer.finish(PurePosixPath(name).stem)


def _entries(
    archive: zipfile.ZipFile, composer: Composer, budget: Budget, depth: int
) -> Iterator[tuple[str, str]]:
    """Writes down what can be read; yields each document's name with "", or why it cannot be taken in."""
    seen: set[str] = set()
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        budget.take_entry()
        if entry.is_dir() or _litter(entry.filename):
            continue
        place = _shown(entry.filename)
        try:
            _check(entry, place, seen)
            content = _unpacked(archive, entry, budget)
            inner = read_inner(content, display_name(entry.filename), budget, depth)
        except BudgetSpent:
            raise
        except UnreadableFile as refusal:
            yield place, str(refusal)
        except ARCHIVE_ERRORS:
            yield place, "it is damaged"
        else:
            composer.heading(1, place)
            compose_inner(inner, composer, 1)
            yield place, ""


def _check(entry: zipfile.ZipInfo, place: str, seen: set[str]) -> None:
    """Raise UnreadableFile for an entry that is no plain file under a plain name."""
    name = unicodedata.normalize("NFKC", entry.orig_filename).translate(_LIKE_SLASH).translate(_LIKE_DOT)
    if "\x00" in entry.orig_filename:
        raise UnreadableFile("its name holds a NUL character")
    if name.startswith("/") or name[1:2] == ":":
        raise UnreadableFile("its name is a path from the root of a disk")
    if ".." in name.split("/"):
        raise UnreadableFile("its name leads out of the archive")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if stat.S_ISLNK(kind):
        raise UnreadableFile("it is a link")
    if kind and not stat.S_ISREG(kind):
        raise UnreadableFile("it is not a plain file")
    if entry.flag_bits & _ENCRYPTED:
        raise UnreadableFile("it is encrypted; send it without a password")
    if name.casefold() in seen:
        raise UnreadableFile("another entry has the same name")
    seen.add(name.casefold())


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: Budget) -> bytes:
    """The entry's bytes, counted as they come: no more than its packed size is ever read for them."""
    limits = budget.limits
    content = bytearray()
    with archive.open(entry) as stream:
        while piece := stream.read(_BLOCK_BYTES):
            budget.take_bytes(len(piece))
            content += piece
            if len(content) > limits.zip_entry_bytes_max:
                raise UnreadableFile(f"it unpacks to more than {limits.zip_entry_bytes_max // MEGABYTE} MB")
            packed = max(entry.compress_size, 1)
            if len(content) > RATIO_MATTERS_FROM and len(content) > packed * limits.zip_ratio_max:
                raise UnreadableFile(f"it unpacks to more than {limits.zip_ratio_max} times its size")
    return bytes(content)


def _litter(name: str) -> bool:
    return name.startswith(_LITTER_FOLDER) or name.rpartition("/")[2].lower() in _LITTER


def _shown(name: str) -> str:
    """An entry's path for people: printable, and short enough for a heading."""
    return "".join(character for character in name if character.isprintable())[-150:] or "unnamed entry"
