"""Questions and their ends, to be read by who may read the audit trail; each reading is audited."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from accounts.admin import ReadOnlyAdmin
from accounts.browsing import membership_of
from accounts.roles import Right
from compliance.audit.append import append
from compliance.audit.context import current
from retrieval.models import Query


@admin.register(Query)
class QueryAdmin(ReadOnlyAdmin):
    right = Right.READ_AUDIT
    list_display = ("created_at", "user_id", "outcome", "rule", "source", "surface", "total_ms")
    list_filter = ("outcome", "surface", "source")
    date_hierarchy = "created_at"
    show_full_result_count = False
    list_per_page = 50
    fields = (
        "id", "created_at", "user_id", "question", "outcome", "rule", "answer", "citations", "source", "model",
        "input_tokens", "output_tokens", "stages_ms", "total_ms",
    )  # fmt: skip
    readonly_fields = fields

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Other people's words are about to be shown: that is an event of its own."""
        membership = membership_of(request)
        if membership and self.has_view_permission(request):
            append(
                tenant_id=membership.tenant_id,
                event="query.viewed",
                request_id=current().request_id,
                actor_id=membership.user_id,
                object_pk=object_id,
                durable=False,
            )
        return super().change_view(request, object_id, form_url, extra_context)
