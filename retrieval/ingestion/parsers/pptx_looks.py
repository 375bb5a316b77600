"""Which text of a slide a viewer sees: its place, size and colour against what lies behind it."""

from typing import Any

from lxml import etree

from retrieval.ingestion.parsers.colours import BLACK, WHITE, Colour, colour, indistinguishable

_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_HUNDREDTHS_MIN = 200  # of a point; the smallest print is set at five points
_SIDE_MIN = 1_000  # in English Metric Units: a thousandth of an inch
_FILLS = ("noFill", "solidFill", "gradFill", "blipFill", "pattFill", "grpFill")
_OPAQUE_MIN = 10_000  # of 100,000
_UNKNOWN = object()


def on_slide(shape: Any, presentation: Any) -> bool:
    """Whether any part of a shape lies on the slide and has an extent; an inherited place counts as on it."""
    if shape._element.find(".//{*}cNvPr[@hidden='1']") is not None:
        return False
    sides = (shape.left, shape.top, shape.width, shape.height)
    if any(side is None for side in sides) or _grouped(shape):
        return True
    left, top, width, height = sides
    return bool(
        left < presentation.slide_width
        and top < presentation.slide_height
        and left + width > 0
        and top + height > 0
        and width > _SIDE_MIN
    )


def readable(run: etree._Element, paper: Colour | None) -> bool:
    """Whether a run of text can be read on this paper; None is a paper of unknown colour."""
    properties = run.find(f"{_DRAWING}rPr")
    if properties is None:
        return True
    if int(properties.get("sz", "1800")) < _HUNDREDTHS_MIN:
        return False
    if properties.find(f"{_DRAWING}noFill") is not None:
        return False
    fill = properties.find(f"{_DRAWING}solidFill")
    if fill is None:
        return True
    return _opaque(fill) and not indistinguishable(_written(fill), paper)


class Backdrop:
    """What lies behind the text of one slide."""

    def __init__(self, slide: Any) -> None:
        self._slide = slide
        self._ground = _ground(slide)

    def behind(self, shape: Any) -> Colour | None:
        """The colour under a shape's text: its own fill, the shape below it, the slide's ground."""
        own = _fill(shape._element)
        if own is not _UNKNOWN:
            return own  # type: ignore[return-value]
        paper = self._ground
        for other in self._slide.shapes:
            if other.shape_id == shape.shape_id:
                break
            if _overlap(other, shape):
                below = _fill(other._element)
                paper = None if _pictured(other) else paper if below is _UNKNOWN else below  # type: ignore[assignment]
        return paper

    def of_cell(self, cell: Any) -> Colour | None:
        """The colour of a table's cell; a table's style paints cells, so without an own fill it is unknown."""
        properties = cell._tc.find(f"{_DRAWING}tcPr")
        fill = properties.find(f"{_DRAWING}solidFill") if properties is not None else None
        return _written(fill) if fill is not None else None


def _fill(element: etree._Element) -> object:
    """A shape's own colour, None for a picture, a gradient or a theme's; _UNKNOWN where nothing is painted."""
    properties = element.find("{*}spPr")
    if properties is None:
        return _UNKNOWN
    for kind in _FILLS:
        painted = properties.find(f"{_DRAWING}{kind}")
        if painted is not None:
            return _UNKNOWN if kind == "noFill" else _written(painted) if kind == "solidFill" else None
    # A shape drawn with a style takes its fill from the theme.
    return None if element.find("{*}style") is not None else _UNKNOWN


def _ground(slide: Any) -> Colour | None:
    """The slide's own ground, else its layout's, else the master's; white where the master says paper."""
    for holder in (slide, slide.slide_layout, slide.slide_layout.slide_master):
        ground = holder._element.find("{*}cSld/{*}bg")
        if ground is None:
            continue
        solid = ground.find(f"{{*}}bgPr/{_DRAWING}solidFill")
        if solid is not None:
            return _written(solid)
        named = ground.find(f"{{*}}bgRef/{_DRAWING}schemeClr")
        return _scheme(named.get("val", "")) if named is not None else None
    return WHITE


def _written(fill: etree._Element) -> Colour | None:
    exact = fill.find(f"{_DRAWING}srgbClr")
    if exact is not None:
        return None if len(exact) and exact.find(f"{_DRAWING}alpha") is None else colour(exact.get("val", ""))
    named = fill.find(f"{_DRAWING}schemeClr")
    if named is not None and not len(named):
        return _scheme(named.get("val", ""))
    preset = fill.find(f"{_DRAWING}prstClr")
    return colour(preset.get("val", "")) if preset is not None else None


def _scheme(name: str) -> Colour | None:
    """Paper and ink of the themes PowerPoint comes with; accents may be anything."""
    return {"bg1": WHITE, "lt1": WHITE, "tx1": BLACK, "dk1": BLACK}.get(name)


def _opaque(fill: etree._Element) -> bool:
    alpha = fill.find(f".//{_DRAWING}alpha")
    value = alpha.get("val", "100000") if alpha is not None else "100000"
    return not value.isdigit() or int(value) >= _OPAQUE_MIN


def _pictured(shape: Any) -> bool:
    return etree.QName(shape._element).localname in ("pic", "graphicFrame", "grpSp")


def _overlap(one: Any, other: Any) -> bool:
    sides = (one.left, one.top, one.width, one.height, other.left, other.top, other.width, other.height)
    if any(side is None for side in sides):
        return False
    return bool(
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )


def _grouped(shape: Any) -> bool:
    """Inside a group, places are counted in the group's own units."""
    return next(shape._element.iterancestors("{*}grpSp"), None) is not None
