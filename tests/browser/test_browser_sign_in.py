"""Signing in with a passkey and with a code, in a real browser with an authenticator of its own."""

import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, Page, expect

from tests.browser.people import Site
from tests.browser.scripts import PASSWORD


@pytest.fixture
def here(browser: Browser, site: Site) -> Iterator[Page]:
    """A tab by the name under which browsers allow passkeys without TLS, with a key in it."""
    context = browser.new_context(base_url=site.address.replace("127.0.0.1", "localhost"))
    context.set_default_timeout(10_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page
    context.close()
    assert not problems


def sign_in(page: Page, site: Site, then: str = "/account/") -> None:
    page.goto(f"/sign-in/?next={then}")
    page.get_by_label("Email address").fill(site.member.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def confirm(page: Page) -> None:
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


def sign_out(page: Page) -> None:
    page.locator("[data-menu] summary").click()
    page.get_by_role("button", name="Sign out").click()


def test_a_passkey_is_added_and_signs_in_without_a_password(here: Page, site: Site) -> None:
    sign_in(here, site)
    here.get_by_role("link", name="Add a passkey").click()
    confirm(here)
    here.get_by_label("A name for it").fill("Work laptop")
    here.get_by_role("button", name="Add it").click()
    expect(here.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    here.get_by_role("link", name="I have kept them").click()
    expect(here.get_by_text("Work laptop")).to_be_visible()
    sign_out(here)

    here.get_by_role("button", name="Use a passkey").click()

    expect(here.get_by_role("heading", level=1)).to_have_text("Ask the documents of Acme Instruments")
    here.goto("/account/")
    expect(here.get_by_text("With a passkey")).to_be_visible()
    here.get_by_role("link", name="Remove Work laptop").click()
    confirm(here)
    here.get_by_role("button", name="Remove it").click()
    expect(here.get_by_text("Work laptop")).to_have_count(0)


def test_an_app_is_set_up_and_its_code_is_asked_for(here: Page, site: Site) -> None:
    sign_in(here, site)
    here.get_by_role("link", name="Set up").click()
    confirm(here)
    secret = here.locator(".steps code").inner_text()
    here.get_by_label("Code").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    here.get_by_role("button", name="Set up").click()
    expect(here.locator(".codes code")).to_have_count(10)
    codes = here.locator(".codes code").all_inner_texts()
    here.get_by_role("link", name="I have kept them").click()
    sign_out(here)

    sign_in(here, site)
    expect(here.get_by_role("heading", level=1)).to_have_text("Your second factor")
    here.get_by_label("Code").fill(codes[0])
    here.get_by_role("button", name="Continue").click()

    expect(here.get_by_text(re.compile("and a second factor"))).to_be_visible()
    here.get_by_role("link", name="Remove", exact=True).click()
    confirm(here)
    here.get_by_role("button", name="Remove it").click()
    expect(here.get_by_text("Your authenticator app is removed.")).to_be_visible()
