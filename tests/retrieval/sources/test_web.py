"""Pages of a site on loopback, by address and by sitemap, as its robots.txt allows."""

import gzip

import pytest

from accounts.outbound import locate
from retrieval.errors import SourceRefused, SourceUnavailable
from retrieval.sources import Checkpoint, ExternalDocument, Skipped
from retrieval.sources.connector import cleaned
from retrieval.sources.web import WebConnector, name_of
from tests.retrieval.sources.places import a_site
from tests.support.page_server import Page, Served, page_server


def connector(server: Served, *pages: str, sleep=lambda seconds: None, **told) -> WebConnector:
    site = a_site("127.0.0.0/8", ports=(server.port,), sleep=sleep)
    configuration = {"pages": [server.url(page) for page in pages]} | told
    return WebConnector(cleaned(WebConnector, configuration, site), "", site)


def gone_through(found: WebConnector, cursor=None) -> tuple[dict[str, bytes], list[Skipped], dict]:
    """(text by name, what was skipped, the cursor for next time)"""
    read, skipped, after = {}, [], {}
    for change in found.changes(cursor or {}):
        match change:
            case ExternalDocument():
                with change.open() as content:
                    read[change.name.partition("/")[2]] = content.read()
            case Skipped():
                skipped.append(change)
            case Checkpoint():
                after = change.cursor
    return read, skipped, after


def a_sitemap(server: Served, *paths: str, index: bool = False) -> bytes:
    outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    found = "".join(f"<{inner}><loc>{p if '//' in p else server.url(p)}</loc></{inner}>" for p in paths)
    return f'<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{found}</{outer}>'.encode()


def an_xml(body: bytes) -> Page:
    return Page(body=body, media_type="application/xml")


def test_pages_are_named_by_their_address_with_an_ending_that_fits():
    pages = {
        "/handbook": Page(body=b"<p>a"),
        "/a.pdf": Page(body=b"%PDF", media_type="application/pdf"),
        "/notes?id=2": Page(body=b"b", media_type="text/plain"),
    }
    with page_server(pages) as server:
        read, skipped, _ = gone_through(connector(server, *pages))

    assert read == {"handbook.html": b"<p>a", "a.pdf": b"%PDF", "notes?id=2.txt": b"b"}
    assert skipped == []


@pytest.mark.parametrize(
    ("url", "media_type", "name"),
    [
        ("https://example.org/", "text/html", "example.org.html"),
        ("https://example.org/a.htm", "text/html", "example.org/a.htm"),
        ("https://example.org/a.pdf", "text/html", "example.org/a.pdf.html"),
        ("https://example.org/%C3%BCber/", "text/html", "example.org/über.html"),
    ],
)
def test_names_of_pages(url, media_type, name):
    assert name_of(locate(url), media_type) == name


@pytest.mark.parametrize(
    "validator", [{"ETag": '"1"'}, {"Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}, {}]
)
def test_a_page_has_the_same_version_until_it_changes(validator):
    versions, cursor = [], {}
    with page_server({"/a": Page(headers=validator)}) as server:
        for _ in range(2):
            for change in connector(server, "/a").changes(cursor):
                if isinstance(change, Checkpoint):
                    cursor = change.cursor
                else:
                    versions.append(change.version)
        asked = [headers for path, headers in server.requests if path == "/a"]

    assert versions[0] == versions[1] != ""
    assert asked[1].get("if-none-match") == validator.get("ETag")


def test_a_page_that_has_not_changed_and_is_gone_here_is_fetched_once_more():
    with page_server({"/a": Page(headers={"ETag": '"1"'})}) as server:
        _, _, cursor = gone_through(connector(server, "/a"))
        read, _, _ = gone_through(connector(server, "/a"), cursor)

    assert read == {"a.html": b"words"}


def test_a_page_that_is_gone_is_not_named_and_one_that_fails_is_skipped():
    with page_server({"/b": Page(status=503)}) as server:
        read, skipped, cursor = gone_through(connector(server, "/a", "/b"))

    assert read == {}
    assert [(each.external_id, each.reason) for each in skipped] == [
        (server.url("/b"), "The server answered 503.")
    ]
    assert cursor == {"pages": {}}


def test_what_robots_txt_forbids_is_not_asked_for():
    robots = Page(body=b"User-agent: *\nDisallow: /inner\nAllow: /", media_type="text/plain")
    pages = {
        "/robots.txt": robots,
        "/inner/a": Page(),
        "/b": Page(status=302, headers={"Location": "/inner/a"}),
    }
    with page_server(pages) as server:
        read, skipped, _ = gone_through(connector(server, "/inner/a", "/b"))
        assert "/inner/a" not in server.paths

    assert read == {}
    assert len(skipped) == 2


@pytest.mark.parametrize(("status", "taken"), [(404, True), (403, True), (500, False), (503, False)])
def test_a_site_whose_robots_txt_does_not_come_is_left_alone(status, taken):
    """RFC 9309, 2.3.1: unavailable allows all, unreachable forbids all."""
    with page_server({"/robots.txt": Page(status=status), "/a": Page()}) as server:
        read, skipped, _ = gone_through(connector(server, "/a"))
        assert ("/a" in server.paths) == taken

    assert bool(read) == taken
    assert len(skipped) == (0 if taken else 1)


@pytest.mark.parametrize(
    ("asked", "waited"), [("", 1.0), ("Crawl-delay: 5", 5.0), ("Crawl-delay: 3600", 30.0)]
)
def test_between_two_pages_as_long_is_waited_as_the_site_asks_for(asked, waited):
    pauses: list[float] = []
    robots = Page(body=f"User-agent: *\n{asked}\nAllow: /\n".encode(), media_type="text/plain")
    with page_server({"/robots.txt": robots, "/a": Page(), "/b": Page()}) as server:
        gone_through(connector(server, "/a", "/b", sleep=pauses.append))

    assert pauses == [waited, waited]


def test_a_sitemap_names_pages_of_its_own_host_only():
    with page_server({"/a": Page(body=b"a"), "/b": Page(body=b"b")}) as server:
        body = a_sitemap(
            server, "/a", "/b", "http://169.254.169.254/latest/", "https://www.example.org/c", "junk"
        )
        server.pages["/sitemap.xml"] = an_xml(body)
        read, skipped, _ = gone_through(connector(server, sitemap=server.url("/sitemap.xml")))

    assert read == {"a.html": b"a", "b.html": b"b"}
    assert skipped == []


def test_an_index_of_sitemaps_is_followed_one_level_down():
    with page_server({"/a": Page(body=b"a"), "/b": Page(body=b"b")}) as server:
        server.pages |= {
            "/index.xml": an_xml(a_sitemap(server, "/1.xml", "/2.xml.gz", index=True)),
            "/1.xml": an_xml(a_sitemap(server, "/a")),
            "/2.xml.gz": Page(body=gzip.compress(a_sitemap(server, "/b")), media_type="application/gzip"),
        }
        read, _, _ = gone_through(connector(server, sitemap=server.url("/index.xml")))

        server.pages["/1.xml"] = an_xml(a_sitemap(server, "/index.xml", "/3.xml", index=True))
        server.requests.clear()
        gone_through(connector(server, sitemap=server.url("/index.xml")))
        assert "/3.xml" not in server.paths

    assert read == {"a.html": b"a", "b.html": b"b"}


def test_an_index_does_not_name_sitemaps_without_end():
    with page_server() as server:
        server.pages["/index.xml"] = an_xml(a_sitemap(server, *(f"/{n}.xml" for n in range(200)), index=True))
        server.pages |= {f"/{n}.xml": an_xml(a_sitemap(server)) for n in range(200)}
        gone_through(connector(server, sitemap=server.url("/index.xml")))

        assert len([path for path in server.paths if path.endswith(".xml")]) == 50


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<html/>",
        b"<urlset>",
        gzip.compress(b"<urlset/>")[:-6],
        gzip.compress(b"\0" * 60_000_000),
        b'<!DOCTYPE u [<!ENTITY a "aaaaaaaaaa">' + b"".join(
            f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(12)
        ) + b"]><urlset><url><loc>&m;</loc></url></urlset>",
    ],
    ids=["empty", "text", "page", "cut", "cut gzip", "gzip bomb", "entities"],
)  # fmt: skip
def test_a_sitemap_that_cannot_be_read_is_no_empty_one(body):
    with page_server({"/sitemap.xml": an_xml(body)}) as server, pytest.raises(SourceUnavailable):
        gone_through(connector(server, sitemap=server.url("/sitemap.xml")))


def test_an_entity_of_a_sitemap_reads_no_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("http://127.0.0.1/leaked")
    with page_server() as server:
        body = (
            f'<!DOCTYPE u [<!ENTITY x SYSTEM "file://{secret}">]><urlset><url><loc>&x;</loc></url></urlset>'
        )
        server.pages["/sitemap.xml"] = an_xml(body.encode())
        read, skipped, _ = gone_through(connector(server, sitemap=server.url("/sitemap.xml")))

    assert (read, skipped) == ({}, [])


def test_no_more_pages_are_taken_than_were_asked_for():
    with page_server({f"/{n}": Page() for n in range(9)}) as server:
        server.pages["/sitemap.xml"] = an_xml(a_sitemap(server, *(f"/{n}" for n in range(9))))
        read, _, _ = gone_through(connector(server, sitemap=server.url("/sitemap.xml"), pages_max=4))

    assert len(read) == 4


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"pages": ["file:///etc/passwd"]},
        {"pages": ["http://a@b/"]},
        {"sitemap": "gopher://x/"},
        {"pages": ["https://example.org/"], "pages_max": 0},
        {"pages": ["https://example.org/"], "pages_max": 100_000},
        {"pages": "https://example.org/"},
        {"pages": ["https://example.org/"], "more": 1},
    ],
)
def test_what_is_no_site_is_refused(told):
    with pytest.raises(SourceRefused):
        cleaned(WebConnector, told, a_site())
