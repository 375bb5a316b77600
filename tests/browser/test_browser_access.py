"""Access in a real browser: find a person, see why, try a grant and make it."""

from playwright.sync_api import Page, expect

from tests.browser.people import Site


def test_a_person_is_found_by_a_suggested_name_and_a_document_is_explained(page: Page, site: Site) -> None:
    site.sign_in(page, site.editor)
    page.get_by_role("link", name="Access").click()
    page.get_by_role("combobox", name="Person").press_sequentially(site.member.user.email[:8])
    expect(page.locator(f'#people option[value="{site.member.user.email}"]')).to_be_attached()
    page.get_by_role("combobox", name="Person").fill(site.member.user.email)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=site.member.user.email, exact=True)).to_be_visible()
    page.get_by_role("link", name="Why? Holiday policy").click()
    expect(page.get_by_role("heading", name="Yes")).to_be_visible()
    expect(page.locator(".way li")).to_have_text([site.member.user.email, "Everyone", "Company policies"])
    page.get_by_role("combobox", name="Title").fill("Salary bands")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No")).to_be_visible()
    expect(page.locator('.checks [data-passed="no"]')).to_contain_text("There is no grant")


def test_a_grant_is_previewed_and_then_made_and_revoked(page: Page, site: Site) -> None:
    site.sign_in(page, site.editor)
    page.goto("/access/")
    page.get_by_role("link", name="Human resources").click()
    page.get_by_label("Person or group").fill(site.member.user.email)
    page.get_by_role("button", name="Preview").click()

    expect(page.locator(".trial-words")).to_have_text("1 person gains 1 document, and nobody loses any.")
    page.get_by_role("button", name="Grant access").click()
    expect(page.locator(".grants tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Revoke view").click()
    expect(page.locator(".trial-words")).to_have_text("1 person loses 1 document, and nobody gains any.")
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("Nobody is granted this collection yet.")).to_be_visible()


def test_nothing_is_wider_than_a_small_screen(page: Page, site: Site) -> None:
    site.sign_in(page, site.editor)
    page.set_viewport_size({"width": 390, "height": 844})
    user = site.member.user_id
    for path in ("/access/", f"/access/?user={user}&document={site.holiday.pk}", "/access/?person=person"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.goto(f"/access/collections/{site.holiday.collection_id}/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
