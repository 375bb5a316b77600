"""The tenant itself, and the emergency accesses to it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin, TenantModelAdmin
from accounts.break_glass import end_stay, may_end
from accounts.models import BreakGlass, Tenant, User
from accounts.roles import Right


@admin.register(Tenant)
class TenantAdmin(TenantModelAdmin):
    right = Right.MANAGE_TENANT
    reading_right = Right.MANAGE_POLICY
    tenant_path = "id"
    list_display = ("name", "slug", "created_at")
    fields = ("name", "slug", "created_at")
    readonly_fields = ("slug", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(BreakGlass)
class BreakGlassAdmin(ReadOnlyAdmin):
    """Who was here in an emergency, why and for how long; owners can end what is open."""

    right = Right.MANAGE_TENANT
    reading_right = Right.READ_AUDIT
    list_display = ("opened_at", "person", "reason", "expires_at", "ended_at")
    list_select_related = ("user",)
    ordering = ("-opened_at",)
    fields = ("person", "reason", "opened_at", "expires_at", "ended_at")
    readonly_fields = fields
    actions = ("end_now",)

    @admin.display(description="person", ordering="user__email")
    def person(self, stay: BreakGlass) -> str:
        return stay.user.email

    def has_end_permission(self, request: HttpRequest) -> bool:
        return self.may(request, Right.MANAGE_TENANT)

    @admin.action(description="End now", permissions=["end"])
    def end_now(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        own = self.own(request)
        assert isinstance(request.user, User)
        ended = [stay for stay in queryset if may_end(own, stay) and end_stay(stay, request.user)]
        messages.info(request, f"Ended: {len(ended)}.")
