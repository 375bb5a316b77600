"""Editors bring documents in, and see how far they are."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.database import managing, reading
from accounts.roles import Right
from accounts.scope import AccessScope, Sensitivity
from retrieval.api.caller import Caller
from retrieval.api.ingestion import dead_letters, retry_by_id
from retrieval.api.listing import ListedDocument, documents_by_id
from retrieval.api.taking_in import FILES_MAX, Sending, Taken, take_in_all
from retrieval.api.visitor import signed_in
from retrieval.ingestion.media_types import BY_EXTENSION
from retrieval.ingestion.progress import BatchProgress, batches_among
from retrieval.ingestion.wording import number
from retrieval.models import Collection
from retrieval.tasks import dispatch_ingestion

STATUSES_MAX = 50  # of one look
BATCHES_MAX = 5
RETRIED_MAX = 500  # at one press of a button


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class UploadForm(forms.Form):
    """Where files go and how far they may travel. The files themselves are read from the request."""

    chosen = forms.FileField(
        label="Files",
        required=False,
        help_text="PDF, Office, web pages, e-mail, books, tables, text, source code, or a ZIP of these.",
        widget=SeveralFilesInput(attrs={"accept": ",".join(BY_EXTENSION), "required": True}),
    )
    collection = forms.ChoiceField(label="Collection")
    sensitivity = forms.TypedChoiceField(
        label="Sensitivity",
        coerce=lambda level: Sensitivity(int(level)),
        choices=[(level.value, level.name.title()) for level in Sensitivity],
        initial=Sensitivity.INTERNAL.value,
    )

    def __init__(self, collections: list[tuple[str, str]], *args: Any) -> None:
        super().__init__(*args)
        collection = self.fields["collection"]
        assert isinstance(collection, forms.ChoiceField)
        collection.choices = collections


def collection_choices(scope: AccessScope) -> list[tuple[str, str]]:
    """(id, name) of every collection of the tenant, by name."""
    with reading(scope):
        collections = Collection.objects.filter(tenant_id=scope.tenant_id).order_by("name")
        return [(str(pk), name) for pk, name in collections.values_list("pk", "name")]


@require_POST
@signed_in
def upload_documents(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Take files in; each gets a sentence about what became of it."""
    require_editor(caller)
    form = UploadForm(collection_choices(caller.scope), request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a collection and a sensitivity from the lists.")
        return redirect("documents")
    with reading(caller.scope):
        collection = get_object_or_404(
            Collection, tenant_id=caller.scope.tenant_id, pk=form.cleaned_data["collection"]
        )
    files = request.FILES.getlist("chosen")
    if not files:
        messages.error(request, "Choose at least one file.")
    if len(files) > FILES_MAX:
        messages.error(request, f"Only the first {FILES_MAX} of {len(files)} files were taken.")
    sending = Sending(
        caller=caller,
        collection=collection,
        dispatch=dispatch_ingestion,
        sensitivity=form.cleaned_data["sensitivity"],
    )
    received = 0
    for taken in take_in_all(sending, files[:FILES_MAX]):
        say(request, taken)
        received += taken.outcome == "received"
    address = reverse("documents")
    return redirect(f"{address}?batch={sending.batch}" if received > 1 else address)


def say(request: HttpRequest, taken: Taken) -> None:
    if taken.outcome == "refused":
        messages.error(request, taken.reason)
    elif taken.outcome == "unchanged":
        messages.info(request, f"'{taken.name}' is here already and has not changed.")
    else:
        messages.success(request, f"'{taken.name}' was taken in and is waiting for a worker.")


@require_POST
@signed_in
def retry_documents(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Try the documents named again, or all that failed; each is judged on its own."""
    require_editor(caller)
    wanted = ids_in(request.POST.getlist("document")[:RETRIED_MAX])
    if "all" in request.POST:
        with managing(caller.scope.tenant_id):
            wanted = list(dead_letters(caller).values_list("pk", flat=True)[:RETRIED_MAX])
    retried = sum(retry_by_id(caller, document_id) == "retried" for document_id in wanted)
    if retried:
        messages.success(
            request, f"{number(retried, 'document')} {'is' if retried == 1 else 'are'} in line again."
        )
    else:
        messages.info(request, "There was nothing to try again.")
    return redirect(f"{reverse('documents')}?show=failed")


@require_safe
@signed_in
def document_statuses(request: HttpRequest, caller: Caller) -> HttpResponse:
    """How far the named documents are, for a page that waits: `?id=...&id=...`."""
    require_editor(caller)
    ids = ids_in(request.GET.getlist("id")[:STATUSES_MAX])
    batches = batches_among(caller.scope.tenant_id, ids_in(request.GET.getlist("batch")[:BATCHES_MAX]))
    return JsonResponse(
        {
            "documents": [status_json(document) for document in documents_by_id(caller.scope, ids)],
            "batches": [batch_json(batch) for batch in batches.values()],
        }
    )


def status_json(document: ListedDocument) -> dict[str, Any]:
    return {
        "id": str(document.id),
        "status": document.status,
        "words": document.status_words,
        "reason": document.reason,
        "moving": document.moving,
        "readable": document.readable,
        "progress": document.progress,
        "fraction": document.fraction,
        "tried": document.tried,
    }


def batch_json(batch: BatchProgress) -> dict[str, Any]:
    return {
        "id": str(batch.id),
        "words": batch.words,
        "fraction": batch.fraction,
        "moving": not batch.resting,
    }


def ids_in(wanted: Iterable[str]) -> list[UUID]:
    """The ids among some words of an address; where one is none, none of them is."""
    try:
        return [UUID(word) for word in wanted]
    except ValueError:
        return []


def require_editor(caller: Caller) -> None:
    if not caller.may(Right.EDIT_DOCUMENTS):
        raise PermissionDenied
