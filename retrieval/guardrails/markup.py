"""Raw HTML in an answer, which no renderer may get to see: tags go, other openings lose their force."""

import re
from collections.abc import Iterator

from compliance.pii.spans import ENTITY_TYPES
from retrieval.guardrails.edits import Edit

TAG_CHARS_MAX = 120  # a longer "<name ..." stays as text with a blank behind its "<"

_OPENING = re.compile(r"<(?=[A-Za-z/!?])")
# Names of HTML and of the parts of SVG and MathML that browsers act on; other names are code or prose.
_TAG = re.compile(
    rf"""(?ix)
    <!--.{{0,{TAG_CHARS_MAX}}}?--> |
    </? (?:a|abbr|address|applet|area|article|audio|b|base|blockquote|body|br|button|canvas|center|code|
    details|dialog|div|embed|em|fieldset|font|footer|form|frame|frameset|h[1-6]|head|header|hr|html|i|iframe|
    image|img|input|isindex|label|li|link|main|marquee|math|menu|meta|nav|noscript|object|ol|option|p|param|
    picture|portal|pre|s|script|section|select|small|source|span|strong|style|sub|summary|sup|svg|table|tbody|
    td|template|textarea|th|title|tr|track|u|ul|use|video)
    (?:[\s/][^<>]{{0,{TAG_CHARS_MAX}}})? >
    """
)
_PLACEHOLDER = re.compile(rf"<(?:SECRET|LONG_TOKEN|{'|'.join(ENTITY_TYPES)})(?:_\d{{1,6}})?>")
_HARMLESS = re.compile(
    rf"{_PLACEHOLDER.pattern}"
    r"|<[\w.+-]{1,64}@[\w.-]{1,120}>"
    r"|<https?://[^\s<>]{1,250}>"  # an autolink; its address is judged with the links
)


def tags_in(text: str) -> Iterator[Edit]:
    """Every HTML tag, to be removed, and every other "<" that a parser would take for one's beginning."""
    for match in _OPENING.finditer(text):
        start = match.start()
        if _HARMLESS.match(text, start):
            continue
        tag = _TAG.match(text, start)
        if tag:
            yield Edit(start=start, end=tag.end(), replacement=_trace(tag[0]), rule="markup.html")
        else:
            yield Edit(start=start, end=start + 1, replacement="< ", rule="markup.html")


def placeholders_in(text: str) -> list[tuple[int, int]]:
    """Where the guardrails' own placeholders stand; nothing in one is personal, secret or a tag."""
    return [match.span() for match in _PLACEHOLDER.finditer(text)] if "<" in text else []


def _trace(tag: str) -> str:
    """What a removed tag leaves behind: line breaks stay lines, pictures leave word of themselves."""
    name = tag.strip("</ ").lower()
    if name.startswith(("img", "image", "picture")):
        return "[image removed]"
    return "\n" if name.startswith(("br", "p>", "div", "li", "tr")) else ""
