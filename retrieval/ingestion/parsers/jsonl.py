"""JSON Lines: each record a paragraph of `name: value` lines, read line by line."""

import json
from collections.abc import Iterator
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import lines

MEDIA_TYPE = "application/jsonl"
_DEPTH_MAX = 20
_BATCH_CHARS = 32_768  # records written down at once, because cleaning one long text is cheaper


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> Iterator[Frame]:
    """Read one JSON value a line; a line that is none refuses the file with its number."""
    composer = Composer(name, MEDIA_TYPE, limits, streamed=True)
    gathered: list[str] = []
    chars = 0
    for record in _records(file, name):
        gathered.append(record)
        chars += len(record)
        if chars >= _BATCH_CHARS:
            composer.paragraph("\n\n".join(gathered))
            gathered, chars = [], 0
            yield from composer.blocks()
    composer.paragraph("\n\n".join(gathered))
    yield from composer.ending()


def _records(file: BinaryIO, name: str) -> Iterator[str]:
    for number, line in enumerate(lines(file, name), start=1):
        if line.isspace():
            continue
        try:
            yield "\n".join(_said(json.loads(line), "", name))
        except (ValueError, RecursionError):
            raise UnreadableFile(f"{name} has no JSON value in line {number:,}; repair that line.") from None


def _said(value: object, path: str, name: str) -> Iterator[str]:
    """A value as lines, each naming the path to what it says; empty values say nothing."""
    if path.count(".") > _DEPTH_MAX:
        raise UnreadableFile(f"{name} holds records nested more than {_DEPTH_MAX} deep; flatten them.")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _said(inner, f"{path}.{key}" if path else str(key), name)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for inner in value:
            yield from _said(inner, f"{path}.", name)
    else:
        said = ", ".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
        if said.strip():
            yield f"{path.rstrip('.')}: {said}" if path else said


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
