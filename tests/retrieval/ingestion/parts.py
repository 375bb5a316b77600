"""Parts of ingestion that are quick and can be told to fail, for tests of the pipeline around them."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile

from accounts.database import managing
from retrieval.errors import EncoderUnavailable, UnreadableFile
from retrieval.ingestion.parsed import ParsedBlock, Section, Summary
from retrieval.ingestion.pipeline import IngestionComponents
from retrieval.ingestion.receive import Received, Upload, receive
from retrieval.ingestion.scan.findings import Findings
from retrieval.ingestion.splitter import PieceOfText
from retrieval.interfaces import Encoding
from retrieval.models import ChunkText, Collection, Document, DocumentVersion, Ingestion
from retrieval.search.index import PostgresChunkIndex
from retrieval.search.space import recorded_first
from retrieval.values.verdicts import Action, Finding, Verdict
from tests.factories import fake_vector

BYTES_MAX = 1_000_000
BLOCK = "\f"  # a form feed ends a block of the plain reader


def read_plainly(
    descriptor: int, name: str, on_pages: Callable[[int], None]
) -> Iterator[ParsedBlock | Summary]:
    """The file's text; form feeds divide it into blocks, so that a short file can be a large one."""
    text = os.pread(descriptor, BYTES_MAX, 0).decode()
    if text.startswith("BROKEN"):
        raise UnreadableFile(f"'{name}' cannot be read.")
    start = 0
    for number, block in enumerate(text.split(BLOCK), start=1):
        section = Section(heading_path=(), page=number, start_char=start, end_char=start + len(block))
        yield ParsedBlock(start_char=start, text=block, sections=(section,))
        start += len(block)
    yield Summary(title="", hidden=(), media_type="text/plain", pages=None, text_chars=start)


def one_piece_a_line(blocks, title: str) -> Iterator[PieceOfText]:
    number = 0
    for block in blocks:
        start = block.start_char
        for line in block.text.splitlines():
            yield PieceOfText(
                ordinal=number, start_char=start, end_char=start + len(line), heading_path="", page=None, text=line,
                embedding_text=line, section=0, regions=(), kind="text",
            )  # fmt: skip
            number += 1
            start += len(line) + 1


class WordEncoder:
    name, dimensions, tokens_max = "fake", 384, 256  # of the same space as the one that tests search with

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts):
        texts = list(texts)
        if any("UNREACHABLE" in text for text in texts):
            raise EncoderUnavailable("The encoder cannot be reached.")
        if any("EXPLODE" in text for text in texts):
            raise ZeroDivisionError("a secret detail")
        self.encoded += texts
        return [Encoding(vector=fake_vector(text)) for text in texts]

    async def encode_one(self, text):
        return self.encode([text])[0]


class SuspiciousGuardrail:
    def inspect_document(self, tenant_id: UUID, texts, hidden) -> Verdict:
        found = any("POISON" in text for text in texts)
        return Verdict(findings=(Finding(rule="injection.hidden", action=Action.BLOCK),) if found else ())


def some_ingestion(**changes: Any) -> IngestionComponents:
    parts: dict[str, Any] = {
        "scan": lambda descriptor, name, declared_type: Findings(media_type="text/plain"),
        "read": read_plainly,
        "split": one_piece_a_line,
        "guardrail": SuspiciousGuardrail(),
        "index": PostgresChunkIndex(),
    }
    encoder = changes.pop("encoder", None) or WordEncoder()
    parts["encoders"] = lambda: recorded(encoder)
    return IngestionComponents(**(parts | changes))


def recorded(encoder: Any) -> list[Any]:
    """As the assembly's: the first encoder to write becomes the index's."""
    recorded_first(encoder)
    return [encoder]


def send(shelf: Collection, text: str, name: str = "notes.txt", told: list[Any] | None = None) -> Received:
    told = [] if told is None else told
    upload = Upload(name=name, content=ContentFile(text.encode(), name=name))
    return receive(shelf, upload, lambda *ids: told.append(ids), BYTES_MAX)


def texts_of(document: Document) -> list[str]:
    """What the version says that is read now."""
    with managing(document.tenant_id):
        version = Document.objects.values_list("version_id", flat=True).get(pk=document.pk)
        texts = ChunkText.objects.filter(version_id=version).order_by("ordinal")
        return list(texts.values_list("body", flat=True)) if version else []


def stored(document: Document) -> Document:
    with managing(document.tenant_id):
        return Document.objects.get(pk=document.pk)


def work_on(document: Document) -> Ingestion:
    """The ingestion of the document's newest version."""
    with managing(document.tenant_id):
        newest = DocumentVersion.objects.filter(document=document).order_by("-number").first()
        return Ingestion.objects.select_related("version").get(pk=newest.pk)  # type: ignore[union-attr]
