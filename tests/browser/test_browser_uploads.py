"""Bringing files in from the documents page: large ones in parts, dropped ones, and going on after a cut."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.database import managing
from retrieval.models import Document
from tests.browser.people import Site

MEGABYTE = 1024 * 1024
# What a person does when she drops files onto the page.
DROP = """([names, bytes]) => {
  const transfer = new DataTransfer();
  for (const name of names) transfer.items.add(new File([new Uint8Array(bytes)], name));
  for (const kind of ["dragover", "drop"]) {
    document.getElementById("main").dispatchEvent(
      new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "survey.txt"
    path.write_bytes(os.urandom(9 * MEGABYTE + 11))
    return path


def open_documents(page: Page, site: Site) -> None:
    site.sign_in(page, site.editor)
    page.goto("/documents/")


def choose(page: Page, *paths: Path) -> None:
    page.get_by_label("Files", exact=True).set_input_files(list(paths))


def sizes_of(site: Site, *names: str) -> dict[str, int]:
    with managing(site.tenant.pk):
        return dict(Document.objects.filter(source_name__in=names).values_list("source_name", "size_bytes"))


def test_a_large_file_and_a_small_one_arrive_and_stand_in_the_list(
    page: Page, site: Site, large: Path
) -> None:
    small = large.with_name("note.txt")
    small.write_text("A short note.")
    open_documents(page, site)
    choose(page, large, small)
    with page.expect_navigation():
        page.get_by_role("button", name="Upload").click()

    for title in ("survey", "note"):
        expect(page.locator(".documents").get_by_text(title, exact=True)).to_be_visible()
    assert sizes_of(site, "survey.txt", "note.txt") == {"survey.txt": 9 * MEGABYTE + 11, "note.txt": 13}


def test_what_is_refused_says_why_and_the_others_go_on(page: Page, site: Site, large: Path) -> None:
    too_large, fine = large.with_name("archive.txt"), large.with_name("plan.txt")
    too_large.write_bytes(b"x" * (21 * MEGABYTE))
    fine.write_bytes(b"y" * (9 * MEGABYTE))
    open_documents(page, site)
    choose(page, too_large, fine)
    page.get_by_role("button", name="Upload").click()

    rows = page.get_by_role("list", name="Files being sent").get_by_role("listitem")
    expect(rows.nth(0)).to_contain_text("'archive.txt' has 22.0 MB; at most 21 MB are taken.")
    expect(rows.nth(1)).to_contain_text("Taken in")
    expect(page.locator("[data-announcer]")).to_have_text("1 of 2 files were taken in.")
    assert list(sizes_of(site, "archive.txt", "plan.txt")) == ["plan.txt"]


def test_an_upload_goes_on_where_it_stopped_when_the_page_was_left(
    page: Page, site: Site, large: Path
) -> None:
    file = large.with_name("resumed.txt")
    file.write_bytes(os.urandom(10 * MEGABYTE))
    offsets: list[str] = []
    let_through = 1

    def guard(route: Route) -> None:
        offset = route.request.headers.get("upload-offset", "")
        if route.request.method != "PATCH":
            route.continue_()
        elif len(offsets) < let_through:
            offsets.append(offset)
            route.continue_()
        else:
            route.abort()

    open_documents(page, site)
    page.context.route("**/api/v1/uploads/**", guard)
    choose(page, file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("4.0 MB of 10.0 MB")).to_be_visible()
    page.goto("/documents/")
    let_through = 100
    choose(page, file)
    with page.expect_navigation():
        page.get_by_role("button", name="Upload").click()

    assert offsets == [str(part * 4 * MEGABYTE) for part in (0, 1, 2)] + [str(10 * MEGABYTE)]
    assert sizes_of(site, "resumed.txt") == {"resumed.txt": 10 * MEGABYTE}


def test_dropped_files_are_chosen_and_more_than_a_form_takes_are_sent(page: Page, site: Site) -> None:
    names = [f"dropped-{number}.txt" for number in range(23)]
    open_documents(page, site)
    page.evaluate(DROP, [names, 5])
    assert page.get_by_label("Files", exact=True).evaluate("input => input.files.length") == 23
    with page.expect_navigation():
        page.get_by_role("button", name="Upload").click()

    assert sizes_of(site, *names) == dict.fromkeys(names, 5)


def test_a_cancelled_upload_brings_nothing_in(page: Page, site: Site, large: Path) -> None:
    file = large.with_name("cancelled.txt")
    file.write_bytes(b"z" * (10 * MEGABYTE))
    open_documents(page, site)
    page.context.route(
        "**/api/v1/uploads/**",
        lambda route: route.abort() if route.request.method == "PATCH" else route.continue_(),
    )
    choose(page, file)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Cancel cancelled.txt").click()

    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    assert sizes_of(site, "cancelled.txt") == {}


def test_without_script_the_form_takes_files_all_the_same(browser, site: Site, large: Path) -> None:
    context = browser.new_context(base_url=site.address, java_script_enabled=False)
    page = context.new_page()
    small = large.with_name("plain.txt")
    small.write_text("A plain form.")
    open_documents(page, site)
    choose(page, small)
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_text("'plain.txt' was taken in and is waiting for a worker.")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_files_on_their_way_fit_every_screen(page: Page, site: Site, large: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    file = large.with_name("a-file-with-a-rather-long-name-that-somebody-gave-it-in-a-hurry.txt")
    file.write_bytes(b"x" * (21 * MEGABYTE))
    open_documents(page, site)
    page.context.route(
        "**/api/v1/uploads/**",
        lambda route: route.abort() if route.request.method == "PATCH" else route.continue_(),
    )
    choose(page, file, large)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("at most 21 MB are taken")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SCREENS"):
        page.screenshot(path=f"{folder}/uploads-{width}.png", full_page=True)
