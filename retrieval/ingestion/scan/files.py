"""The scan of one file: what it is, whether a virus scanner knows it, and what it embeds."""

import os
from types import TracebackType
from typing import BinaryIO, Self

from django.conf import settings

from retrieval.errors import UnreadableFile
from retrieval.ingestion.archives import TornArchive, open_archive
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import DOCX, ODT, PDF, PPTX, RTF, XLSX
from retrieval.ingestion.parsed import joined
from retrieval.ingestion.sandbox import ParserPool
from retrieval.ingestion.scan import clamav, pdf
from retrieval.ingestion.scan.embedding import embedding_parts
from retrieval.ingestion.scan.findings import MALWARE, OBJECT, Finding, Findings, from_line
from retrieval.ingestion.sniff import HEAD_BYTES, display_name, sniff

_INSPECTION = "retrieval.ingestion.scan.inspection"
_BLOCK_BYTES = 1024 * 1024
_RTF_OBJECTS = (b"\\objdata", b"\\objupdate", b"\\objocx")


def scan_file(descriptor: int, name: str, declared: str = "", limits: ParseLimits | None = None) -> Findings:
    """Scan one file; for many, keep one `Scanner`.

    descriptor: its plain bytes, readable and seekable; it stays open, its position is not kept.
    name and declared: as the sender gave them, the latter a Content-Type or "".

    Raises UnreadableFile when it cannot be taken in at all, ScannerUnavailable when the configured virus
    scanner has not judged it: try again later, and treat it as unscanned until then.
    """
    with Scanner(settings.RAGSITE_CLAMAV, limits) as scanner:
        return scanner.scan(descriptor, name, declared)


class Scanner:
    """Scans files one after another; a process for those that embed something is started when one comes.

    clamd: address of the virus scanner, "" for none. For one thread at a time.
    """

    def __init__(self, clamd: str, limits: ParseLimits | None = None) -> None:
        self._clamd = clamd
        self._limits = limits or ParseLimits()
        self._pool = ParserPool(self._limits, parsers_module=_INSPECTION)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if one was started."""
        self._pool.close()

    def scan(self, descriptor: int, name: str, declared: str = "") -> Findings:
        """Scan one file as `scan_file` does."""
        shown = display_name(name)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            media_type = sniff(file.read(HEAD_BYTES), name, file, declared)
            found = self._malware(file, shown)
            if not found and _embeds(file, media_type, shown, self._limits):
                found = self._embedded(descriptor, file, name, media_type)
        return Findings(media_type=media_type, found=tuple(found))

    def _malware(self, file: BinaryIO, shown: str) -> list[Finding]:
        named = clamav.scan_stream(file, shown, self._clamd) if self._clamd else None
        return [Finding(rule=MALWARE, detail=named)] if named is not None else []

    def _embedded(self, descriptor: int, file: BinaryIO, name: str, media_type: str) -> list[Finding]:
        if media_type == RTF:
            return [Finding(rule=OBJECT, detail="an object in rich text")]
        told = joined(self._pool.read(descriptor, name))
        try:
            return [from_line(line) for line in told.text.split("\n")[1:]]
        except ValueError:
            raise UnreadableFile(
                f"{display_name(name)} could not be checked: the answer made no sense."
            ) from None


def _embeds(file: BinaryIO, media_type: str, shown: str, limits: ParseLimits) -> bool:
    """Whether a file can embed another; most cannot, and are spared the closer look."""
    if media_type == PDF:
        return pdf.may_act(file)
    if media_type == RTF:
        return _holds(file, _RTF_OBJECTS)
    if media_type not in (DOCX, XLSX, PPTX, ODT):
        return False
    try:
        with open_archive(file, shown, limits) as archive:
            return bool(embedding_parts(archive.namelist()))
    except TornArchive:
        raise UnreadableFile(f"{shown} is a damaged or incomplete archive.") from None


def _holds(file: BinaryIO, signs: tuple[bytes, ...]) -> bool:
    file.seek(0)
    kept = b""
    while block := file.read(_BLOCK_BYTES):
        if any(sign in kept + block for sign in signs):
            return True
        kept = block[-max(map(len, signs)) :]
    return False
