"""Roles that a tenant puts together itself."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import TenantModelAdmin, prepared
from accounts.models import Membership, TenantRole
from accounts.people import remove_role, save_role
from accounts.roles import Right


class RoleForm(forms.ModelForm[TenantRole]):
    rights = forms.MultipleChoiceField(choices=(), widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = TenantRole
        fields = ("name", "rights")

    def offer(self, own: Membership) -> None:
        """Offer the rights of who fills the form in, and those that the role has already."""
        held = own.rights | Right.known(self.instance.rights or ())
        rights: Any = self.fields["rights"]
        rights.choices = [(r.value, f"{r.label}: {r.meaning}") for r in Right if r in held]


@admin.register(TenantRole)
class TenantRoleAdmin(TenantModelAdmin):
    right = Right.MANAGE_PEOPLE
    form = RoleForm
    list_display = ("name", "carries")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "rights")

    @admin.display(description="rights")
    def carries(self, role: TenantRole) -> str:
        return ", ".join(right.label for right in Right if right in role.rights)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        own = self.own(request)
        return prepared(super().get_form(request, obj, change, **kwargs), lambda form: form.offer(own))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        own = self.own(request)
        obj.tenant_id = own.tenant_id
        save_role(own, obj)

    def delete_model(self, request: HttpRequest, obj: TenantRole) -> None:
        remove_role(self.own(request), obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TenantRole]) -> None:
        for role in queryset:
            self.delete_model(request, role)
