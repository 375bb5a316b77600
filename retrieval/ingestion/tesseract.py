"""Runs the `tesseract` program on one picture, limited like the reader of a file."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import structlog

from retrieval.ingestion.limits import ParseLimits

LANGUAGES = "eng"
BYTES_MAX = 64_000_000  # a page of A2 at 300 dots an inch
_TEXT_BYTES_MAX = 4_000_000
_CODE_ROOT = Path(__file__).resolve().parents[2]
# The limits are taken on by the process itself, in its own interpreter, because code run between fork
# and exec may not be shared with threads.
_LAUNCHER = (
    "import json, os, sys; sys.path.insert(0, sys.argv[1]); "
    "from retrieval.ingestion.parsers.confinement import bound, isolate; "
    "import resource; memory, seconds = json.loads(sys.argv[2]); "
    "resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)); bound(memory); isolate(); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)

log = structlog.get_logger()


def found() -> Path | None:
    """The program, None where it is not installed."""
    path = shutil.which("tesseract")
    return Path(path) if path else None


def check_languages(languages: str) -> None:
    """Raise ValueError unless these are names of languages joined by "+"."""
    if not all(name.replace("_", "").isalnum() for name in languages.split("+")):
        raise ValueError(f"{languages!r} does not name languages")


def recognised(
    picture: bytes | bytearray, dots_per_inch: int, program: Path, languages: str, limits: ParseLimits
) -> str | None:
    """What tesseract reads on a picture (PNM), in its tab-separated form; None when it could not."""
    command = [str(program), "stdin", "stdout", "--dpi", str(dots_per_inch), "-l", languages, "tsv"]
    with os.fdopen(os.memfd_create("picture"), "w+b") as source:
        source.write(picture)
        source.seek(0)
        answer = _answered(command, source, _environment(program), limits)
    return None if answer is None else answer.decode("utf-8", errors="replace")


def _answered(
    command: list[str], source: BinaryIO, environment: dict[str, str], limits: ParseLimits
) -> bytes | None:
    """A program's bounded output; None when it failed, took too long or said too much."""
    bounds = json.dumps([limits.memory_bytes_max, int(limits.ocr_seconds_max) + 1])
    process = subprocess.Popen(  # noqa: S603 (no shell; the picture is standard input)
        [sys.executable, "-I", "-c", _LAUNCHER, str(_CODE_ROOT), bounds, *command],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        start_new_session=True,
    )
    deadline = time.monotonic() + limits.ocr_seconds_max
    with process:
        answer = _read(process, deadline)
        in_time = answer is not None and _ended(process, deadline)
        if not in_time:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
                os.killpg(process.pid, signal.SIGKILL)
    if in_time and not process.returncode:
        return answer
    log.warning("ocr.failed", returned=process.returncode, in_time=in_time)
    return None


def _read(process: "subprocess.Popen[bytes]", deadline: float) -> bytes | None:
    """Everything the program says; None when that is too much or not over in time."""
    assert process.stdout is not None
    answer = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while len(answer) <= _TEXT_BYTES_MAX and ready.select(max(deadline - time.monotonic(), 0)):
            piece = os.read(process.stdout.fileno(), 65_536)
            if not piece:
                return bytes(answer)
            answer += piece
    return None


def _ended(process: "subprocess.Popen[bytes]", deadline: float) -> bool:
    try:
        process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return False
    return True


def _environment(program: Path) -> dict[str, str]:
    """What the program needs and nothing of ours; one thread, because others read at the same time."""
    return {"LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1", "PATH": f"{program.parent}:/usr/bin:/bin"}
