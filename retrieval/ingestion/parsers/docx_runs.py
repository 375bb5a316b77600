"""Which runs of a Word paragraph a reader sees, with formatting inherited from styles."""

from collections.abc import Callable, Iterator

from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.styles.styles import Styles

from retrieval.ingestion.parsers.colours import BLACK, WHITE, Colour, colour, indistinguishable

_HALF_POINTS_MIN = 4  # two points; the smallest print is set at five
_OFF = ("0", "false", "off", "none")
STYLES_DEEP = 10  # styles are based on styles; Word itself stops at ten
_BREAKS = {qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:tab"): "\t", qn("w:noBreakHyphen"): "-"}
_REFERENCES = {qn("w:footnoteReference"): "footnote", qn("w:endnoteReference"): "endnote"}
_TEXT, _DELETED = qn("w:t"), qn("w:delText")
# A text box is written twice: for new readers and, in here, for old ones.
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def pieces(
    paragraph: BaseOxmlElement, styles: Styles, reference: Callable[[str, str], str]
) -> Iterator[tuple[str, bool]]:
    """The paragraph's text in order, each piece with whether a reader sees it.

    reference: gives the mark of a note by its kind, "footnote" or "endnote", and its id.
    """
    for run in paragraph.iter(qn("w:r")):
        if _within(run, FALLBACK) or _owner(run) is not paragraph:
            continue  # the same text box a second time, or a paragraph of its own
        seen = not _hidden(run, paragraph, styles)
        for child in run:
            if child.tag == _TEXT:
                yield child.text or "", seen
            elif child.tag == _DELETED:
                yield child.text or "", False
            elif child.tag in _BREAKS:
                yield _BREAKS[child.tag], seen
            elif child.tag in _REFERENCES:
                yield reference(_REFERENCES[child.tag], child.get(qn("w:id"), "")), seen


def _hidden(run: BaseOxmlElement, paragraph: BaseOxmlElement, styles: Styles) -> bool:
    formats = list(_formats(run, paragraph, styles))
    size = _value(formats, "w:sz") or "22"
    return (
        _switched_on(formats, "w:vanish")
        or _switched_on(formats, "w:specVanish")
        or (size.isdigit() and int(size) < _HALF_POINTS_MIN)
        or indistinguishable(_ink(formats), _paper(formats, run, styles))
    )


def _formats(run: BaseOxmlElement, paragraph: BaseOxmlElement, styles: Styles) -> Iterator[BaseOxmlElement]:
    """Run properties that apply, nearest first: the run's own, its style's, the paragraph style's."""
    own = run.find(qn("w:rPr"))
    if own is not None:
        yield own
        yield from _style_formats(own.find(qn("w:rStyle")), styles)
    outer = paragraph.find(qn("w:pPr"))
    if outer is not None:
        yield from _style_formats(outer.find(qn("w:pStyle")), styles)


def _style_formats(reference: BaseOxmlElement | None, styles: Styles) -> Iterator[BaseOxmlElement]:
    wanted = reference.get(qn("w:val")) if reference is not None else None
    for _ in range(STYLES_DEEP):
        style = styles.element.get_by_id(wanted) if wanted else None
        if style is None:
            return
        own = style.find(qn("w:rPr"))
        if own is not None:
            yield own
        base = style.find(qn("w:basedOn"))
        wanted = base.get(qn("w:val")) if base is not None else None


def _value(formats: list[BaseOxmlElement], name: str, attribute: str = "w:val") -> str | None:
    found = (properties.find(qn(name)) for properties in formats)
    values = (element.get(qn(attribute)) for element in found if element is not None)
    return next((value for value in values if value), None)


def _switched_on(formats: list[BaseOxmlElement], name: str) -> bool:
    nearest = next((e for e in (properties.find(qn(name)) for properties in formats) if e is not None), None)
    return nearest is not None and nearest.get(qn("w:val"), "1") not in _OFF


def _ink(formats: list[BaseOxmlElement]) -> Colour | None:
    value = _value(formats, "w:color")
    return BLACK if value in (None, "auto") else colour(value or "")


def _paper(formats: list[BaseOxmlElement], run: BaseOxmlElement, styles: Styles) -> Colour | None:
    """The nearest shading behind a run: its own, its paragraph's, its cell's; else white paper."""
    marked = _value(formats, "w:highlight")
    if marked and marked != "none":
        return colour(marked)
    fills = [_value(formats, "w:shd", "w:fill")]
    for holder, properties in (("w:p", "w:pPr"), ("w:tc", "w:tcPr")):
        around = next(run.iterancestors(qn(holder)), None)
        shading = around.find(f"{qn(properties)}/{qn('w:shd')}") if around is not None else None
        fills.append(shading.get(qn("w:fill")) if shading is not None else None)
    fill = next((fill for fill in fills if fill and fill != "auto"), None)
    if fill:
        return colour(fill)
    return None if _in_shaded_table(run, styles) else WHITE


def _in_shaded_table(run: BaseOxmlElement, styles: Styles) -> bool:
    """Whether a table's style colours some of its cells, so that the paper there is not known."""
    table = next(run.iterancestors(qn("w:tbl")), None)
    reference = table.find(f"{qn('w:tblPr')}/{qn('w:tblStyle')}") if table is not None else None
    style = styles.element.get_by_id(reference.get(qn("w:val"), "")) if reference is not None else None
    return style is not None and next(style.iter(qn("w:shd")), None) is not None


def _owner(run: BaseOxmlElement) -> BaseOxmlElement | None:
    return next(run.iterancestors(qn("w:p")), None)


def _within(run: BaseOxmlElement, tag: str) -> bool:
    return next(run.iterancestors(tag), None) is not None
