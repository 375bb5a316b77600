"""Keys, platform pages and the emergency notice, as Chromium draws them."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from accounts.break_glass import open_stay
from accounts.keys import make_key
from accounts.models import Membership, User
from accounts.roles import Right, Role
from tests import factories
from tests.browser.people import Site

REASON = "The ingestion of contracts stopped; see ticket 4711 of the operations desk."
WIDTHS = (390, 1280)
THEMES = ("light", "dark")
OF_OWNER = ("/keys/", "/", "/admin/", "/admin/accounts/apikey/add/", "/admin/accounts/membership/add/",
            "/admin/accounts/tenantrole/add/", "/admin/accounts/breakglass/")  # fmt: skip
OF_ROOT = ("/platform/", "/platform/tenants/new/", "/platform/tenants/{tenant}/", "/platform/accounts/?q=person",
           "/platform/emergencies/", "/documents/")  # fmt: skip


@pytest.fixture(scope="module")
def cast(site: Site) -> tuple[Membership, Membership]:
    """An owner with a key, and a platform administrator whose emergency access is open."""
    owner = factories.a_member(site.tenant, role=Role.OWNER)
    User.objects.filter(pk=owner.user_id).update(is_staff=True, name="Olga Owner")
    make_key(
        owner, owner, "nightly report of the controlling department", scopes=[Right.ASK, Right.READ_AUDIT]
    )
    root = User.objects.create_superuser("root@platform.example", name="Ruth Root")
    open_stay(root, site.tenant, REASON)
    return Membership.objects.select_related("user").get(pk=owner.pk), Membership(
        tenant=site.tenant, user=root
    )


@pytest.fixture(params=[(width, theme) for width in WIDTHS for theme in THEMES], ids=str)
def tab(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    width, theme = request.param
    context = browser.new_context(
        base_url=site.address, color_scheme=theme, viewport={"width": width, "height": 900}
    )
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("who", ["owner", "root"])
def test_new_pages_fit_and_break_no_policy(cast, site, tab, who):
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    site.sign_in(tab, cast[0] if who == "owner" else cast[1])
    for path in OF_OWNER if who == "owner" else OF_ROOT:
        response = tab.goto(path.format(tenant=site.tenant.pk))
        assert response is not None
        assert response.status == 200, path
        wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if "SHOTS" in os.environ:
            name = f"{who}{path.format(tenant='t').replace('/', '_').replace('?', '_')}"
            size = tab.viewport_size["width"]
            dark = tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
            tab.screenshot(path=f"{os.environ['SHOTS']}/{name}-{size}-{dark}.png", full_page=True)
        assert wide <= 0 or path.startswith("/admin"), path
    assert complaints == []


def test_a_key_is_made_shown_and_gone(cast, site, page):
    site.sign_in(page, cast[0])
    page.goto("/keys/")
    page.get_by_label("Name", exact=True).fill("browser")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator(".secret code").inner_text()
    assert secret.startswith("rgs_")
    page.goto("/keys/")
    assert secret not in page.content()
    assert page.get_by_role("heading", name="browser").is_visible()


def test_an_owner_ends_an_emergency_access_from_the_notice(cast, site, page):
    site.sign_in(page, cast[0])
    notice = page.locator(".emergency")
    assert REASON in notice.inner_text()
    notice.get_by_role("button", name="End it now").click()
    page.wait_for_url("**/")
    assert page.locator(".emergency").count() == 0
