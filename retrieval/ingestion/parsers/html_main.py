"""Which visible blocks of a page are its article and which are menus, banners and footers around it."""

import unicodedata

from lxml import etree
from lxml import html as lxml_html

# Pages without these are documents all through, and are not asked about.
_AROUND = ("nav", "footer", "aside")
_ROLES = ("navigation", "banner", "contentinfo", "complementary", "search")
_MARKUP_CHARS_MAX = 2_000_000  # the extraction takes about a second for as much
_ARTICLE_SIGNS_MIN = 200  # a shorter result is a guess, and then everything that is visible stays


class MainText:
    """The article of a page as `trafilatura` finds it; asked block by block."""

    def __init__(self, article: str) -> None:
        self._signs = _signs(article)

    def holds(self, block: str) -> bool:
        """Whether the words of a block stand in the article, in any spacing and punctuation."""
        return _signs(block) in self._signs

    def long_enough(self) -> bool:
        """Whether so much was found that leaving out the rest is no guess."""
        return len(self._signs) >= _ARTICLE_SIGNS_MIN


def main_text(markup: str, root: lxml_html.HtmlElement) -> MainText | None:
    """The article of a page, None where all that is visible should stay."""
    if len(markup) > _MARKUP_CHARS_MAX or not _has_boilerplate(root):
        return None
    # Imported here: a child that reads no such page need not load it.
    import trafilatura

    try:
        article = trafilatura.extract(
            markup, favor_recall=True, include_comments=False, include_tables=True, output_format="txt"
        )
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, etree.LxmlError, RecursionError):
        return None  # it only helps to leave something out
    found = MainText(article or "")
    return found if found.long_enough() else None


def _has_boilerplate(root: lxml_html.HtmlElement) -> bool:
    if next(root.iter(*_AROUND), None) is not None:
        return True
    return any(element.get("role") in _ROLES for element in root.iter(etree.Element))


def _signs(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
