"""Plain text: its own paragraphs, read bit by bit."""

from collections.abc import Iterator
from typing import BinaryIO

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import Frame
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import stretches


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> Iterator[Frame]:
    """Read plain text in any encoding that `decoding` knows."""
    composer = Composer(name, "text/plain", limits, streamed=True)
    for stretch in stretches(file):
        composer.stretch(stretch)
        yield from composer.blocks()
    yield from composer.ending()
