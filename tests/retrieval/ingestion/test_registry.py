"""Parsers that a site installs, from real distributions made in a folder of the test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsers import PARSERS, registry
from retrieval.ingestion.sandbox import ParserPool

LIMITS = ParseLimits()
MODULE = """
from retrieval.ingestion.parsers.composer import Composer

def shout(file, name, limits):
    composer = Composer(name, "text/plain", limits)
    composer.paragraph(file.read().decode().upper())
    return composer.finish()

shout.extensions = (".LOUD", ".shout")
number = 7
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Install a distribution with these entry points where this process and its children find it."""

    def installed(*entry_points: str) -> None:
        (tmp_path / "site_parsers.py").write_text(MODULE)
        described = tmp_path / "site_parsers-1.0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: site-parsers\nVersion: 1.0\n")
        (described / "entry_points.txt").write_text("[ragsite.parsers]\n" + "\n".join(entry_points) + "\n")
        registry.registered.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield installed
    registry.registered.cache_clear()
    sys.modules.pop("site_parsers", None)


def test_an_installed_parser_is_found_with_its_extensions(install) -> None:
    install("application/x-loud = site_parsers:shout")

    assert registry.extensions() == {".loud": "application/x-loud", ".shout": "application/x-loud"}
    assert set(registry.parsers(PARSERS, ())) == {*PARSERS, "application/x-loud"}


def test_a_built_in_parser_wins_unless_the_site_says_otherwise(install, tmp_path: Path) -> None:
    install("text/plain = site_parsers:shout")
    path = tmp_path / "x"
    path.write_text("Hello")

    with ParserPool(LIMITS) as pool:
        assert pool.parse(path, "a.txt").text == "Hello"
    with ParserPool(LIMITS, overrides=["text/plain"]) as pool:
        assert pool.parse(path, "a.txt").text == "HELLO"


@pytest.mark.parametrize("value", ["site_parsers:absent", "no_such_module:parse", "site_parsers:number"])
def test_a_parser_that_does_not_load_refuses_its_type_and_no_other(
    install, tmp_path: Path, value: str
) -> None:
    install(f"text/plain = {value}")
    plain, page = tmp_path / "plain", tmp_path / "page"
    plain.write_text("Hello")
    page.write_text("<html><body>Hello</body></html>")

    with ParserPool(LIMITS, overrides=["text/plain"]) as pool:
        with pytest.raises(
            UnreadableFile, match=r"^a\.txt cannot be read: the parser installed for text/plain"
        ):
            pool.parse(plain, "a.txt")
        assert pool.parse(page, "a.html").text == "Hello"
    assert registry.extensions() == {}
    assert [one.media_type for one in registry.registered() if one.fault] == ["text/plain"]
