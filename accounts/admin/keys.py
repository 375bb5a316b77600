"""API keys of the tenant's members and services. The secret of a new one is shown once."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin.base import TenantModelAdmin, prepared
from accounts.keys import make_key, revoke_key, rotate_key
from accounts.models import ApiKey, Membership
from accounts.roles import Right
from accounts.scope import Sensitivity

LIFETIME = timedelta(days=90)


def scope_choices(rights: frozenset[Right]) -> list[tuple[str, str]]:
    return [(right.value, f"{right.label}: {right.meaning}") for right in Right if right in rights]


class KeyForm(forms.ModelForm[ApiKey]):
    scopes = forms.MultipleChoiceField(
        choices=(),
        widget=forms.CheckboxSelectMultiple,
        help_text="Of these the key has what its owner's role includes, at every moment.",
    )

    class Meta:
        model = ApiKey
        fields = ("membership", "label", "scopes", "ceiling", "expires_at", "addresses")

    def offer(self, own: Membership) -> None:
        """Offer the tenant's members in force as owners, and one's own rights as scopes."""
        fields: Any = self.fields
        if "membership" not in fields:
            return  # to be read only
        members = Membership.objects.filter(tenant_id=own.tenant_id, is_active=True).select_related("user")
        fields["membership"].queryset = members.order_by("user__name", "user__email")
        fields["membership"].label, fields["membership"].label_from_instance = "owner", owner_in_words
        fields["scopes"].choices = scope_choices(own.rights)
        fields["scopes"].initial = [Right.ASK.value]
        fields["expires_at"].initial = timezone.now() + LIFETIME


def owner_in_words(membership: Membership) -> str:
    person = membership.user
    return f"{person.name} (service account)" if person.is_service else person.email


@admin.register(ApiKey)
class ApiKeyAdmin(TenantModelAdmin):
    right = Right.MANAGE_KEYS
    tenant_path = "membership__tenant"
    form = KeyForm
    list_display = ("prefix", "label", "owner", "carries", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("membership__user", "membership__own_role")
    search_fields = ("label", "prefix", "membership__user__email", "membership__user__name")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("revoke", "rotate")
    fields = ("membership", "label", "scopes", "ceiling", "expires_at", "addresses")

    @admin.display(description="owner")
    def owner(self, key: ApiKey) -> str:
        return owner_in_words(key.membership)

    @admin.display(description="scopes")
    def carries(self, key: ApiKey) -> str:
        return ", ".join(Right(scope).label for scope in Right.known(key.scopes)) or "none"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # A key is made, rotated and revoked; one whose scopes grew would be another key.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # revoked, not deleted: entries of the audit trail speak of it

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("membership", "label", "scopes", "ceiling", "expires_at", "addresses")
        return (
            "prefix", "owner", "label", "carries", "ceiling", "expires_at", "addresses", "created_at",
            "last_used_at", "revoked_at",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return self.get_fields(request, obj) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        own = self.own(request)
        return prepared(super().get_form(request, obj, change, **kwargs), lambda form: form.offer(own))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        cleaned = form.cleaned_data
        ceiling = cleaned["ceiling"]
        made, secret = make_key(
            self.own(request),
            cleaned["membership"],
            cleaned["label"],
            scopes=[Right(scope) for scope in cleaned["scopes"]],
            expires_at=cleaned["expires_at"],
            ceiling=None if ceiling in (None, "") else Sensitivity(int(ceiling)),
            addresses=cleaned["addresses"] or (),
        )
        obj.__dict__.update(made.__dict__)
        request._secrets = [(made, secret)]  # type: ignore[attr-defined]  # for the answer to this request only

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self.secrets_page(request)

    def secrets_page(self, request: HttpRequest) -> HttpResponse:
        """The secrets in this answer and nowhere else: a message would travel on in a cookie."""
        context = self.admin_site.each_context(request) | {
            "title": "New secrets",
            "opts": self.opts,
            "secrets": request._secrets,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/key_secrets.html", context)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.select_related("membership"):
            revoke_key(self.own(request), key)
        self.message_user(request, f"Revoked: {len(queryset)}.")

    @admin.action(description="Rotate: a new secret, and a day for the old one", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse:
        own = self.own(request)
        live = [key for key in queryset.select_related("membership__own_role") if key.is_live]
        request._secrets = [rotate_key(own, key) for key in live]  # type: ignore[attr-defined]
        return self.secrets_page(request)
