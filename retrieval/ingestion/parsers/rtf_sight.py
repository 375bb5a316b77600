"""Divides rich text into what a reader sees and what not, each still rich text."""

import re
from dataclasses import dataclass, replace

from retrieval.ingestion.parsers.colours import BLACK, WHITE, Colour, indistinguishable

HEADING_MARK = 0xE000  # a private sign before a paragraph with an outline level; level 1 is this one
HEADING_MARKS = tuple(chr(HEADING_MARK + level) for level in range(9))
_HALF_POINTS_MIN = 4  # two points; the smallest print is set at five
_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)",
    re.DOTALL,
)
_COLOUR_TABLE = re.compile(r"\{\\colortbl\b ?([^{}]*)\}")
_COLOUR_PART = re.compile(r"\\(red|green|blue)(\d{1,3})")
# Destinations whose text is words that no reader of the page sees.
_UNSEEN_WORDS = """
info title subject author operator keywords comment doccomm category manager company annotation
atnid atnauthor falt docvar ffhelptext ffstattext ffdeftext userprops staticval propname shptxt
background xe tc txe rxe
"""
# Destinations that hold machinery; their letters are hexadecimal digits, names of fonts and the like.
_MACHINERY_WORDS = """
fonttbl colortbl stylesheet pict objdata objclass objname objalias objsect themedata datastore
colorschememapping latentstyles listtable listoverridetable rsidtbl generator fldinst blipuid sn sv
xmlnstbl pgptbl revtbl filetbl panose fontemb fontfile bkmkstart bkmkend atrfstart atrfend atnref
atndate atnparent mmathPr wgrffmtfilter lsdlockedexcept passwordhash datafield formfield nonesttables
pntxta pntxtb pnseclvl levelnumbers leveltext listname picprop cellpart creatim revtim printim buptim
defchp defpap ffname ffformat ffentrymcr ffexitmcr oleclsid aftnsep aftnsepc ftnsep ftnsepc
"""
# Where readers do see what the library would drop.
_SEEN_WORDS = "footnote header headerl headerr headerf footer footerl footerr footerf"
_UNSEEN, _MACHINERY, _SEEN = (
    frozenset(words.split()) for words in (_UNSEEN_WORDS, _MACHINERY_WORDS, _SEEN_WORDS)
)


@dataclass(frozen=True, slots=True)
class _Format:
    """What holds inside one group."""

    vanished: bool = False
    deleted: bool = False
    size: int = 24
    ink: int = 0
    paper: int = 0
    aside: bool = False  # a destination whose words no reader sees
    machinery: bool = False


def parted(source: str) -> tuple[str, str]:
    """The same rich text twice: with the words that are seen only, and with the unseen ones only."""
    return _Divider(source).parted()


class _Divider:
    """One walk over the signs of a file; structure goes to both sides, words to one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._colours = _colours(source)
        self._seen: list[str] = []
        self._unseen: list[str] = []
        self._format = _Format()
        self._groups: list[_Format] = []
        self._starred = False
        self._saw_last = False
        self._outline: int | None = None  # level from 0; below it once its paragraph is marked

    def parted(self) -> tuple[str, str]:
        place = 0
        while token := _TOKEN.match(self._source, place):
            place = token.end()
            word, number, code, sign, brace, text = token.groups()
            if word == "bin" and number:
                place += max(int(number), 0)  # raw bytes, in which a brace is no brace
            elif brace:
                self._brace(brace)
            elif word:
                self._word(word, number, token.group())
            elif sign == "*":
                self._starred = True
            elif sign and sign in "\r\n":
                self._both(token.group())
            elif code or sign or text:
                self._words(token.group())
        return "".join(self._seen), "".join(self._unseen)

    def _brace(self, brace: str) -> None:
        if brace == "{":
            self._groups.append(self._format)
        elif self._groups:
            if self._format.aside:
                self._unseen.append("\\par\\par ")  # one note ends
            self._format = self._groups.pop()
        self._starred = False
        self._both(brace)

    def _word(self, word: str, number: str | None, token: str) -> None:
        starred, self._starred = self._starred, False
        if word in _MACHINERY:
            self._format = replace(self._format, machinery=True)
            self._both("\\*" + token if starred else token)
        elif word in _UNSEEN or (starred and word not in ("shppict", "shpinst")):
            # The word itself is left out, or the library would drop what we want to look at.
            self._format = replace(self._format, aside=True)
        elif word in _SEEN:
            self._both("\\par " if word != "footnote" else " ")
        elif word == "u" and number:
            self._words(token)
        else:
            self._change(word, int(number) if number else None)
            self._both("\\*" + token if starred else token)

    def _change(self, word: str, number: int | None) -> None:
        on = number != 0
        match word:
            case "v" | "webhidden" | "spv":
                self._format = replace(self._format, vanished=on)
            case "deleted":
                self._format = replace(self._format, deleted=on)
            case "fs":
                self._format = replace(self._format, size=24 if number is None else number)
            case "cf":
                self._format = replace(self._format, ink=number or 0)
            case "cb" | "highlight" | "chcbpat" | "cbpat":
                self._format = replace(self._format, paper=number or 0)
            case "plain":
                self._format = replace(self._format, vanished=False, deleted=False, size=24, ink=0, paper=0)
            case "pard":
                self._outline = None
            case "outlinelevel":
                self._outline = number
            case "par" | "sect" | "page" if self._outline is not None and self._outline < 0:
                self._outline = -self._outline - 1  # the next paragraph of the same form is a heading too

    def _words(self, token: str) -> None:
        if self._format.machinery:
            self._both(token)
        elif self._hidden():
            if self._saw_last:
                self._unseen.append(" ")  # other words stood between this and what was hidden before
            self._saw_last = False
            self._unseen.append(token)
        else:
            if self._outline is not None and 0 <= self._outline < len(HEADING_MARKS):
                self._seen.append(HEADING_MARKS[self._outline])
                self._outline = -self._outline - 1
            self._saw_last = True
            self._seen.append(token)

    def _hidden(self) -> bool:
        form = self._format
        if form.vanished or form.deleted or form.aside or form.size < _HALF_POINTS_MIN:
            return True
        return indistinguishable(self._colour(form.ink, BLACK), self._colour(form.paper, WHITE))

    def _colour(self, number: int, automatic: Colour) -> Colour | None:
        if number == 0:
            return automatic
        return self._colours[number] if 0 < number < len(self._colours) else None

    def _both(self, token: str) -> None:
        self._seen.append(token)
        self._unseen.append(token)


def _colours(source: str) -> list[Colour | None]:
    """The file's table of colours; the first entry is the automatic one."""
    table = _COLOUR_TABLE.search(source)
    colours: list[Colour | None] = []
    for entry in table.group(1).split(";") if table else ():
        parts = {name: min(int(value), 255) for name, value in _COLOUR_PART.findall(entry)}
        colours.append((parts.get("red", 0), parts.get("green", 0), parts.get("blue", 0)) if parts else None)
    return colours
