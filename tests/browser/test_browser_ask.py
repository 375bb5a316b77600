"""The ask console in a real browser on a real server; only the language model is scripted."""

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.database import managing
from compliance.models import AuditEntry
from tests.browser import scripts
from tests.browser.people import Site


@pytest.fixture
def console(page: Page, site: Site) -> Page:
    site.sign_in(page, site.member)
    return page


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def exchange(page: Page, state: str) -> Locator:
    return page.locator(f'.exchange[data-state="{state}"]').last


def audit_outcomes(site: Site) -> list[str]:
    with managing(site.tenant.pk):
        return list(
            AuditEntry.objects.filter(event="query.closed")
            .order_by("sequence")
            .values_list("outcome", flat=True)
        )


def test_signing_in_leads_to_the_console(page: Page, site: Site) -> None:
    page.goto("/")
    page.get_by_label("Email address").fill(site.member.user.email)
    page.get_by_label("Password").fill(scripts.PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Ask the documents of Acme Instruments")


def test_an_answer_comes_with_sources_and_the_times_of_its_stages(console: Page) -> None:
    ask(console, scripts.HOLIDAY)

    answered = exchange(console, "answered")
    expect(answered.locator("[data-answer]")).to_contain_text("27 days of paid holiday")
    expect(answered.locator("[data-answer] li strong")).to_have_text("proportional")
    expect(answered.locator("[data-cited] .source")).to_have_count(2)
    expect(answered.locator("[data-facts]")).to_contain_text("Written by a machine")
    answered.get_by_text("Answered and checked in").click()
    expect(answered.get_by_text("Permissions checked again")).to_be_visible()


def test_the_words_an_answer_repeats_are_marked_in_the_passage(console: Page) -> None:
    ask(console, scripts.HOLIDAY)

    marked = exchange(console, "answered").locator(".source mark").first
    expect(marked).to_have_text("A full-time employee has 27 days of paid holiday in each calendar year.")


def test_a_citation_leads_to_its_card_and_escape_leads_back(console: Page) -> None:
    ask(console, scripts.HOLIDAY)
    citation = exchange(console, "answered").get_by_role("button", name="Source 2").first

    citation.press("Enter")
    expect(exchange(console, "answered").locator('[data-cited] [data-number="2"]')).to_be_focused()
    console.keyboard.press("Escape")
    expect(citation).to_be_focused()


def test_a_card_opens_the_cited_passage(console: Page, site: Site) -> None:
    ask(console, scripts.HOLIDAY)
    exchange(console, "answered").get_by_role("link", name="Open passage 2").click()

    console.wait_for_url(f"**/documents/{site.holiday.pk}#passage-1")
    expect(console.locator(".passage:target")).to_contain_text("Up to 5 unused days")


@pytest.mark.parametrize(
    ("question", "state", "sentence"),
    [
        (scripts.REFUSED, "refused", "injection.override"),
        (scripts.NOTHING, "nothing_found", "I found nothing about this"),
        (scripts.BROKEN, "failed", "The language model does not answer"),
    ],
)
def test_an_end_without_an_answer_is_said_plainly(
    console: Page, question: str, state: str, sentence: str
) -> None:
    ask(console, question)

    expect(exchange(console, state).locator("[data-notice]")).to_contain_text(sentence)
    expect(exchange(console, state).locator("[data-answer]")).to_be_empty()


def test_a_failure_shows_its_request_id(console: Page) -> None:
    ask(console, scripts.BROKEN)

    expect(exchange(console, "failed").locator("[data-notice-request]")).to_contain_text("Request ")


def test_a_withheld_answer_is_taken_back_from_the_page(console: Page) -> None:
    ask(console, scripts.WITHHELD)

    withheld = exchange(console, "withheld")
    expect(withheld.locator("[data-notice]")).to_contain_text("leak.canary")
    expect(withheld.locator("[data-sources]")).to_be_hidden()
    assert "The code word is" not in console.locator("body").inner_text()


def test_personal_data_is_shown_masked_as_it_went_on(console: Page) -> None:
    ask(console, scripts.MASKED)

    expect(exchange(console, "answered").locator(".question")).to_have_text(scripts.MASKED_TEXT)
    assert "078-05-1120" not in console.content()


@pytest.mark.parametrize("stop", ["Escape", "button"])
def test_stopping_ends_the_question_on_the_server_too(console: Page, site: Site, stop: str) -> None:
    before = len(audit_outcomes(site))
    ask(console, scripts.ENDLESS)
    expect(exchange(console, "streaming")).to_contain_text("Once upon a time")
    if stop == "Escape":
        console.keyboard.press("Escape")
    else:
        console.get_by_role("button", name="Stop").click()

    expect(exchange(console, "stopped")).to_contain_text("You stopped this answer")
    expect(console.get_by_label("Your question")).to_be_focused()
    # The next question's closing entry comes after the stopped one's, so this waits for both.
    ask(console, scripts.NOTHING)
    exchange(console, "nothing_found").wait_for()
    assert "abandoned" in audit_outcomes(site)[before:]


def test_shift_enter_makes_a_new_line_and_asks_nothing(console: Page) -> None:
    box = console.get_by_label("Your question")
    box.fill("one")
    box.press("Shift+Enter")
    box.press_sequentially("two")

    expect(box).to_have_value("one\ntwo")
    expect(console.locator(".exchange")).to_have_count(0)


def test_questions_of_one_conversation_stay_together_and_can_be_reopened(console: Page) -> None:
    ask(console, scripts.HOLIDAY)
    exchange(console, "answered").wait_for()
    ask(console, scripts.NOTHING)
    exchange(console, "nothing_found").wait_for()
    address = console.url

    console.get_by_role("link", name="New question").first.click()
    expect(console.locator(".exchange")).to_have_count(0)
    console.goto(address)

    expect(console.locator(".exchange .question")).to_have_text([scripts.HOLIDAY, scripts.NOTHING])
    expect(console.locator(".exchange").first.locator(".cite").first).to_have_text("1")


def test_the_announcer_tells_the_whole_answer_once(console: Page) -> None:
    ask(console, scripts.HOLIDAY)

    expect(console.get_by_role("status")).to_contain_text(
        "Answer, 2 sources. A full-time employee has 27 days"
    )


def test_a_switch_of_tenant_shows_the_other_ones_documents(console: Page) -> None:
    console.get_by_text("Account and organisation").locator("..").click()
    console.get_by_role("button", name="Globex Health").click()

    expect(console.get_by_role("heading", level=1)).to_have_text("Ask the documents of Globex Health")
    console.goto("/documents/")
    expect(console.get_by_text("No document is shared with you yet.")).to_be_visible()


def test_a_page_of_the_site_breaks_no_rule_of_its_own_policy(console: Page, site: Site) -> None:
    complaints: list[str] = []
    console.on(
        "console", lambda message: complaints.append(message.text) if message.type == "error" else None
    )
    console.on("pageerror", lambda error: complaints.append(str(error)))
    for address in ("/", "/documents/", f"/documents/{site.holiday.pk}/"):
        console.goto(address)
    console.goto("/")
    ask(console, scripts.HOLIDAY)
    exchange(console, "answered").wait_for()

    assert complaints == []


def test_the_console_fits_a_phone(console: Page) -> None:
    console.set_viewport_size({"width": 390, "height": 844})
    ask(console, scripts.HOLIDAY)
    exchange(console, "answered").wait_for()

    assert console.evaluate("document.documentElement.scrollWidth") == 390


def test_what_can_be_pressed_is_large_enough_to_be_hit(console: Page) -> None:
    ask(console, scripts.HOLIDAY)
    exchange(console, "answered").wait_for()
    too_small = console.evaluate(
        """[...document.querySelectorAll('button, summary, .source-links a, .history a')]
           .filter((e) => e.checkVisibility())
           .map((e) => [e.textContent.trim(), e.getBoundingClientRect()])
           .filter(([, box]) => box.width < 24 || box.height < 24).map(([text]) => text)"""
    )

    assert too_small == []
