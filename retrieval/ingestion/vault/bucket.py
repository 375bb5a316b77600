"""Originals in an S3-compatible bucket."""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

READ_AHEAD_BYTES = 1024 * 1024


class OriginalsBucket(S3Storage):
    """S3 storage that reads only the part of an object that is asked for."""

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        if mode != "rb":
            raise ValueError("An object of a bucket is written whole, by save.")
        found = RangedObject(self.bucket.Object(self._key(name)), name)
        return File(io.BufferedReader(found, READ_AHEAD_BYTES), name)

    def dated_names(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """(name, last change) of each object below a folder."""
        prefix = f"{self._key(folder)}/"
        for found in self.bucket.objects.filter(Prefix=prefix):
            yield f"{folder}/{found.key.removeprefix(prefix)}", found.last_modified

    def _key(self, name: str) -> str:
        return str(self._normalize_name(clean_name(name)))


class RangedObject(io.RawIOBase):
    """One object's bytes, a request for each part. Raises FileNotFoundError for one that is absent."""

    def __init__(self, found: Any, name: str) -> None:
        self._object = found
        self._position = 0
        try:
            self._size = int(found.content_length)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(name) from None
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        if self._position >= self._size or not len(buffer):
            return 0
        last = min(self._position + len(buffer), self._size) - 1
        body = self._object.get(Range=f"bytes={self._position}-{last}")["Body"].read()
        buffer[: len(body)] = body
        self._position += len(body)
        return len(body)
