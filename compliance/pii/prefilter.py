"""Which recognisers can find anything in a text, from a few counts. Never turns away what would match.

Each gate states what every match of the recogniser's patterns must contain; a test compares results
with and without the gates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

# The engine of the recognisers: both then agree on what a digit is.
import regex  # type: ignore[import-untyped]

from compliance.pii.contexts import CONTEXTS

# Digits with at most one separator between them, and as far apart as phonenumbers lets them be.
_TIGHT_RUN = regex.compile(r"\d(?:[- .]?\d)*")
_LOOSE_RUN = regex.compile(r"\d(?:[\Wxー]{0,4}\d)*")
_DIGIT = regex.compile(r"\d")
_DOT_AND_LETTER = regex.compile(r"\.[^\W\d_]")
_IBAN_HEAD = regex.compile(r"\w\w\d\d[ -]?\w{4}")
_LONG_WORD = regex.compile(r"\w{26}")


@dataclass(frozen=True, slots=True)
class _Traits:
    text: str
    lowered: str
    digits: int
    tight: int  # digits in the longest tight run
    loose: int  # digits in the longest loose run

    def count(self, mark: str) -> int:
        return self.text.count(mark)

    def context(self, entity_type: str) -> bool:
        return any(word in self.lowered for word in CONTEXTS[entity_type])


def _traits(text: str) -> _Traits:
    digits = len(_DIGIT.findall(text))
    return _Traits(
        text=text,
        lowered=text.lower(),
        digits=digits,
        tight=_longest(_TIGHT_RUN, text) if digits else 0,
        loose=_longest(_LOOSE_RUN, text) if digits else 0,
    )


def _longest(run: "regex.Pattern[str]", text: str) -> int:
    return max(len(_DIGIT.findall(found)) for found in run.findall(text))


Gate = Callable[[_Traits], bool]


def _digits(at_least: int, traits: _Traits) -> bool:
    return traits.tight >= at_least


def _digits_beside(entity_type: str, at_least: int, traits: _Traits) -> bool:
    # Below its threshold without a context word.
    return traits.digits >= at_least and traits.context(entity_type)


def _email(traits: _Traits) -> bool:
    return "@" in traits.text and "." in traits.text


def _iban(traits: _Traits) -> bool:
    return traits.digits >= 2 and _IBAN_HEAD.search(traits.text) is not None


def _crypto(traits: _Traits) -> bool:
    return traits.digits >= 1 and _LONG_WORD.search(traits.text) is not None


def _ip(traits: _Traits) -> bool:
    return traits.count(":") >= 2 or (traits.tight >= 4 and traits.count(".") >= 3)


def _mac(traits: _Traits) -> bool:
    return traits.count(":") >= 5 or traits.count("-") >= 5 or traits.count(".") >= 2


def _phone(traits: _Traits) -> bool:
    # The shortest valid numbers: 6 digits behind a plus and a country code, 7 without in GB.
    return traits.loose >= 6


def _date(traits: _Traits) -> bool:
    return traits.digits >= 1 and any(mark in traits.text for mark in "-/.")


def _url(traits: _Traits) -> bool:
    return _DOT_AND_LETTER.search(traits.text) is not None


def _some_digits(at_least: int, traits: _Traits) -> bool:
    return traits.digits >= at_least


GATES: dict[str, Gate] = {
    "CREDIT_CARD": partial(_digits, 13),
    "IBAN_CODE": _iban,
    "CRYPTO": _crypto,
    "EMAIL_ADDRESS": _email,
    "US_ITIN": partial(_digits, 9),
    "US_SSN": partial(_digits, 9),
    "US_MBI": partial(_some_digits, 5),
    "UK_NINO": partial(_some_digits, 6),
    "UK_DRIVING_LICENCE": partial(_some_digits, 6),
    "UK_NHS": partial(_digits_beside, "UK_NHS", 10),
    "US_NPI": partial(_digits_beside, "US_NPI", 10),
    "ABA_ROUTING_NUMBER": partial(_digits_beside, "ABA_ROUTING_NUMBER", 9),
    "US_PASSPORT": partial(_digits_beside, "US_PASSPORT", 8),
    "UK_PASSPORT": partial(_digits_beside, "UK_PASSPORT", 7),
    "US_HEALTH_INSURANCE_MEMBER_ID": partial(_digits_beside, "US_HEALTH_INSURANCE_MEMBER_ID", 1),
    "IP_ADDRESS": _ip,
    "MAC_ADDRESS": _mac,
    "PHONE_NUMBER": _phone,
    "DATE_TIME": _date,
    "URL": _url,
}


def possible_types(text: str, wanted: frozenset[str]) -> list[str]:
    """The wanted types that can occur in the text at all; often none."""
    traits = _traits(text)
    return [entity_type for entity_type, gate in GATES.items() if entity_type in wanted and gate(traits)]
