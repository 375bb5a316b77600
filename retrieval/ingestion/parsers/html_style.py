"""What a page's own styles hide from a reader: the common ways, not a browser."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from retrieval.ingestion.parsers.colours import BLACK, WHITE, Colour, colour, indistinguishable

Declarations = dict[str, str]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
# Rules inside @media and its like hold for some readers only, so they are not taken as hiding.
_AT_BLOCK = re.compile(r"@[^{};]*+(?:;|\{[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\})")
_RULE = re.compile(r"([^{}]*+)\{([^{}]*+)\}")
_SIMPLE_SELECTOR = re.compile(r"\*|[a-z][a-z0-9]*(?:[.#][\w-]+)?|[.#][\w-]+")
_LENGTH = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|ex|ch|%|vw|vh|mm|cm|in|)")
_PIXELS = {
    "pt": 1.33,
    "em": 16.0,
    "rem": 16.0,
    "ex": 8.0,
    "ch": 8.0,
    "%": 0.16,
    "mm": 3.8,
    "cm": 38.0,
    "in": 96.0,
}
_FONT_PIXELS_MIN = 3.0  # smaller than any print; footnotes are set at 8
_OFF_PAGE_PIXELS = -400.0  # what moves text out of sight on any screen
_OPACITY_MIN = 0.1
_NO_AREA_CLIP = re.compile(r"rect\(\s*(?:0|1px)\D|inset\(\s*(?:50|100)%|circle\(\s*0")


@dataclass(frozen=True, slots=True)
class Look:
    """Colours as inherited; None where they are not known, as over a picture."""

    text: Colour | None = BLACK
    background: Colour | None = WHITE


class StyleSheet:
    """The rules of a page's <style> elements whose selector is a single tag, class or id."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._rules: dict[str, Declarations] = {}
        for source in sources:
            self._read(_AT_BLOCK.sub("", _COMMENT.sub("", source)))

    def declarations(self, tag: str, element_id: str, classes: list[str], inline: str) -> Declarations:
        """Every declaration that applies to one element, its own style attribute last."""
        keys = ["*", tag, *(f".{name}" for name in classes), *(f"{tag}.{name}" for name in classes)]
        keys += [f"#{element_id}", f"{tag}#{element_id}"]
        applied: Declarations = {}
        for key in keys if self._rules else ():
            applied.update(self._rules.get(key, {}))
        return applied | declared(inline) if inline else applied

    def _read(self, source: str) -> None:
        for selectors, body in _RULE.findall(source):
            declarations = declared(body)
            for selector in selectors.split(","):
                key = selector.strip()
                if _SIMPLE_SELECTOR.fullmatch(key.lower()):
                    self._rules.setdefault(key, {}).update(declarations)


def declared(style: str) -> Declarations:
    """The declarations of a style attribute, names and values in lower case, escapes undone."""
    plain = _ESCAPE.sub(_unescaped, _COMMENT.sub("", style)).lower().replace("!important", "")
    pairs = (part.partition(":") for part in plain.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}


def hides(style: Declarations) -> bool:
    """Whether these declarations take an element out of a reader's sight."""
    # Most elements of most pages have no style, and pages have a million elements at worst.
    return bool(style) and (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or style.get("content-visibility") == "hidden"
        or _number(style.get("opacity", "1")) < _OPACITY_MIN
        or _pixels(style.get("font-size", "16px")) < _FONT_PIXELS_MIN
        or _without_area(style)
        or _off_page(style)
    )


def looks(style: Declarations, inherited: Look) -> Look:
    """The colours inside an element with these declarations."""
    if not style:
        return inherited
    text, background = inherited.text, inherited.background
    if "color" in style:
        text = background if style["color"] == "transparent" else colour(style["color"])
    painted = " ".join(
        style.get(name, "") for name in ("background", "background-color", "background-image")
    ).strip()
    if painted and painted not in ("none", "transparent", "inherit"):
        background = None if "url(" in painted or "gradient" in painted else _first_colour(painted)
    return Look(text, background)


def invisible(look: Look) -> bool:
    return indistinguishable(look.text, look.background)


def _first_colour(painted: str) -> Colour | None:
    named = (colour(word) for word in [painted, *painted.split()])
    return next((found for found in named if found), None)


def _without_area(style: Declarations) -> bool:
    boxed = any(
        _pixels(style.get(side, "16px")) < 2 for side in ("width", "height", "max-height", "max-width")
    )
    clipped = style.get("overflow", style.get("overflow-y", "")) in ("hidden", "clip")
    cut = f"{style.get('clip', '')} {style.get('clip-path', '')}"
    return (boxed and clipped) or bool(_NO_AREA_CLIP.search(cut)) or "scale(0" in style.get("transform", "")


def _off_page(style: Declarations) -> bool:
    placed = style.get("position") in ("absolute", "fixed")
    moves = ["text-indent", "margin-left", "margin-top", *(("left", "top") if placed else ())]
    if placed and any(-_pixels(style.get(side, "0")) > -_OFF_PAGE_PIXELS for side in ("right", "bottom")):
        return True
    return any(_pixels(style.get(move, "0")) < _OFF_PAGE_PIXELS for move in moves)


def _pixels(value: str) -> float:
    found = _LENGTH.fullmatch(value)
    if found is None:
        return 16.0  # a keyword such as "small" or "auto"
    return float(found.group(1)) * _PIXELS.get(found.group(2), 1.0)


def _number(value: str) -> float:
    found = _LENGTH.fullmatch(value)
    if found is None:
        return 1.0
    return float(found.group(1)) / (100 if found.group(2) == "%" else 1)


def _unescaped(escape: re.Match[str]) -> str:
    point = int(escape.group(1), 16)
    return chr(point) if 0x20 <= point <= 0x7E else ""
