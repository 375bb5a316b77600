"""Files that are sent together: each is judged on its own, and one batch id says how far they all are."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from accounts.database import managing
from accounts.scope import Sensitivity
from retrieval.access.rights import check_take_in
from retrieval.api.caller import Caller
from retrieval.errors import ChangeRefused, UnreadableFile
from retrieval.ingestion.receive import Dispatch, Received, Upload, receive, safe_name
from retrieval.models import Collection, Document

FILES_MAX = 20  # of one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Whose files go where, under which batch."""

    caller: Caller
    collection: Collection
    dispatch: Dispatch
    sensitivity: Sensitivity | None = None
    batch: UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one file: received, unchanged or refused, with the sentence for people."""

    name: str
    outcome: str
    reason: str = ""
    document: Document | None = None


def take_in(sending: Sending, file: UploadedFile, title: str = "") -> Received:
    """Raises ChangeRefused and UnreadableFile, each with its sentence; nothing is kept then."""
    upload = Upload(
        name=file.name or "",
        content=file,
        title=title,
        sensitivity=sending.sensitivity,
        declared_type=file.content_type or "",
        created_by_id=sending.caller.scope.user_id,
        batch=sending.batch,
    )
    with managing(sending.caller.scope.tenant_id):
        check_take_in(sending.caller, sending.collection, safe_name(upload.name), upload.sensitivity)
    return receive(sending.collection, upload, sending.dispatch, settings.RAGSITE_UPLOAD_BYTES_MAX)


def take_in_all(sending: Sending, files: Iterable[UploadedFile]) -> Iterator[Taken]:
    """One file that is refused stops none of the others."""
    for file in files:
        name = safe_name(file.name or "")
        try:
            received = take_in(sending, file)
        except (UnreadableFile, ChangeRefused) as reason:
            yield Taken(name=name, outcome="refused", reason=str(reason))
            continue
        outcome = "unchanged" if received.unchanged else "received"
        yield Taken(name=name, outcome=outcome, document=received.document)
