"""Parsers that misbehave in every way the sandbox promises to survive; named by a parser module's path."""

import ctypes
import errno
import itertools
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame, ParsedBlock, ParsedDocument, Section, Summary
from retrieval.ingestion.parsers import text
from retrieval.ingestion.parsers.registry import Progress
from retrieval.ingestion.sniff import TEXT


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument | Iterator[Frame | Progress]:
    """Do what the file's first word says."""
    order = file.read().decode().split()[0]
    file.seek(0)
    if order in _STREAMS:
        return _STREAMS[order]()
    told = _ORDERS[order]()
    return text.parse(file, name, limits) if told is None else _saying(told)


def _saying(told: str) -> ParsedDocument:
    return ParsedDocument(text=told, sections=(), title="", hidden=(), media_type=TEXT, pages=None)


def _loop() -> None:
    while True:
        pass


def _sleep() -> None:
    time.sleep(3600)


def _allocate() -> None:
    kept = []
    while True:
        kept.append(bytearray(10_000_000))


def _crash() -> None:
    ctypes.string_at(0)


def _raise() -> None:
    raise KeyError("a secret of the document")


def _write_a_file() -> str:
    try:
        with open(f"/tmp/unruly-{os.getpid()}", "w", buffering=1) as target:
            target.write("x" * 10)
    except OSError as error:
        return f"refused: {error.errno}"
    return "written"


def _escape() -> str:
    """Everything a parser must not be able to do, by Python and by calling the C library itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    mine = f"/tmp/unruly-{os.getpid()}"
    return json.dumps(
        {
            "python": {
                "socket": _tried(lambda: socket.socket(socket.AF_INET)),
                "resolve": _tried(lambda: socket.getaddrinfo("localhost", 1)),
                "write": _tried(lambda: open(mine, "w")),
                "remove": _tried(lambda: os.remove("/tmp/nothing")),
                "folder": _tried(lambda: os.mkdir(mine)),
                "program": _tried(lambda: subprocess.run(["/bin/true"])),
                "exec": _tried(lambda: os.execv("/bin/true", ["true"])),
                "fork": _tried(os.fork),
                "signal": _tried(lambda: os.kill(os.getppid(), 0)),
                "parent": _tried(lambda: open(f"/proc/{os.getppid()}/environ")),
            },
            "native": {
                "socket": _called(lambda: libc.socket(2, 1, 0)),
                "unix": _called(lambda: libc.socket(1, 1, 0)),
                "connect": _called(lambda: libc.connect(0, None, 0)),
                "bind": _called(lambda: libc.bind(0, None, 0)),
                "open": _called(lambda: libc.open(mine.encode(), os.O_CREAT | os.O_WRONLY, 0o600)),
                "unlink": _called(lambda: libc.unlink(b"/tmp/nothing")),
                "mkdir": _called(lambda: libc.mkdir(mine.encode(), 0o700)),
                "execve": _called(lambda: libc.execv(b"/bin/true", None)),
                "fork": _called(libc.fork),
                "kill": _called(lambda: libc.kill(os.getppid(), 0)),
                "ptrace": _called(lambda: libc.ptrace(16, os.getppid(), None, None)),
            },
        }
    )


def _tried(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "allowed"


def _called(act: Callable[[], int]) -> str:
    ctypes.set_errno(0)
    if act() == 0 and os.getppid() == 0:
        os._exit(0)  # a child that should not exist
    return errno.errorcode.get(ctypes.get_errno(), "allowed")


def _tell_environment() -> str:
    return json.dumps(dict(os.environ))


def _tell_modules() -> str:
    import sys

    return json.dumps(sorted(sys.modules))


def _talk() -> str:
    return "x" * 5_000_000


def _obey() -> None:
    return None


def _blocks() -> Iterator[ParsedBlock]:
    for number in itertools.count():
        section = Section(
            heading_path=(), page=None, start_char=number * 1_000, end_char=number * 1_000 + 1_000
        )
        yield ParsedBlock(start_char=number * 1_000, text="x" * 1_000, sections=(section,))


def _turn_pages() -> Iterator[Progress]:
    for number in itertools.count(1):
        yield Progress(pages=number)


def _stay_on_a_page() -> Iterator[Progress]:
    while True:
        yield Progress(pages=1)


def _forget_the_summary() -> Iterator[Frame]:
    yield from itertools.islice(_blocks(), 3)


def _stop_in_between() -> Iterator[Frame]:
    yield from itertools.islice(_blocks(), 3)
    time.sleep(3600)


def _skip() -> Iterator[Frame]:
    blocks = _blocks()
    yield next(blocks)
    next(blocks)
    yield next(blocks)


def _hide_without_end() -> Iterator[Frame]:
    yield next(_blocks())
    hidden = tuple("x" * 1_000 + str(number) for number in range(3_000))
    yield Summary(title="", hidden=hidden, media_type=TEXT, pages=None, text_chars=1_000)


def _swell() -> Iterator[Frame]:
    yield next(_blocks())
    yield Summary(title="x" * 20_000_000, hidden=(), media_type=TEXT, pages=None, text_chars=1_000)


_ORDERS = {
    "loop": _loop,
    "sleep": _sleep,
    "allocate": _allocate,
    "crash": _crash,
    "raise": _raise,
    "write": _write_a_file,
    "escape": _escape,
    "environment": _tell_environment,
    "modules": _tell_modules,
    "talk": _talk,
    "obey": _obey,
}
_STREAMS: dict[str, Callable[[], Iterator[Frame | Progress]]] = {
    "endless": _blocks,
    "pages": _turn_pages,
    "stay": _stay_on_a_page,
    "forget": _forget_the_summary,
    "pause": _stop_in_between,
    "skip": _skip,
    "hide": _hide_without_end,
    "swell": _swell,
}
PARSERS = {TEXT: parse}
