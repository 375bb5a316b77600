"""A kept file as a response: an attachment in a sandbox, whole or one range of it, streamed as it is decrypted."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

BLOCK_BYTES = 256 * 1024
ANYTHING = "application/octet-stream"
# What no browser runs. Everything else, HTML, SVG, XML and scripts among it, is bytes and no more.
INERT = frozenset(
    {
        "application/json",
        "application/msword",
        "application/pdf",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/zip",
        "image/gif",
        "image/jpeg",
        "image/png",
        "text/csv",
        "text/markdown",
        "text/plain",
    }
)
# Of what a user brought nothing runs, nothing is sniffed, nothing is kept by a cache or framed elsewhere.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Accept-Ranges": "bytes",
}
# One range in bytes (RFC 9110, 14.1.2); several, and other units, are answered with the whole.
RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")
NAME_CHARS = "!#$&+-.^_`|~"  # attr-char of RFC 8187, besides letters and digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that its caller may have. `mark` changes with the content."""

    name: str
    media_type: str
    size_bytes: int
    mark: str

    @property
    def headers(self) -> dict[str, str]:
        return HEADERS | {
            "Content-Type": self.media_type if self.media_type in INERT else ANYTHING,
            "Content-Disposition": disposition(self.name),
            "ETag": f'"{hashlib.sha256(self.mark.encode()).hexdigest()[:32]}"',
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes `first` to before `end` of a file."""

    first: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.first


class Unsatisfiable(Exception):
    """A range that begins behind the end of the file."""


def disposition(name: str) -> str:
    """`attachment` with the name in ASCII and in full (RFC 6266)."""
    printable = "".join(character for character in name if character.isprintable()) or "unnamed"
    ascii_name = re.sub(r'["\\/%]', "_", printable.encode("ascii", "replace").decode().replace("?", "_"))
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(printable, safe=NAME_CHARS)}"


def wanted_span(request: HttpRequest, attachment: Attachment) -> Span | None:
    """The range that is asked for; None: the whole. Raises Unsatisfiable."""
    found = RANGE.fullmatch(request.headers.get("Range", "").strip())
    condition = request.headers.get("If-Range")
    if request.method != "GET" or found is None or condition not in (None, attachment.headers["ETag"]):
        return None
    size, first, last = attachment.size_bytes, found["first"], found["last"]
    if not first and not last:
        return None
    if not first:
        span = Span(first=max(size - int(last), 0), end=size)
    else:
        if last and int(last) < int(first):
            return None  # no range at all, RFC 9110 says
        span = Span(first=int(first), end=min(int(last) + 1, size) if last else size)
    if span.size <= 0:
        raise Unsatisfiable
    return span


def unsatisfiable(attachment: Attachment) -> HttpResponse:
    return HttpResponse(status=416, headers=HEADERS | {"Content-Range": f"bytes */{attachment.size_bytes}"})


def head_of(attachment: Attachment) -> HttpResponse:
    """What a download would say of itself."""
    return HttpResponse(headers=attachment.headers | {"Content-Length": str(attachment.size_bytes)})


def download(attachment: Attachment, plain: BinaryIO, span: Span | None) -> HttpResponseBase:
    """The file, or the span of it, decrypted block by block as the client takes it; closes `plain`."""
    sent = span or Span(first=0, end=attachment.size_bytes)
    headers = attachment.headers | {"Content-Length": str(sent.size)}
    if span is not None:
        headers["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{attachment.size_bytes}"
    return FileStream(plain, sent, headers, 200 if span is None else 206)


class FileStream(StreamingHttpResponse):
    """Closes its file when it was sent, when its client left, and when nobody ever read it."""

    def __init__(self, plain: BinaryIO, sent: Span, headers: dict[str, str], status: int) -> None:
        self.plain = plain
        self.blocks = blocks_of(plain, sent)
        super().__init__(self.blocks, headers=headers, status=status)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self.blocks) as blocks:
            async for block in blocks:
                yield block

    def close(self) -> None:
        self.plain.close()
        super().close()


async def blocks_of(plain: BinaryIO, sent: Span) -> AsyncGenerator[bytes]:
    """Reading and decrypting happen in a thread that holds no connection."""
    left = sent.size
    await asyncio.to_thread(plain.seek, sent.first)
    while left > 0:
        block = await asyncio.to_thread(plain.read, min(BLOCK_BYTES, left))
        if not block:
            # The promised length cannot be kept: the connection must break, not end well.
            raise EOFError("A kept file ended before its size.")
        left -= len(block)
        yield block
