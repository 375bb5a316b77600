"""Parsers that misbehave in every way the sandbox promises to survive; named by a parser module's path."""

import ctypes
import json
import os
import socket
import time
from typing import BinaryIO

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers import text
from retrieval.ingestion.sniff import TEXT


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Do what the file's first word says."""
    order = file.read().decode().split()[0]
    file.seek(0)
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


def _connect() -> str:
    """To a listener on this machine, which the order's environment cannot reach."""
    interfaces = [name for _, name in socket.if_nameindex()]
    return json.dumps(interfaces)


def _tell_environment() -> str:
    return json.dumps(dict(os.environ))


def _tell_modules() -> str:
    import sys

    return json.dumps(sorted(sys.modules))


def _talk() -> str:
    return "x" * 5_000_000


def _obey() -> None:
    return None


_ORDERS = {
    "loop": _loop,
    "sleep": _sleep,
    "allocate": _allocate,
    "crash": _crash,
    "raise": _raise,
    "write": _write_a_file,
    "connect": _connect,
    "environment": _tell_environment,
    "modules": _tell_modules,
    "talk": _talk,
    "obey": _obey,
}
PARSERS = {TEXT: parse}
