"""T-18: what a user brought in leaves as a download and runs nowhere."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from zipfile import ZipFile

import httpx2
import openpyxl  # type: ignore[import-untyped]  # it has no stubs
import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page

from accounts.database import managing
from accounts.models import ApiKey, Membership
from retrieval.ingestion import vault
from retrieval.models import Document
from tests.browser.conftest import (
    browser,
    serving,
    sync_database_calls_beside_playwright,
    wait_for_backends_to_leave,
)
from tests.factories import a_collection, a_document, a_member, a_tenant, everyone
from tests.support import databases
from tests.support.originals import with_file

__all__ = ["browser"]

SCRIPT = "window.ran = 1; document.title = 'ran'; localStorage.setItem('ran', '1');"
HTML = f'<!doctype html><title>quiet</title><script>{SCRIPT}</script><img src=x onerror="{SCRIPT}">'.encode()
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{SCRIPT}"><script>{SCRIPT}</script></svg>'.encode()
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj\n%%EOF"
POOL = 2


def an_xlsx() -> bytes:
    """CVE-2026-44549: a cell that a preview would take for markup."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    book.active["A1"] = f"<img src=x onerror={SCRIPT!r}>"
    book.save(out)
    return out.getvalue()


def a_docx_with_an_alt_chunk() -> bytes:
    """CVE-2026-109290: HTML carried inside a Word file."""
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        archive.writestr(
            "word/document.xml", '<w:document><w:body><w:altChunk r:id="h"/></w:body></w:document>'
        )
        archive.writestr("word/afchunk.html", HTML)
    return out.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument"
FILES: dict[str, tuple[str, str, bytes]] = {
    "html": ("page.html", "text/html", HTML),
    "svg": ("drawing.svg", "image/svg+xml", SVG),
    "xhtml": ("page.xhtml", "application/xhtml+xml", HTML),
    "xml": ("feed.xml", "text/xml", SVG),
    "script": ("site.js", "text/javascript", SCRIPT.encode()),
    "xlsx": ("book.xlsx", f"{OFFICE}.spreadsheetml.sheet", an_xlsx()),
    "docx": ("letter.docx", f"{OFFICE}.wordprocessingml.document", a_docx_with_an_alt_chunk()),
    "pdf": ("form.pdf", "application/pdf", PDF),
}
ACTIVE = ("html", "svg", "xhtml", "xml", "script")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The real application with one file of each kind, its reader by session and by key."""

    address: str
    cookie: str
    key: str
    documents: dict[str, str]

    def paths(self, kind: str) -> dict[str, dict[str, str]]:
        """Each way to the file, with the headers of who goes it."""
        document_id = self.documents[kind]
        by_session = {"Cookie": f"sessionid={self.cookie}"}
        return {
            f"{self.address}/documents/{document_id}/file": by_session,
            f"{self.address}/api/v1/documents/{document_id}/file": {"Authorization": f"Bearer {self.key}"},
        }


# For the module: it stands beside a browser whose event loop is there as long.
@pytest.fixture(scope="module")
def site(django_db_blocker: pytest.FixtureRequest, browser: Browser) -> Iterator[Site]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock(), sync_database_calls_beside_playwright():  # type: ignore[attr-defined]
        member, documents = furnish()
        client = Client()
        client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
        with managing(member.tenant_id):
            _, secret = ApiKey.objects.issue(member, "key")
        connection.close()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("RAGSITE_DATABASE_POOL_MAX", str(POOL))
            with serving("ragsite.asgi:application") as address:
                cookie = client.session.session_key
                assert cookie
                yield Site(address=address, cookie=cookie, key=secret, documents=documents)
        for name, _ in vault.names(member.tenant_id):
            vault.delete(name)
        wait_for_backends_to_leave(str(connection.settings_dict["NAME"]))
        databases.clone_for(worker)


def furnish() -> tuple[Membership, dict[str, str]]:
    tenant = a_tenant()
    shelf = a_collection(tenant, readers=(everyone(tenant),))

    def kept(name: str, media_type: str, content: bytes) -> str:
        document: Document = with_file(a_document(shelf, "words"), content, name, media_type)
        return str(document.pk)

    documents = {kind: kept(*file) for kind, file in FILES.items()}
    documents["large"] = kept("large.txt", "text/plain", os.urandom(24 * 1024 * 1024))
    return a_member(tenant), documents


@pytest.mark.parametrize("kind", FILES)
def test_t18_a_users_file_is_an_attachment_in_a_sandbox(site, kind):
    name, media_type, content = FILES[kind]
    for address, headers in site.paths(kind).items():
        for extra, status in (({}, 200), ({"Range": "bytes=0-"}, 206)):
            response = httpx2.get(address, headers=headers | extra)

            assert (response.status_code, response.content) == (status, content)
            assert response.headers["content-disposition"].startswith(f'attachment; filename="{name}"')
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"
            assert response.headers["cross-origin-resource-policy"] == "same-origin"
            assert response.headers["cache-control"] == "private, no-store"
            expected = "application/octet-stream" if kind in ACTIVE else media_type
            assert response.headers["content-type"] == expected


def test_t18_a_media_type_nobody_thought_of_is_bytes(site):
    from retrieval.api.downloads import Attachment

    for made_up in ("text/html; charset=utf-8", "TEXT/HTML", "application/x-unheard-of", "", "image/svg+xml"):
        attachment = Attachment(name="x", media_type=made_up, size_bytes=0, mark="x")
        assert attachment.headers["Content-Type"] == "application/octet-stream"


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(base_url=site.address, accept_downloads=True)
    context.set_default_timeout(10_000)
    context.add_cookies([{"name": "sessionid", "value": site.cookie, "url": site.address}])
    page = context.new_page()
    page.goto("/documents/")
    yield page
    context.close()


@pytest.mark.parametrize("kind", ["html", "svg", "xhtml"])
def test_t18_a_page_that_was_brought_in_is_saved_and_does_not_run(page, site, kind):
    name, _, content = FILES[kind]
    for address in site.paths(kind):
        with page.expect_download() as downloading:
            # By a link, as a reader would; a navigation, so that the browser decides what becomes of it.
            page.evaluate("address => { window.location = address }", address)
        saved = downloading.value

        assert saved.suggested_filename == name
        with open(saved.path(), "rb") as file:
            assert file.read() == content
        assert page.url.endswith("/documents/")
        assert page.evaluate("[window.ran, localStorage.getItem('ran')]") == [None, None]


# What becomes of an address that a page embeds, as a script, a frame or an image.
EMBED = """([tag, name, address]) => new Promise((done) => {
  const made = document.createElement(tag);
  made.onload = () => done('loaded');
  made.onerror = () => done('refused');
  made[name] = address;
  document.body.append(made);
  setTimeout(() => done('nothing'), 3000);
})"""


@pytest.mark.parametrize(
    ("kind", "tag", "attribute"),
    [("script", "script", "src"), ("html", "script", "src"), ("svg", "img", "src")],
)
def test_t18_a_page_cannot_run_or_show_a_users_file_as_its_own(page, site, kind, tag, attribute):
    address = next(iter(site.paths(kind)))

    assert page.evaluate(EMBED, [tag, attribute, address]) == "refused"
    assert page.evaluate("[window.ran, localStorage.getItem('ran')]") == [None, None]


def test_t18_a_frame_does_not_run_a_users_file_either(page, site):
    address = next(iter(site.paths("html")))
    page.evaluate(EMBED, ["iframe", "src", address])

    assert page.evaluate("[window.ran, localStorage.getItem('ran'), document.title]")[:2] == [None, None]
    assert page.title() != "ran"


def test_t18_open_downloads_hold_no_connection(site):
    """More of them than there are connections, none taken by its client, and the site goes on."""
    address, headers = list(site.paths("large").items())[1]
    with httpx2.Client(timeout=20, headers=headers) as client:
        waiting = []
        try:
            for _ in range(POOL * 3):
                response = client.send(client.build_request("GET", address), stream=True)
                assert response.status_code == 200
                waiting.append(response)
            answered = client.get(f"{site.address}/api/v1/documents")
            assert answered.status_code == 200
        finally:
            for response in waiting:
                response.close()
        assert client.head(address).headers["content-length"] == str(24 * 1024 * 1024)
