"""Groups of the tenant, and which ones are inside which."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.forms import ModelChoiceField
from django.http import HttpRequest

from accounts.admin.base import TenantInline, TenantModelAdmin
from accounts.models import Group, GroupNesting
from accounts.roles import Right


class NestingInline(TenantInline):
    """The groups directly inside this one."""

    right = Right.MANAGE_PEOPLE
    model = GroupNesting
    fk_name = "outer"
    fields = ("inner",)
    verbose_name = "group inside"
    verbose_name_plural = "groups inside: their members are in this one too"

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "inner":
            field.queryset = field.queryset.filter(builtin=False).order_by("label")
            field.label_from_instance = lambda group: group.label
        return field


@admin.register(Group)
class GroupAdmin(TenantModelAdmin):
    right = Right.MANAGE_PEOPLE
    list_display = ("label", "builtin")
    search_fields = ("label",)
    ordering = ("label",)
    fields = ("label",)
    inlines = (NestingInline,)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        # A group that is not there yet has nothing inside, and everybody's has everybody.
        return () if obj is None or obj.builtin else super().get_inlines(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        builtin = isinstance(obj, Group) and obj.builtin
        return not builtin and super().has_delete_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        builtin = isinstance(obj, Group) and obj.builtin
        return not builtin and super().has_change_permission(request, obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        own = self.own(request)
        for nesting in formset.save(commit=False):
            nesting.tenant_id = own.tenant_id
            nesting.save()
        for gone in formset.deleted_objects:
            gone.delete()
