"""The pages of sources: which there are, how they fare, and what can be done about it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.database import managing
from accounts.scope import Sensitivity
from retrieval.api.caller import Caller
from retrieval.api.source_forms import SourceForm
from retrieval.api.source_words import shown_kind, shown_source
from retrieval.api.targets import find_collection
from retrieval.api.uploads import collection_choices
from retrieval.api.visitor import shell, signed_in
from retrieval.errors import RetrievalError, SourceRefused
from retrieval.models import Source
from retrieval.sources.changes import (
    RIGHTS,
    change_source,
    confirm_removal,
    documents_of,
    end_source,
    find_source,
    make_source,
    request_run,
    set_enabled,
    try_source,
)
from retrieval.sources.registry import connector_of, kinds

SOURCES_MAX = 500


@require_safe
@signed_in
def sources_page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Every source of the tenant, with what may be added."""
    require_sourcing(caller)
    with managing(caller.scope.tenant_id):
        sources = list(
            Source.objects.filter(tenant_id=caller.scope.tenant_id).select_related("collection")[:SOURCES_MAX]
        )
        counts = documents_of(caller.membership.tenant)
    page = {
        "sources": [shown_source(source, counts.get(source.pk, 0)) for source in sources],
        "kinds": sorted(map(shown_kind, kinds().values()), key=lambda kind: kind.label),
    }
    return render(request, "sources.html", shell(request, caller, "sources") | page)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new_source(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The form of a new source of the `kind` that is named; POST makes it."""
    require_sourcing(caller)
    try:
        kind = connector_of(request.POST.get("kind") or request.GET.get("kind", ""))
    except SourceRefused:
        return redirect("sources")
    collections = collection_choices(caller.scope)
    form = SourceForm(kind, collections, levels(caller), request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with managing(caller.scope.tenant_id):
                collection = find_collection(caller, UUID(form.cleaned_data["collection"]))
                if collection is None:
                    raise Http404
                source = make_source(caller, collection, kind.kind, form.draft(enabled=True))
            messages.success(request, f"“{source.name}” was added and runs within a minute or two.")
            return redirect("source", source.pk)
        except SourceRefused as refusal:
            form.refuse(str(refusal), refusal.field)
    page = {"form": form, "kind": shown_kind(kind), "collections": collections}
    return render(
        request,
        "source_new.html",
        shell(request, caller, "sources") | page,
        status=400 if form.errors else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def source_page(request: HttpRequest, caller: Caller, source_id: UUID) -> HttpResponse:
    """One source, how its runs went, and its form; POST changes it."""
    source = own_source(caller, source_id)
    kind = connector_of(source.kind)
    posted = request.POST if request.method == "POST" else None
    form = SourceForm(kind, None, levels(caller, source), posted, source)
    if posted is not None and form.is_valid():
        try:
            with managing(caller.scope.tenant_id):
                change_source(caller, own_source(caller, source_id), form.draft(enabled=source.enabled))
            messages.success(request, "The source was changed.")
            return redirect("source", source.pk)
        except SourceRefused as refusal:
            form.refuse(str(refusal), refusal.field)
    with managing(caller.scope.tenant_id):
        count = documents_of(caller.membership.tenant).get(source.pk, 0)
    page = {"source": source, "shown": shown_source(source, count), "form": form}
    return render(
        request,
        "source.html",
        shell(request, caller, "sources") | page,
        status=400 if form.errors else 200,
    )


@require_POST
@signed_in
def run_source(request: HttpRequest, caller: Caller, source_id: UUID) -> HttpResponse:
    return changed(request, caller, source_id, request_run, "It is in line and runs within a minute or two.")


@require_POST
@signed_in
def pause_source(request: HttpRequest, caller: Caller, source_id: UUID) -> HttpResponse:
    return changed(request, caller, source_id, lambda c, s: set_enabled(c, s, False), "The source is paused.")


@require_POST
@signed_in
def resume_source(request: HttpRequest, caller: Caller, source_id: UUID) -> HttpResponse:
    return changed(request, caller, source_id, lambda c, s: set_enabled(c, s, True), "The source goes on.")


@require_POST
@signed_in
def confirm_source(request: HttpRequest, caller: Caller, source_id: UUID) -> HttpResponse:
    """Agree to a large removal; the form says how many documents were asked about."""
    said = request.POST.get("documents", "")
    count = int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 0
    return changed(
        request,
        caller,
        source_id,
        lambda c, s: confirm_removal(c, s, count),
        "The next run removes them. It is in line.",
    )


@require_POST
@signed_in
def test_source(request: HttpRequest, caller: Caller, source_id: UUID) -> HttpResponse:
    """Look whether it answers; outside of any transaction, since that may take a while."""
    source = own_source(caller, source_id)
    try:
        messages.success(request, try_source(source))
    except RetrievalError as error:
        messages.error(request, str(error))
    return redirect("source", source_id)


@require_POST
@signed_in
def delete_source(request: HttpRequest, caller: Caller, source_id: UUID) -> HttpResponse:
    """End a source, with its documents where the form says `erase`."""
    source = own_source(caller, source_id)
    with_documents = request.POST.get("documents") == "erase"
    with managing(caller.scope.tenant_id):
        end_source(caller, source, with_documents=with_documents)
    words = "and its documents are being erased." if with_documents else "and its documents stay."
    messages.success(request, f"“{source.name}” has ended, {words}")
    return redirect("sources")


def changed(
    request: HttpRequest, caller: Caller, source_id: UUID, change: Any, sentence: str
) -> HttpResponse:
    """Make one change of a source and go back to its page with a sentence."""
    own_source(caller, source_id)
    try:
        with managing(caller.scope.tenant_id):
            change(caller, own_source(caller, source_id))
        messages.success(request, sentence)
    except SourceRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("source", source_id)


def require_sourcing(caller: Caller) -> None:
    if not all(caller.may(right) for right in RIGHTS):
        raise PermissionDenied


def own_source(caller: Caller, source_id: UUID) -> Source:
    """A source of the caller's tenant, for who may have to do with it. Raises Http404."""
    require_sourcing(caller)
    with managing(caller.scope.tenant_id):
        source = find_source(caller.scope.tenant_id, source_id)
    if source is None:
        raise Http404
    return source


def levels(caller: Caller, source: Source | None = None) -> list[Sensitivity]:
    """What its level may be set to: up to her own ceiling, or what it is."""
    own = {level for level in Sensitivity if level <= caller.scope.ceiling}
    return sorted(own | ({Sensitivity(source.sensitivity)} if source else set()))
