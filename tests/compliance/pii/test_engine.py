"""What the PII engine finds, what it leaves alone, and that nothing it does needs a network."""

import itertools
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.pii import ALL_TYPES, DEFAULT_POLICY, PiiEngine, PiiSpan
from compliance.pii.spans import PIECE_CHARS

ENGINE = PiiEngine()
UNFILTERED = PiiEngine(prefilter=False)

EXAMPLES = (
    ("Mail anna.lee@acme.example today", "anna.lee@acme.example", "EMAIL_ADDRESS"),
    ("Her SSN is 536-90-4399.", "536-90-4399", "US_SSN"),
    ("ssn 536904399", "536904399", "US_SSN"),
    ("card 4111 1111 1111 1111 expired", "4111 1111 1111 1111", "CREDIT_CARD"),
    ("IBAN DE89370400440532013000 please", "DE89370400440532013000", "IBAN_CODE"),
    ("call (212) 555-0123 or so", "(212) 555-0123", "PHONE_NUMBER"),
    ("call +49 30 901820 in Berlin", "+49 30 901820", "PHONE_NUMBER"),
    ("mobile 2125550123", "2125550123", "PHONE_NUMBER"),
    ("call 020 7946 0958 in London", "020 7946 0958", "PHONE_NUMBER"),
    ("host 192.168.1.20 is down", "192.168.1.20", "IP_ADDRESS"),
    ("host 2001:db8::8a2e:370:7334 is down", "2001:db8::8a2e:370:7334", "IP_ADDRESS"),
    ("mac 00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E", "MAC_ADDRESS"),
    ("NHS number 943 476 5919", "943 476 5919", "UK_NHS"),
    ("her NINO is AB123456C", "AB123456C", "UK_NINO"),
    ("passport A12345678", "A12345678", "US_PASSPORT"),
    ("wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CRYPTO"),
    ("npi 1234567893", "1234567893", "US_NPI"),
    ("aba routing 021000021", "021000021", "ABA_ROUTING_NUMBER"),
    ("due on 2026-01-31", "2026-01-31", "DATE_TIME"),
    ("see https://intranet.example.org/a", "https://intranet.example.org/a", "URL"),
)
ORDINARY = (
    "What is the notice period in clause 12.3 of the 2024 contract?",
    "Does document 123456789 replace invoice 2024000117?",
    "Which version of lodash@4.17.21 do we use?",
    "Is Q3 better than Q2, and who wrote the INTRODUCTORY note?",
    "The public licence covers 17 countries and 4.5 % of 1,200 users.",
)
# Fragments at the borders of what the gates count, strung together at random.
FRAGMENTS = (
    *(text for text, _, _ in EXAMPLES),
    *ORDINARY,
    " ",
    "\n",
    ". ",
    "-",
    "+",
    "(",
    "/",
    ":",
    "::",
    "x",
    "@",
    "a@b",
    ".co",
    "0",
    "12",
    "555",
    "0800 1111",
    "9432",
    "١٢٣",
    "４５６",
    "+683 4002",
    "ー",
    " member ",
    "+49 (30) / 90 - 18 - 20",
    "(0800) ( 11 ) 11",
    "+683 (40) 02",
    "passport ",
    "health ",
    "JAN-24",
    "1-FEB",
    "bc1q",
    "GB29 NWBK",
    "fe80::1",
)
MIXED_TEXTS = st.lists(
    st.sampled_from(FRAGMENTS) | st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=12
).map("".join)


def found(text: str, engine: PiiEngine = ENGINE) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.entity_type) for span in engine.find(text)]


@pytest.mark.parametrize(("text", "value", "entity_type"), EXAMPLES)
def test_personal_data_is_found_as_a_whole_and_with_its_type(text: str, value: str, entity_type: str) -> None:
    assert (value, entity_type) in found(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_numbers_and_names_are_left_alone(text: str) -> None:
    assert ENGINE.find(text) == []


def test_an_overlap_goes_to_the_stronger_type() -> None:
    (span,) = ENGINE.find("see https://x.com/?u=ann@acme.com")
    assert span.entity_type == "EMAIL_ADDRESS"


@settings(max_examples=300, deadline=None)
@given(MIXED_TEXTS)
def test_the_prefilter_changes_no_result_on_made_up_texts(text: str) -> None:
    assert ENGINE.find(text) == UNFILTERED.find(text)


@pytest.mark.parametrize("text", FRAGMENTS)
def test_the_prefilter_changes_no_result_on_any_fragment(text: str) -> None:
    assert ENGINE.find(text) == UNFILTERED.find(text)


def test_the_prefilter_changes_no_result_on_everyday_texts() -> None:
    dice = random.Random(7)
    for _ in range(150):
        text = " ".join(dice.choices(FRAGMENTS, k=6))
        assert ENGINE.find(text) == UNFILTERED.find(text)


@pytest.mark.parametrize("text", [text for text, _, _ in EXAMPLES])
def test_searching_for_one_type_never_turns_up_what_is_another(text: str) -> None:
    everything = ENGINE.find(text)
    for entity_type in ALL_TYPES:
        expected = [span for span in everything if span.entity_type == entity_type]
        assert ENGINE.find(text, frozenset({entity_type})) == expected


@settings(max_examples=100, deadline=None)
@given(MIXED_TEXTS, st.frozensets(st.sampled_from(sorted(ALL_TYPES))))
def test_searching_for_some_types_finds_what_searching_for_all_would(
    text: str, wanted: frozenset[str]
) -> None:
    assert ENGINE.find(text, wanted) == [span for span in ENGINE.find(text) if span.entity_type in wanted]


@pytest.mark.parametrize("position", [0, 4_590, 4_795, 4_990, PIECE_CHARS, 9_391, 11_000])
def test_long_texts_keep_their_offsets_wherever_the_cut_falls(position: int) -> None:
    text = "lorem " * 2_000
    text = f"{text[:position]} ann@acme.example {text[position:]}"

    assert found(text) == [("ann@acme.example", "EMAIL_ADDRESS")]


@settings(max_examples=100, deadline=None)
@given(MIXED_TEXTS)
def test_spans_are_ordered_and_never_overlap(text: str) -> None:
    spans = ENGINE.find(text)
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


def test_several_threads_find_what_one_finds() -> None:
    texts = [text for text, _, _ in EXAMPLES] * 10
    alone = [ENGINE.find(text) for text in texts]
    cold = PiiEngine()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(cold.find, texts)) == alone


def test_loading_and_searching_open_no_connection() -> None:
    program = """
import socket
def refuse(*args, **kwargs):
    raise SystemExit("a connection was tried")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from compliance.pii import PiiEngine
engine = PiiEngine()
engine.warm()
print([span.entity_type for span in engine.find("ann@acme.example or ann@example.co.uk")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "['EMAIL_ADDRESS', 'EMAIL_ADDRESS']", done.stderr


def test_a_pattern_that_takes_too_long_raises_and_finds_nothing_silently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from compliance.pii import recognizers

    monkeypatch.setattr(recognizers, "PIECE_SECONDS_MAX", 1e-6)
    with pytest.raises(recognizers.PiiSearchTimedOut):
        ENGINE.find("a!" * 2_000 + "@b. 1")


def test_importing_the_package_does_not_load_presidio() -> None:
    program = "import sys, compliance.pii; print('presidio_analyzer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_the_default_question_rules_search_for_no_dates_and_addresses_on_the_web() -> None:
    wanted = DEFAULT_POLICY.question.acted_on()
    assert ENGINE.find("see https://example.org on 2026-01-31", wanted) == []
    assert PiiSpan(start=0, end=16, entity_type="EMAIL_ADDRESS", score=1.0) in ENGINE.find(
        "ann@acme.example", wanted
    )
