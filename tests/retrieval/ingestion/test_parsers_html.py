"""Web pages: structure in, scripts out, and nothing that only a machine reads."""

import pytest

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.html_style import declared, hides
from tests.retrieval.ingestion.made_files import POISON, parsed

SHELL = "<!doctype html><html><head><title>Handbook</title>{head}</head><body>{body}</body></html>"


def page(body: str, head: str = "", **limits: int) -> ParsedDocument:
    return parsed(SHELL.format(head=head, body=body).encode(), "a.html", ParseLimits(**limits))


def test_headings_make_sections_and_the_first_is_the_title() -> None:
    document = page(
        "<p>Before</p><h1>Leave</h1><p>Ask<br>early.</p><h2>Sick <b>leave</b></h2><div>Call.</div>"
    )

    assert document.text == "Before\n\nLeave\n\nAsk\nearly.\n\nSick leave\n\nCall."
    assert [section.heading_path for section in document.sections] == [
        (),
        ("Leave",),
        ("Leave", "Sick leave"),
    ]
    assert document.title == "Leave"


def test_the_title_element_is_the_title_of_a_page_without_a_top_heading() -> None:
    assert page("<p>Hello</p>").title == "Handbook"


def test_scripts_and_styles_are_neither_text_nor_hidden_text() -> None:
    document = page(
        "<script>steal()</script><style>p{color:red}</style><p>Hello</p>", "<script>more()</script>"
    )

    assert document.text == "Hello"
    assert not any("steal" in hidden or "more" in hidden or "red" in hidden for hidden in document.hidden)


def test_rows_of_a_table_repeat_its_header() -> None:
    rows = "<tr><th>Kind<th>Limit</tr><tr><td>Lunch<td>20 <b>EUR</b></tr><tr><td>Dinner<td>40</tr>"

    assert page(f"<table>{rows}</table>").text == (
        "| Kind | Limit |\n| --- | --- |\n| Lunch | 20 EUR |\n| Dinner | 40 |"
    )


def test_a_table_that_lays_out_a_page_is_read_as_the_page() -> None:
    assert (
        page("<table><tr><td>Menu<td><h2>News</h2><p>Today</p></tr></table>").text == "Menu\n\nNews\n\nToday"
    )


def test_lists_and_preformatted_text_keep_their_lines() -> None:
    assert page("<ul><li>one<li>two</ul><pre>a\n  b</pre>").text == "- one\n- two\n\na\n  b"


def test_a_declared_charset_is_used_when_the_bytes_are_not_utf_8() -> None:
    content = "<html><meta charset=shift_jis><body><p>日本語</p></body></html>".encode("shift_jis")

    assert parsed(content, "a.html").text == "日本語"


def test_a_codec_that_is_no_charset_is_not_used() -> None:
    content = b"<html><meta charset=unicode_escape><body><p>\\x41 \xe9</p></body></html>"

    assert parsed(content, "a.html").text == "\\x41 é"


POISONED = [
    "<!-- {} -->",
    "<img src=x alt='{}'>",
    "<p title='{}'>x</p>",
    "<a href=x aria-label='{}'>x</a>",
    "<div style='display:none'>{}</div>",
    "<div style='DISPLAY : none !important'>{}</div>",
    "<div style='d\\69 splay:/**/none'>{}</div>",
    "<div style='visibility:hidden'><p>{}</p></div>",
    "<div style='opacity:0'>{}</div>",
    "<div style='opacity:0.01'>{}</div>",
    "<span style='font-size:0'>{}</span>",
    "<span style='font-size:1px'>{}</span>",
    "<span style='color:#fff'>{}</span>",
    "<span style='color:rgb(254, 254, 254)'>{}</span>",
    "<span style='color:transparent'>{}</span>",
    "<font color=white>{}</font>",
    "<div style='background:#000'><p style='color:black'>{}</p></div>",
    "<table bgcolor=navy><tr><td style='color:navy'>{}<td>x</table>",
    "<div style='height:0;overflow:hidden'>{}</div>",
    "<div style='position:absolute;left:-9999px'>{}</div>",
    "<p style='text-indent:-999em'>{}</p>",
    "<p style='position:absolute;clip:rect(0,0,0,0)'>{}</p>",
    "<p style='clip-path:inset(100%)'>{}</p>",
    "<p hidden>{}</p>",
    "<p class='ghost'>{}</p>",
    "<p id=secret>{}</p>",
    "<h2 style='display:none'>{}</h2>",
    "<table><tr><td>a<td style='display:none'>{}</table>",
    "<table><tr style='display:none'><td>{}<td>b</tr><tr><td>a<td>b</tr></table>",
    "<table><!-- {} --><tr><td>a<td>b</table>",
    "<noscript>{}</noscript>",
    "<template>{}</template>",
    "<dialog>{}</dialog>",
    "<input type=hidden value='{}'>",
    "<input placeholder='{}'>",
    "<svg><title>{}</title></svg>",
]
STYLES = (
    "<style>/* a { */ .ghost, p.other {display:none} #secret{color:white} "
    "@media print{p{display:none}}</style>"
)


@pytest.mark.parametrize("markup", POISONED)
def test_poison_that_no_reader_sees_is_hidden_and_never_text(markup: str) -> None:
    document = page("<p>Seen</p>" + markup.format(POISON) + "<p>Also seen</p>", STYLES)

    assert any(POISON in hidden for hidden in document.hidden)
    assert POISON not in document.text
    assert "Seen" in document.text
    assert "Also seen" in document.text


def test_poison_in_meta_elements_is_hidden_and_never_text() -> None:
    document = page("<p>Seen</p>", f"<meta name=description content='{POISON}'>")

    assert POISON in document.hidden
    assert document.text == "Seen"


@pytest.mark.parametrize(
    "markup",
    [
        "<div style='background:#003366'><b style='color:white'>{}</b></div>",
        "<td style='background-image:url(x.png);color:white'>{}</td>",
        "<p style='color:#333'>{}</p>",
        "<p style='font-size:small'>{}</p>",
        "<p style='left:-9999px'>{}</p>",
        "<p>{}</p>",
    ],
)
def test_text_that_a_reader_sees_stays_text(markup: str) -> None:
    assert "Read me" in page(markup.format("Read me"), STYLES).text


@pytest.mark.parametrize(
    ("style", "hidden"),
    [("width:0", False), ("width:0;overflow:hidden", True), ("margin-left:-10px", False), ("", False)],
)
def test_a_style_hides_only_when_nothing_is_left_to_see(style: str, hidden: bool) -> None:
    assert hides(declared(style)) is hidden


def test_a_page_nested_too_deeply_is_refused_and_not_cut() -> None:
    with pytest.raises(UnreadableFile, match="nested too deeply"):
        page("<div>" * 5_000 + "deep")


def test_entities_of_a_document_type_are_not_expanded() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    content = f'<!DOCTYPE html [<!ENTITY e0 "ha">{entities}]><html><body><p>&e9; there</p></body></html>'

    assert len(parsed(content.encode(), "a.html").text) < 2_000


def test_a_file_named_by_an_entity_is_not_read() -> None:
    content = b'<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><body>&x; end</body></html>'

    assert "root:" not in parsed(content, "a.html").text


def test_more_hidden_text_than_allowed_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="hides more than 100 characters"):
        page(f"<p>Seen</p><!-- {'x' * 200} -->", hidden_chars_max=100)


def test_more_headings_than_allowed_are_refused() -> None:
    with pytest.raises(UnreadableFile, match="more than 10 headings"):
        page("<h2>x</h2>" * 20, sections_max=10)


ARTICLE = " ".join(
    f"Clause {number} of the lease says what the tenant of hall {number} pays." for number in range(30)
)


def test_menus_and_footers_around_an_article_are_left_out() -> None:
    markup = (
        "<html><body><nav><ul><li><a href='/'>Home</a></li><li><a href='/shop'>Our shop</a></li></ul></nav>"
        f"<main><h1>Lease</h1><p>{ARTICLE}</p><div class='footer'>Annex A</div></main>"
        "<aside>Advertisement for shoes</aside><footer>Imprint and cookies</footer></body></html>"
    )
    document = parsed(markup.encode(), "a.html")

    assert document.text == f"Lease\n\n{ARTICLE}\n\nAnnex A"
    assert document.hidden == ()


def test_a_page_without_menus_keeps_every_visible_word() -> None:
    document = parsed(f"<html><body><p>{ARTICLE}</p><div>Imprint</div></body></html>".encode(), "a.html")

    assert document.text.endswith("Imprint")


def test_a_page_whose_article_is_a_guess_keeps_every_visible_word() -> None:
    document = parsed(b"<html><body><nav>Home</nav><p>Closed today.</p></body></html>", "a.html")

    assert document.text == "Home\n\nClosed today."


def test_what_a_left_out_menu_hides_is_still_hidden_text() -> None:
    markup = f"<html><body><nav>Home<!-- {POISON} --></nav><main><h1>Lease</h1><p>{ARTICLE}</p></main></body></html>"

    assert POISON in parsed(markup.encode(), "a.html").hidden
