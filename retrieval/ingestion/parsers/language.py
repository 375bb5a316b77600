"""Which language a text is written in, judged by its beginning."""

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

SAMPLE_CHARS = 10_000
_LETTERS_MIN = 40  # below about six words any answer is a guess
_SURE = 0.7


class Languages:
    """Names languages by their ISO 639-1 code; takes a second and 60 MB to build."""

    def __init__(self) -> None:
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def of(self, sample: str) -> str:
        """The language of a text, "" where unsure or where ISO 639-1 has no code for it."""
        words = " ".join(word for word in sample[:SAMPLE_CHARS].split() if any(map(str.isalpha, word)))
        if sum(map(str.isalpha, words)) < _LETTERS_MIN:
            return ""
        code, probability = self._identifier.classify(words)
        return str(code) if probability >= _SURE and len(code) == 2 else ""
