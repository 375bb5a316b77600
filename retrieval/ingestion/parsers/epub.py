"""EPUB books: the chapters in the order of their spine, each read as the page it is."""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from lxml import etree

from retrieval.errors import UnreadableFile
from retrieval.ingestion.archives import TornArchive, open_archive
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import EPUB
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers import html
from retrieval.ingestion.parsers.composer import Composer, collapsed
from retrieval.ingestion.parsers.decoding import decoded
from retrieval.ingestion.parsers.package import ARCHIVE_ERRORS, check_sizes, xml_parser

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Fonts may be scrambled by this one without anybody being locked out of the text.
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = ("application/xhtml+xml", "text/html")
_SHOWN_METADATA = "title"


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a book's chapters; its description and other metadata are hidden text."""
    composer = Composer(name, EPUB, limits)
    try:
        with open_archive(file, name, limits) as archive:
            check_sizes(archive.infolist(), name, limits)
            title = _book(archive, composer, name)
    except (*ARCHIVE_ERRORS, TornArchive, KeyError, etree.XMLSyntaxError):
        raise UnreadableFile(f"{name} is a damaged, encrypted or incomplete EPUB book.") from None
    return composer.finish(title)


def _book(archive: zipfile.ZipFile, composer: Composer, name: str) -> str:
    """Write the chapters down; returns the book's title where a reader sees it."""
    if _locked(archive):
        raise UnreadableFile(f"{name} is locked by a seller (DRM) and cannot be read.")
    place = _xml(archive, _CONTAINER).find(".//{*}rootfile")
    package_place = place.get("full-path", "") if place is not None else ""
    package = _xml(archive, package_place)
    metadata = package.find("{*}metadata")
    for entry in metadata.iter() if metadata is not None else ():
        composer.hide(entry.text or "")
    title = metadata.findtext("{*}title") if metadata is not None else None
    for chapter in _spine(package, posixpath.dirname(package_place)):
        _chapter(archive, chapter, composer, name)
    return collapsed(title or "") if composer.shows(title or "") else ""


def _chapter(archive: zipfile.ZipFile, place: str, composer: Composer, name: str) -> None:
    page = html.tree(decoded(archive.read(place), markup=True), name)
    titled = page.find(".//title")
    title = collapsed(titled.text_content()) if titled is not None else ""
    # A chapter without a heading of its own would run on under the heading before it.
    if title and next(page.iter("h1", "h2", "h3"), None) is None:
        composer.heading(1, title)
    html.compose(page, composer)


def _spine(package: etree._Element, folder: str) -> Iterator[str]:
    """Places of the chapters inside the archive, in reading order."""
    items = {item.get("id"): item for item in package.iterfind("{*}manifest/{*}item")}
    for reference in package.iterfind("{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGES:
            continue
        target = unquote(urlsplit(item.get("href", "")).path)
        yield posixpath.normpath(posixpath.join(folder, target))


def _locked(archive: zipfile.ZipFile) -> bool:
    if _ENCRYPTION not in archive.namelist():
        return False
    methods = [
        method.get("Algorithm", "") for method in _xml(archive, _ENCRYPTION).iter("{*}EncryptionMethod")
    ]
    return any(not method.startswith(_FONT_SCRAMBLING) for method in methods)


def _xml(archive: zipfile.ZipFile, place: str) -> etree._Element:
    return etree.fromstring(archive.read(place), xml_parser())
