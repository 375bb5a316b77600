"""A folder on the server, below the one that the operator gave to the tenant. Links are not followed."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, ClassVar

from retrieval.errors import SourceRefused, SourceUnavailable
from retrieval.sources.access_rules import access_of_file
from retrieval.sources.connector import Connector, Field, Site
from retrieval.sources.values import PRIVATE, Change, ExternalAccess, ExternalDocument, Skipped

ACCESS_FILE = ".ragsite-access"
ACCESS_BYTES_MAX = 64 * 1024
DEPTH_MAX = 64
NOT_THERE = "The folder is not there, or a part of it cannot be read."
INTO = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without waiting: opening a named pipe would wait for somebody to write into it.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderConnector(Connector):
    kind: ClassVar[str] = "folder"
    label: ClassVar[str] = "Watched folder"
    summary: ClassVar[str] = "Files in a folder of this server"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="folder",
            label="Folder",
            help="Below the folder that the operator gave to this organisation; empty: all of it.",
            place=True,
        ),
    )

    @classmethod
    def check(cls, configuration: Mapping[str, Any], site: Site) -> None:
        if site.folder is None:
            raise SourceRefused(
                "The operator has given this organisation no folder to watch (RAGSITE_SOURCE_FOLDERS).",
                "folder",
            )
        parts_of(configuration["folder"])

    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Change]:
        if self.site.folder is None:
            raise SourceUnavailable(NOT_THERE)
        parts = parts_of(self.configuration["folder"])
        try:
            top = os.open(self.site.folder, INTO)
        except OSError as error:
            raise SourceUnavailable(NOT_THERE) from error
        try:
            access = self.unruled
            # A rule above the folder chosen holds in it too.
            for depth in range(len(parts) + 1):
                with walked(top, parts[:depth]) as place:
                    access = access_in(place, access)
            yield from self._below(top, parts, (), access)
        finally:
            os.close(top)

    def _below(
        self, top: int, start: tuple[str, ...], parts: tuple[str, ...], access: ExternalAccess
    ) -> Iterator[Change]:
        """What is in one folder, then what is in those inside it; `access` is what holds here."""
        if len(parts) > DEPTH_MAX:
            raise SourceUnavailable(f"The folder has more than {DEPTH_MAX} folders inside each other.")
        with walked(top, (*start, *parts)) as place:
            try:
                entries = sorted(os.scandir(place), key=lambda entry: entry.name)
                files = [e.name for e in entries if e.is_file(follow_symlinks=False)]
                folders = [e.name for e in entries if e.is_dir(follow_symlinks=False)]
            except OSError as error:
                raise SourceUnavailable(NOT_THERE) from error
            for name in files:
                if not name.startswith("."):
                    yield self._file(top, start, (*parts, name), place, access)
            inner = []
            for name in folders:
                if not name.startswith("."):
                    with walked(place, (name,)) as inside:
                        inner.append((name, access_in(inside, access)))
        for name, held in inner:
            yield from self._below(top, start, (*parts, name), held)

    def _file(
        self, top: int, start: tuple[str, ...], parts: tuple[str, ...], place: int, access: ExternalAccess
    ) -> Change:
        path = "/".join(parts)
        readable = path.encode("utf-8", "replace").decode()
        if readable != path:
            return Skipped(external_id="", name=readable, reason="Its name is not written in UTF-8.")
        try:
            found = os.stat(parts[-1], dir_fd=place, follow_symlinks=False)
        except OSError:
            return Skipped(external_id=path, name=path, reason="It cannot be read.")
        return ExternalDocument(
            external_id=path,
            name=path,
            version=f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}",
            size=found.st_size,
            access=access,
            open=partial(opened, top, (*start, *parts)),
        )


def parts_of(folder: str) -> tuple[str, ...]:
    """The names on the way to a folder. Raises SourceRefused for a way that leads anywhere else."""
    parts = tuple(part for part in folder.split("/") if part)
    if folder.startswith("/") or "\\" in folder or any(part in (".", "..") for part in parts):
        raise SourceRefused("A folder is named from the operator's one on, such as contracts/2026.", "folder")
    return parts


@contextmanager
def walked(top: int, parts: tuple[str, ...]) -> Iterator[int]:
    """The folder at the end of a way from `top`, entered name by name. Raises SourceUnavailable.

    A path would be followed anew each time, and whoever may write there could turn a part of it into a link.
    """
    place = os.dup(top)
    try:
        for name in parts:
            try:
                inside = os.open(name, INTO, dir_fd=place)
            except OSError as error:
                raise SourceUnavailable(NOT_THERE) from error
            os.close(place)
            place = inside
        yield place
    finally:
        os.close(place)


@contextmanager
def opened(top: int, parts: tuple[str, ...]) -> Iterator[BinaryIO]:
    """A file at the end of a way from `top`. Raises OSError where it is no plain file."""
    with walked(top, parts[:-1]) as place:
        number = os.open(parts[-1], FILE, dir_fd=place)
    with os.fdopen(number, "rb") as content:
        if not stat.S_ISREG(os.fstat(content.fileno()).st_mode):
            raise OSError("This is no plain file.")
        yield content


def access_in(place: int, above: ExternalAccess) -> ExternalAccess:
    """Who may read what is in a folder: as its own file says, else as for the folder around it."""
    try:
        with opened(place, (ACCESS_FILE,)) as content:
            said = content.read(ACCESS_BYTES_MAX + 1)
    except FileNotFoundError:
        return above
    except OSError:
        return PRIVATE  # a link, or locked: somebody meant to say something
    return access_of_file(said) if len(said) <= ACCESS_BYTES_MAX else PRIVATE
