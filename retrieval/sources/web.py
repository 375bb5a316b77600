"""Pages of a web site, named one by one or by its sitemap, as its robots.txt allows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, BinaryIO, ClassVar, cast
from urllib.parse import unquote

from accounts.outbound import AddressRefused, Locator, locate
from retrieval.errors import FetchRefused, SourceRefused, SourceUnavailable
from retrieval.fetching import Fetched, Fetcher, FetchLimits
from retrieval.sources.connector import Connector, Field, Site
from retrieval.sources.sitemap import SITEMAP_BYTES_MAX, XML, Robots, read_sitemap
from retrieval.sources.values import Change, Checkpoint, ExternalDocument, Skipped

PAGES_MAX = 1_000
SITEMAPS_MAX = 50
DELAY_SECONDS, DELAY_SECONDS_MAX = 1.0, 30.0
GONE = (404, 410)
BLOCK_BYTES = 64 * 1024
ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}


class WebConnector(Connector):
    kind: ClassVar[str] = "web"
    label: ClassVar[str] = "Web pages"
    summary: ClassVar[str] = "Pages by address, or all that a site's sitemap names"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="pages", label="Addresses of pages", kind="lines", help="One a line.", place=True),
        Field(
            name="sitemap",
            label="Address of a sitemap",
            help="Such as https://www.example.org/sitemap.xml; only its own host's pages are taken.",
            place=True,
        ),
        Field(
            name="pages_max", label="Pages at most", kind="number", initial=200, help=f"Up to {PAGES_MAX:,}."
        ),
    )

    def __init__(self, configuration: Mapping[str, Any], secret: str, site: Site) -> None:
        super().__init__(configuration, secret, site)
        limits = FetchLimits(bytes_max=site.bytes_max)
        self._pages = Fetcher(site.dialler, limits, ca_file=site.ca_file)
        self._sitemaps = Fetcher(site.dialler, FetchLimits(bytes_max=SITEMAP_BYTES_MAX), ca_file=site.ca_file)
        self._robots: dict[tuple[str, str, int], Robots] = {}

    @classmethod
    def check(cls, configuration: Mapping[str, Any], site: Site) -> None:
        if not configuration["pages"] and not configuration["sitemap"]:
            raise SourceRefused("Name pages, or a sitemap.", "pages")
        for field, urls in (
            ("pages", configuration["pages"]),
            ("sitemap", [configuration["sitemap"] or None]),
        ):
            for url in filter(None, urls):
                try:
                    locate(url)
                except AddressRefused as refusal:
                    raise SourceRefused(str(refusal), field) from refusal
        if not 1 <= configuration["pages_max"] <= PAGES_MAX:
            raise SourceRefused(f"Between 1 and {PAGES_MAX:,} pages are taken.", "pages_max")

    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Change]:
        """Every page, each asked for with what the cursor remembers of it, and the cursor for next time."""
        known: Mapping[str, Any] = cursor.get("pages", {})
        kept: dict[str, Any] = {}
        for url in self._named():
            yield from self._page(url, known.get(url, {}), kept)
        yield Checkpoint(cursor={"pages": kept})

    def _named(self) -> list[str]:
        """The addresses, in one spelling each. Raises SourceUnavailable where a sitemap does not come whole."""
        found = dict.fromkeys(locate(url).url for url in self.configuration["pages"])
        if self.configuration["sitemap"]:
            found |= dict.fromkeys(self._of_sitemap(locate(self.configuration["sitemap"])))
        return list(found)[: self.configuration["pages_max"]]

    def _of_sitemap(self, first: Locator) -> Iterator[str]:
        waiting, met = [first.url], 0
        while waiting and met < SITEMAPS_MAX:
            met += 1
            try:
                with self._get(self._sitemaps, waiting.pop(0), XML, {}).body as body:
                    pages, further = read_sitemap(body)
            except FetchRefused as refusal:
                raise SourceUnavailable(f"The sitemap cannot be fetched. {refusal}") from refusal
            yield from (url for url in map(spelled, pages) if url and locate(url).host == first.host)
            # An index names sitemaps, and those name none (protocol 0.9); nor do others' count.
            if met == 1:
                waiting += [url for url in map(spelled, further) if url and locate(url).host == first.host]

    def _page(self, url: str, known: Mapping[str, str], kept: dict[str, Any]) -> Iterator[Change]:
        """One page; nothing for one that is gone."""
        try:
            fetched = self._get(self._pages, url, tuple(ENDINGS), known)
        except FetchRefused as refusal:
            if refusal.status not in GONE:
                kept.update({url: dict(known)} if known else {})
                yield Skipped(external_id=url, name=url, reason=str(refusal))
            return
        with fetched.body:
            kept[url] = dict(known) if fetched.unchanged else remembered(url, fetched)
            yield ExternalDocument(
                external_id=url,
                name=kept[url]["name"],
                version=kept[url]["version"],
                size=None if fetched.unchanged else fetched.size,
                access=self.unruled,
                open=partial(self._content, url, fetched),
            )

    @contextmanager
    def _content(self, url: str, fetched: Fetched) -> Iterator[BinaryIO]:
        if fetched.unchanged:
            # It has not changed there, but is not here any more.
            with self._get(self._pages, url, tuple(ENDINGS), {}).body as body:
                yield cast(BinaryIO, body)
        else:
            yield cast(BinaryIO, fetched.body)

    def _get(self, fetcher: Fetcher, url: str, types: tuple[str, ...], known: Mapping[str, str]) -> Fetched:
        """Fetch as the site's robots.txt allows, and no sooner after the last time than it asks for."""
        locator = locate(url)
        robots = self._robots_of(locator)
        if not robots.reachable:
            raise FetchRefused("The site's robots.txt cannot be fetched, so nothing is.", permanent=False)
        if not robots.allow(locator):
            raise FetchRefused("The site's robots.txt does not allow it.")
        self.site.sleep(min(max(DELAY_SECONDS, robots.delay_seconds), DELAY_SECONDS_MAX))
        return fetcher.fetch(
            url,
            types,
            etag=known.get("etag", ""),
            last_modified=known.get("modified", ""),
            permit=lambda at: at.host == locator.host and self._robots_of(at).allow(at),
        )

    def _robots_of(self, locator: Locator) -> Robots:
        place = (locator.scheme, locator.host, locator.port)
        if place not in self._robots:
            self._robots[place] = Robots(self._pages, locator)
        return self._robots[place]


def spelled(url: str) -> str:
    """An address as we write it; empty for one that we would not call."""
    try:
        return locate(url).url
    except AddressRefused:
        return ""


def remembered(url: str, fetched: Fetched) -> dict[str, str]:
    return {
        "version": version_of(fetched),
        "name": name_of(locate(url), fetched.media_type),
        "etag": fetched.etag,
        "modified": fetched.last_modified,
    }


def version_of(fetched: Fetched) -> str:
    """What the server says of its version, or what stands in the page where it says nothing."""
    said = fetched.etag or fetched.last_modified
    if said:
        return said
    digest = sha256()
    for block in iter(lambda: fetched.body.read(BLOCK_BYTES), b""):
        digest.update(block)
    fetched.body.seek(0)
    return digest.hexdigest()


def name_of(locator: Locator, media_type: str) -> str:
    """Host and path, with an ending that says what the server says it is."""
    path, _, query = unquote(locator.target).partition("?")
    name = f"{locator.host}{path.rstrip('/')}" + (f"?{query}" if query else "")
    ending = ENDINGS[media_type]
    fits = PurePosixPath(name).suffix.lower() in (ending, {".html": ".htm"}.get(ending))
    return name if fits and path.strip("/") else name + ending
