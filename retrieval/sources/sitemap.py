"""Sitemaps (sitemaps.org, protocol 0.9) and robots.txt (RFC 9309)."""

import gzip
from typing import IO
from urllib.robotparser import RobotFileParser

from lxml import etree

from accounts.outbound import Locator
from retrieval.errors import FetchRefused, SourceUnavailable
from retrieval.fetching import Fetcher

AGENT = "ragsite"
XML = ("application/xml", "text/xml", "application/gzip", "application/x-gzip")
TEXT = ("text/plain",)
ROBOTS_BYTES_MAX = 500 * 1024  # what RFC 9309 asks to be read
SITEMAP_BYTES_MAX = 50 * 1024 * 1024  # the protocol's own bound, unpacked
NO_SITEMAP = "The sitemap cannot be read: it is no XML of the sitemap protocol, or too large."


class Robots:
    """What a site lets us fetch. Without a file everything; with one that does not come, nothing."""

    def __init__(self, fetcher: Fetcher, host: Locator) -> None:
        self._rules: RobotFileParser | None = RobotFileParser()
        address = Locator(scheme=host.scheme, host=host.host, port=host.port, target="/robots.txt")
        try:
            with fetcher.fetch(address.url, TEXT, permit=lambda at: at.host == host.host).body as body:
                text = body.read(ROBOTS_BYTES_MAX)
            self._rules.parse(text.decode("utf-8", "replace").splitlines())
        except FetchRefused as refusal:
            if 400 <= refusal.status < 500 or refusal.status == 200:
                self._rules.parse([])
            else:
                self._rules = None

    def allow(self, locator: Locator) -> bool:
        return self._rules is not None and self._rules.can_fetch(AGENT, locator.url)

    @property
    def reachable(self) -> bool:
        return self._rules is not None

    @property
    def delay_seconds(self) -> float:
        """What the site asks to be left between two fetches; 0 where it asks for nothing."""
        said = self._rules.crawl_delay(AGENT) if self._rules else None
        return float(said) if said else 0.0


def read_sitemap(body: IO[bytes]) -> tuple[list[str], list[str]]:
    """(pages, further sitemaps) that a sitemap names. Raises SourceUnavailable."""
    try:
        packed = body.read(2) == b"\x1f\x8b"
        body.seek(0)
        text = (gzip.GzipFile(fileobj=body, mode="rb") if packed else body).read(SITEMAP_BYTES_MAX + 1)
        if len(text) > SITEMAP_BYTES_MAX:
            raise SourceUnavailable(NO_SITEMAP)
        # No entities, no document type and nothing fetched: a sitemap needs none of them.
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError, OSError, EOFError) as error:
        raise SourceUnavailable(NO_SITEMAP) from error
    name = etree.QName(root).localname
    found = [(place.text or "").strip() for place in root.iterfind("{*}*/{*}loc")]
    if name == "sitemapindex":
        return [], found
    if name == "urlset":
        return found, []
    raise SourceUnavailable(NO_SITEMAP)
