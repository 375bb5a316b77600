"""Plain text, Markdown and CSV: what becomes text, what becomes hidden, where sections lie."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import UnreadableFile
from retrieval.ingestion.frames import dump_blocks, load_blocks
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import TABLE, ParsedDocument, Summary, frames_of, joined
from retrieval.ingestion.parsers import jsonl
from retrieval.ingestion.parsers.composer import Composer
from tests.retrieval.ingestion.made_files import POISON, parsed


def section_texts(document: ParsedDocument) -> list[tuple[tuple[str, ...], str]]:
    return [
        (section.heading_path, document.text[section.start_char : section.end_char].strip())
        for section in document.sections
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-32"])
def test_text_is_read_in_its_own_encoding(encoding: str) -> None:
    document = parsed("Grüße aus Köln, mit Umlauten".encode(encoding), "a.txt")

    assert document.text == "Grüße aus Köln, mit Umlauten"


def test_characters_without_a_glyph_are_dropped() -> None:
    document = parsed("pay\u200broll\u00ad and\u2060 \u202eback\ufeff\r\nnext\x0cpage".encode(), "a.txt")

    assert document.text == "payroll and back\nnext\npage"


def test_a_nul_that_wide_text_may_hold_is_dropped() -> None:
    assert parsed("a\x00b".encode("utf-16"), "a.txt").text == "ab"


def test_a_sentence_in_tag_characters_is_hidden_text() -> None:
    smuggled = "".join(chr(0xE0000 + ord(letter)) for letter in POISON)
    document = parsed(f"Hello {smuggled}world".encode(), "a.txt")

    assert document.text == "Hello world"
    assert document.hidden == (POISON,)


@given(st.text())
def test_text_never_holds_what_a_database_or_a_pipe_refuses(words: str) -> None:
    content = f"begin {words} end".encode("utf-8", "surrogatepass")
    try:
        document = parsed(content, "a.txt")
    except UnreadableFile:
        return  # control characters: not text

    assert "\x00" not in document.text
    assert document.text.encode("utf-8")
    assert joined(load_blocks(io.BytesIO(b"".join(dump_blocks(frames_of(document)))))) == document


def test_a_text_of_white_space_is_refused() -> None:
    with pytest.raises(UnreadableFile, match=r"a\.txt holds no text"):
        parsed(b" \n\t\n ", "a.txt")


def test_text_beyond_the_limit_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="more than 1,000 characters"):
        parsed(b"word " * 300, "a.txt", ParseLimits(streamed_chars_max=1_000))


MARKDOWN = f"""---
title: Travel policy
reviewer: {POISON} in front matter
---
# Travel

Intro with *emphasis* and a [link](https://example.com "{POISON} in a link title").
<!-- {POISON} in a comment -->

## Meals

- breakfast
- dinner

| Kind | Limit |
|------|-------|
| Lunch | 20 |
| Dinner | 40 |

![{POISON} in an image text](x.png)
<span style="display:none">{POISON} in a span</span>

[//]: # ({POISON} in a reference)

## Hotels

    verbatim   spacing

Ask first.
"""


def test_markdown_keeps_headings_lists_tables_and_code() -> None:
    document = parsed(MARKDOWN.encode(), "a.md")

    assert document.title == "Travel policy"
    assert section_texts(document) == [
        (("Travel",), "Travel\n\nIntro with emphasis and a link."),
        (("Travel", "Meals"), "Meals\n- breakfast\n- dinner"),
        (("Travel", "Meals"), "| Kind | Limit |\n| --- | --- |\n| Lunch | 20 |\n| Dinner | 40 |"),
        (("Travel", "Hotels"), "Hotels\n\nverbatim   spacing\n\nAsk first."),
    ]


@pytest.mark.parametrize(
    "place", ["front matter", "a link title", "a comment", "an image text", "a span", "a reference"]
)
def test_poison_in_markdown_is_hidden_and_never_text(place: str) -> None:
    document = parsed(MARKDOWN.encode(), "a.md")

    assert any(f"{POISON} in {place}" in hidden for hidden in document.hidden)
    assert POISON not in document.text


def test_a_csv_becomes_markdown_rows_that_know_their_header() -> None:
    document = parsed(b"name;city;age\nAda;London;36\n;Paris;\n;;\nLi|nus;Helsinki;21;extra\n", "a.csv")

    assert document.text.splitlines() == [
        "| name | city | age |",
        "| --- | --- | --- |",
        "| Ada | London | 36 |",
        "|  | Paris |  |",
        "| Li\\|nus | Helsinki | 21 | extra |",
    ]
    assert [(section.kind, section.table_header) for section in document.sections] == [
        (TABLE, "| name | city | age |\n| --- | --- | --- |\n")
    ]


def test_a_csv_without_a_header_is_read_row_by_row() -> None:
    document = parsed(b"1,2\n3,4\n", "a.csv")

    assert document.text == "| 1 | 2 |\n| 3 | 4 |"
    assert document.sections[0].table_header == ""


def test_a_line_break_inside_a_csv_value_does_not_break_the_row() -> None:
    assert parsed(b'a,b\n"x\ny",2\n', "a.csv").text.splitlines()[2] == "| x y | 2 |"


def test_a_csv_row_that_never_ends_is_refused_with_its_line() -> None:
    endless = b"a,b\n" * 20_000 + b'"x\n",' * 20_000

    with pytest.raises(UnreadableFile, match=r"the row at line 20,001 goes on for more than 10,000 lines"):
        parsed(endless, "a.csv")


def test_a_table_without_line_breaks_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="more than 1,000,000 characters in line 2"):
        parsed(b"a,b\n" + b"1," * 600_000, "a.csv")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\n\n\n\n", " ", ""])
def test_a_long_text_is_read_in_parts_as_if_it_were_read_whole(ends: str) -> None:
    source = ("  Some words\tand more e\u0301  " + ends) * 9_000
    expected = Composer("a.txt", "text/plain", ParseLimits())
    expected.paragraph(source)

    assert parsed(source.encode(), "a.txt").text == expected.finish().text


def test_json_lines_become_records_of_named_values() -> None:
    lines = [
        {"name": "Ada", "tags": ["a", "b"], "empty": None, "address": {"city": "London"}},
        {"name": "Linus", "items": [{"n": 1}, {"n": 2}], "ok": True},
    ]
    content = "\n".join(map(json.dumps, lines)).encode() + b"\n\n"
    *_, summary = jsonl.parse(io.BytesIO(content), "a.jsonl", ParseLimits())
    document = joined(jsonl.parse(io.BytesIO(content), "a.jsonl", ParseLimits()))

    assert document.text == (
        "name: Ada\ntags: a, b\naddress.city: London\n\nname: Linus\nitems..n: 1\nitems..n: 2\nok: true"
    )
    assert isinstance(summary, Summary)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": ', "has no JSON value in line 2"),
        (b"[" * 50_000, "has no JSON value in line 2|nested more than 20 deep"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "nested more than 20 deep"),
        (b'"' + b"x" * 1_100_000 + b'"', "more than 1,000,000 characters in line 2"),
    ],
    ids=["broken", "brackets", "deep", "long"],
)
def test_a_bad_line_of_json_refuses_the_file_with_its_number(line: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        list(jsonl.parse(io.BytesIO(b'{"a": 1}\n' + line + b"\n"), "a.jsonl", ParseLimits()))


def test_a_huge_csv_value_is_refused_with_its_line() -> None:
    with pytest.raises(UnreadableFile, match="at line 2: field larger than field limit"):
        parsed(b"a,b\n1," + b"x" * 200_000 + b"\n", "a.csv")
