"""A whole upload becomes a document, exactly once, by whoever sent its last part or by the sweep."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from accounts.database import managing
from accounts.models import Membership, Tenant
from accounts.resolve import scope_of
from accounts.roles import Right
from accounts.scope import AccessScope, Sensitivity
from retrieval.access.rights import Actor, check_take_in
from retrieval.errors import ChangeRefused, RetrievalError
from retrieval.ingestion.receive import Dispatch, Received, Upload, receive
from retrieval.models import ResumableUpload
from retrieval.uploads.lifecycle import EXPIRES_AFTER, State, forget_parts, waiting
from retrieval.uploads.parts import joined

log = structlog.get_logger()

# Longer than copying the largest file takes: whoever claimed it before is gone.
CLAIM_LASTS = timedelta(minutes=15)
# A request that has just stored the last part is about to claim it.
REST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who opened an upload, as she stands now, while nobody of hers is calling."""

    membership: Membership
    scope: AccessScope
    rights: frozenset[Right]
    cap: frozenset[Right] | None = None


def finish(
    tenant_id: UUID, upload_id: UUID, dispatch: Dispatch, actor: Actor | None = None
) -> Received | None:
    """Take a whole upload in; None when it is not whole, or somebody else is at it.

    actor: who sent the last part; without one, its owner. Raises RetrievalError with the reason for which
    the file is refused, which the upload then says.
    """
    upload = claim(tenant_id, upload_id)
    if upload is None:
        return None
    try:
        received = take_in(upload, actor or owner_of(upload), dispatch)
    except RetrievalError as reason:
        if reason.permanent:
            settle(upload, state=State.REFUSED, reason=str(reason)[:500])
        else:
            release(upload)
        raise
    except BaseException:
        release(upload)
        raise
    settle(upload, state=State.FINISHED, document_id=received.document.pk)
    return received


def claim(tenant_id: UUID, upload_id: UUID) -> ResumableUpload | None:
    with managing(tenant_id):
        mine = waiting(tenant_id, CLAIM_LASTS).filter(pk=upload_id).update(claimed_at=timezone.now())
        return ResumableUpload.objects.select_related("collection").get(pk=upload_id) if mine else None


def release(upload: ResumableUpload) -> None:
    with managing(upload.tenant_id):
        ResumableUpload.objects.filter(pk=upload.pk, state=State.WHOLE).update(claimed_at=None)


def settle(upload: ResumableUpload, **fields: object) -> None:
    names = upload.part_names()
    with managing(upload.tenant_id):
        ResumableUpload.objects.filter(pk=upload.pk).update(parts=[], **fields)
    forget_parts(names)


def owner_of(upload: ResumableUpload) -> Owner:
    """Raises ChangeRefused for one who is no member any more."""
    with managing(upload.tenant_id):
        membership = (
            Membership.objects.filter(
                tenant_id=upload.tenant_id, user_id=upload.owner_id, is_active=True, user__is_active=True
            )
            .select_related("tenant", "user", "own_role")
            .first()
        )
        if membership is None:
            raise ChangeRefused("You may not put this file here.")
        return Owner(membership=membership, scope=scope_of(membership), rights=membership.rights)


def take_in(upload: ResumableUpload, actor: Actor, dispatch: Dispatch) -> Received:
    """Rights are asked once more: days may lie between the first part and the last."""
    level = None if upload.sensitivity is None else Sensitivity(upload.sensitivity)
    with managing(upload.tenant_id):
        check_take_in(actor, upload.collection, upload.name, level)
    with joined(upload.tenant_id, [(name, size) for name, size in upload.parts], upload.name) as content:
        whole = Upload(
            name=upload.name,
            content=content,
            title=upload.title,
            sensitivity=level,
            created_by_id=upload.owner_id,
        )
        return receive(upload.collection, whole, dispatch, settings.RAGSITE_UPLOAD_BYTES_MAX)


def sweep_uploads(dispatch: Dispatch) -> int:
    """Take in what is whole and was left, and forget what is past its time; returns how many it was."""
    active = Tenant.objects.filter(state=Tenant.State.ACTIVE).values_list("pk", flat=True)
    return sum(take_in_left(tenant_id, dispatch) + forget_expired(tenant_id) for tenant_id in active)


def take_in_left(tenant_id: UUID, dispatch: Dispatch) -> int:
    now = timezone.now()
    # Its time began anew with its last part, which is older than a moment.
    rested = now + EXPIRES_AFTER - REST
    with managing(tenant_id):
        left = waiting(tenant_id, CLAIM_LASTS).filter(expires_at__gt=now, expires_at__lte=rested)
        ids = list(left.values_list("pk", flat=True))
    taken = 0
    for upload_id in ids:
        try:
            taken += finish(tenant_id, upload_id, dispatch) is not None
        except RetrievalError as reason:
            log.warning("upload.refused", tenant=str(tenant_id), upload=str(upload_id), code=reason.code)
    return taken


def forget_expired(tenant_id: UUID) -> int:
    forgotten: list[ResumableUpload] = []
    with managing(tenant_id):
        expired = ResumableUpload.objects.filter(tenant_id=tenant_id, expires_at__lte=timezone.now())
        for upload in expired.select_for_update(skip_locked=True):
            upload.delete()
            forgotten.append(upload)
    for upload in forgotten:
        forget_parts(upload.part_names())
    return len(forgotten)
