"""JSON by paths and values, source code by what it defines."""

import pytest

from retrieval.errors import UnreadableFile
from tests.retrieval.ingestion.made_files import parsed

VALUE = b"""{"name": "North hall", "area": 1200.50, "let": true, "until": null, "name": "again",
"parties": [{"who": "Ada", "share": 1}, {"who": "Ben", "share": 2, "note": "a|b"}],
"terms": {"rent": {"amount": 900, "due": [1, 15]}}}"""


def test_values_stand_with_their_paths_and_equal_objects_as_a_table() -> None:
    document = parsed(VALUE, "hall.json")

    assert document.title == "hall"
    assert document.text == (
        "name: North hall\narea: 1200.50\nlet: true\nname: again\n\n"
        "parties\n\n| who | share | note |\n| --- | --- | --- |\n| Ada | 1 |  |\n| Ben | 2 | a\\|b |\n\n"
        "terms\n\nterms.rent.amount: 900\nterms.rent.due[0]: 1\nterms.rent.due[1]: 15"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'"only this"', "only this"),
        (b"[1, [2, 3]]", "[0]: 1\n[1][0]: 2\n[1][1]: 3"),
        (b'[{"a": 1}, {"a": 2}]', "| a |\n| --- |\n| 1 |\n| 2 |"),
        ('\ufeff{"a": "ü"}'.encode(), "a: ü"),
        ('{"a": "ü"}'.encode("utf-16"), "a: ü"),
        (b"[123456789012345678901234567890.10]", "[0]: 123456789012345678901234567890.10"),
    ],
)
def test_any_value_is_text(content: bytes, text: str) -> None:
    assert parsed(content, "a.json").text == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": }', "a.json is damaged JSON: it makes no sense at line 1."),
        (b'{"a":\n1,\n}', "a.json is damaged JSON: it makes no sense at line 3."),
        (b"{}", "a.json holds no text that a reader would see."),
    ],
)
def test_broken_and_empty_json_is_refused_in_one_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        parsed(content, "a.json")

    assert str(caught.value) == reason


def test_code_keeps_its_lines_under_what_it_defines() -> None:
    source = b"import os\n\n\nclass Hall:\n    area = 1\n\n    def let(self):\n\t\treturn os\n\ndef main():\n    pass\n"
    document = parsed(source, "hall.py")

    assert document.title == "hall.py (Python)"
    assert [section.heading_path for section in document.sections] == [
        (),
        ("class Hall:",),
        ("def main():",),
    ]
    assert "    area = 1\n\n    def let(self):\n        return os" in document.text


@pytest.mark.parametrize(
    ("name", "content", "language"),
    [
        ("a.xml", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "XML"),
        ("a.vue", b"<!DOCTYPE html><html><script>x</script></html>", "Vue"),
        ("a.sql", b"CREATE TABLE hall (id int);", "SQL"),
        ("a.ts", b"export default function let_(): void {}", "TypeScript"),
        ("a.yaml", b"a: 1\n", "YAML"),
    ],
)
def test_markup_in_source_code_is_only_letters(name: str, content: bytes, language: str) -> None:
    document = parsed(content, name)

    assert document.text == content.decode().rstrip("\n")
    assert document.title == f"{name} ({language})"
