"""A parsed document is kept frame by frame, and what comes back is checked like a stranger's."""

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ingestion.frames import FRAME_BYTES_MAX, dump_blocks, load_blocks
from retrieval.ingestion.parsed import (
    BLOCK_CHARS,
    TABLE,
    Frame,
    ParsedBlock,
    ParsedDocument,
    Region,
    Section,
    frames_of,
    joined,
)

Wire = dict[str, object]
REGION = Region(page=2, start_char=6, end_char=11, left=0.1, top=0.25, right=0.5, bottom=0.2625)
DOCUMENT = ParsedDocument(
    text="Title\nwords\n",
    sections=(
        Section(heading_path=("A", "B"), page=1, start_char=0, end_char=6),
        Section(
            heading_path=(), page=2, start_char=6, end_char=12, kind=TABLE, table_header="| a |\n| --- |\n"
        ),
    ),
    title="Title",
    hidden=("white", "tiny"),
    media_type="application/pdf",
    pages=2,
    language="en",
    regions=(REGION,),
    ocr=True,
    pages_without_text=(3, 4),
)


def stored(document: ParsedDocument) -> bytes:
    return b"".join(dump_blocks(frames_of(document)))


def loaded(content: bytes) -> list[Frame]:
    return list(load_blocks(io.BytesIO(content)))


def test_a_document_comes_back_as_it_was() -> None:
    assert joined(loaded(stored(DOCUMENT))) == DOCUMENT


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1), st.text("ab \n")
)
def test_any_text_comes_back_as_it_was(text: str, title: str) -> None:
    section = Section(heading_path=(title,), page=None, start_char=0, end_char=len(text))
    document = replace(DOCUMENT, text=text, sections=(section,), regions=(), title=title)

    assert joined(loaded(stored(document))) == document


def test_a_long_document_is_cut_into_bounded_blocks_and_put_together_again() -> None:
    text = "A sentence of some length stands here.\n\n" * 30_000
    half = len(text) // 2
    sections = (
        Section(heading_path=("One",), page=None, start_char=0, end_char=half),
        Section(heading_path=("Two",), page=None, start_char=half, end_char=len(text)),
    )
    document = replace(DOCUMENT, text=text, sections=sections, regions=())
    blocks = [frame for frame in frames_of(document) if isinstance(frame, ParsedBlock)]

    assert len(blocks) > 4
    assert all(len(block.text) <= BLOCK_CHARS for block in blocks)
    assert sum(block.text.endswith("\n\n") for block in blocks) >= len(blocks) - 1
    assert joined(frames_of(document)) == document


def changed(change: Callable[[Wire, Wire], object]) -> bytes:
    block, summary = (json.loads(line) for line in gzip.decompress(stored(DOCUMENT)).splitlines())
    change(block, summary)
    return gzip.compress("\n".join([json.dumps(block), json.dumps(summary)]).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda block, summary: block.update(text="other length"[:5]),
        lambda block, summary: block.update(text=7),
        lambda block, summary: block.update(text="Title\nword\x00s"),
        lambda block, summary: block.update(text="Title\nwords\ud800"),
        lambda block, summary: block.update(start=1),
        lambda block, summary: block.update(sections=[]),
        lambda block, summary: block["sections"].pop(),
        lambda block, summary: block["sections"][1].__setitem__(0, 7),
        lambda block, summary: block["sections"][1].__setitem__(1, 400),
        lambda block, summary: block["sections"][1].__setitem__(2, "2"),
        lambda block, summary: block["sections"][1].__setitem__(3, None),
        lambda block, summary: block["sections"].__setitem__(0, {}),
        lambda block, summary: block["regions"][0].__setitem__(3, 1.5),
        lambda block, summary: block["regions"][0].__setitem__(2, 99),
        lambda block, summary: block["regions"][0].pop(),
        lambda block, summary: summary.update(text_chars=3),
        lambda block, summary: summary.update(title=None),
        lambda block, summary: summary.update(hidden="white"),
        lambda block, summary: summary.update(pages=-1),
        lambda block, summary: summary.update(pages=True),
        lambda block, summary: summary.update(ocr="yes"),
        lambda block, summary: summary.update(pages_without_text=["3"]),
        lambda block, summary: summary.clear(),
    ],
    ids=range(23),
)
def test_a_changed_document_is_refused(change: Callable[[Wire, Wire], object]) -> None:
    with pytest.raises(ValueError):
        loaded(changed(change))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not gzip",
        stored(DOCUMENT)[:-20],
        next(dump_blocks(frames_of(DOCUMENT))),
        stored(DOCUMENT) * 2,
        gzip.compress(b"[]\n"),
        gzip.compress(b"[" * 100_000),
        gzip.compress(b"x" * (FRAME_BYTES_MAX + 2)),
        gzip.compress(b"\xff\n"),
    ],
    ids=["empty", "other", "cut", "no summary", "twice", "list", "nested", "long", "not utf-8"],
)
def test_what_is_no_whole_document_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        loaded(content)
