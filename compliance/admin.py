"""The audit trail, to be read and never written."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import ReadOnlyAdmin
from accounts.roles import Right
from compliance.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    right = Right.READ_AUDIT
    tenant_path = "tenant_id"
    list_display = ("sequence", "timestamp", "event", "outcome", "actor_id", "cid")
    list_filter = ("event", "outcome")
    search_fields = ("cid__exact", "object_pk__exact")
    date_hierarchy = "timestamp"
    ordering = ("-sequence",)
    show_full_result_count = False  # counting millions of lines is slow
    list_per_page = 50
    fields = (
        "sequence", "timestamp", "event", "outcome", "actor_id", "remote_addr", "cid",
        "object_pk", "changes", "additional_data", "digest_hex",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="SHA-256")
    def digest_hex(self, entry: AuditEntry) -> str:
        return bytes(entry.digest).hex()

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).select_related(None)
