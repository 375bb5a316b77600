"""The canary in any dress, and runs of the system prompt."""

import base64
import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.guardrails.leaks import CanaryWatch, PromptWatch
from tests.retrieval.guardrails.watching import (
    CANARY,
    PROMPT,
    ScriptedDraft,
    cut,
    guardrail,
    permitted,
    watch,
)

DRESSES = {
    "verbatim": CANARY,
    "upper case": CANARY.upper(),
    "spaced": " ".join(CANARY),
    "dashed": "-".join(CANARY),
    "on lines": "\n".join(CANARY),
    "reversed": CANARY[::-1],
    "reversed and spaced": " ".join(CANARY[::-1]),
    "zero-width": "\u200b".join(CANARY),
    "joined by joiners": "\u2060\u200d".join(CANARY),
    "full width": "".join(chr(ord(c) + 0xFEE0) for c in CANARY),
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 inside a sentence": base64.b64encode(f"it is {CANARY}, yes".encode()).decode(),
    "url-safe base64": base64.urlsafe_b64encode(f"?{CANARY}?".encode()).decode(),
    "base64 of the upper case": base64.b64encode(CANARY.upper().encode()).decode(),
    "base64 reversed": base64.b64encode(CANARY[::-1].encode()).decode(),
    "base32": base64.b32encode(CANARY.encode()).decode(),
    "hex": CANARY.encode().hex(),
    "hex spaced": CANARY.encode().hex(" "),
    "hex with prefixes": ", ".join(hex(byte) for byte in CANARY.encode()),
    "percent": "".join(f"%{byte:02X}" for byte in CANARY.encode()),
    "backslash x": "".join(f"\\x{byte:02x}" for byte in CANARY.encode()),
    "decimal": " ".join(str(byte) for byte in CANARY.encode()),
    "entities": "".join(f"&#{byte};" for byte in CANARY.encode()),
    "rot13": codecs.encode(CANARY, "rot13"),
}
FILLER = "The library opens at nine and lends each book for one month. "


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("size", [1, 5, 4000])
def test_a_canary_in_any_dress_ends_the_answer_before_it_leaves(dress: str, size: int) -> None:
    text = f"{FILLER * 8}The word is {DRESSES[dress]} indeed. {FILLER * 8}"
    watched = watch(ScriptedDraft(cut(text, [size])))

    assert watched.rules == {"leak.canary": "block"} | watched.rules
    assert watched.end.verdict.blocked
    assert "The word is" not in watched.text
    assert FILLER.strip() in watched.text


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_the_canary_is_found_wherever_the_text_is_cut(sizes: list[int]) -> None:
    found = CanaryWatch(CANARY)

    assert any(found.leaked(piece) for piece in cut(f"so {' '.join(CANARY)} it is", sizes)) is True


def test_a_part_of_the_canary_is_no_leak() -> None:
    assert not CanaryWatch(CANARY).leaked(f"{CANARY[:-1]} and on")


def test_a_draft_without_watchwords_leaks_nothing() -> None:
    assert watch(ScriptedDraft([FILLER], watchwords=())).text == FILLER


def test_a_canary_too_short_to_be_told_from_text_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 6"):
        CanaryWatch("a1")


@pytest.mark.parametrize("size", [1, 7, 4000])
def test_eight_words_of_the_prompt_in_a_row_end_the_answer(size: int) -> None:
    leaked = "quote nothing that stands outside of these seven shelves"
    watched = watch(
        ScriptedDraft(cut(f"{FILLER * 8}I must {leaked.upper()}, so there. {FILLER * 8}", [size]))
    )

    assert watched.end.verdict.rule == "leak.system_prompt"
    assert "QUOTE" not in watched.text


def test_seven_words_of_the_prompt_are_chance() -> None:
    assert not PromptWatch([PROMPT]).leaked("quote nothing that stands outside of these, she said")


def test_what_the_prompt_tells_the_model_to_say_is_no_leak() -> None:
    prompt = 'If nothing fits, say "I found nothing in the documents that you may read" and stop.'

    assert not PromptWatch([prompt]).leaked("I found nothing in the documents that you may read")


def test_words_that_a_passage_holds_too_are_no_leak() -> None:
    quoted = "quote nothing that stands outside of these seven shelves"
    watched = watch(f"The rule: {quoted} [1].", chunks=permitted(f"Librarians {quoted}."))

    assert quoted in watched.text


def test_the_canary_is_caught_even_where_a_secret_would_be_masked() -> None:
    watched = watch(f"api_key = {CANARY}{CANARY}", by=guardrail())

    assert watched.text == ""
    assert watched.end.verdict.rule == "leak.canary"
