"""Which kinds of sources there are: our own, and those an installed package adds."""

from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points

from retrieval.errors import SourceRefused
from retrieval.sources.connector import Connector

ENTRY_POINTS = "ragsite.connectors"
OWN = {
    "folder": "retrieval.sources.folder:FolderConnector",
    "bucket": "retrieval.sources.bucket:BucketConnector",
    "web": "retrieval.sources.web:WebConnector",
    "mailbox": "retrieval.sources.mailbox:MailboxConnector",
}


@lru_cache(maxsize=1)
def kinds() -> dict[str, type[Connector]]:
    """The connectors by kind; a package's never takes the place of one of ours."""
    found: dict[str, type[Connector]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        found[entry.name] = checked(entry.name, entry.load())
    for kind, place in OWN.items():
        module, _, name = place.partition(":")
        found[kind] = checked(kind, getattr(import_module(module), name))
    return found


def checked(kind: str, connector: object) -> type[Connector]:
    """Raises TypeError for an entry point that names no connector of its own kind."""
    if not (isinstance(connector, type) and issubclass(connector, Connector) and connector.kind == kind):
        raise TypeError(f"The entry point '{kind}' of {ENTRY_POINTS} names no connector of this kind.")
    return connector


def connector_of(kind: str) -> type[Connector]:
    """Raises SourceRefused for a kind that is not installed."""
    if kind not in kinds():
        known = ", ".join(sorted(kinds()))
        raise SourceRefused(f"There is no source of this kind. There are: {known}.", "kind")
    return kinds()[kind]
