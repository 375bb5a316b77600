"""The program inside the sandbox: reads one file after another and answers in JSON.

It is started by `sandbox` with a socket as standard input and never imports Django or settings.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument, to_json_object
from retrieval.ingestion.parsers import Parser
from retrieval.ingestion.sniff import HEAD_BYTES, display_name, sniff

REQUEST_BYTES_MAX = 65_536
READY = b"!"
LENGTH_BYTES = 8  # before each answer, big-endian
OPEN_FILES_MAX = 32
# The parent stops a slow file first; this is for a parent that is gone.
ALARM_GRACE_SECONDS = 10
PYTHON_CALLS_DEEP = 5_000  # a page of 255 levels needs about 1,000
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38


def main() -> None:
    """Serve requests on standard input until the parent closes it."""
    limits = ParseLimits(**json.loads(sys.argv[1]))
    parsers: Mapping[str, Parser] = importlib.import_module(sys.argv[2]).PARSERS
    channel = socket.socket(fileno=0)
    confine(limits)
    channel.sendall(READY)
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, REQUEST_BYTES_MAX, 1)
        if not request:
            return
        with os.fdopen(descriptors[0], "rb") as file:
            reply = _answer(file, json.loads(request)["name"], limits, parsers)
        payload = json.dumps(reply).encode("ascii")
        channel.sendall(len(payload).to_bytes(LENGTH_BYTES, "big") + payload)


def confine(limits: ParseLimits) -> None:
    """Give up what reading a file does not need: memory, files, writing, processes, privileges, network."""
    sys.setrecursionlimit(PYTHON_CALLS_DEEP)
    for kind, amount in (
        (resource.RLIMIT_AS, limits.memory_bytes_max),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES_MAX),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        bound = _within(kind, amount)
        resource.setrlimit(kind, (bound, bound))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Refused where containers forbid it; the clean environment and the other limits stay.
    libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _within(kind: int, amount: int) -> int:
    """The amount, or the ceiling that this process was started under when that is lower."""
    _, ceiling = resource.getrlimit(kind)
    return amount if ceiling == resource.RLIM_INFINITY else min(amount, ceiling)


def _answer(
    file: BinaryIO, name: str, limits: ParseLimits, parsers: Mapping[str, Parser]
) -> dict[str, object]:
    """The document, or why there is none; an unexpected error names its class for operators."""
    _start_clock(limits)
    try:
        return {"parsed": to_json_object(_parsed(file, name, limits, parsers))}
    except UnreadableFile as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"failed": "MemoryError"}
    # The one place where any error is an answer: parsers of strangers' files raise what they like.
    except Exception as error:
        return {"failed": type(error).__name__}
    finally:
        signal.alarm(0)


def _parsed(file: BinaryIO, name: str, limits: ParseLimits, parsers: Mapping[str, Parser]) -> ParsedDocument:
    head = file.read(HEAD_BYTES)
    media_type = sniff(head, name, file)
    file.seek(0)
    return parsers[media_type](file, display_name(name), limits)


def _start_clock(limits: ParseLimits) -> None:
    """Allow this file its seconds of CPU on top of what earlier files used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime) + 1 + limits.cpu_seconds_max
    _, ceiling = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (_within(resource.RLIMIT_CPU, allowed), ceiling))
    signal.alarm(int(limits.wall_seconds_max) + ALARM_GRACE_SECONDS)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
