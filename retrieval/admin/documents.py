"""Collections and documents with their grants. Content is not shown here: reading takes a grant."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin import TenantInline, TenantModelAdmin, prepared
from accounts.browsing import membership_of
from accounts.roles import Right
from accounts.scope import Sensitivity
from retrieval.admin.grants import GrantsForm
from retrieval.assembly import chunk_index
from retrieval.errors import UnreadableFile
from retrieval.ingestion.erase import erase_document
from retrieval.ingestion.progress import Progress, progress_among, progress_of
from retrieval.ingestion.receive import Upload, check_and_digest, receive, try_again
from retrieval.models import Collection, Document, DocumentVersion, Ingestion
from retrieval.tasks import dispatch_ingestion

MOVING = (*Ingestion.MOVING, Ingestion.State.RECEIVED)
# What ingestion found out about a document, for people to read.
FACTS = (
    "source_name",
    "status",
    "status_reason",
    "media_type",
    "size_bytes",
    "chunk_count",
    "indexed_at",
    "stage",
    "attempts",
    "next_try",
)


class GrantingAdmin(TenantModelAdmin):
    """Pages whose form carries grants; changing those takes a right of its own."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        membership = membership_of(request)
        may_grant = self.may(request, Right.GRANT_ACCESS)

        def offer(form: GrantsForm) -> None:
            form.offer(membership.tenant_id if membership else None)
            for name in ("reading_groups", "reading_people"):
                form.fields[name].disabled = not may_grant

        return prepared(super().get_form(request, obj, change, **kwargs), offer)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if self.may(request, Right.GRANT_ACCESS):
            form.save_grants()


class CollectionForm(GrantsForm):
    class Meta:
        model = Collection
        fields = ("name", "description")


@admin.register(Collection)
class CollectionAdmin(GrantingAdmin):
    right = Right.EDIT_DOCUMENTS
    reading_right = Right.READ_AUDIT
    form = CollectionForm
    list_display = ("name", "description", "created_at")
    search_fields = ("name",)
    fields = ("name", "description", "reading_groups", "reading_people")


class DocumentForm(GrantsForm):
    """A new document is an upload; of an old one, title, level and readers can be changed."""

    upload = forms.FileField(required=False, label="file")

    class Meta:
        model = Document
        fields = ("collection", "title", "sensitivity", "inherits_grants")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload = cleaned.get("upload")
        if self.instance._state.adding and upload is None:
            self.add_error("upload", "Choose a file.")
        elif upload is not None:
            try:
                check_and_digest(Upload(name=upload.name, content=upload), settings.RAGSITE_UPLOAD_BYTES_MAX)
            except UnreadableFile as error:
                self.add_error("upload", str(error))
        if cleaned.get("inherits_grants") and (
            cleaned.get("reading_groups") or cleaned.get("reading_people")
        ):
            self.add_error(
                "inherits_grants", "A document with readers of its own does not take its collection's."
            )
        return cleaned


def progress_for(document: Document) -> Progress | None:
    """Of the document's newest version, read once."""
    if "progress" not in document.__dict__:
        document.__dict__["progress"] = progress_of(document)
    found: Progress | None = document.__dict__["progress"]
    return found


class ReadOnlyInline(TenantInline):
    """What ingestion wrote down, to be read and never written."""

    right = Right.EDIT_DOCUMENTS
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, Right.EDIT_DOCUMENTS) or self.may(request, Right.READ_AUDIT)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class VersionInline(ReadOnlyInline):
    model = DocumentVersion
    fields = (
        "number",
        "media_type",
        "size_bytes",
        "pages",
        "language",
        "chunk_count",
        "created_at",
        "indexed_at",
    )


class IngestionInline(ReadOnlyInline):
    model = Ingestion
    verbose_name_plural = "ingestions"
    ordering = ("-version__number",)
    fields = (
        "version", "state", "reason", "chunks_done", "chunks_total", "attempts", "next_try_at", "started_at",
        "progressed_at", "ended_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("version")


@admin.register(Document)
class DocumentAdmin(GrantingAdmin):
    right = Right.EDIT_DOCUMENTS
    reading_right = Right.READ_AUDIT
    form = DocumentForm
    list_display = (
        "title",
        "collection",
        "status",
        "stage",
        "status_reason",
        "level",
        "readers",
        "created_at",
    )
    inlines = (VersionInline, IngestionInline)
    list_filter = ("status", "sensitivity")
    list_select_related = ("collection",)
    search_fields = ("title", "source_name")
    actions = ("take_in_again",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        grants = ("inherits_grants", "reading_groups", "reading_people")
        if obj is None:
            return ("collection", "upload", "title", "sensitivity", *grants)
        return ("collection", "title", "sensitivity", *grants, *FACTS)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else FACTS

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            return form

        def title_may_wait(form: DocumentForm) -> None:
            form.fields["title"].required = False

        return prepared(form, title_may_wait)

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        # Nothing of them is ever written: a form that is sent has none of their fields.
        return self.inlines if obj is not None and request.method == "GET" else ()

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Django's own; the progress of the rows shown is read at once, not row by row."""
        listed = super().get_changelist_instance(request)
        rows = [document for document in listed.result_list if document.status in MOVING]
        known = progress_among(rows[0].tenant_id, [document.pk for document in rows]) if rows else {}
        for document in listed.result_list:
            document.progress = known.get(document.pk)
        return listed

    @admin.display(description="stage")
    def stage(self, document: Document) -> str:
        progress = progress_for(document)
        return progress.words if progress else ""

    @admin.display(description="attempts since it last came further")
    def attempts(self, document: Document) -> int:
        progress = progress_for(document)
        return progress.attempts if progress else 0

    @admin.display(description="next try")
    def next_try(self, document: Document) -> datetime | None:
        progress = progress_for(document)
        return progress.next_try_at if progress else None

    @admin.display(description="level", ordering="sensitivity")
    def level(self, document: Document) -> str:
        return Sensitivity(document.sensitivity).name.lower()

    @admin.display(description="readers")
    def readers(self, document: Document) -> str:
        if not document.principals:
            return "nobody"
        return f"{len(document.principals)} {'by collection' if document.inherits_grants else 'of its own'}"

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        cleaned = form.cleaned_data
        upload = Upload(
            name=cleaned["upload"].name,
            content=cleaned["upload"],
            title=cleaned["title"],
            sensitivity=Sensitivity(cleaned["sensitivity"]),
            created_by_id=request.user.pk,
        )
        received = receive(
            cleaned["collection"], upload, dispatch_ingestion, settings.RAGSITE_UPLOAD_BYTES_MAX
        )
        if received.unchanged:
            messages.info(request, "This file is in the collection already and has not changed.")
        obj.__dict__.update(received.document.__dict__)
        if not cleaned["inherits_grants"]:
            Document.objects.filter(pk=obj.pk).update(inherits_grants=False)

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        erase_document(obj, chunk_index())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            erase_document(document, chunk_index())

    @admin.action(description="Take in again", permissions=["change"])
    def take_in_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        put = [document for document in queryset if try_again(document, dispatch_ingestion)]
        messages.info(request, f"{len(put)} documents are in line again.")
