"""A tenant's guardrail policy and glossary."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.admin import TenantModelAdmin
from accounts.roles import Right
from compliance.pii import PiiPolicy, PolicyError
from retrieval.models import GlossaryTerm, TenantPolicy


class PolicyForm(forms.ModelForm[TenantPolicy]):
    """Checked as the guardrails will read it: a policy they cannot read would stop every question."""

    class Meta:
        model = TenantPolicy
        fields = ("injection_mode", "injection_threshold", "pii", "allowed_hosts")

    def clean_pii(self) -> Any:
        try:
            PiiPolicy.from_json(self.cleaned_data["pii"])
        except PolicyError as error:
            raise forms.ValidationError(str(error)) from error
        return self.cleaned_data["pii"]

    def clean_injection_threshold(self) -> float:
        threshold = float(self.cleaned_data["injection_threshold"])
        if not 0 < threshold <= 1:
            raise forms.ValidationError("The threshold lies above 0 and at most at 1.")
        return threshold


@admin.register(TenantPolicy)
class TenantPolicyAdmin(TenantModelAdmin):
    right = Right.MANAGE_POLICY
    form = PolicyForm
    list_display = ("__str__", "injection_mode", "injection_threshold", "allowed_hosts")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(GlossaryTerm)
class GlossaryTermAdmin(TenantModelAdmin):
    right = Right.MANAGE_POLICY
    list_display = ("term", "expansion")
    search_fields = ("term", "expansion")
    fields = ("term", "expansion")
