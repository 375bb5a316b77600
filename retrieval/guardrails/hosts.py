"""Where a link may lead. Everything is foreign until it is shown to be allowed."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

# One leading slash or a fragment, and no query: the citation links of our own pages.
_OWN_PAGE = re.compile(r"(?:/(?![/\\])[\w.~/-]*)?(?:#[\w-]*)?")
_PLAIN_HOST = re.compile(r"[a-z0-9.-]+(?::\d{1,5})?")
_USUAL_PORTS = {"http": ("", "80"), "https": ("", "443")}


def is_own_page(destination: str) -> bool:
    """Whether a link's destination stays on this site: a path from the root, a fragment, no query."""
    return bool(destination) and _OWN_PAGE.fullmatch(destination) is not None


def is_allowed(url: str, hosts: Sequence[str]) -> bool:
    """Whether an absolute URL leads to one of the hosts: "host", "host:port" or "*.domain" for subdomains.

    Only http and https. Anything that two parsers could read differently is not allowed: user names,
    backslashes, escapes or non-ASCII letters in the authority (RFC 3986, section 3.2; WHATWG URL, 4.4).
    """
    if not url.isascii() or not url.isprintable() or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    authority = parts.netloc.lower()
    if parts.scheme not in _USUAL_PORTS or not _PLAIN_HOST.fullmatch(authority):
        return False
    name, _, port = authority.partition(":")
    wanted = (name,) if port in _USUAL_PORTS[parts.scheme] else ()
    return any(_covers(host.lower(), (authority, *wanted)) for host in hosts)


def _covers(host: str, names: Sequence[str]) -> bool:
    if host.startswith("*."):
        return any(name.endswith(host[1:]) and len(name) > len(host) - 1 for name in names)
    return host in names
