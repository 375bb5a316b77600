"""Web pages: what a reader sees, section by section; scripts and styles never become text."""

from typing import BinaryIO

from lxml import etree
from lxml import html as lxml_html

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers.composer import Composer, collapsed
from retrieval.ingestion.parsers.decoding import decoded
from retrieval.ingestion.parsers.html_main import MainText, main_text
from retrieval.ingestion.parsers.html_style import Declarations, Look, StyleSheet, hides, invisible, looks
from retrieval.ingestion.parsers.tables import looks_like_header

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DROPPED = {
    "title",
    "script",
    "style",
    "link",
    "base",
    "iframe",
    "frame",
    "object",
    "embed",
    "applet",
    "audio",
    "video",
    "canvas",
}
_UNSEEN = {"noscript", "template", "datalist", "meta", "head"}
# fmt: off
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html",
    "legend", "li", "main", "nav", "ol", "optgroup", "option", "p", "pre", "section", "select", "summary",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}
# fmt: on
_ARTICLES = {"main", "article"}
_BREAK = "\x1e"  # stands for <br> among inline text, where newlines are only spaces
_LISTED = {"li": "- ", "dt": "", "dd": "", "option": "- "}
_UNSEEN_ATTRIBUTES = {
    "alt",
    "title",
    "aria-label",
    "aria-description",
    "placeholder",
    "summary",
    "content",
    "data-content",
}


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read a page; its first top heading is the title, else its <title>."""
    composer = Composer(name, "text/html", limits)
    markup = decoded(file.read(), markup=True)
    page = tree(markup, name)
    title = compose(page, composer, main_text(markup, page))
    return composer.finish("" if page.find(".//h1") is not None else title)


def tree(markup: str, name: str) -> lxml_html.HtmlElement:
    """Markup as elements, with entities of HTML only and nothing fetched.

    Raises UnreadableFile when it is empty or nested deeper than the library's 255 levels.
    """
    parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, remove_pis=True, huge_tree=False)
    try:
        root = lxml_html.document_fromstring(
            markup.replace("\x00", "").encode("utf-8", "replace"), parser=parser
        )
    except (etree.ParserError, etree.XMLSyntaxError):
        raise UnreadableFile(f"{name} cannot be read as a web page.") from None
    # The library stops reading at a limit and would return what it has so far as if it were all.
    if any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log):
        raise UnreadableFile(
            f"{name} is nested too deeply or holds too long a value to be read as a web page."
        )
    return root


def compose(root: lxml_html.HtmlElement, composer: Composer, main: MainText | None = None) -> str:
    """Write a page down; returns the text of its <title>.

    main: the page's article, so that what is visible around it is left out; None writes everything.
    """
    styles = [style.text or "" for style in root.iter("style")]
    _Page(composer, StyleSheet(styles), main).walk(root, Look())
    titles = [collapsed(title.text_content()) for title in root.iter("title")]
    for title in titles:
        if not composer.shows(title):
            composer.hide(title)
    return titles[0] if titles else ""


class _Page:
    """One walk over a page, collecting inline text until a block ends."""

    def __init__(self, composer: Composer, sheet: StyleSheet, main: MainText | None) -> None:
        self._composer = composer
        self._sheet = sheet
        self._main = main
        self._article = 0  # how many elements around this place mark an article
        self._inline: list[str] = []
        self._prefix: str | None = None  # of a list item; None for a paragraph
        self._flat = False  # inside a heading or a cell, where blocks are only spaces

    def walk(self, element: lxml_html.HtmlElement, inherited: Look) -> None:
        """Write an element, without the text that follows it."""
        if not isinstance(element.tag, str):
            self._composer.hide(element.text or "")  # a comment
            return
        self._hide_attributes(element)
        if element.tag in _DROPPED:
            return
        style = self._style(element)
        look = looks(style, inherited)
        if self._hidden(element, style):
            self._hide_all(element)
        else:
            self._article += element.tag in _ARTICLES
            self._visible(element, look)
            self._article -= element.tag in _ARTICLES

    def _visible(self, element: lxml_html.HtmlElement, look: Look) -> None:
        tag = element.tag
        if tag == "br":
            self._inline.append(_BREAK)
        elif tag in _HEADINGS and not self._flat:
            self._flush()
            text = self._flat_text(element, look)
            if tag == "h1" or self._wanted(text):
                self._composer.heading(_HEADINGS[tag], text)
        elif tag == "table" and not self._flat and _tabular(element):
            self._flush()
            self._table(element, look)
        elif tag == "pre" and not self._flat:
            self._flush()
            self._preformatted(element, look)
        elif tag in _BLOCKS:
            self._block(element, look)
        else:
            self._contents(element, look)

    def _contents(self, element: lxml_html.HtmlElement, look: Look) -> None:
        self._text(element.text, look)
        for child in element:
            self.walk(child, look)
            self._text(child.tail, look)

    def _text(self, text: str | None, look: Look) -> None:
        if not text:
            return
        if invisible(look):
            self._composer.hide(text)
        else:
            self._inline.append(text)

    def _block(self, element: lxml_html.HtmlElement, look: Look) -> None:
        if self._flat:
            self._inline.append(" ")
            self._contents(element, look)
            self._inline.append(" ")
            return
        self._flush()
        self._prefix = _LISTED.get(element.tag, self._prefix)
        self._contents(element, look)
        self._flush()
        if element.tag in _LISTED:
            self._prefix = None

    def _flush(self) -> None:
        lines = "".join(self._inline)
        self._inline = []
        text = "\n".join(filter(None, (collapsed(line) for line in lines.split(_BREAK))))
        if not text or not self._wanted(text):
            return
        if self._prefix is None:
            self._composer.paragraph(text)
        else:
            self._composer.line(self._prefix + text)
            self._prefix = ""

    def _wanted(self, text: str) -> bool:
        """Whether a visible block is more than the menus and footers around an article."""
        return self._main is None or self._article > 0 or self._main.holds(text)

    def _flat_text(self, element: lxml_html.HtmlElement, look: Look) -> str:
        outer, self._inline, was_flat, self._flat = self._inline, [], self._flat, True
        self._contents(element, look)
        text, self._inline, self._flat = collapsed("".join(self._inline)), outer, was_flat
        return text

    def _preformatted(self, element: lxml_html.HtmlElement, look: Look) -> None:
        outer, self._inline, self._flat = self._inline, [], True
        self._contents(element, look)
        text, self._inline, self._flat = "".join(self._inline), outer, False
        text = text.replace(_BREAK, "\n")
        self._composer.paragraph(text)

    def _table(self, table: lxml_html.HtmlElement, look: Look) -> None:
        for comment in table.iter(etree.Comment):
            self._composer.hide(comment.text or "")
        for caption in table.iter("caption"):
            self._composer.paragraph(self._cell(caption, look))
        elements = list(table.iter("tr"))
        rows = [self._row(row, look) for row in elements]
        headed = len(rows) > 1 and _headed(elements, rows)
        self._composer.table(rows[0] if headed else None, rows[1:] if headed else rows)

    def _row(self, row: lxml_html.HtmlElement, look: Look) -> list[str]:
        body = row.getparent()
        for element in [row] if body.tag == "table" else [body, row]:
            style = self._style(element)
            look = looks(style, look)
            if self._hidden(element, style):
                self._hide_all(row)
                return []
        return [self._cell(cell, look) for cell in row if cell.tag in ("td", "th")]

    def _cell(self, cell: lxml_html.HtmlElement, look: Look) -> str:
        self._hide_attributes(cell)
        style = self._style(cell)
        if self._hidden(cell, style):
            self._hide_all(cell)
            return ""
        return self._flat_text(cell, looks(style, look))

    def _style(self, element: lxml_html.HtmlElement) -> Declarations:
        classes = (element.get("class") or "").split()
        style = self._sheet.declarations(
            element.tag, element.get("id") or "", classes, element.get("style") or ""
        )
        if element.get("bgcolor"):
            style.setdefault("background-color", element.get("bgcolor").lower())
        painted = element.get("text") if element.tag == "body" else element.get("color")
        if painted and element.tag in ("body", "font"):
            style.setdefault("color", painted.lower())
        return style

    def _hidden(self, element: lxml_html.HtmlElement, style: Declarations) -> bool:
        closed = element.tag == "dialog" and element.get("open") is None
        return element.tag in _UNSEEN or "hidden" in element.attrib or closed or hides(style)

    def _hide_all(self, element: lxml_html.HtmlElement) -> None:
        texts = element.xpath(".//text()[not(parent::script or parent::style or parent::title)]")
        # Spaces between blocks only: words that inline elements cut are whole again for the guardrail.
        self._composer.hide("".join(f" {t}" if t.getparent().tag in _BLOCKS else t for t in texts))
        for comment in element.iter(etree.Comment):
            self._composer.hide(comment.text or "")
        for inner in element.iter(etree.Element):
            self._hide_attributes(inner)

    def _hide_attributes(self, element: lxml_html.HtmlElement) -> None:
        for attribute in _UNSEEN_ATTRIBUTES.intersection(element.attrib):
            self._composer.hide(element.get(attribute))
        if element.tag == "input" and element.get("type") == "hidden":
            self._composer.hide(element.get("value") or "")


def _tabular(table: lxml_html.HtmlElement) -> bool:
    """Whether a table holds values; pages also use tables to lay out whole articles."""
    laid_out = next(table.iter(*_HEADINGS), None) is not None or len(list(table.iter("table"))) > 1
    return not laid_out and any(len(row) > 1 for row in table.iter("tr"))


def _headed(elements: list[lxml_html.HtmlElement], rows: list[list[str]]) -> bool:
    if not elements or not rows[0]:
        return False
    declared = elements[0].getparent().tag == "thead" or all(cell.tag == "th" for cell in elements[0])
    return declared or (len(rows[0]) > 2 and looks_like_header(rows[0]))
