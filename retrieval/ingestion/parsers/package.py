"""The guards before a Word file is opened: size once unpacked, number of entries, plain XML."""

import zipfile
from typing import BinaryIO
from xml.parsers import expat

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import MEGABYTE, ParseLimits

_RATIO_MATTERS_FROM = 1 * MEGABYTE  # what small XML shrinks to says nothing


def check_package(file: BinaryIO, name: str, limits: ParseLimits) -> None:
    """Raise UnreadableFile when a Word file would unpack beyond the limits or defines entities.

    Sizes are those the archive declares; `zipfile` never unpacks more than declared.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive.infolist(), name, limits)
            for entry in archive.infolist():
                if entry.filename.lower().endswith((".xml", ".rels")):
                    _check_xml(archive.read(entry), name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise UnreadableFile(f"{name} is a damaged, encrypted or incomplete Word document.") from None


def _check_sizes(entries: list[zipfile.ZipInfo], name: str, limits: ParseLimits) -> None:
    if len(entries) > limits.zip_entries_max:
        allowed = f"{limits.zip_entries_max:,}"
        raise UnreadableFile(
            f"{name} holds {len(entries):,} files inside; a Word document may hold {allowed}."
        )
    if sum(entry.file_size for entry in entries) > limits.zip_bytes_max:
        raise UnreadableFile(f"{name} unpacks to more than {limits.zip_bytes_max // MEGABYTE} MB.")
    for entry in entries:
        unpacked, packed = entry.file_size, max(entry.compress_size, 1)
        if unpacked > limits.zip_entry_bytes_max:
            raise UnreadableFile(
                f"{name} holds a part of more than {limits.zip_entry_bytes_max // MEGABYTE} MB."
            )
        if unpacked > _RATIO_MATTERS_FROM and unpacked > packed * limits.zip_ratio_max:
            raise UnreadableFile(f"{name} holds a part that unpacks to {unpacked // packed} times its size.")


def _check_xml(part: bytes, name: str) -> None:
    """Refuse declarations that Word never writes and that could expand or fetch something."""

    def refuse(*_: object) -> None:
        raise UnreadableFile(f"{name} declares a document type or entities, which no Word document does.")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(part, True)
    except expat.ExpatError:
        raise UnreadableFile(f"{name} holds a damaged part and cannot be read as a Word document.") from None
