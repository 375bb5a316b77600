"""The Presidio recognisers in use, each with its threshold. Importing this takes about a second."""

from collections.abc import Callable, Iterator
from typing import Any

import regex  # type: ignore[import-untyped]
from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerResult
from presidio_analyzer import predefined_recognizers as presidio
from presidio_analyzer.nlp_engine import NlpArtifacts

from compliance.pii.contexts import CONTEXTS

PIECE_SECONDS_MAX = 1.0  # a pattern's time on one piece; Presidio's own limit is 60 s
DEFAULT_THRESHOLD = 0.4  # a firm pattern alone, or a loose one with a context word beside it
BARE_NUMBER_SCORE = 0.2
# The formats without a country code that are looked for; "+49 ..." is found whatever stands here,
# and every region more costs as much again.
PHONE_REGIONS = ("US", "GB")


class PiiSearchTimedOut(RuntimeError):
    """A pattern took too long on a text, so nothing is known about that text."""


class _Email(presidio.EmailRecognizer):
    """Any address with a lettered top-level domain: intranet names are not on the public suffix list.

    The list is never consulted, so nothing can try to download it.
    """

    def validate_result(self, pattern_text: str) -> bool:
        top = pattern_text.rpartition(".")[2]
        return len(top) > 1 and not top.isdecimal()


class _Nhs(presidio.NhsRecognizer):
    def validate_result(self, pattern_text: str) -> bool | None:  # type: ignore[override]  # as its base
        return _possible(super().validate_result(pattern_text))


class _Npi(presidio.UsNpiRecognizer):
    def validate_result(self, pattern_text: str) -> bool | None:  # type: ignore[override]  # as its base
        return _possible(super().validate_result(pattern_text))


class _AbaRouting(presidio.AbaRoutingRecognizer):
    def validate_result(self, pattern_text: str) -> bool | None:  # type: ignore[override]  # as its base
        return _possible(super().validate_result(pattern_text))


class _Phone(presidio.PhoneRecognizer):
    """Ten bare digits are an order number as often as a telephone, so they need a context word."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        results = super().analyze(text, entities)
        for result in results:
            number = text[result.start : result.end]
            if number.isdecimal() and not number.startswith("0"):
                result.score = BARE_NUMBER_SCORE
        return results


def _possible(checksum_fits: bool) -> bool | None:
    return None if checksum_fits else False


def build(phone_regions: tuple[str, ...] = PHONE_REGIONS) -> list[EntityRecognizer]:
    """The recognisers, compiled and ready. Every entity type has exactly one.

    Left out as Presidio's weakest: driver licences of the US, bank accounts, medical licences.
    """
    loose = [kind(context=list(CONTEXTS[entity_type])) for entity_type, kind in _LOOSE.items()]
    phone = _Phone(context=list(CONTEXTS["PHONE_NUMBER"]), supported_regions=phone_regions)
    recognizers: list[EntityRecognizer] = [*(kind() for kind in _FIRM), *loose, phone]
    for recognizer in recognizers:
        entity_type = recognizer.supported_entities[0]
        recognizer.score_thresholds = {"default": _THRESHOLDS.get(entity_type, DEFAULT_THRESHOLD)}
        _compile(recognizer)
    return recognizers


_FIRM: tuple[Callable[..., EntityRecognizer], ...] = (
    presidio.CreditCardRecognizer,
    presidio.IbanRecognizer,
    presidio.CryptoRecognizer,
    _Email,
    presidio.UsItinRecognizer,
    presidio.UsSsnRecognizer,
    presidio.UsMbiRecognizer,
    presidio.IpRecognizer,
    presidio.MacAddressRecognizer,
    presidio.DateRecognizer,
    presidio.UrlRecognizer,
)
_LOOSE: dict[str, Callable[..., EntityRecognizer]] = {
    "UK_NINO": presidio.UkNinoRecognizer,
    "UK_DRIVING_LICENCE": presidio.UkDrivingLicenceRecognizer,
    "UK_NHS": _Nhs,
    "US_NPI": _Npi,
    "ABA_ROUTING_NUMBER": _AbaRouting,
    "US_PASSPORT": presidio.UsPassportRecognizer,
    "UK_PASSPORT": presidio.UkPassportRecognizer,
    "US_HEALTH_INSURANCE_MEMBER_ID": presidio.UsHealthInsuranceMemberIdRecognizer,
}
# A bare ten-digit number passes the NHS checksum in one of eleven cases and the NPI's in one of ten,
# so these two need a context word, which adds 0.35.
_THRESHOLDS = {"UK_NHS": 0.6, "US_NPI": 0.42}


def _compile(recognizer: EntityRecognizer) -> None:
    if not isinstance(recognizer, PatternRecognizer):
        return
    # Presidio compiles on first use, in patterns shared by all instances and threads.
    flags = recognizer.global_regex_flags or 0
    patterns: list[Any] = recognizer.patterns  # type: ignore[has-type]
    for pattern in patterns:
        pattern.compiled_regex = _TimedPattern(pattern.regex, flags)
        pattern.compiled_with_flags = flags


class _TimedPattern:
    """A pattern that raises when time runs out; Presidio would log it and go on with nothing found."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._finditer: Callable[..., Iterator[Any]] = regex.compile(pattern, flags=flags).finditer

    def finditer(self, text: str, timeout: float) -> "Iterator[regex.Match[str]]":
        try:
            yield from self._finditer(text, timeout=min(timeout, PIECE_SECONDS_MAX))
        except TimeoutError as error:
            raise PiiSearchTimedOut("A text took too long to search for personal data.") from error
