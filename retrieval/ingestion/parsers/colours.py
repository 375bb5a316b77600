"""Colours, as far as needed to tell text from its background."""

import re

Colour = tuple[int, int, int]  # red, green, blue, 0 to 255

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
# Below a tenth of the range in every channel the contrast ratio is under 1.25, where WCAG 2.2 asks
# for 4.5: nobody reads that without marking it.
_LEAST_DIFFERENCE = 26
_NAMED: dict[str, Colour] = {
    "white": WHITE,
    "black": BLACK,
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "azure": (240, 255, 255),
    "mintcream": (245, 255, 250),
    "floralwhite": (255, 250, 240),
    "ghostwhite": (248, 248, 255),
    "aliceblue": (240, 248, 255),
    "seashell": (255, 245, 238),
    "whitesmoke": (245, 245, 245),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "yellow": (255, 255, 0),
}
_HEX = re.compile(r"#?([0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})")
_RGB = re.compile(r"rgba?\(\s*(\d+)(?:\.\d+)?[\s,]+(\d+)(?:\.\d+)?[\s,]+(\d+)")


def indistinguishable(text: Colour | None, background: Colour | None) -> bool:
    """Whether text of one colour cannot be read on the other; unknown colours are taken as readable."""
    if text is None or background is None:
        return False
    return all(abs(one - other) < _LEAST_DIFFERENCE for one, other in zip(text, background, strict=True))


def colour(value: str) -> Colour | None:
    """The colour a CSS or Word value names, or None when it is not one this module knows."""
    value = value.strip().lower()
    if value in _NAMED:
        return _NAMED[value]
    if functional := _RGB.match(value):
        red, green, blue = (min(int(channel), 255) for channel in functional.groups())
        return red, green, blue
    digits = _HEX.fullmatch(value)
    return _from_hex(digits.group(1)) if digits else None


def _from_hex(digits: str) -> Colour:
    if len(digits) < 6:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
