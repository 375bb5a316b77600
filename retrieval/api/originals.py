"""`/documents/{id}/file`: the file that was brought in, for who may read it, on record before it leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

import structlog
from django.contrib.auth.views import redirect_to_login
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from rest_framework.exceptions import MethodNotAllowed

from accounts.database import in_database, managing, reading
from accounts.roles import Right
from compliance.audit.append import append
from retrieval.access.rights import may
from retrieval.access.values import Permission
from retrieval.api.caller import Caller, identify
from retrieval.api.documents import require_looking
from retrieval.api.downloads import (
    Attachment,
    Span,
    Unsatisfiable,
    download,
    head_of,
    unsatisfiable,
    wanted_span,
)
from retrieval.api.queries import error_response
from retrieval.api.targets import find_document
from retrieval.api.visitor import shell, visitor
from retrieval.errors import AuditUnavailable
from retrieval.ingestion import vault
from retrieval.models import Document, DocumentVersion
from retrieval.models.permitted import permitted_among

log = structlog.get_logger()

Identify = Callable[[HttpRequest], Caller | HttpResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file found for its caller and on record as hers. `plain` is None where only the head is asked for."""

    attachment: Attachment
    plain: BinaryIO | None
    span: Span | None


def stored_original(document: Document) -> tuple[str, str, int]:
    """(name in the vault, media type, size in bytes) of the file behind a document; "" where there is none."""
    with managing(document.tenant_id):
        sealed = DocumentVersion.objects.filter(document=document, sealed=True)
        # Who may read the document reads this version; the newest one is for who brings it in or reviews it.
        version = (
            sealed.filter(pk__in=[document.version_id]).first() if document.searchable else sealed.first()
        )
    if version is None:
        return "", document.media_type, document.size_bytes
    return version.stored_name, version.media_type, version.size_bytes


# A session reads only, and `identify` asks for no token then; a key needs none.
@csrf_exempt
async def original_view(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """`GET` and `HEAD /api/v1/documents/{id}/file`"""
    try:
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(request.method or "")
        return await answer(request, document_id, identify)
    except Exception as error:
        return error_response(error, request)


@require_safe
async def original_page(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """The same for a browser: strangers sign in first."""
    try:
        return await answer(request, document_id, by_session)
    except AuditUnavailable:
        return await in_database(render, request, "503.html", None, None, 503)


async def answer(request: HttpRequest, document_id: UUID, who: Identify) -> HttpResponseBase:
    # All the database work in one go: the connection is back before the first byte leaves.
    opened = await in_database(open_original, request, document_id, who)
    if not isinstance(opened, Opened):
        return opened
    if opened.plain is None:
        return head_of(opened.attachment)
    return download(opened.attachment, opened.plain, opened.span)


def by_session(request: HttpRequest) -> Caller | HttpResponse:
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    return visitor(request) or render(request, "no_tenant.html", shell(request), status=403)


def open_original(request: HttpRequest, document_id: UUID, who: Identify) -> Opened | HttpResponse:
    """Raises Http404 alike for what is absent, foreign, not hers, or kept nowhere any more."""
    caller = who(request)
    if not isinstance(caller, Caller):
        return caller
    require_looking(caller)
    document = readable(caller, document_id) or in_hand(caller, document_id)
    if document is None:
        raise Http404
    attachment = attachment_of(document)
    try:
        span = wanted_span(request, attachment)
    except Unsatisfiable:
        return unsatisfiable(attachment)
    if request.method == "HEAD":
        return Opened(attachment=attachment, plain=None, span=None)
    plain = opened_in_vault(document)
    try:
        record(request, caller, document, span)
    except BaseException:
        plain.close()
        raise
    return Opened(attachment=attachment, plain=plain, span=span)


def readable(caller: Caller, document_id: UUID) -> Document | None:
    """A document whose text the caller may read."""
    with reading(caller.scope):
        document = Document.objects.readable_by(caller.scope).filter(pk=document_id).first()
        permitted = document is not None and permitted_among(caller.scope, [document.pk])
        return document if permitted else None


def in_hand(caller: Caller, document_id: UUID) -> Document | None:
    """A document on its way in, within her ceiling: for who may change it, and held back, for who reviews."""
    with managing(caller.scope.tenant_id):
        document = find_document(caller, document_id)
        if document is None or document.searchable or document.sensitivity > caller.scope.ceiling:
            return None
        if document.status == Document.Status.QUARANTINED:
            return document if caller.may(Right.REVIEW_QUARANTINE) else None
        return document if may(caller, Permission.CHANGE, document) else None


def attachment_of(document: Document) -> Attachment:
    name, media_type, size_bytes = stored_original(document)
    if not name:
        raise Http404
    return Attachment(name=document.source_name, media_type=media_type, size_bytes=size_bytes, mark=name)


def opened_in_vault(document: Document) -> BinaryIO:
    name, _, _ = stored_original(document)
    try:
        return vault.open(document.tenant_id, name)
    except FileNotFoundError:
        log.error("original.missing", tenant=str(document.tenant_id), document=str(document.pk))
        raise Http404 from None


def record(request: HttpRequest, caller: Caller, document: Document, span: Span | None) -> None:
    """Raises AuditUnavailable: what cannot be recorded is not given out."""
    try:
        append(
            tenant_id=caller.scope.tenant_id,
            event="document.downloaded",
            request_id=request.request_id,  # type: ignore[attr-defined]  # set by the middleware
            actor_id=caller.scope.user_id,
            object_pk=str(document.pk),
            details={
                "version": document.content_version,
                "surface": caller.surface,
                "first": span.first if span else 0,
                "bytes": span.size if span else document.size_bytes,
            },
        )
    except DatabaseError as error:
        log.error("audit.unavailable", document_id=str(document.pk), error=type(error).__name__)
        raise AuditUnavailable(
            "The audit trail cannot be written; nothing is given out. Try again later."
        ) from error
