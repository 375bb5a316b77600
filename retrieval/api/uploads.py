"""Editors bring documents in, and see how far they are."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.database import managing, reading
from accounts.roles import Right
from accounts.scope import AccessScope, Sensitivity
from retrieval.access.rights import check_take_in
from retrieval.api.caller import Caller
from retrieval.api.listing import documents_by_id
from retrieval.api.visitor import signed_in
from retrieval.errors import ChangeRefused, UnreadableFile
from retrieval.ingestion.media_types import BY_EXTENSION
from retrieval.ingestion.receive import Upload, receive, safe_name
from retrieval.models import Collection
from retrieval.tasks import dispatch_ingestion

FILES_MAX = 20  # of one upload
STATUSES_MAX = 50  # of one look


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
    for file in files[:FILES_MAX]:
        take_in(request, caller, collection, file, form.cleaned_data["sensitivity"])
    return redirect("documents")


def take_in(
    request: HttpRequest, caller: Caller, collection: Collection, file: UploadedFile, level: Sensitivity
) -> None:
    upload = Upload(
        name=file.name or "",
        content=file,
        sensitivity=level,
        created_by_id=caller.scope.user_id,
        declared_type=file.content_type or "",
    )
    name = safe_name(upload.name)
    try:
        with managing(caller.scope.tenant_id):
            check_take_in(caller, collection, name, level)
        received = receive(collection, upload, dispatch_ingestion, settings.RAGSITE_UPLOAD_BYTES_MAX)
    except (UnreadableFile, ChangeRefused) as reason:
        messages.error(request, str(reason))
        return
    if received.unchanged:
        messages.info(request, f"'{name}' is here already and has not changed.")
    else:
        messages.success(request, f"'{name}' was taken in and is waiting for a worker.")


@require_safe
@signed_in
def document_statuses(request: HttpRequest, caller: Caller) -> HttpResponse:
    """How far the named documents are, for a page that waits: `?id=...&id=...`."""
    require_editor(caller)
    try:
        ids = [UUID(wanted) for wanted in request.GET.getlist("id")[:STATUSES_MAX]]
    except ValueError:
        ids = []
    statuses = [
        {
            "id": str(document.id),
            "status": document.status,
            "words": document.status_words,
            "reason": document.reason,
            "moving": document.moving,
            "readable": document.readable,
        }
        for document in documents_by_id(caller.scope, ids)
    ]
    return JsonResponse({"documents": statuses})


def require_editor(caller: Caller) -> None:
    if not caller.may(Right.EDIT_DOCUMENTS):
        raise PermissionDenied
