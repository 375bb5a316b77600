"""A text and every reading of it that a person or a model might take: the rules look at all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from retrieval.guardrails import characters, layers

DECODING_DEPTH_MAX = 2
DECODED_SHARE_MAX = 4  # all readings together, as a multiple of the text


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One reading, folded to plain lower-case letters. `layers` names what was undone to get it."""

    text: str
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """text: the original without invisible characters, for the model and the search.

    views: the plain reading first, then what decoding brings. signals: what is suspicious by itself.
    """

    text: str
    views: tuple[View, ...]
    signals: tuple[str, ...] = ()


Layer = Callable[[str], str | None]

# On the text as written: letter case and signs carry the encoding.
_WRITTEN_LAYERS: tuple[tuple[str, Layer], ...] = (
    ("base64", layers.base64_decoded),
    ("hex", layers.hex_decoded),
    ("percent", layers.percent_decoded),
    ("entities", layers.entities_decoded),
    ("escapes", layers.escapes_decoded),
)
# On the folded text: these turn or respell plain letters.
_FOLDED_LAYERS: tuple[tuple[str, Layer], ...] = (
    ("spaced", layers.letters_joined),
    ("leet", layers.unleeted),
    ("leet", layers.unleeted_with_l),
    ("rot13", layers.rotated),
    ("reversed", layers.reversed_letters),
    ("reversed", layers.reversed_in_words),
    ("word_order", layers.reversed_words),
)


def clean(text: str) -> str:
    """The text for the model: invisible characters out, styled Latin letters plain, scripts untouched."""
    return characters.compatibility_folded(characters.visible(text))


def canonical_views(text: str) -> Canonical:
    """Every reading of a text, within four times its length and two layers of decoding. Linear in time."""
    cleaned = clean(text)
    payloads = characters.hidden_payloads(text)
    budget = _Budget(DECODED_SHARE_MAX * max(len(text), 64))
    views: dict[str, View] = {}
    _collect(views, budget, cleaned, ())
    for payload in payloads:
        _collect(views, budget, payload, ("hidden",))
    if characters.has_direction_overrides(text):
        _collect(views, budget, clean(characters.as_displayed(text)), ("bidi",))
    return Canonical(
        text=cleaned,
        views=tuple(views.values()),
        signals=tuple(_signals(text, bool(payloads), views.values())),
    )


class _Budget:
    def __init__(self, chars: int) -> None:
        self._left = chars

    def allows(self, text: str) -> bool:
        self._left -= len(text)
        return self._left >= 0


def _collect(views: dict[str, View], budget: _Budget, written: str, undone: tuple[str, ...]) -> None:
    """Add the readings of one written text, the outermost layer first."""
    folded = characters.folded(written)
    first = not views
    if folded in views or not (budget.allows(folded) or first):
        return
    views[folded] = View(text=folded, layers=undone)
    if len(undone) >= DECODING_DEPTH_MAX:
        return
    if characters.mixes_scripts(folded):
        _collect(views, budget, characters.unmasked(folded), (*undone, "look_alikes"))
    for name, layer in _WRITTEN_LAYERS:
        if (decoded := layer(written)) is not None:
            _collect(views, budget, clean(decoded), (*undone, name))
    for name, layer in _FOLDED_LAYERS:
        # Undoing the same turn twice gives the first text back.
        if name not in undone and (decoded := layer(folded)) is not None:
            _collect(views, budget, decoded, (*undone, name))


def _signals(text: str, has_payload: bool, views: Iterable[View]) -> list[str]:
    signals = ["hidden_characters"] if has_payload else []
    signals += ["direction_override"] if characters.has_direction_overrides(text) else []
    signals += sorted({name for view in views for name in view.layers})
    return signals
