"""An upload from its opening to its document. Each step is a short transaction; bytes move between them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from accounts.database import managing
from accounts.models import Membership
from accounts.scope import Sensitivity
from retrieval.access.rights import Actor, check_take_in
from retrieval.errors import UnreadableFile
from retrieval.ingestion import vault
from retrieval.ingestion.receive import safe_name
from retrieval.models import Collection, ResumableUpload
from retrieval.uploads.errors import (
    ChecksumMismatch,
    TooManyUploads,
    UploadConflict,
    UploadGone,
    UploadTooLarge,
)

State = ResumableUpload.State

# From the last part on: over a weekend, and not for ever.
EXPIRES_AFTER = timedelta(days=3)
PART_BYTES_MAX = 8 * 1024 * 1024
PARTS_MAX = 20_000  # their names stand in one row


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A file that somebody wants to send."""

    name: str
    size: int
    title: str = ""
    sensitivity: Sensitivity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the next part of an upload goes."""

    upload_id: UUID
    tenant_id: UUID
    offset: int
    size: int

    @property
    def bytes_max(self) -> int:
        return min(PART_BYTES_MAX, self.size - self.offset)

    @property
    def is_whole(self) -> bool:
        return self.offset == self.size


def open_upload(actor: Actor, collection: Collection, wish: Wish) -> ResumableUpload:
    """Begin an upload into a collection. Call inside `managing`.

    Raises ChangeRefused, UnreadableFile, UploadTooLarge and TooManyUploads.
    """
    name, bytes_max = safe_name(wish.name), settings.RAGSITE_UPLOAD_BYTES_MAX
    check_take_in(actor, collection, name, wish.sensitivity)
    if wish.size == 0:
        raise UnreadableFile(f"'{name}' is empty.")
    if wish.size > bytes_max:
        raise UploadTooLarge(
            f"'{name}' has {wish.size / 1e6:.1f} MB; at most {bytes_max / 1e6:.0f} MB are taken. "
            "Split it or ask an administrator."
        )
    check_room(actor, wish.size)
    return ResumableUpload.objects.create(
        tenant_id=collection.tenant_id,
        owner_id=actor.scope.user_id,
        collection=collection,
        name=name,
        title=wish.title,
        sensitivity=wish.sensitivity,
        size=wish.size,
        expires_at=timezone.now() + EXPIRES_AFTER,
    )


def check_room(actor: Actor, size: int) -> None:
    """Raises TooManyUploads. Of two that open one at once, the second counts the first."""
    Membership.objects.select_for_update().get(pk=actor.membership.pk)
    mine = ResumableUpload.objects.filter(
        tenant_id=actor.scope.tenant_id, owner_id=actor.scope.user_id, state__in=(State.OPEN, State.WHOLE)
    )
    most, bytes_most = settings.RAGSITE_OPEN_UPLOADS_MAX, settings.RAGSITE_OPEN_UPLOAD_BYTES_MAX
    if mine.count() >= most:
        raise TooManyUploads(f"You have {most} uploads open, which is the limit. Finish or cancel one first.")
    if (mine.aggregate(bytes=Sum("size"))["bytes"] or 0) + size > bytes_most:
        raise TooManyUploads(
            f"Your open uploads may have {bytes_most / 1e6:.0f} MB together. Finish or cancel one first."
        )


def own_uploads(actor: Actor) -> "QuerySet[ResumableUpload]":
    return ResumableUpload.objects.filter(tenant_id=actor.scope.tenant_id, owner_id=actor.scope.user_id)


def place_for(upload: ResumableUpload, offset: int) -> Place:
    """Raises UploadGone and UploadConflict."""
    if upload.is_expired:
        raise UploadGone("The time of this upload is over. Begin it anew.")
    if upload.state == State.REFUSED:
        raise UploadConflict(upload.reason)
    if upload.offset != offset:
        raise UploadConflict(
            f"This upload stands at byte {upload.offset}, and the part is for byte {offset}. Go on from there."
        )
    if len(upload.parts) >= PARTS_MAX:
        raise UploadTooLarge("This upload came in too many parts. Begin it anew with larger ones.")
    return Place(upload_id=upload.pk, tenant_id=upload.tenant_id, offset=upload.offset, size=upload.size)


def keep_part(place: Place, content: Iterable[bytes], sha256: str = "") -> vault.Kept:
    """Keep a part, encrypted; nothing is left of one that is too long or not what was sent.

    sha256: what its digest must be, in hex; "" for any. Raises UploadTooLarge and ChecksumMismatch.
    """
    kept = vault.keep(place.tenant_id, no_longer_than(place.bytes_max, content))
    if sha256 and kept.sha256 != sha256:
        vault.delete(kept.name)
        raise ChecksumMismatch("This part did not arrive as it was sent. Send it again.")
    return kept


def no_longer_than(bytes_max: int, content: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for block in content:
        size += len(block)
        if size > bytes_max:
            raise UploadTooLarge(f"Here fits a part of at most {bytes_max} bytes.")
        yield block


def add_part(place: Place, kept: vault.Kept) -> ResumableUpload:
    """Make a kept part the next one of its upload.

    Raises UploadConflict where another came first, or the upload was cancelled; the part is not deleted.
    """
    with managing(place.tenant_id):
        upload = (
            ResumableUpload.objects.select_for_update()
            .filter(pk=place.upload_id, tenant_id=place.tenant_id, state=State.OPEN, offset=place.offset)
            .first()
        )
        if upload is None:
            raise UploadConflict(
                "Another part came first. Ask where the upload stands, and go on from there."
            )
        if kept.size_bytes:
            upload.parts = [*upload.parts, [kept.name, kept.size_bytes]]
        upload.offset += kept.size_bytes
        upload.state = State.WHOLE if upload.offset == upload.size else State.OPEN
        upload.expires_at = timezone.now() + EXPIRES_AFTER
        upload.save(update_fields=["parts", "offset", "state", "expires_at"])
    return upload


def cancel(actor: Actor, upload_id: UUID) -> bool:
    """End an upload of the actor's and forget its parts; False when she has none such.

    Raises UploadConflict while it is being taken in.
    """
    with managing(actor.scope.tenant_id):
        upload = own_uploads(actor).select_for_update().filter(pk=upload_id).first()
        if upload is None:
            return False
        if upload.state == State.WHOLE and upload.claimed_at is not None:
            raise UploadConflict("This upload is whole and is being taken in.")
        upload.delete()
    forget_parts(upload.part_names())
    return True


def forget_parts(names: Iterable[str]) -> None:
    """After the commit that names them no more."""
    for name in names:
        vault.delete(name)


def names_in_use(tenant_id: UUID) -> set[str]:
    """The names in the vault that belong to uploads on their way; no orphans. Call inside `managing`."""
    rows = (
        ResumableUpload.objects.filter(tenant_id=tenant_id).exclude(parts=[]).values_list("parts", flat=True)
    )
    return {name for parts in rows for name, _ in parts}


def waiting(tenant_id: UUID, unclaimed_since: timedelta) -> "QuerySet[ResumableUpload]":
    """Whole uploads that nobody is taking in, or somebody who is gone."""
    before = timezone.now() - unclaimed_since
    return ResumableUpload.objects.filter(tenant_id=tenant_id, state=State.WHOLE).filter(
        Q(claimed_at=None) | Q(claimed_at__lt=before)
    )
