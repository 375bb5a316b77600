"""ZIP archives from outside: opened only when their directory is small, and told apart by what they hold."""

import struct
import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import DOCX, EPUB, ODT, PPTX, XLSX, ZIP

_END = b"PK\x05\x06"
_END_BYTES = 22
_LARGE_END, _LARGE_END_BYTES = b"PK\x06\x06", 56  # of ZIP64
_LOCATOR, _LOCATOR_BYTES = b"PK\x06\x07", 20
_COMMENT_BYTES_MAX = 65_535
_ENTRY = b"PK\x01\x02"
_ENTRY_BYTES = 1_000  # in the directory: a name and its dates; longer ones are rare
_BY_MIMETYPE = {b"application/epub+zip": EPUB, b"application/vnd.oasis.opendocument.text": ODT}
_MIMETYPE_BYTES_MAX = 100
_BY_FOLDER = (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX))
# The places where Office and OpenDocument keep programs; a macro sheet is one written in cells.
_MACRO_PARTS = ("vbaproject.bin", "vbadata.xml", "vbaprojectsignature.bin")
_MACRO_FOLDERS = ("xl/macrosheets/", "xl/dialogsheets/", "basic/", "scripts/")


class TornArchive(Exception):
    """An archive whose directory cannot be read."""


def open_archive(file: BinaryIO, shown: str, limits: ParseLimits) -> zipfile.ZipFile:
    """An archive whose directory is known to be small before any of it is read.

    Raises UnreadableFile when it holds too many entries, TornArchive when it is damaged.
    """
    count, directory_bytes = _directory(file)
    allowed = limits.zip_entries_max
    # The count is only what the archive says; what is read is the directory, so its size is held too.
    if count > allowed or directory_bytes > allowed * _ENTRY_BYTES:
        raise UnreadableFile(
            f"{shown} holds {count:,} files inside; at most {allowed:,} are taken in. Split it."
        )
    file.seek(0)
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error):
        raise TornArchive from None


def kind_of_archive(archive: zipfile.ZipFile) -> str:
    """The media type of an archive: a document of a known kind, or ZIP."""
    names = archive.namelist()
    if kind := _BY_MIMETYPE.get(_mimetype(archive, names)):
        return kind
    if "[Content_Types].xml" in names:
        for folder, kind in _BY_FOLDER:
            if any(name.startswith(folder) for name in names):
                return kind
    return ZIP


def macro_part(archive: zipfile.ZipFile) -> str | None:
    """The name of a part that carries a program, None when there is none."""
    for name in archive.namelist():
        place = name.lower().replace("\\", "/")
        if PurePosixPath(place).name in _MACRO_PARTS or place.startswith(_MACRO_FOLDERS):
            return name
    return None


def ends_as_archive(file: BinaryIO) -> bool:
    """Whether a file of another kind has a whole ZIP archive at its end."""
    try:
        _directory(file)
    except TornArchive:
        return False
    return True


def _directory(file: BinaryIO) -> tuple[int, int]:
    """Entries and bytes of the directory, from the record at the end; nothing else is read."""
    size = file.seek(0, 2)
    start = max(size - _END_BYTES - _COMMENT_BYTES_MAX, 0)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(_END)
    while place >= 0:
        record = tail[place : place + _END_BYTES]
        if len(record) == _END_BYTES:
            _, _, _, _, count, directory_bytes, _, comment_bytes = struct.unpack("<4s4H2LH", record)
            ended = start + place + _END_BYTES + comment_bytes == size
            if ended and (count == 0xFFFF or directory_bytes == 0xFFFFFFFF):
                return _large_directory(file, start + place, size)
            if ended and (count == 0 or _begins_directory(file, start + place - directory_bytes)):
                return count, directory_bytes
        place = tail.rfind(_END, 0, place)
    raise TornArchive


def _large_directory(file: BinaryIO, end: int, size: int) -> tuple[int, int]:
    """The same of a ZIP64 archive, whose own record stands before the end that points to it."""
    file.seek(max(end - _LOCATOR_BYTES, 0))
    locator = file.read(_LOCATOR_BYTES)
    if locator[:4] != _LOCATOR:
        return 0xFFFF, size  # so many entries without the larger record
    file.seek(min(int.from_bytes(locator[8:16], "little"), size))
    record = file.read(_LARGE_END_BYTES)
    if record[:4] != _LARGE_END or len(record) < _LARGE_END_BYTES:
        raise TornArchive
    return int.from_bytes(record[32:40], "little"), int.from_bytes(record[40:48], "little")


def _begins_directory(file: BinaryIO, place: int) -> bool:
    if place < 0:
        return False
    file.seek(place)
    return file.read(len(_ENTRY)) == _ENTRY


def _mimetype(archive: zipfile.ZipFile, names: list[str]) -> bytes:
    if "mimetype" not in names:
        return b""
    try:
        with archive.open("mimetype") as entry:
            return entry.read(_MIMETYPE_BYTES_MAX).strip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        return b""
