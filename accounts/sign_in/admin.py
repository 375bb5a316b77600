"""The pages on which a tenant decides how its people sign in."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.admin import TenantModelAdmin, prepared
from accounts.browsing import membership_of
from accounts.events import tell
from accounts.models import IdentityProvider, SignInPolicy, TenantDomain
from accounts.roles import Right

for _app in ("account", "mfa", "socialaccount"):
    # The library registers pages of its own, which know no tenant.
    for _model in apps.get_app_config(_app).get_models():
        if admin.site.is_registered(_model):
            admin.site.unregister(_model)


@admin.register(SignInPolicy)
class SignInPolicyAdmin(TenantModelAdmin):
    right = Right.MANAGE_SIGN_IN
    fields = ("require_second_factor", "password_allowed", "idle_minutes", "absolute_minutes")
    list_display = ("__str__", *fields)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_add_permission(request, obj) and not self.get_queryset(request).exists()


@admin.register(TenantDomain)
class TenantDomainAdmin(TenantModelAdmin):
    """Claims on domains. The operator confirms them: `manage.py confirm_domain`."""

    right = Right.MANAGE_SIGN_IN
    fields = ("domain", "confirmed_at")
    readonly_fields = ("confirmed_at",)
    list_display = fields

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # another name is another claim


class IdentityProviderForm(forms.ModelForm[IdentityProvider]):
    """A provider; its secret goes in and never comes out."""

    client_secret = forms.CharField(
        required=False,
        max_length=191,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text="OpenID Connect only. Never shown again; left empty, the one there is stays.",
    )

    class Meta:
        model = IdentityProvider
        fields = (
            "name", "kind", "enabled", "issuer", "client_id", "client_secret", "sign_in_url", "certificate",
            "group_claim", "default_ceiling", "second_factor_there",
        )  # fmt: skip

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = IdentityProvider.objects.filter(tenant_id=self.instance.tenant_id, name=name)
        if others.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("There is a provider of this name already.")
        return name


@admin.register(IdentityProvider)
class IdentityProviderAdmin(TenantModelAdmin):
    right = Right.MANAGE_SIGN_IN
    form = IdentityProviderForm
    list_display = ("name", "kind", "issuer", "enabled")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        own = membership_of(request)

        def prepare(form: Any) -> None:
            if own is not None and not form.instance.tenant_id:
                form.instance.tenant_id = own.tenant_id

        return prepared(super().get_form(request, obj, change, **kwargs), prepare)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        secret = form.cleaned_data.get("client_secret")
        if secret:
            obj.client_secret = secret
        super().save_model(request, obj, form, change)
        if secret:
            tell(
                "identity_provider.secret_set",
                tenant_id=obj.tenant_id,
                actor_id=request.user.pk,
                object_pk=str(obj.pk),
            )
