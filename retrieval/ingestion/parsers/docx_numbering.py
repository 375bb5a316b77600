"""The numbers and bullets that Word draws before list items and does not keep in the text."""

from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from retrieval.ingestion.parsers.docx_runs import STYLES_DEEP

_BULLET = "-"
_LEVELS = 9
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


class Numbering:
    """Counts the lists of one document, paragraph after paragraph in reading order."""

    def __init__(self, document: Document) -> None:
        self._styles = document.styles.element
        self._counts: dict[str, list[int]] = {}
        self._abstract: dict[str, str] = {}
        self._levels: dict[tuple[str, int], tuple[int, str, str]] = {}
        root = _root(document)
        if root is not None:
            self._read(root)

    def mark(self, paragraph: BaseOxmlElement, style: str) -> str | None:
        """What stands before a list item, indented by its level; None for a paragraph in no list."""
        number, level = self._place(paragraph)
        if number is None:
            return _BULLET if style.lower().startswith("list ") else None
        if number == "0":  # taken out of its style's list
            return None
        indent = "  " * level
        abstract = self._abstract.get(number)
        if abstract is None or (abstract, level) not in self._levels:
            return indent + _BULLET
        return indent + (self._next(number, abstract, level) or _BULLET)

    def _next(self, number: str, abstract: str, level: int) -> str:
        """The next number of a list's level; deeper levels begin anew."""
        counts = self._counts.setdefault(
            number, [self._levels.get((abstract, deep), (1, "", ""))[0] - 1 for deep in range(_LEVELS)]
        )
        counts[level] += 1
        for deeper in range(level + 1, _LEVELS):
            counts[deeper] = self._levels.get((abstract, deeper), (1, "", ""))[0] - 1
        _, kind, pattern = self._levels[abstract, level]
        if kind in ("bullet", "none", ""):
            return ""
        for deep in range(_LEVELS):
            start, own_kind, _ = self._levels.get((abstract, deep), (1, "decimal", ""))
            pattern = pattern.replace(f"%{deep + 1}", _spelled(max(counts[deep], start), own_kind))
        return pattern.strip()

    def _place(self, paragraph: BaseOxmlElement) -> tuple[str | None, int]:
        """Number of the list and level from 0, from the paragraph or its style."""
        holder = paragraph.find(qn("w:pPr"))
        wanted = paragraph.style
        for _ in range(STYLES_DEEP):
            listed = holder.find(qn("w:numPr")) if holder is not None else None
            if listed is not None and (found := listed.find(qn("w:numId"))) is not None:
                level = listed.find(qn("w:ilvl"))
                deep = level.get(qn("w:val"), "0") if level is not None else "0"
                return found.get(qn("w:val")), min(int(deep) if deep.isdigit() else 0, _LEVELS - 1)
            style = self._styles.get_by_id(wanted) if wanted else None
            if style is None:
                break
            holder = style.find(qn("w:pPr"))
            base = style.find(qn("w:basedOn"))
            wanted = base.get(qn("w:val")) if base is not None else None
        return None, 0

    def _read(self, root: BaseOxmlElement) -> None:
        for abstract in root.iter(qn("w:abstractNum")):
            identity = abstract.get(qn("w:abstractNumId"), "")
            for level in abstract.iter(qn("w:lvl")):
                deep = level.get(qn("w:ilvl"), "0")
                if deep.isdigit():
                    self._levels[identity, int(deep)] = _level(level)
        for number in root.iter(qn("w:num")):
            reference = number.find(qn("w:abstractNumId"))
            if reference is not None:
                self._abstract[number.get(qn("w:numId"), "")] = reference.get(qn("w:val"), "")


def _root(document: Document) -> BaseOxmlElement | None:
    """The part about lists, None where a document has none; the library would make one."""
    for relationship in document.part.rels.values():
        if relationship.reltype.endswith("/numbering") and not relationship.is_external:
            root: BaseOxmlElement = relationship.target_part.element
            return root
    return None


def _level(level: BaseOxmlElement) -> tuple[int, str, str]:
    def value(name: str, otherwise: str) -> str:
        found = level.find(qn(name))
        return found.get(qn("w:val"), otherwise) if found is not None else otherwise

    start = value("w:start", "1")
    return int(start) if start.isdigit() else 1, value("w:numFmt", "decimal"), value("w:lvlText", "")


def _spelled(number: int, kind: str) -> str:
    if kind in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 5)
        return letter.upper() if kind == "upperLetter" else letter
    if kind in ("lowerRoman", "upperRoman"):
        roman = _roman(number)
        return roman.upper() if kind == "upperRoman" else roman
    return str(number)


def _roman(number: int) -> str:
    if not 0 < number < 4_000:
        return str(number)
    letters = ""
    for value, sign in _ROMAN:
        letters += sign * (number // value)
        number %= value
    return letters
