"""Markdown, by way of the page it renders to, so that raw HTML in it is judged like any other HTML."""

import re
from typing import BinaryIO

from markdown_it import MarkdownIt

from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers import html
from retrieval.ingestion.parsers.composer import Composer
from retrieval.ingestion.parsers.decoding import decoded

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*[\"']?(.*?)[\"']?[ \t]*\r?$", re.MULTILINE)


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read Markdown; comments, image texts, link titles and front matter are hidden text."""
    composer = Composer(name, "text/markdown", limits)
    source = decoded(file.read())
    front = _FRONT_MATTER.match(source)
    title = _TITLE.search(front.group(1)) if front else None
    if front:
        composer.hide(front.group(1))
        source = source[front.end() :]
    html.compose(html.tree(_rendered(source, composer), name), composer)
    return composer.finish(title.group(1) if title else "")


def _rendered(source: str, composer: Composer) -> str:
    """The page, in a wrapper that an empty source does not make invalid."""
    environment: dict[str, dict[str, dict[str, str]]] = {}
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(source, environment)
    # "[//]: # (words)" is a comment to those who write it: a link target that nothing refers to.
    for reference in environment.get("references", {}).values():
        composer.hide(reference.get("title", ""))
    return f"<html><body>{page}</body></html>"
