"""The language of a text is named where it is sure, and left open where it is not."""

import pytest

from retrieval.ingestion.parsers.language import Languages

LANGUAGES = Languages()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The traveller asks before the journey and keeps each receipt for the office.", "en"),
        ("Der Reisende fragt vor der Reise und bewahrt jede Quittung für das Büro auf.", "de"),
        ("Le voyageur demande avant le voyage et garde chaque reçu pour le bureau.", "fr"),
        ("Путешественник спрашивает перед поездкой и хранит каждую квитанцию.", "ru"),
        ("42 | 17 | 3.5 | 2024-01-01 | " * 40, ""),
        ("Kim Park Lee Müller Garcia Nguyen Rossi Ivanov Silva Yilmaz Sato Kowalski Novak Haddad", ""),
        ("ok", ""),
        ("", ""),
    ],
    ids=["en", "de", "fr", "ru", "numbers", "names", "short", "nothing"],
)
def test_a_language_is_named_by_its_code_or_not_at_all(text: str, language: str) -> None:
    assert LANGUAGES.of(text) == language
