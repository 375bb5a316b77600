"""PDF: pages, headings from the outline, and text that only a machine would find."""

import io
from collections.abc import Callable

import pypdf
import pytest
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject
from reportlab.lib.colors import Color, black, white
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import LIST, NOTE, TEXT
from tests.retrieval.ingestion.made_files import POISON, parsed, pdf, pdf_pages, white_text


def test_each_page_is_a_section_with_its_number() -> None:
    document = parsed(pdf_pages(3), "a.pdf")

    assert document.text == "This is page 1.\nThis is page 2.\nThis is page 3."
    assert [section.page for section in document.sections] == [1, 2, 3]
    assert document.pages == 3


def test_lines_of_one_sentence_are_put_together_again() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Meals cost at most sixty euros a day, and hotel infor-")
        canvas.drawString(72, 686, "mation is given by the travel office on every working")
        canvas.drawString(72, 672, "day.")
        canvas.drawString(72, 644, "- ask early")
        canvas.drawString(72, 630, "- keep receipts")

    assert parsed(pdf(draw), "a.pdf").text == (
        "Meals cost at most sixty euros a day, and hotel information is given by the travel office on every "
        "working day.\n- ask early\n- keep receipts"
    )


def test_the_outline_names_the_headings() -> None:
    def draw(canvas: Canvas) -> None:
        for level, title, top in ((0, "Travel", 700), (1, "Meals", 650), (1, "Hotels", 600)):
            canvas.bookmarkPage(title)
            canvas.addOutlineEntry(title, title, level)
            canvas.drawString(72, top, title)
            canvas.drawString(72, top - 20, f"About {title.lower()}.")

    document = parsed(pdf(draw), "a.pdf")

    assert [section.heading_path for section in document.sections] == [
        ("Travel",),
        ("Travel", "Meals"),
        ("Travel", "Hotels"),
    ]


def test_the_title_among_the_properties_is_used_when_a_reader_sees_it() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setTitle("Travel policy")
        canvas.drawString(72, 700, "TRAVEL POLICY of Acme")

    assert parsed(pdf(draw), "a.pdf").title == "Travel policy"


def on_white(canvas: Canvas) -> None:
    white_text(canvas, 72, 650, POISON)


def nearly_white(canvas: Canvas) -> None:
    canvas.setFillColor(Color(0.97, 0.97, 0.97))
    canvas.drawString(72, 650, POISON)


def on_its_own_colour(canvas: Canvas) -> None:
    canvas.rect(60, 640, 400, 30, fill=1)
    canvas.drawString(72, 650, POISON)


def mode_three(canvas: Canvas) -> None:
    text = canvas.beginText(72, 650)
    text.setTextRenderMode(3)
    text.textLine(POISON)
    text.setTextRenderMode(0)
    canvas.drawText(text)


def tiny(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 0.8)
    canvas.drawString(72, 650, POISON)


def tiny_by_scale(canvas: Canvas) -> None:
    canvas.saveState()
    canvas.scale(0.05, 0.05)
    canvas.drawString(1_440, 13_000, POISON)
    canvas.restoreState()


def off_the_page(canvas: Canvas) -> None:
    canvas.drawString(-900, 650, POISON)


def covered(canvas: Canvas) -> None:
    canvas.drawString(72, 650, POISON)
    canvas.setFillColor(white)
    canvas.rect(60, 640, 400, 30, fill=1, stroke=0)
    canvas.setFillColor(black)


def clipped(canvas: Canvas) -> None:
    canvas.saveState()
    path = canvas.beginPath()
    path.rect(0, 0, 10, 10)
    canvas.clipPath(path, stroke=0)
    canvas.drawString(72, 650, POISON)
    canvas.restoreState()


def transparent(canvas: Canvas) -> None:
    canvas.setFillAlpha(0.03)
    canvas.drawString(72, 650, POISON)
    canvas.setFillAlpha(1)


def white_under_visible_words(canvas: Canvas) -> None:
    white_text(canvas, 72, 650, POISON)
    canvas.drawString(72, 650, "Visible words on top of it")


def in_a_form(canvas: Canvas) -> None:
    canvas.beginForm("stamp")
    white_text(canvas, 72, 650, POISON)
    canvas.endForm()
    canvas.doForm("stamp")


def annotation(canvas: Canvas) -> None:
    canvas.textAnnotation(POISON, (10, 10, 20, 20))


def subject(canvas: Canvas) -> None:
    canvas.setSubject(POISON)


def title(canvas: Canvas) -> None:
    canvas.setTitle(POISON)


def keywords(canvas: Canvas) -> None:
    canvas.setKeywords(POISON)


@pytest.mark.parametrize(
    "poison",
    [
        on_white,
        nearly_white,
        on_its_own_colour,
        mode_three,
        tiny,
        tiny_by_scale,
        off_the_page,
        covered,
        clipped,
        transparent,
        white_under_visible_words,
        in_a_form,
        annotation,
        subject,
        title,
        keywords,
    ],
)
def test_poison_that_no_reader_sees_is_hidden_and_never_text(poison: Callable[..., object]) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Seen")
        poison(canvas)

    document = parsed(pdf(draw), "a.pdf")

    assert POISON in document.hidden
    assert POISON not in document.text
    assert POISON not in document.title
    assert document.text.startswith("Seen")


def test_white_text_on_a_dark_box_stays_text() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColor(Color(0, 0.2, 0.4))
        canvas.rect(60, 640, 400, 30, fill=1)
        white_text(canvas, 72, 650, "Total of the year")

    assert parsed(pdf(draw), "a.pdf").text == "Total of the year"


def test_small_print_stays_text() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 5)
        canvas.drawString(72, 650, "Prices without tax")

    assert parsed(pdf(draw), "a.pdf").text == "Prices without tax"


def test_a_turned_page_is_judged_where_its_text_stands() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(lambda canvas: canvas.drawString(72, 700, "Turned"))))
    writer.pages[0].rotate(90)
    target = io.BytesIO()
    writer.write(target)

    assert parsed(target.getvalue(), "a.pdf").text == "Turned"


def test_scripts_and_attachments_are_hidden_text() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_pages(1)))
    script = DictionaryObject(
        {
            NameObject("/S"): NameObject("/JavaScript"),
            NameObject("/JS"): TextStringObject(f"app.alert('{POISON}')"),
        }
    )
    scripts = DictionaryObject({NameObject("/Names"): ArrayObject([TextStringObject("first"), script])})
    writer.root_object[NameObject("/Names")] = DictionaryObject({NameObject("/JavaScript"): scripts})
    writer.add_attachment("ignore-me.txt", b"x")
    target = io.BytesIO()
    writer.write(target)

    hidden = parsed(target.getvalue(), "a.pdf").hidden

    assert any(POISON in piece for piece in hidden)
    assert "ignore-me.txt" in hidden


def test_a_pdf_with_a_password_is_refused_and_says_so() -> None:
    locked = pdf(lambda canvas: canvas.drawString(72, 700, "x"), encrypt=StandardEncryption("secret"))

    with pytest.raises(UnreadableFile, match=r"a\.pdf is encrypted; send a copy without a password\."):
        parsed(locked, "a.pdf")


def picture(canvas: Canvas) -> None:
    canvas.rect(60, 640, 400, 30, fill=1)


def test_a_scan_is_refused_with_what_can_be_done_about_it() -> None:
    def draw(canvas: Canvas) -> None:
        for _ in range(3):
            picture(canvas)
            canvas.showPage()

    with pytest.raises(UnreadableFile) as caught:
        parsed(pdf(draw), "a.pdf")

    assert str(caught.value) == (
        "a.pdf is a scan: its 3 pages are pictures without text. Send the document it was made from, or have an "
        "administrator install text recognition (the program tesseract) on the server."
    )


def test_a_pdf_of_hidden_text_alone_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="has no text that a reader would see on its one page"):
        parsed(pdf(mode_three), "a.pdf")


def test_pages_that_are_pictures_are_named_and_blank_ones_are_not() -> None:
    def draw(canvas: Canvas) -> None:
        for page in (lambda: canvas.drawString(72, 700, "Words"), lambda: picture(canvas), lambda: None):
            page()
            canvas.showPage()

    document = parsed(pdf(draw), "a.pdf")

    assert document.pages == 3
    assert document.pages_without_text == (2,)
    assert not document.ocr


def test_a_pdf_without_pages_is_refused() -> None:
    content = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    content += b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"

    with pytest.raises(UnreadableFile, match=r"^a\.pdf has no pages\.$"):
        parsed(content, "a.pdf")


def test_each_line_knows_its_place_on_the_page_as_it_is_shown() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageSize((500, 1_000))
        canvas.drawString(50, 900, "Meals cost at most sixty euros a day, and hotel infor-")
        canvas.drawString(50, 880, "mation is given by the travel office on every working")
        canvas.drawString(50, 860, "day.")
        canvas.drawString(250, 500, "In the middle.")

    document = parsed(pdf(draw), "a.pdf")
    said = [document.text[region.start_char : region.end_char] for region in document.regions]

    assert said == [
        "Meals cost at most sixty euros a day, and hotel infor",
        "mation is given by the travel office on every working",
        "day.",
        "In the middle.",
    ]
    first, *_, middle = document.regions
    assert (first.page, round(first.left, 2), round(first.bottom, 2)) == (1, 0.1, 0.1)
    assert middle.left == pytest.approx(0.5, abs=0.01)
    assert middle.top < 0.5 < middle.bottom + 0.01
    assert 0.5 < middle.right < 0.75


def test_regions_of_a_turned_page_are_turned_with_it() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(lambda canvas: canvas.drawString(72, 800, "Turned"))))
    writer.pages[0].rotate(90)
    target = io.BytesIO()
    writer.write(target)
    (region,) = parsed(target.getvalue(), "a.pdf").regions

    assert region.left > 0.9
    assert region.top < 0.2


def test_what_nobody_sees_has_no_region() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Seen")
        white_text(canvas, 300, 700, POISON)

    (region,) = parsed(pdf(draw), "a.pdf").regions

    assert region.right < 0.25


def test_lists_and_footnotes_are_sections_of_their_kind() -> None:
    def draw(canvas: Canvas) -> None:
        for top, words in ((700, "Bring along what the office asks for."), (660, "Receipts are kept.")):
            canvas.drawString(72, top, words)
        canvas.drawString(72, 600, "- passports")
        canvas.drawString(72, 586, "- tickets")
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 100, "1 Except for short journeys.")

    document = parsed(pdf(draw), "a.pdf")
    kinds = [
        (section.kind, document.text[section.start_char : section.end_char].strip())
        for section in document.sections
    ]

    assert kinds == [
        (TEXT, "Bring along what the office asks for.\nReceipts are kept."),
        (LIST, "- passports\n- tickets"),
        (NOTE, "1 Except for short journeys."),
    ]


def test_a_pdf_of_ten_thousand_pages_is_refused_before_a_page_is_read() -> None:
    content = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    content += b"2 0 obj<</Type/Pages/Count 10000/Kids[" + b"3 0 R " * 10_000 + b"]>>endobj\n"
    content += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>endobj\n"
    content += b"trailer<</Root 1 0 R>>\n%%EOF"

    with pytest.raises(UnreadableFile, match="has 10,000 pages; at most 5,000"):
        parsed(content, "a.pdf", ParseLimits(pages_max=5_000))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"%PDF-1.7\n", "is an incomplete PDF: its end is missing. Send the whole file."),
        (pdf_pages(1)[:300], "is an incomplete PDF: its end is missing. Send the whole file."),
        (b"%PDF-" + b"\xff" * 1_000 + b"%%EOF", "is damaged or not a real PDF."),
    ],
    ids=["nothing", "cut", "noise"],
)
def test_a_broken_pdf_is_refused_in_one_sentence(broken: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        parsed(broken, "a.pdf")

    assert str(caught.value) == f"a.pdf {reason}"
