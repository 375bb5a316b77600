"""Fetching one page: bounded in size, time, redirects and kinds, and never from an address that was not judged."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from accounts.outbound import AddressRefused, Dialler, Locator, locate
from accounts.outbound.dialling import UNREACHABLE, pools
from retrieval.errors import FetchRefused
from retrieval.fetching.watch import Watch

USER_AGENT = "ragsite/1"
BLOCK_BYTES = 64 * 1024
IN_MEMORY_BYTES = 1024 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Bounds of one fetch, redirects included. `bytes_max` counts what was unpacked."""

    bytes_max: int = 20 * 1024 * 1024
    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0
    redirects_max: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A page as it came. Its `body` stands at the beginning and is the caller's to close."""

    locator: Locator  # where the redirects ended
    media_type: str
    size: int
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False  # the server says that it is still what the validators stand for
    body: IO[bytes] = field(compare=False)


class Fetcher:
    """Fetches by GET. Sends no cookie and no credential, and heeds no proxy of the environment.

    ca_file: certificates to trust in place of the system's.
    """

    def __init__(
        self,
        dialler: Dialler,
        limits: FetchLimits | None = None,
        user_agent: str = USER_AGENT,
        ca_file: str | None = None,
    ) -> None:
        self.dialler = dialler
        self.limits = limits or FetchLimits()
        self.user_agent = user_agent
        self.ca_file = ca_file

    def fetch(
        self,
        url: str,
        types: Collection[str],
        *,
        etag: str = "",
        last_modified: str = "",
        permit: Callable[[Locator], bool] | None = None,
    ) -> Fetched:
        """The page at an address, or `unchanged` where it is what the validators stand for.

        types: the media types taken. permit: asked for each address, redirects included.
        Raises FetchRefused, whose `status` is that of the answer or 0 without one.
        """
        headers = {"User-Agent": self.user_agent, "Accept": ", ".join(types), "Accept-Encoding": "gzip"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": last_modified} if last_modified and not etag else {}
        with Watch(self.limits.total_seconds) as watch:
            try:
                return self._follow(locate(url), types, headers, permit, watch)
            except AddressRefused as refusal:
                raise FetchRefused(str(refusal)) from refusal
            except (HTTPError, OSError) as error:
                raise FetchRefused(SLOW if watch.expired else UNREACHABLE, permanent=False) from error

    def _follow(
        self,
        locator: Locator,
        types: Collection[str],
        headers: dict[str, str],
        permit: Callable[[Locator], bool] | None,
        watch: Watch,
    ) -> Fetched:
        for _ in range(self.limits.redirects_max + 1):
            if permit is not None and not permit(locator):
                raise FetchRefused("This page, or one that it leads to, is not to be fetched.")
            with self._answer(locator, headers, watch) as response:
                if watch.expired:
                    raise FetchRefused(SLOW, permanent=False)  # a head that was cut off looks whole
                if response.status not in REDIRECTS:
                    return self._taken(locator, response, types, watch)
                locator = self._next(locator, response)
        raise FetchRefused("This page leads on and on to others.")

    def _answer(self, locator: Locator, headers: dict[str, str], watch: Watch) -> BaseHTTPResponse:
        made = pools(self.dialler.telling(watch.opened), self.limits.connect_seconds)[locator.scheme]
        trusted: dict[str, Any] = (
            {"ca_certs": self.ca_file} if self.ca_file and locator.scheme == "https" else {}
        )
        timeout = Timeout(connect=self.limits.connect_seconds, read=self.limits.read_seconds)
        pool = made(locator.host, locator.port, timeout=timeout, maxsize=1, **trusted)
        return pool.urlopen(
            "GET",
            locator.target,
            headers=headers | {"Host": locator.place, "Connection": "close"},
            redirect=False,
            retries=False,
            preload_content=False,
            assert_same_host=False,
        )

    def _next(self, locator: Locator, response: BaseHTTPResponse) -> Locator:
        place = response.headers.get("Location", "")
        following = locator.follow(place.encode("latin-1", "replace").decode("utf-8", "replace"))
        if locator.scheme == "https" and following.scheme != "https":
            raise FetchRefused("This page leads from https to http.")
        return following

    def _taken(
        self, locator: Locator, response: BaseHTTPResponse, types: Collection[str], watch: Watch
    ) -> Fetched:
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        unchanged = response.status == NOT_MODIFIED
        if response.status != 200 and not unchanged:
            raise FetchRefused(
                f"The server answered {response.status}.",
                status=response.status,
                permanent=response.status < 500 and response.status != 429,
            )
        if not unchanged and media_type not in types:
            raise FetchRefused("This is no kind of page that is taken.", status=response.status)
        body, size = self._body(response, watch)
        return Fetched(
            locator=locator,
            media_type=media_type,
            size=size,
            etag=response.headers.get("ETag", "")[:200],
            last_modified=response.headers.get("Last-Modified", "")[:100],
            unchanged=unchanged,
            body=body,
        )

    def _body(self, response: BaseHTTPResponse, watch: Watch) -> tuple[IO[bytes], int]:
        body: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  (the caller closes it)
        size = 0
        try:
            # read1 and not read, which would wait for a whole block however slowly it comes.
            while block := response.read1(BLOCK_BYTES, decode_content=True):
                size += len(block)
                if size > self.limits.bytes_max:
                    raise FetchRefused(f"This page has more than {self.limits.bytes_max / 1e6:.0f} MB.")
                body.write(block)
            if watch.expired:
                raise FetchRefused(SLOW, permanent=False)  # and so does a body
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return body, size


SLOW = "This page takes too long to come."
