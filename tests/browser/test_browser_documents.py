"""The documents page in a real browser: figures that follow the work, and another try for what stopped."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from accounts.database import managing
from retrieval.models import Collection, Document, Ingestion
from tests import factories
from tests.browser.people import Site


def a_row(site: Site, title: str, state: str, **work: Any) -> Document:
    with managing(site.tenant.pk):
        shelf = Collection.objects.get(name="Company policies")
    document = factories.a_document(shelf, title=title)
    say(document, state, **work)
    return document


def say(document: Document, state: str, reason: str = "", **work: Any) -> None:
    moving = state in Ingestion.MOVING
    lease = {
        "lease_token": uuid4() if moving else None,
        "lease_until": Now() + timedelta(minutes=10) if moving else None,
    }
    with managing(document.tenant_id):
        Ingestion.objects.filter(document=document).update(state=state, reason=reason, **lease, **work)
        Document.objects.filter(pk=document.pk).update(status=state, status_reason=reason)


def test_figures_follow_the_work_until_it_has_ended(page: Page, site: Site) -> None:
    document = a_row(
        site, "Annual report", "embedding", pieces_name="kept", chunks_done=120, chunks_total=800
    )
    site.sign_in(page, site.editor)
    page.goto("/documents/")
    row = page.get_by_role("row", name="Annual report")
    expect(row).to_contain_text("120 of 800 passages")
    bar = row.get_by_role("progressbar", name="Passages of Annual report")
    expect(bar).to_have_js_property("value", 0.15)

    say(document, "embedding", chunks_done=400)
    expect(bar).to_have_js_property("value", 0.5)
    say(document, "failed", "The encoder cannot be reached. It was tried 6 times.", chunks_done=400)
    expect(row).to_contain_text("It was tried 6 times.")
    expect(bar).to_be_hidden()
    expect(page.locator("[data-announcer]")).to_have_text("Annual report: Failed")


def test_a_button_tries_again_without_scripts(page: Page, site: Site) -> None:
    document = a_row(site, "Broken contract", "failed", reason="It cannot be read.")
    site.sign_in(page, site.editor)
    page.route("**/*.js", lambda route: route.abort())
    page.goto("/documents/?show=failed")
    page.get_by_role("button", name="Retry Broken contract").click()

    expect(page.get_by_text("1 document is in line again.")).to_be_visible()
    with managing(site.tenant.pk):
        assert Ingestion.objects.get(document=document).state == "received"


@pytest.mark.parametrize("width", [390, 1280])
def test_no_line_is_wider_than_the_screen(page: Page, site: Site, width: int) -> None:
    a_row(site, f"{'Very_long_name' * 12}_{width}", "failed", reason="It cannot be read.")
    site.sign_in(page, site.editor)
    page.set_viewport_size({"width": width, "height": 900})
    for address in ("/documents/", "/documents/?show=failed"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
