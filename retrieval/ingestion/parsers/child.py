"""The program inside the sandbox: reads one file after another and answers in frames of JSON.

It is started by `sandbox` with a socket as standard input and never imports Django or settings. A frame
is its length and an object: "block" or "summary" of a document, "progress" in pages, "refused" with a
sentence, "failed" with an error's class, or "picture", which pixels follow and an answer comes back to.
"""

import contextlib
import importlib
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.frames import to_json_object
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame, ParsedBlock, ParsedDocument, Summary, frames_of
from retrieval.ingestion.parsers import confinement, ocr, registry
from retrieval.ingestion.parsers.language import SAMPLE_CHARS, Languages
from retrieval.ingestion.parsers.registry import Parser, Progress
from retrieval.ingestion.sniff import HEAD_BYTES, display_name, sniff

REQUEST_BYTES_MAX = 65_536
LENGTH_BYTES = 8  # before each frame and answer, big-endian
# The parent stops a slow file first; this is for a parent that is gone.
ALARM_GRACE_SECONDS = 10
PYTHON_CALLS_DEEP = 5_000  # a page of 255 levels needs about 1,000


def main() -> None:
    """Serve requests on standard input until the parent closes it."""
    limits = ParseLimits(**json.loads(sys.argv[1]))
    parsers = _parsers(sys.argv[2], json.loads(sys.argv[3]))
    sys.dont_write_bytecode = True
    sys.setrecursionlimit(PYTHON_CALLS_DEEP)
    reader = Reader(socket.socket(fileno=0), limits, parsers, Languages())
    confinement.bound(limits.memory_bytes_max)
    confinement.seal()
    reader.serve()


def _parsers(module: str, overrides: Collection[str]) -> Mapping[str, Parser]:
    return registry.parsers(importlib.import_module(module).PARSERS, overrides)


class Reader:
    """Answers requests on a channel, one file at a time."""

    def __init__(
        self, channel: socket.socket, limits: ParseLimits, parsers: Mapping[str, Parser], languages: Languages
    ) -> None:
        self._channel = channel
        self._limits = limits
        self._parsers = parsers
        self._languages = languages

    def serve(self) -> None:
        """Read files until the parent closes the channel."""
        self._send({"ready": {one.media_type: one.fault for one in registry.registered() if one.fault}})
        while True:
            signal.alarm(0)
            request, descriptors, _, _ = socket.recv_fds(self._channel, REQUEST_BYTES_MAX, 1)
            if not request:
                return
            asked = json.loads(request)
            ocr.connect(self._recognised if asked["ocr"] else None)
            with os.fdopen(descriptors[0], "rb") as file:
                self._answer(file, asked["name"])

    def _answer(self, file: BinaryIO, name: str) -> None:
        """The document frame by frame, or why there is none; an unexpected error names its class."""
        self._start_clock()
        try:
            for frame in self._frames(file, name):
                self._send(_wire(frame))
        except UnreadableFile as refusal:
            self._send({"refused": str(refusal)})
        except MemoryError:
            self._send({"failed": "MemoryError"})
        except BrokenPipeError:
            raise
        # The one place where any error is an answer: parsers of strangers' files raise what they like.
        except Exception as error:
            self._send({"failed": type(error).__name__})

    def _frames(self, file: BinaryIO, name: str) -> Iterator[Frame | Progress]:
        media_type = sniff(file.read(HEAD_BYTES), name, file)
        file.seek(0)
        found = self._parsers[media_type](file, display_name(name), self._limits)
        sample = ""
        for frame in frames_of(found) if isinstance(found, ParsedDocument) else found:
            if isinstance(frame, ParsedBlock) and len(sample) < SAMPLE_CHARS:
                sample += frame.text[:SAMPLE_CHARS]
            if isinstance(frame, Summary):
                yield self._with_language(frame, sample)
                return
            yield frame
        raise ValueError("the parser gave no summary")

    def _with_language(self, summary: Summary, sample: str) -> Summary:
        return summary if summary.language else replace(summary, language=self._languages.of(sample))

    def _recognised(self, picture: ocr.Picture) -> str | None:
        """Have the parent recognise a picture's text; its time is not this file's."""
        header = b"P5 %d %d 255\n" % (picture.width, picture.height)
        length = len(header) + len(picture.pixels)
        told = {"page": picture.page, "dots_per_inch": picture.dots_per_inch, "bytes": length}
        self._send({"picture": told}, header + picture.pixels)
        signal.alarm(0)
        answer = json.loads(self._received(int.from_bytes(self._received(LENGTH_BYTES), "big")))
        self._start_clock()
        return answer["text"] if isinstance(answer["text"], str) else None

    def _send(self, frame: Mapping[str, object], following: bytes = b"") -> None:
        payload = json.dumps(frame, ensure_ascii=False).encode("utf-8", "surrogatepass")
        signal.alarm(0)  # the parent takes a frame when it has done something with the one before
        self._channel.sendall(len(payload).to_bytes(LENGTH_BYTES, "big") + payload + following)
        self._start_clock()

    def _received(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            piece = self._channel.recv(length - len(received))
            if not piece:
                raise BrokenPipeError("the parent closed its end")
            received += piece
        return bytes(received)

    def _start_clock(self) -> None:
        """Allow the next frame its seconds of CPU on top of what was used before."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = int(used.ru_utime + used.ru_stime) + 1 + self._limits.cpu_seconds_max
        _, ceiling = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (confinement.within(resource.RLIMIT_CPU, allowed), ceiling))
        signal.alarm(int(self._limits.wall_seconds_max) + ALARM_GRACE_SECONDS)


def _wire(frame: Frame | Progress) -> dict[str, object]:
    if isinstance(frame, Progress):
        return {"progress": frame.pages}
    return {"block" if isinstance(frame, ParsedBlock) else "summary": to_json_object(frame)}


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
