"""Which cells of a workbook a reader sees, judged by their style."""

from typing import TYPE_CHECKING

from retrieval.ingestion.parsers.colours import BLACK, WHITE, Colour, colour, indistinguishable

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.styles.colors import Color

_POINTS_MIN = 2.0  # the smallest print is set at five
_SHOWS_NOTHING = ";;;"  # a number format without a picture for any kind of value
_INDEXED = {0: BLACK, 1: WHITE, 8: BLACK, 9: WHITE, 64: BLACK, 65: WHITE}
_THEME = {0: WHITE, 1: BLACK}  # the first two colours of every theme Excel comes with: paper and ink


class Looks:
    """Visibility and number format of the styles of one workbook, each judged once."""

    def __init__(self, workbook: "Workbook") -> None:
        self._workbook = workbook
        self._judged: dict[int, bool] = {}
        self._formats: dict[int, str] = {}

    def visible(self, style_id: int) -> bool:
        """Whether words in a cell of this style can be read."""
        if style_id not in self._judged:
            self._judged[style_id] = self._visible(style_id)
        return self._judged[style_id]

    def format(self, style_id: int) -> str:
        """The number format of a style, such as "0.0%"; "" where there is none."""
        if style_id not in self._formats:
            self._formats[style_id] = self._format(style_id)
        return self._formats[style_id]

    def _visible(self, style_id: int) -> bool:
        styles = self._workbook._cell_styles
        if style_id >= len(styles):
            return True
        font = self._workbook._fonts[styles[style_id].fontId]
        fill = self._workbook._fills[styles[style_id].fillId]
        if font.sz is not None and font.sz < _POINTS_MIN:
            return False
        if self.format(style_id) == _SHOWS_NOTHING:
            return False
        painted = getattr(fill, "fill_type", None)
        # A pattern or a gradient is a paper of no single colour.
        paper = WHITE if painted is None else _colour(fill.fgColor) if painted == "solid" else None
        return not indistinguishable(_colour(font.color) if font.color is not None else BLACK, paper)

    def _format(self, style_id: int) -> str:
        from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE

        styles = self._workbook._cell_styles
        number = styles[style_id].numFmtId if style_id < len(styles) else 0
        if number < BUILTIN_FORMATS_MAX_SIZE:
            return str(BUILTIN_FORMATS.get(number, ""))
        own = number - BUILTIN_FORMATS_MAX_SIZE
        formats = self._workbook._number_formats
        return str(formats[own]) if own < len(formats) else ""


def _colour(value: "Color") -> Colour | None:
    if value.type == "rgb" and isinstance(value.rgb, str):
        return colour(value.rgb[-6:])
    if value.type == "theme" and not value.tint:
        return _THEME.get(value.theme)
    return _INDEXED.get(value.indexed) if value.type == "indexed" else None
