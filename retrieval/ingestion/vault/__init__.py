"""Where originals are kept: encrypted with their tenant's key, under random names, in Django's storages.

Plain bytes leave only through `open` and `plain_descriptor`. Whoever calls these has checked who asks.
"""

import io
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage, storages
from django.db import transaction

from accounts.tenant_keys import DataKey, KeyUnavailable, key_of_version, newest_key
from retrieval.errors import DamagedOriginal, LockedOriginal
from retrieval.ingestion.vault.blocks import Blocks, Measured
from retrieval.ingestion.vault.stream import DAMAGED, Header, Seal, SealedReader, sealed_blocks

__all__ = ["Kept", "adopt", "delete", "exists", "keep", "names", "open", "plain_descriptor"]

BLOCK_BYTES = 1024 * 1024
BUFFER_BYTES = 128 * 1024
NAME = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that is kept: its name in the vault, and size and digest of its plain bytes."""

    name: str
    size_bytes: int
    sha256: str


def keep(tenant_id: UUID, content: Iterable[bytes]) -> Kept:
    """Encrypt and keep a file, block by block; it is on the disk when this returns.

    Whatever the content raises, rises; nothing is left then. Raises LockedOriginal without a key.
    """
    with unlocking():
        key = newest_key(tenant_id)
    name = f"{tenant_id}/{secrets.token_hex(16)}"
    measured = Measured(content)
    blocks = sealed_blocks(key.secret, Header.fresh(key.version), place_of(tenant_id, name), measured)
    try:
        written = storage().save(name, Blocks(blocks, name))
        if written != name:
            delete(written)
            raise RuntimeError(f"The storage kept '{name}' under another name, under which it does not open.")
    except BaseException:
        delete(name)
        raise
    return Kept(name=name, size_bytes=measured.size, sha256=measured.digest.hexdigest())


def open(tenant_id: UUID, name: str) -> BinaryIO:
    """The plain bytes of a kept file, readable and seekable.

    Raises FileNotFoundError, LockedOriginal, and DamagedOriginal here or while reading.
    """
    if not NAME.fullmatch(name):
        raise FileNotFoundError("The vault has no file of such a name.")
    if not name.startswith(f"{tenant_id}/"):
        raise DamagedOriginal(DAMAGED)
    source = storage().open(name, "rb")
    try:
        header = Header.read(source)
        with unlocking():
            key: DataKey = key_of_version(tenant_id, header.key_version)
        plain = SealedReader(source, Seal(key.secret, header, place_of(tenant_id, name)))
    except BaseException:
        source.close()
        raise
    return io.BufferedReader(plain, BUFFER_BYTES)


@contextmanager
def plain_descriptor(tenant_id: UUID, name: str) -> Iterator[int]:
    """A descriptor of the plain bytes, at their beginning, for a parser that is given nothing else.

    The file behind it has no name from before its first byte, and is gone when the descriptor closes.
    """
    folder = Path(settings.RAGSITE_HOME) / "scratch"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with open(tenant_id, name) as plain, tempfile.TemporaryFile(dir=folder, buffering=0) as target:
        while block := plain.read(BLOCK_BYTES):
            write_whole(target, block)
        target.seek(0)
        yield target.fileno()


def delete(name: str) -> None:
    """Take a kept file away; one that is absent is taken away already."""
    if NAME.fullmatch(name):
        storage().delete(name)


def exists(name: str) -> bool:
    return bool(NAME.fullmatch(name)) and bool(storage().exists(name))


def names(tenant_id: UUID) -> Iterator[tuple[str, datetime]]:
    """(name, last change) of each kept file of a tenant, and of what was being kept when a process died."""
    yield from storage().dated_names(str(tenant_id))


def adopt(tenant_id: UUID, plain_name: str) -> Kept:
    """Take in a file that lies in the default storage as plain bytes, and delete it there.

    It is deleted with the commit of the transaction around, whose rows name it; without one, at once.
    Raises FileNotFoundError.
    """
    with default_storage.open(plain_name, "rb") as plain:
        kept = keep(tenant_id, plain.chunks(BLOCK_BYTES))
    transaction.on_commit(lambda: default_storage.delete(plain_name))
    return kept


def storage() -> Any:
    return storages["originals"]


def place_of(tenant_id: UUID, name: str) -> bytes:
    """What a file is bound to: put in another's place it does not open."""
    return tenant_id.bytes + name.encode()


@contextmanager
def unlocking() -> Iterator[None]:
    try:
        yield
    except KeyUnavailable as reason:
        raise LockedOriginal(str(reason)) from reason


def write_whole(target: Any, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[target.write(left) :]
