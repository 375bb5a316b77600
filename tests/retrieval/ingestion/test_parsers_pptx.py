"""Presentations: a page for each slide under its title, tables, lists and the speaker's notes."""

import pytest
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.presentation import Presentation
from pptx.slide import Slide
from pptx.util import Inches

from retrieval.errors import UnreadableFile
from tests.retrieval.ingestion.made_files import archive, parsed, slides, with_part


def talk(presentation: Presentation) -> None:
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "Rent"
    body = first.placeholders[1].text_frame
    body.text = "Where we stand"
    point = body.add_paragraph()
    point.text, point.level = "two halls", 1
    table = first.shapes.add_table(2, 2, 0, Inches(3), Inches(4), Inches(1)).table
    for number, words in enumerate(("Hall", "Rent", "North", "900")):
        table.cell(number // 2, number % 2).text = words
    first.notes_slide.notes_text_frame.text = "Speak slowly."
    second = presentation.slides.add_slide(presentation.slide_layouts[6])
    second.shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame.text = "Thank you"


def test_each_slide_is_a_page_under_its_title() -> None:
    document = parsed(slides(talk), "a.pptx")

    assert document.text == (
        "Rent\n\nWhere we stand\n- two halls\n\n| Hall | Rent |\n| --- | --- |\n| North | 900 |\n\n"
        "Notes\n\nSpeak slowly.\n\nSlide 2\n\nThank you"
    )
    assert document.title == "Rent"
    assert document.pages == 2
    assert [(section.heading_path, section.page) for section in document.sections] == [
        (("Rent",), 1),
        (("Rent",), 1),
        (("Rent", "Notes"), 1),
        (("Slide 2",), 2),
    ]


def white_on(slide: Slide, fill: str | None, behind: str | None) -> None:
    if behind:
        below = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(0), Inches(0), Inches(5), Inches(5))
        below.fill.solid()
        below.fill.fore_color.rgb = RGBColor.from_string(behind)
    box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(2), Inches(1))
    if fill:
        box.fill.solid()
        box.fill.fore_color.rgb = RGBColor.from_string(fill)
    run = box.text_frame.paragraphs[0].add_run()
    run.text = "In white"
    run.font.color.rgb = RGBColor(255, 255, 255)


@pytest.mark.parametrize(
    ("fill", "behind", "seen"),
    [
        (None, None, False),
        ("FFFFFF", "000000", False),
        ("003366", None, True),
        (None, "003366", True),
        (None, "FEFEFE", False),
    ],
)
def test_white_words_are_judged_by_what_lies_behind_them(
    fill: str | None, behind: str | None, seen: bool
) -> None:
    def write(presentation: Presentation) -> None:
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = "Title"
        white_on(slide, fill, behind)

    document = parsed(slides(write), "a.pptx")

    assert ("In white" in document.text) == seen
    assert ("In white" in document.hidden) != seen


def test_a_group_is_read_and_its_places_are_not_mistaken_for_the_slides() -> None:
    def write(presentation: Presentation) -> None:
        slide = presentation.slides.add_slide(presentation.slide_layouts[6])
        group = slide.shapes.add_group_shape()
        group.shapes.add_textbox(Inches(60), 0, Inches(1), Inches(1)).text_frame.text = "In a group"

    assert parsed(slides(write), "a.pptx").text == "Slide 1\n\nIn a group"


@pytest.mark.parametrize(
    "broken",
    [
        archive([("[Content_Types].xml", b"<x/>"), ("ppt/presentation.xml", b"<x/>")]),
        with_part(slides(talk), "ppt/presentation.xml", b"<x/>"),
        with_part(slides(talk), "ppt/slides/slide1.xml", b"<x/>"),
    ],
    ids=["empty", "presentation", "slide"],
)
def test_a_broken_presentation_is_refused_in_one_sentence(broken: bytes) -> None:
    with pytest.raises(UnreadableFile, match=r"^a\.pptx [^.]+\.$"):
        parsed(broken, "a.pptx")
