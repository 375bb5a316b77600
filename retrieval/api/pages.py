"""The pages people read: ask, documents, one document."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.database import managing, reading
from accounts.roles import Right
from compliance.audit.append import append
from retrieval.access.rights import may
from retrieval.access.values import Permission
from retrieval.api.caller import Caller
from retrieval.api.conversations import past_exchanges, recent_conversations
from retrieval.api.listing import count_failed, documents_for_editor, documents_for_reader
from retrieval.api.uploads import BATCHES_MAX, UploadForm, collection_choices, ids_in
from retrieval.api.versions import known, whole_versions
from retrieval.api.visitor import shell, signed_in
from retrieval.api.words import STAGES, heading_within, media_type_in_words
from retrieval.ingestion.progress import BatchProgress, batches_among, unfinished_batches
from retrieval.models import ChunkText, Document, DocumentVersion
from retrieval.models.permitted import permitted_among

log = structlog.get_logger()

PASSAGES_PER_PAGE = 1000  # about a megabyte of text
EXAMPLES_MAX = 4


@require_safe
@signed_in
def ask_page(request: HttpRequest, caller: Caller, conversation_id: UUID | None = None) -> HttpResponse:
    """The console: a new conversation, or one of the person's own reopened."""
    with reading(caller.scope):
        exchanges = past_exchanges(caller.scope, conversation_id) if conversation_id else []
        conversations = recent_conversations(caller.scope)
        examples = [] if exchanges else example_questions(caller)
    page = {
        "conversation_id": conversation_id,
        "conversations": conversations,
        "exchanges": exchanges,
        "examples": examples,
        "may_ask": caller.may(Right.ASK),
        "question_chars_max": settings.RAGSITE_QUESTION_CHARS_MAX,
        "stage_words": STAGES,
    }
    return render(request, "ask.html", shell(request, caller, "ask") | page)


def example_questions(caller: Caller) -> list[str]:
    """Questions to begin with: the demonstration's own, or ones about what the person may read."""
    known = settings.RAGSITE_EXAMPLE_QUESTIONS.get(caller.membership.tenant.slug, ())
    if known:
        return list(known[:EXAMPLES_MAX])
    readable = Document.objects.readable_by(caller.scope).order_by("-created_at")
    titles = dict(readable.values_list("pk", "title")[:EXAMPLES_MAX])
    permitted = permitted_among(caller.scope, titles)
    return [f"What does “{title}” say?" for pk, title in titles.items() if pk in permitted]


@require_safe
@signed_in
def documents_page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What the person may read; an editor sees the state of everything in the tenant besides."""
    page = (
        page_for_editor(request, caller)
        if caller.may(Right.EDIT_DOCUMENTS)
        else page_for_reader(request, caller)
    )
    return render(request, "documents.html", shell(request, caller, "documents") | page)


def page_for_reader(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    return {
        "edits": False,
        "documents": documents_for_reader(caller.scope, request.GET.get("page", "1")),
    }


def page_for_editor(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    tenant_id = caller.scope.tenant_id
    only_failed = request.GET.get("show") == "failed"
    collections = [] if only_failed else collection_choices(caller.scope)
    documents = documents_for_editor(caller.scope, request.GET.get("page", "1"), failed=only_failed)
    return {
        "edits": True,
        "only_failed": only_failed,
        "failed": count_failed(tenant_id),
        "batches": batches_shown(tenant_id, ids_in([request.GET.get("batch", "")])),
        "documents": documents,
        "form": UploadForm(collections) if collections else None,
        "bytes_max": settings.RAGSITE_UPLOAD_BYTES_MAX,
    }


def batches_shown(tenant_id: UUID, asked_for: list[UUID]) -> list[BatchProgress]:
    """The batch just sent, also once it is whole, and what else is on its way."""
    own = list(batches_among(tenant_id, asked_for).values())
    others = unfinished_batches(tenant_id, BATCHES_MAX)
    return (own + [batch for batch in others if batch.id not in asked_for])[:BATCHES_MAX]


@require_safe
@signed_in
def document_page(request: HttpRequest, caller: Caller, document_id: UUID) -> HttpResponse:
    """A document's passages, recorded as read before they are shown. Forbidden and absent are both 404."""
    first = first_passage(request.GET.get("from", "0"))
    wanted = request.GET.get("version", "")
    with reading(caller.scope):
        readable = Document.objects.readable_by(caller.scope).select_related("collection")
        document = get_object_or_404(readable, pk=document_id)
        if not permitted_among(caller.scope, [document.pk]):
            raise Http404
        version = version_of(document, wanted)
        passages = passages_of(document, version, first)
        versions = [known(each, document) for each in whole_versions(document)]
    try:
        record_reading(request, caller, document, version, first, len(passages))
    except DatabaseError as error:
        log.error("audit.unavailable", document_id=str(document.pk), error=type(error).__name__)
        return render(request, "503.html", status=503)
    page = {
        "document": document,
        "kind": media_type_in_words(document.media_type),
        "sensitivity": document.get_sensitivity_display(),
        "passages": passages,
        "shares": shares(caller, document),
        "per_page": PASSAGES_PER_PAGE,
        "earlier": max(first - PASSAGES_PER_PAGE, 0) if first else None,
        "later": first + PASSAGES_PER_PAGE if first + PASSAGES_PER_PAGE < version.chunk_count else None,
        "version": version.number,
        "has_file": version.sealed and bool(version.stored_name),
        "outdated": version.pk != document.version_id,
        "versions": versions,
    }
    return render(request, "document.html", shell(request, caller, "documents") | page)


def shares(caller: Caller, document: Document) -> bool:
    """Whether the page leads to the document's grants."""
    with managing(caller.scope.tenant_id):
        return may(caller, Permission.SHARE, document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document as its page shows it."""

    ordinal: int
    body: str
    heading: str  # path of headings below the title
    page: int | None


def version_of(document: Document, wanted: str) -> DocumentVersion:
    """The version with this number, as a citation names it; "": the one that is read now. Raises Http404.

    Call inside `reading(scope)`.
    """
    versions = DocumentVersion.objects.filter(document=document).exclude(indexed_at=None)
    if not wanted:
        return get_object_or_404(versions, pk=document.version_id)
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 9):
        raise Http404
    return get_object_or_404(versions, number=int(wanted))


def passages_of(document: Document, version: DocumentVersion, first: int) -> list[Passage]:
    """One page of passages from `first` on. Call inside `reading(scope)`."""
    texts = ChunkText.objects.filter(tenant_id=document.tenant_id, version=version)
    page = texts.filter(ordinal__gte=first, ordinal__lt=first + PASSAGES_PER_PAGE).order_by("ordinal")
    return [
        Passage(
            ordinal=text.ordinal,
            body=text.body,
            heading=heading_within(text.heading, document.title),
            page=text.page,
        )
        for text in page
    ]


def first_passage(wanted: str) -> int:
    """The ordinal a page of passages begins with; nonsense begins at the beginning."""
    # At most nine digits: the column is a 32-bit integer.
    return int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) <= 9 else 0


def record_reading(
    request: HttpRequest,
    caller: Caller,
    document: Document,
    version: DocumentVersion,
    first: int,
    passages: int,
) -> None:
    append(
        tenant_id=caller.scope.tenant_id,
        event="document.read",
        request_id=request.request_id,  # type: ignore[attr-defined]  # set by the middleware
        actor_id=caller.scope.user_id,
        object_pk=str(document.pk),
        details={"version": version.number, "from": first, "passages": passages},
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for errors of ours, with the id by which the operator finds them."""
    context = {"request_id": getattr(request, "request_id", "")}
    return render(request, "500.html", context, status=500)
