"""What the styles of an OpenDocument text say about sight: colours, sizes, hidden words, numbered lists."""

from collections.abc import Iterable, Iterator

from lxml import etree

from retrieval.ingestion.parsers.colours import BLACK, WHITE, Colour, colour, indistinguishable

_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_STYLES_DEEP = 10  # styles are based on styles
_POINTS_MIN = 2.0  # the smallest print is set at five


class Styles:
    """The styles of one document, found in several parts of it."""

    def __init__(self, roots: Iterable[etree._Element]) -> None:
        self._styles: dict[str, etree._Element] = {}
        self._lists: dict[str, etree._Element] = {}
        for root in roots:
            for style in root.iter(f"{_STYLE}style"):
                self._styles.setdefault(style.get(f"{_STYLE}name", ""), style)
            for style in root.iter(f"{_TEXT}list-style"):
                self._lists.setdefault(style.get(f"{_STYLE}name", ""), style)
        self._judged: dict[str, bool] = {}

    def visible(self, name: str | None) -> bool:
        """Whether words in this style can be read; without a style they can."""
        if not name:
            return True
        if name not in self._judged:
            self._judged[name] = self._visible(name)
        return self._judged[name]

    def name(self, name: str | None) -> str:
        """The style made by a person that an automatic style stands for."""
        for style in self._chain(name):
            if style.getparent() is not None and style.getparent().tag.endswith("}styles"):
                return style.get(f"{_STYLE}name", "")
        return name or ""

    def numbered(self, name: str | None, level: int) -> bool:
        """Whether a list of this style counts its items at this level."""
        style = self._lists.get(name or "")
        if style is None:
            return False
        levels = style.iterchildren(f"{_TEXT}list-level-style-number")
        return any(one.get(f"{_TEXT}level") == str(level) for one in levels)

    def _visible(self, name: str) -> bool:
        if self._value(name, f"{_TEXT}display") == "none":
            return False
        size = self._value(name, f"{_FO}font-size") or ""
        if size.endswith("pt") and _number(size[:-2]) < _POINTS_MIN:
            return False
        return not indistinguishable(
            self._colour(name, f"{_FO}color", BLACK), self._colour(name, f"{_FO}background-color", WHITE)
        )

    def _colour(self, name: str, attribute: str, automatic: Colour) -> Colour | None:
        value = self._value(name, attribute)
        return automatic if value in (None, "transparent") else colour(value or "")

    def _value(self, name: str, attribute: str) -> str | None:
        for style in self._chain(name):
            for properties in style:
                if value := properties.get(attribute):
                    return str(value)
        return None

    def _chain(self, name: str | None) -> Iterator[etree._Element]:
        for _ in range(_STYLES_DEEP):
            style = self._styles.get(name or "")
            if style is None:
                return
            yield style
            name = style.get(f"{_STYLE}parent-style-name")


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 12.0
