"""A file as a row of sealed segments: streamed in, read from anywhere, and every change of it noticed.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015) with AES-256-GCM: the nonce of a segment holds its number and
whether it is the last one, so that none can be moved, left out or cut off. Each file has a key of its own,
derived with HKDF (RFC 5869) from the tenant's key and 32 random bytes.
"""

import io
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from retrieval.errors import DamagedOriginal

SEGMENT_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_BYTES = SEGMENT_BYTES + TAG_BYTES
SALT_BYTES = 32
PREFIX_BYTES = 7  # with 4 of the counter and 1 of the flag: the 12 of a nonce

MAGIC = b"ragsite\x01"
HEADER = struct.Struct(f">8sI{SALT_BYTES}s{PREFIX_BYTES}s")  # magic, key version, salt, nonce prefix

DAMAGED = "This file is damaged or was changed where it is kept; restore it from a backup."


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands, open but authenticated, before the first segment."""

    key_version: int
    salt: bytes
    prefix: bytes

    @classmethod
    def fresh(cls, key_version: int) -> "Header":
        return cls(key_version=key_version, salt=os.urandom(SALT_BYTES), prefix=os.urandom(PREFIX_BYTES))

    @classmethod
    def read(cls, source: BinaryIO) -> "Header":
        """Raises DamagedOriginal for what never was a sealed file."""
        raw = source.read(HEADER.size)
        if len(raw) != HEADER.size or not raw.startswith(MAGIC):
            raise DamagedOriginal(DAMAGED)
        _, key_version, salt, prefix = HEADER.unpack(raw)
        return cls(key_version=key_version, salt=salt, prefix=prefix)

    def packed(self) -> bytes:
        return HEADER.pack(MAGIC, self.key_version, self.salt, self.prefix)


class Seal:
    """Seals and opens the segments of one file.

    place: what the file is bound to, such as tenant and name; under another it does not open.
    """

    def __init__(self, secret: bytes, header: Header, place: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=header.salt, info=b"ragsite original")
        self._cipher = AESGCM(derived.derive(secret))
        self._prefix = header.prefix
        self._bound_to = header.packed() + place

    def close_segment(self, number: int, plain: bytes, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(number, last), plain, self._bound_to)

    def open_segment(self, number: int, sealed: bytes, last: bool) -> bytes:
        """Raises DamagedOriginal."""
        try:
            return self._cipher.decrypt(self._nonce(number, last), sealed, self._bound_to)
        except (InvalidTag, ValueError):
            raise DamagedOriginal(DAMAGED) from None

    def _nonce(self, number: int, last: bool) -> bytes:
        # The counter's four bytes end the file at 256 TiB with an error instead of a nonce used twice.
        return self._prefix + number.to_bytes(4, "big") + bytes([last])


def sealed_blocks(secret: bytes, header: Header, place: bytes, content: Iterable[bytes]) -> Iterator[bytes]:
    """The sealed file, block by block, in the memory of a block and a segment."""
    seal = Seal(secret, header, place)
    yield header.packed()
    for number, (plain, last) in enumerate(segments(content)):
        yield seal.close_segment(number, plain, last)


def segments(content: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Full segments and a last one that is only empty for a file without a byte; True: the last."""
    held = bytearray()
    for block in content:
        held += block
        # One segment is held back: only the end of the content tells which is the last.
        while len(held) > SEGMENT_BYTES:
            yield bytes(held[:SEGMENT_BYTES]), False
            del held[:SEGMENT_BYTES]
    yield bytes(held), True


class SealedReader(io.RawIOBase):
    """The plain bytes of a sealed file, opened a segment at a time; closes its source.

    Raises DamagedOriginal at the start for a file that was cut or lengthened, and while reading for any
    other change.
    """

    def __init__(self, source: BinaryIO, seal: Seal) -> None:
        self._source = source
        self._seal = seal
        self._position = 0
        self._held = (-1, b"")
        # Proves how long the file is before anybody relies on it.
        self._segment(self._last)

    @cached_property
    def _body_bytes(self) -> int:
        body = self._source.seek(0, io.SEEK_END) - HEADER.size
        if body < TAG_BYTES:
            raise DamagedOriginal(DAMAGED)
        return body

    @cached_property
    def _last(self) -> int:
        return (self._body_bytes - 1) // SEALED_BYTES

    @property
    def size(self) -> int:
        return self._body_bytes - (self._last + 1) * TAG_BYTES

    def _segment(self, number: int) -> bytes:
        if self._held[0] != number:
            self._source.seek(HEADER.size + number * SEALED_BYTES)
            sealed = self._source.read(SEALED_BYTES)
            self._held = (number, self._seal.open_segment(number, sealed, last=number == self._last))
        return self._held[1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("A file has nothing before its beginning.")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "memoryview | bytearray", /) -> int:  # type: ignore[override]
        number, start = divmod(self._position, SEGMENT_BYTES)
        if self._position >= self.size:
            return 0
        piece = memoryview(self._segment(number))[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def readall(self) -> bytes:
        pieces = []
        while self._position < self.size:
            number, start = divmod(self._position, SEGMENT_BYTES)
            pieces.append(self._segment(number)[start:])
            self._position += len(pieces[-1])
        return b"".join(pieces)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()
