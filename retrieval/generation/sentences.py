"""Cuts passages into sentences that can stand in an answer, each with the words it leans on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SENTENCE_CHARS_MAX = 320
LIST_CHARS_MAX = 280  # a list up to this length is quoted whole, as one sentence

_LIST_ITEM = re.compile(r"\s*(?:[-*+•‣–]|\(?(?:\d{1,2}|[a-z])[.)])\s+(?=\S)")
_TABLE_ROW = re.compile(r"\s*\||.+ \| .+|[^:;.?!]{1,60}: [^;]{1,200}; [^:;]{1,60}: \S")
_RULE = re.compile(r"[\s|:=_*-]+")
_BOUNDARY = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]")
_LEANS_BACK = re.compile(
    r"(?:it|its|they|their|these|those|this|that|he|she|such|both|there|then|in (?:this|that|both) cases?)\b",
    re.IGNORECASE,
)
_ABBREVIATION_TEXT = """
    mr mrs ms dr prof st no nos art sec fig para par vs cf al approx dept inc ltd co corp jr sr ca bzw ggf abs
    nr jan feb mar apr jun jul aug sep sept oct nov dec e.g i.e z.b d.h u.s u.k a.m p.m
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_TEXT.split())
_HEADING_WORDS_MAX = 12
_WRAPPED_CHARS_MIN = 45  # a shorter line ends where its writer ended it, not where the page did


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A statement and what it leans on: the list's lead-in, a FAQ's question, the sentence before "it"."""

    text: str
    context: str = ""


@dataclass(slots=True)
class _Lead:
    """What the statements to come lean on, as far as the text has been read."""

    heading: str = ""
    question: str = ""
    introduction: str = ""  # ends with a colon
    previous: str = ""


def sentences_of(text: str, *, headings: str = "", begins_inside: bool = False) -> list[Sentence]:
    """Statements in order: sentences, list items and table rows; headings and questions are context only.

    headings: title and headings that stand above the text; lines that repeat them are no statements.
    begins_inside: the text was cut out of a longer one, so that its first words may end a sentence.
    """
    lead = _Lead()
    found: list[Sentence] = []
    blocks = list(_blocks(text))
    if begins_inside and blocks:
        blocks[0] = _without_torn_sentence(blocks[0])
    for position, block in enumerate(blocks):
        asked = lead.question
        if block.kind == "heading" or _reads_as_heading(block, headings, position == len(blocks) - 1):
            lead = _Lead(heading=" ".join(block.lines))
        elif block.kind == "prose":
            found.extend(_from_prose(block, lead))
        else:
            found.extend(_from_items(block, lead))
        if lead.question == asked:
            lead.question = ""  # answered by the block after it, not by all that follow
    return found


@dataclass(frozen=True, slots=True)
class _Block:
    kind: str  # heading, prose, list or table
    lines: list[str]


def _blocks(text: str) -> Iterator[_Block]:
    """Lines of one kind that stand together; wrapped lines are joined."""
    kind, lines = "", list[str]()
    for line in [*text.splitlines(), ""]:
        this = _kind(line, within=kind)
        joins = this == kind and this != "heading" and not _starts_anew(line, lines, this)
        if not joins and lines:
            yield _Block(kind, lines)
            lines = []
        if this == "list" and not _LIST_ITEM.match(line):
            lines[-1] += " " + line.strip()
        elif this:
            lines.append(_LIST_ITEM.sub("", line, count=1).strip() if this == "list" else line.strip(" #\t"))
        kind = this


def _without_torn_sentence(block: _Block) -> _Block:
    if block.kind != "prose" or not block.lines[0][:1].islower():
        return block
    return _Block("prose", _split(" ".join(block.lines))[1:] or [""])


def _kind(line: str, *, within: str) -> str:
    if not line.strip() or _RULE.fullmatch(line):
        return ""
    if line.lstrip().startswith("#"):
        return "heading"
    if _LIST_ITEM.match(line):
        return "list"
    if _TABLE_ROW.match(line):
        return "table"
    # An indented line under a list item belongs to it.
    return "list" if within == "list" and line[:2].isspace() else "prose"


def _starts_anew(line: str, lines: list[str], kind: str) -> bool:
    return kind == "prose" and bool(lines) and len(lines[-1]) < _WRAPPED_CHARS_MIN


def _reads_as_heading(block: _Block, headings: str, last: bool) -> bool:
    if block.kind not in ("prose", "list") or len(block.lines) > 1:
        return False
    (line,) = block.lines
    if line.casefold() in headings.casefold():
        return True
    if last or line[-1:] in ".!?:;…。" or ": " in line or len(line.split()) > _HEADING_WORDS_MAX:
        return False
    return block.kind == "prose" or line.isupper()


def _from_prose(block: _Block, lead: _Lead) -> Iterator[Sentence]:
    for text in _split(" ".join(block.lines)):
        if text.endswith("?"):
            lead.question, lead.previous = text, ""
            continue
        before = lead.previous if _LEANS_BACK.match(text) else ""
        if text.endswith(":"):
            lead.introduction = text
        else:
            yield _sentence(text, lead, before)
            lead.introduction = ""
        lead.previous = text


def _from_items(block: _Block, lead: _Lead) -> Iterator[Sentence]:
    introduction, items = lead.introduction, [item.strip(" |") for item in block.lines]
    whole = f"{introduction} {'; '.join(item.rstrip('.;,') for item in items)}."
    if introduction and block.kind == "list" and len(whole) <= LIST_CHARS_MAX:
        yield _sentence(whole, lead)
    else:
        short = introduction if len(introduction) <= LIST_CHARS_MAX // 2 else ""
        for item in items:
            yield _sentence(f"{short} {item}".strip(), lead)
    lead.introduction = lead.previous = ""


def _sentence(text: str, lead: _Lead, before: str = "") -> Sentence:
    context = " ".join(filter(None, (lead.heading, lead.question, before)))
    return Sentence(text=_shortened(text), context=context)


def _split(prose: str) -> list[str]:
    pieces, start = [], 0
    for boundary in _BOUNDARY.finditer(prose):
        if _ends_sentence(prose, start, boundary):
            pieces.append(prose[start : boundary.end()].strip())
            start = boundary.end()
    return [piece for piece in (*pieces, prose[start:].strip()) if any(map(str.isalnum, piece))]


def _ends_sentence(prose: str, start: int, boundary: re.Match[str]) -> bool:
    if boundary.group().startswith(("!", "?", "…", "。", "！", "？")):
        return True
    if prose[boundary.end() : boundary.end() + 1].islower():
        return False
    before = prose[max(start, boundary.start() - 20) : boundary.start()].split()
    word = before[-1].strip("(\"'“").casefold() if before else ""
    initial = len(word) == 1 and word.isalpha()
    return not initial and word not in _ABBREVIATIONS


def _shortened(text: str) -> str:
    if len(text) <= SENTENCE_CHARS_MAX:
        return text
    return text[: SENTENCE_CHARS_MAX - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
