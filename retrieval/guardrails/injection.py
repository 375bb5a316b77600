"""How much a text looks like an attempt to steer the model: rules over every reading of it.

A score lowers noise and buys time; what holds is access control, the prompt and the output guardrail.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from retrieval.guardrails.canonical import Canonical, View
from retrieval.guardrails.rules import RULES, Rule

DETECTOR = "injection-rules-1"
WINDOW_CHARS = 300  # matches further apart are not one attempt
# Text in invisible characters is written for a machine behind the reader's back.
HIDDEN_CHARACTERS_SCORE = 0.9
MENTION_FACTOR = 0.4  # an attack quoted or told about, rather than made
_CUE_CHARS = 100
_SUBJECT_CHARS = 45

_QUOTED = re.compile(r"[\"“«`]([^\"”»`\n]{1,300})[\"”»`]|(?<!\w)['‘]([^'’\n]{1,300})['’](?!\w)")
_CUE = re.compile(
    r"\b(?:such as|for example|e\.g|example|examples|phrases?|like|called|says?|said|means?|meaning|"
    r"mention\w*|attack\w*|inject\w*|jailbreak\w*|adversar\w*|malicious|attempts?|detect\w*|classif\w*|sentence|string|"
    r"wording|translate|defin\w*|payload|pattern|contain\w*|term)\b"
)
# The person who would ignore something is not the model: "should employees ignore the former policy".
_OTHER_SUBJECT = re.compile(
    r"\b(?:we|i|they|he|she|employees?|staff|people|users?|teams?|managers?|contractors?|anyone|someone"
    r"|somebody|nobody|attackers?|it|drivers?|members?|customers?|suppliers?|workers?|engineers?)"
    r"(?: (?:ever|just|simply|also|sometimes|often|not|never|still|then|safely|have to|need to|want to"
    r"|try to|are allowed to|may|can|must|should|will|would|could|might|did|do))*\W{1,2}$"
    r"|\bhow (?:to|not to)\W$"
    r"|\b(?:attempts?|tr(?:y|ies|ied|ying)|tells?|asks?|tricks?|persuades?) (?:\w+ ){0,4}(?:to|into)\W$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule found in one view; `mention` when it is quoted or told about."""

    rule: Rule
    start: int
    decoded: bool
    mention: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The score of a text, 0 to 1, and the names of the rules behind it, strongest first."""

    score: float
    rules: tuple[str, ...] = ()


class Signal(Protocol):
    """Another opinion on a text, for example a trained classifier; the highest one counts."""

    name: str

    def score(self, canonical: Canonical) -> float:
        """0 to 1, on the same scale as the rules."""
        ...


class InjectionDetector:
    """Rules and any further signals over the readings of a text. Holds no state; safe in threads."""

    def __init__(self, signals: Sequence[Signal] = ()) -> None:
        self._signals = tuple(signals)
        self.version = "+".join((DETECTOR, *(signal.name for signal in self._signals)))

    def read(self, canonical: Canonical) -> Reading:
        """The strongest reading of the text, over all its views and signals."""
        readings = [_strongest(find_matches(view)) for view in canonical.views]
        readings += [_of_signal(signal, canonical) for signal in self._signals]
        if "hidden_characters" in canonical.signals:
            readings.append(Reading(score=HIDDEN_CHARACTERS_SCORE, rules=("hidden_characters",)))
        return max(readings, key=lambda reading: reading.score)


def _of_signal(signal: Signal, canonical: Canonical) -> Reading:
    return Reading(score=signal.score(canonical), rules=(signal.name,))


def find_matches(view: View) -> list[Match]:
    """Every rule's matches in a view, in order of the text."""
    quoted: list[tuple[int, int]] | None = None
    matches: list[Match] = []
    for rule in RULES:
        if not any(word in view.text for word in rule.needs):
            continue
        for found in rule.pattern.finditer(view.text):
            quoted = _quotations(view.text) if quoted is None else quoted
            matches.append(
                Match(
                    rule=rule,
                    start=found.start(),
                    decoded=bool(view.layers),
                    mention=_is_mention(view.text, found, quoted),
                )
            )
    return sorted(matches, key=lambda match: match.start)


def _quotations(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _QUOTED.finditer(text)]


def _is_mention(text: str, found: re.Match[str], quoted: Sequence[tuple[int, int]]) -> bool:
    start, end = found.span()
    if _OTHER_SUBJECT.search(text[max(0, start - _SUBJECT_CHARS) : start]):
        return True
    # Bisected: hostile text has thousands of quotations around thousands of matches.
    index = bisect_right(quoted, (start, len(text))) - 1
    if index < 0 or end > quoted[index][1]:
        return False
    opened, closed = quoted[index]
    around = f"{text[max(0, opened - _CUE_CHARS) : opened]} {text[closed : closed + _CUE_CHARS]}"
    return _CUE.search(around) is not None


def _strongest(matches: Sequence[Match]) -> Reading:
    """The best score of any stretch of WINDOW_CHARS; a rule counts once in it."""
    best = Reading(score=0.0)
    for index, first in enumerate(matches):
        # Within the stretch only the first matches matter: names repeat, and hostile text has thousands.
        stretch = [m for m in matches[index : index + 24] if m.start - first.start <= WINDOW_CHARS]
        reading = _combined(stretch)
        best = reading if reading.score > best.score else best
    return best


def _combined(stretch: Sequence[Match]) -> Reading:
    weights: dict[str, float] = {}
    mentioned = 0.0
    for match in stretch:
        if match.mention:
            mentioned = max(mentioned, match.rule.weight * MENTION_FACTOR)
        else:
            name = match.rule.name
            weights[name] = max(weights.get(name, 0.0), match.rule.weight)
    missed = 1.0 - mentioned
    for weight in weights.values():
        missed *= 1.0 - weight
    names = sorted(weights, key=lambda name: -weights[name]) or ["mention"]
    encoded = ["encoded"] if any(match.decoded for match in stretch) else []
    return Reading(score=1.0 - missed, rules=(*names, *encoded))
