"""Sources in the admin: to look at, and to pause; the pages at /sources/ make and change them."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.admin import TenantModelAdmin
from accounts.roles import Right
from retrieval.models import Source
from retrieval.sources.changes import RIGHTS


@admin.register(Source)
class SourceAdmin(TenantModelAdmin):
    """Configuration and secret are not here: a form that knows no kind could not check them."""

    right = Right.EDIT_DOCUMENTS
    reading_right = Right.READ_AUDIT
    fields = (
        "name", "enabled", "schedule_minutes", "kind", "collection", "sensitivity", "last_started", "last_ended",
        "last_outcome", "last_problem", "counts", "created_by",
    )  # fmt: skip
    readonly_fields = fields[3:]
    list_display = ("name", "kind", "collection", "enabled", "last_outcome", "last_ended")
    list_filter = ("kind", "enabled", "last_outcome")
    list_select_related = ("collection",)
    search_fields = ("name",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return all(self.may(request, right) for right in RIGHTS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what becomes of its documents is asked where a source is ended
