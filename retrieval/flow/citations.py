"""Numbered marks in an answer and the passages they stand for."""

import re

from retrieval.values.answers import Citation
from retrieval.values.chunks import PermittedChunks

QUOTE_CHARS_MAX = 1200  # a chunk of 256 tokens is seldom longer

MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")


def marks_in(text: str) -> set[int]:
    """The numbers cited in a text, from "[1]" and "[1, 2]"."""
    return {int(number) for found in MARK.findall(text) for number in found.split(",")}


def cited(permitted: PermittedChunks, text: str | None = None) -> tuple[Citation, ...]:
    """One citation a permitted chunk, numbered from 1; with `text`, only those it cites."""
    wanted = None if text is None else marks_in(text)
    return tuple(
        Citation(
            number=number,
            chunk_id=chunk.chunk_id,
            document_id=chunk.document_id,
            ordinal=chunk.ordinal,
            title=chunk.title,
            heading=chunk.heading,
            page=chunk.page,
            quote=chunk.text[:QUOTE_CHARS_MAX],
            version=chunk.version,
        )
        for number, chunk in enumerate(permitted.chunks, start=1)
        if wanted is None or number in wanted
    )
