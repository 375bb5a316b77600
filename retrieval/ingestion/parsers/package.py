"""The guards before an Office file is opened: size once unpacked, number of entries, plain XML."""

import zipfile
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from lxml import etree

from retrieval.errors import UnreadableFile
from retrieval.ingestion.archives import TornArchive, open_archive
from retrieval.ingestion.limits import MEGABYTE, ParseLimits

RATIO_MATTERS_FROM = 1 * MEGABYTE  # what small XML shrinks to says nothing
# What `zipfile` raises over an archive that is torn, locked or packed in a way it does not know.
ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)
_RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


def check_package(file: BinaryIO, name: str, limits: ParseLimits, kind: str) -> None:
    """Raise UnreadableFile when an Office file would unpack beyond the limits or defines entities.

    kind: what it should be, such as "Word document". Sizes are those the archive declares; `zipfile`
    never unpacks more than declared.
    """
    try:
        with open_archive(file, name, limits) as archive:
            check_sizes(archive.infolist(), name, limits)
            for entry in archive.infolist():
                if entry.filename.lower().endswith((".xml", ".rels")):
                    _check_xml(archive.read(entry), name, kind)
    except (*ARCHIVE_ERRORS, TornArchive):
        raise UnreadableFile(f"{name} is a damaged, encrypted or incomplete {kind}.") from None


def check_sizes(entries: list[zipfile.ZipInfo], name: str, limits: ParseLimits) -> None:
    """Raise UnreadableFile when the sizes that an archive declares are beyond the limits."""
    if sum(entry.file_size for entry in entries) > limits.zip_bytes_max:
        raise UnreadableFile(f"{name} unpacks to more than {limits.zip_bytes_max // MEGABYTE} MB.")
    for entry in entries:
        unpacked, packed = entry.file_size, max(entry.compress_size, 1)
        if unpacked > limits.zip_entry_bytes_max:
            raise UnreadableFile(
                f"{name} holds a part of more than {limits.zip_entry_bytes_max // MEGABYTE} MB."
            )
        if unpacked > RATIO_MATTERS_FROM and unpacked > packed * limits.zip_ratio_max:
            raise UnreadableFile(f"{name} holds a part that unpacks to {unpacked // packed} times its size.")


def xml_parser() -> etree.XMLParser:
    """A parser that expands nothing, fetches nothing and keeps the library's limits."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def outside_references(relationships: bytes) -> Iterator[str]:
    """What a part of an Office file would fetch from elsewhere: kind and address, links for readers left out."""
    for relationship in etree.fromstring(relationships, xml_parser()).iter(_RELATIONSHIP):
        kind = relationship.get("Type", "").rpartition("/")[2]
        if relationship.get("TargetMode") == "External" and kind != "hyperlink":
            yield f"External reference ({kind}): {relationship.get('Target', '')}"


def _check_xml(part: bytes, name: str, kind: str) -> None:
    """Refuse declarations that Office never writes and that could expand or fetch something."""

    def refuse(*_: object) -> None:
        raise UnreadableFile(f"{name} declares a document type or entities, which no {kind} does.")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(part, True)
    except expat.ExpatError:
        raise UnreadableFile(f"{name} holds a damaged part and cannot be read as a {kind}.") from None
