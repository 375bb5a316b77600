"""Links and images in an answer: an answer is text, and only allow-listed hosts may be pointed to.

A rendered image is fetched without a click, which makes it the shortest way out for what a poisoned
document asks the model to say (EchoLeak, CVE-2025-32711); so images go, whatever their host.
"""

import html
import re
from collections.abc import Iterator, Sequence

from retrieval.guardrails.edits import Edit
from retrieval.guardrails.hosts import is_allowed, is_own_page

LINK_REMOVED = "[link removed]"
IMAGE_REMOVED = "[image removed]"
LABEL_CHARS_MAX = 120  # what follows "[" on the same link; a longer label stays, its destination goes
TITLE_CHARS_MAX = 100

_URL = re.compile(
    r"""(?ix)
    (?: (?<![a-z0-9+.\-]) [a-z][a-z0-9+.\-]{1,30} : [\\/]{2}      # any scheme with an authority
      | https?:(?=[^\s])                                        # browsers forgive missing slashes
      | (?:java|vb|live)script\s?:(?=\S)
      | data:(?=[\w.+\-]*/[\w.+\-]+[;,]|[;,])
      | (?<![\w:/\\]) //(?=[\w\-]+\.[\w.\-]*\w)                 # the page's own scheme
      | (?<![\w.]) www\.(?=\w)
    ) [^\s<>"'`|\[\]]*
    """
)
_URL_HINTS = ("//", ":/", ":\\", "http", "script", "data:", "www.")  # no URL without one of them
_TRAILING = re.compile(r"[.,;:!?)}*_~]+$")
_ENTITY_TOKEN = re.compile(r"[^\s<>]*&(?:#[0-9a-fA-FxX]{1,8}|[a-zA-Z]{2,20});[^\s<>]*")
_IMAGE_MARK = re.compile(r"!\[(?!\d{1,3}\](?![\[(:]))")
_IMAGE_BY_REFERENCE = re.compile(
    rf"!\[[^\[\]]{{0,{LABEL_CHARS_MAX}}}\](?:\[[^\[\]]{{0,{LABEL_CHARS_MAX}}}\])?"
)
_DEFINITION = re.compile(rf"(?m)^[ \t>*+\-\d.)]{{0,12}}\[[^\[\]]{{1,{LABEL_CHARS_MAX}}}(?P<mark>\]:)")
_ANGLED = re.compile(r"<[^<>\n]{0,250}>")
_BARE_DESTINATION = re.compile(r"[^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*")
_TITLE_AND_CLOSE = re.compile(
    rf"""\s*(?:"[^"]{{0,{TITLE_CHARS_MAX}}}"|'[^']{{0,{TITLE_CHARS_MAX}}}'|\([^()]{{0,{TITLE_CHARS_MAX}}}\))?\s*\)"""
)


def links_in(text: str, hosts: Sequence[str]) -> Iterator[Edit]:
    """Every link that may not stand and every image: inline, by reference, autolink, bare, disguised."""
    yield from _inline_links(text, hosts)
    yield from _images_by_reference(text)
    yield from _definitions(text)
    yield from _urls(text, hosts)
    yield from _disguised_urls(text)


def _inline_links(text: str, hosts: Sequence[str]) -> Iterator[Edit]:
    """Markdown's [label](destination "title"), read from its middle: that part is what makes the link."""
    middle = text.find("](")
    while middle >= 0:
        destination, end = _destination(text, middle + 2)
        opening = _opening(text, middle)
        if opening > 0 and text[opening - 1] == "!":
            yield _edit(opening - 1, end, IMAGE_REMOVED, "link.image")
        elif not (is_own_page(destination) or is_allowed(destination, hosts)):
            start = middle if opening < 0 else opening
            label = "]" if opening < 0 else text[opening + 1 : middle]
            yield _edit(start, end, f"{label} {LINK_REMOVED}", "link.host")
        middle = text.find("](", middle + 2)


def _destination(text: str, start: int) -> tuple[str, int]:
    """The destination that begins at `start`, and where the whole link ends."""
    while start < len(text) and text[start].isspace():
        start += 1
    match = _ANGLED.match(text, start) or _BARE_DESTINATION.match(text, start)
    if match is None:
        return "", start
    close = _TITLE_AND_CLOSE.match(text, match.end())
    return match[0].strip("<>"), close.end() if close else match.end()


def _opening(text: str, middle: int) -> int:
    """Position of the bracket that `middle` closes, -1 when none is near."""
    depth = 0
    for at in range(middle - 1, max(-1, middle - LABEL_CHARS_MAX), -1):
        if text[at] == "]":
            depth += 1
        elif text[at] == "[":
            if depth == 0:
                return at
            depth -= 1
    return -1


def _images_by_reference(text: str) -> Iterator[Edit]:
    for mark in _IMAGE_MARK.finditer(text):
        whole = _IMAGE_BY_REFERENCE.match(text, mark.start())
        if whole:
            yield _edit(*whole.span(), IMAGE_REMOVED, "link.image")
        else:
            yield _edit(*mark.span(), "! [", "link.image")


def _definitions(text: str) -> Iterator[Edit]:
    """Link definitions lose their form, so that no reference finds one; their URLs are judged as bare."""
    for match in _DEFINITION.finditer(text):
        yield _edit(*match.span("mark"), "] :", "link.definition")


def _urls(text: str, hosts: Sequence[str]) -> Iterator[Edit]:
    lowered = text.lower()
    if not any(hint in lowered for hint in _URL_HINTS):
        return
    for match in _URL.finditer(text):
        url = _TRAILING.sub("", match[0])
        if not is_allowed(url, hosts):
            yield _edit(match.start(), match.start() + len(url), LINK_REMOVED, "link.host")


def _disguised_urls(text: str) -> Iterator[Edit]:
    """Tokens that become a URL once a renderer has resolved their character references."""
    if "&" not in text:
        return
    for match in _ENTITY_TOKEN.finditer(text):
        plain = "".join(html.unescape(match[0]).split())
        if _URL.search(plain) and not _URL.search(match[0]):
            yield _edit(*match.span(), LINK_REMOVED, "link.host")


def _edit(start: int, end: int, replacement: str, rule: str) -> Edit:
    return Edit(start=start, end=end, replacement=replacement, rule=rule)
