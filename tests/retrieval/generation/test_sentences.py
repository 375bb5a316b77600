import pytest

from retrieval.generation.sentences import SENTENCE_CHARS_MAX, Sentence, sentences_of


def texts(text: str, **options: object) -> list[str]:
    return [sentence.text for sentence in sentences_of(text, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith approves it, e.g. by mail.",
        "The rate is 0.62 dollars a mile.",
        "See No. 4 and Art. 7 of the lease with Lodestar Inc. for the deposit.",
        "It was J. Doe who signed.",
        "The U.S. office closes at 5 p.m. on Fridays.",
    ],
)
def test_abbreviations_and_decimals_end_no_sentence(sentence: str):
    assert texts(f"Before it. {sentence} After it.") == ["Before it.", sentence, "After it."]


def test_headings_are_context_and_never_statements():
    found = sentences_of(
        "# Leave\n\nCarrying days over\n\nUp to 5 days may be carried over.\n", headings="Plan"
    )

    assert found == [Sentence(text="Up to 5 days may be carried over.", context="Carrying days over")]


def test_a_line_that_repeats_the_chunks_heading_is_no_statement():
    assert texts("Who may work from home\n\nEverybody.", headings="Policy > Who may work from home") == [
        "Everybody."
    ]


def test_a_numbered_line_in_capitals_is_a_heading():
    assert texts("2. MESSAGE QUEUE\nPriya owns the work.") == ["Priya owns the work."]


def test_wrapped_lines_are_joined_and_short_lines_are_not():
    wrapped = "A line that its writer broke because the page was at its end\nand then went on."

    assert texts(wrapped) == [wrapped.replace("\n", " ")]
    assert texts("Room: Kestrel\nChair: Adam Reyes\n") == ["Room: Kestrel", "Chair: Adam Reyes"]


def test_a_short_list_is_quoted_whole_with_what_introduces_it():
    assert texts("The following are not paid:\n\n- alcohol\n- the minibar\n- fines.") == [
        "The following are not paid: alcohol; the minibar; fines."
    ]


def test_a_long_list_gives_one_sentence_an_item_each_with_its_introduction():
    items = [f"item {number} with a good deal of text to read about it" for number in range(8)]

    assert texts("You need:\n" + "\n".join(f"{n}. {item}" for n, item in enumerate(items, 1))) == [
        f"You need: {item}" for item in items
    ]


def test_table_rows_stand_alone():
    rows = ["Record: Invoices; Kept for: 7 years", "Record: Mail; Kept for: 3 years"]

    assert texts("\n".join(rows)) == rows


def test_a_question_in_a_document_is_context_of_its_answer_only():
    found = sentences_of("How often is it calibrated?\n\nOnce a year.\n\nParts are in stock for a decade.")

    assert found == [
        Sentence(text="Once a year.", context="How often is it calibrated?"),
        Sentence(text="Parts are in stock for a decade."),
    ]


def test_a_sentence_that_leans_back_has_the_one_before_as_context():
    first, second = sentences_of("The deposit is three months' rent. It is paid back at the end.")

    assert first.context == ""
    assert second.context == first.text


def test_a_torn_beginning_is_dropped():
    text = "of the calendar year. Paper is shredded."

    assert texts(text, begins_inside=True) == ["Paper is shredded."]
    assert texts(text) == ["of the calendar year.", "Paper is shredded."]


def test_a_long_sentence_is_cut_at_a_word():
    (text,) = texts("word " * 200 + ".")

    assert len(text) <= SENTENCE_CHARS_MAX
    assert text.endswith("word…")


@pytest.mark.parametrize("text", ["", "\n\n", "---", "...", "# Only a heading"])
def test_text_without_statements_has_none(text: str):
    assert texts(text) == []


def test_long_hostile_text_is_read_in_reasonable_time():
    for text in ("a: " * 20_000, "; a" * 20_000, "| " * 20_000, ". " * 20_000, "- \n" * 20_000, "x" * 60_000):
        assert all(len(sentence) <= SENTENCE_CHARS_MAX for sentence in texts(text))
