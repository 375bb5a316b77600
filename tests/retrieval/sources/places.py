"""A source whose listing a test writes, and what is here of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, ClassVar

from accounts.database import managing
from accounts.outbound import Allowed, Dialler
from retrieval.errors import SourceUnavailable
from retrieval.ingestion import vault
from retrieval.models import Document, DocumentVersion, Source, SourceItem
from retrieval.search.index import PostgresChunkIndex
from retrieval.sources import INHERIT, Connector, ExternalAccess, ExternalDocument, Field, Site
from retrieval.sources.intake import Intake
from retrieval.sources.report import Report
from retrieval.sources.sync import sync
from tests.factories import a_collection, a_tenant, readers_of

BYTES_MAX = 10_000


class ListedConnector(Connector):
    """Tells what it is given; an exception among it is raised."""

    kind: ClassVar[str] = "listed"
    label: ClassVar[str] = "List"
    summary: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()

    def __init__(self, changes: list[Any], lists_everything: bool = True) -> None:
        super().__init__({}, "", a_site())
        self.told = changes
        self.lists_everything = lists_everything  # type: ignore[misc]
        self.cursors: list[Any] = []

    def changes(self, cursor) -> Iterator[Any]:
        self.cursors.append(cursor)
        for change in self.told:
            if isinstance(change, BaseException):
                raise change
            yield change


def a_site(*allow: str, ports=(), folder=None, plain_mail: bool = False, **more: Any) -> Site:
    dialler = Dialler(Allowed.parsed(allow, ports))
    return Site(
        dialler=dialler,
        folder=folder,
        plain_mail=plain_mail,
        bytes_max=BYTES_MAX,
        sleep=more.pop("sleep", lambda seconds: None),
        **more,
    )


def a_file(
    name: str, text: str = "", version: str = "1", access: ExternalAccess = INHERIT, **more: Any
) -> ExternalDocument:
    @contextmanager
    def opened():
        if more.get("error"):
            raise more["error"]
        yield BytesIO((text or f"words of {name}").encode())

    return ExternalDocument(
        external_id=more.get("external_id", name),
        name=name,
        version=version,
        access=access,
        open=more.get("open", opened),
        size=more.get("size"),
    )


def documents_of(connector: Connector) -> Iterator[ExternalDocument]:
    """The documents among what it tells, each while it can be opened."""
    for change in connector.changes({}):
        if isinstance(change, ExternalDocument):
            yield change


BROKEN = SourceUnavailable("The source broke off.")


class Place:
    """One source of one tenant, and its documents here."""

    def __init__(self) -> None:
        self.tenant = a_tenant()
        self.collection = a_collection(self.tenant, name="Handbook")
        self.dispatched: list[Any] = []
        self.intake = Intake(
            dispatch=lambda *ids: self.dispatched.append(ids), index=PostgresChunkIndex(), bytes_max=BYTES_MAX
        )
        with managing(self.tenant.pk):
            self.pk = Source.objects.create(
                tenant=self.tenant, collection=self.collection, kind="listed", name="Shelf"
            ).pk

    @property
    def source(self) -> Source:
        with managing(self.tenant.pk):
            return Source.objects.select_related("tenant", "collection").get(pk=self.pk)

    def run(self, *changes: Any, lists_everything: bool = True, **how: Any) -> Report:
        return sync(self.source, ListedConnector(list(changes), lists_everything), self.intake, **how)

    def settle(self, status: str = Document.Status.INDEXED) -> None:
        """As though a worker had taken all of it in."""
        with managing(self.tenant.pk):
            Document.objects.all().update(searchable=True, status=status)

    @property
    def documents(self) -> dict[str, Document]:
        with managing(self.tenant.pk):
            return {document.source_name: document for document in Document.objects.all()}

    @property
    def names(self) -> list[str]:
        return sorted(self.documents)

    def text(self, name: str) -> str:
        with managing(self.tenant.pk):
            newest = DocumentVersion.objects.filter(document=self.documents[name]).first()
        assert newest is not None
        with vault.open(self.tenant.pk, newest.stored_name) as kept:
            return kept.read().decode()

    def readers(self, name: str) -> list[int]:
        return readers_of(self.documents[name])

    @property
    def items(self) -> dict[str, SourceItem]:
        with managing(self.tenant.pk):
            return {item.external_id: item for item in SourceItem.objects.all()}
