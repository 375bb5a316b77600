"""Words for Presidio's context search, without a language model."""

import re
from collections.abc import Iterable, Iterator

from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

_TOKEN = re.compile(r"\w+|[^\w\s]")


class LightNlp(NlpEngine):
    """Cuts text into words and marks; a lemma is the lower-cased word.

    Plain strings on purpose: spaCy's string store would grow with every new word for ever.
    """

    engine_name = "light"
    is_available = True

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        found = list(_TOKEN.finditer(text))
        words = [match.group() for match in found]
        return NlpArtifacts(
            entities=[],
            tokens=words,  # type: ignore[arg-type]  # only lengths and offsets of tokens are read
            tokens_indices=[match.start() for match in found],
            lemmas=[word.lower() for word in words],
            nlp_engine=self,
            language=language,
            scores=[],
        )

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: object
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return not word[:1].isalnum()

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]
