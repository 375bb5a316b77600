"""Files embedded in Office and OpenDocument files: objects, controls, programs, documents with macros."""

import io
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.archives import TornArchive, macro_part, open_archive
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsers.package import ARCHIVE_ERRORS, check_sizes
from retrieval.ingestion.scan.embedding import is_plain
from retrieval.ingestion.scan.findings import CONTROL, MACROS, OBJECT, PROGRAM, Finding
from retrieval.ingestion.scan.programs import HEAD_BYTES, is_program, runs_by_name

_COMPOUND = b"\xd0\xcf\x11\xe0"
# Names of streams in a compound file are written in UTF-16.
_PACKAGED = ("Ole10Native".encode("utf-16-le"), "Package".encode("utf-16-le"))
_PROJECT = "_VBA_PROJECT".encode("utf-16-le")


def inspect(file: BinaryIO, name: str, limits: ParseLimits) -> Iterator[Finding]:
    """What an Office or OpenDocument file embeds. Raises UnreadableFile when it is damaged or too large."""
    try:
        with open_archive(file, name, limits) as archive:
            check_sizes(archive.infolist(), name, limits)
            for part in archive.namelist():
                if "/activex/" in part.lower():
                    yield Finding(rule=CONTROL, detail=part)
                elif not is_plain(part):
                    yield from _part(archive, part)
    except (*ARCHIVE_ERRORS, TornArchive):
        raise UnreadableFile(f"{name} is a damaged, encrypted or incomplete Office document.") from None


def _part(archive: zipfile.ZipFile, part: str) -> Iterator[Finding]:
    with archive.open(part) as stream:
        head = stream.read(HEAD_BYTES)
        if is_program(head) or runs_by_name(part):
            yield Finding(rule=PROGRAM, detail=part)
        elif head.startswith(_COMPOUND):
            yield from _compound(head + stream.read(), part)
        elif head.startswith(b"PK"):
            yield from _inner_package(head + stream.read(), part)


def _compound(content: bytes, part: str) -> Iterator[Finding]:
    if _PROJECT in content:
        yield Finding(rule=MACROS, detail=part)
    if any(stream in content for stream in _PACKAGED):
        yield Finding(rule=OBJECT, detail=part)


def _inner_package(content: bytes, part: str) -> Iterator[Finding]:
    """A workbook behind a chart is everyday; one with macros is not."""
    try:
        with open_archive(io.BytesIO(content), part, ParseLimits()) as archive:
            macros = macro_part(archive)
            programs = [name for name in archive.namelist() if runs_by_name(name)]
    except (TornArchive, UnreadableFile):
        yield Finding(rule=OBJECT, detail=part)
        return
    if macros:
        yield Finding(rule=MACROS, detail=part)
    for name in programs[:1]:
        yield Finding(rule=PROGRAM, detail=f"{part}/{name}")
