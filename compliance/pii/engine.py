"""Finds personal data by pattern, checksum and context word. Presidio inside, nothing downloaded."""

import os
import threading
from typing import TYPE_CHECKING

from compliance.pii.prefilter import possible_types
from compliance.pii.spans import ENTITY_TYPES, WEAKEST_TYPES, PiiSpan, pieces, without_conflicts

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

ALL_TYPES = frozenset(ENTITY_TYPES)
_WARM_UP = (
    "Anna, anna@example.org, +1 212 555 0123, 4111 1111 1111 1111, 10.0.0.1, www.example.org, 2026-01-31"
)


class PiiEngine:
    """Personal data in text. Loads Presidio on first use; safe to call from several threads."""

    version = "presidio-patterns-1"

    def __init__(self, *, phone_regions: tuple[str, ...] | None = None, prefilter: bool = True) -> None:
        """phone_regions: regions whose numbers are known without a country code; None: US and GB.

        prefilter: off only to prove that it changes nothing.
        """
        self._phone_regions = phone_regions
        self._prefilter = prefilter
        self._analyzer: AnalyzerEngine | None = None
        self._loading = threading.Lock()

    def warm(self) -> None:
        """Load everything and run once, so that the first question does not wait about two seconds."""
        self.find(_WARM_UP)

    def find(self, text: str, wanted: frozenset[str] = ALL_TYPES) -> list[PiiSpan]:
        """Personal data of the wanted types, in order of the text and without overlaps.

        Equal to finding everything and keeping what is wanted, only cheaper. Raises
        PiiSearchTimedOut when a hostile text would take seconds: nothing is known about it then.
        """
        # Only the weakest types can be left out unseen: any other might win an overlap.
        searched = (ALL_TYPES - WEAKEST_TYPES) | wanted
        found: list[PiiSpan] = []
        for piece in pieces(text):
            spans = self._find_in_piece(piece.text, searched)
            owned = (span for span in spans if piece.owned_from <= span.start < piece.owned_to)
            found += (span.moved(piece.offset) for span in owned)
        return [span for span in without_conflicts(found) if span.entity_type in wanted]

    def _find_in_piece(self, text: str, searched: frozenset[str]) -> list[PiiSpan]:
        types = possible_types(text, searched) if self._prefilter else sorted(searched)
        if not types or not text:
            return []
        return [
            PiiSpan(start=found.start, end=found.end, entity_type=found.entity_type, score=found.score)
            for found in self._loaded().analyze(text=text, language="en", entities=types)
        ]

    def _loaded(self) -> "AnalyzerEngine":
        if self._analyzer is None:
            with self._loading:
                if self._analyzer is None:
                    self._analyzer = self._load()
        return self._analyzer

    def _load(self) -> "AnalyzerEngine":
        # Presidio reads its time-out when it is imported; a second is plenty for one piece of text.
        os.environ.setdefault("REGEX_TIMEOUT_SECONDS", "1")
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer

        from compliance.pii import recognizers
        from compliance.pii.nlp import LightNlp

        regions = recognizers.PHONE_REGIONS if self._phone_regions is None else self._phone_regions
        return AnalyzerEngine(
            registry=RecognizerRegistry(recognizers=recognizers.build(regions), supported_languages=["en"]),
            nlp_engine=LightNlp(),
            supported_languages=["en"],
            context_aware_enhancer=LemmaContextAwareEnhancer(
                context_matching_mode="whole_word", context_suffix_count=3
            ),
        )
