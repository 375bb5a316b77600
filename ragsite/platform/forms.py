"""What a platform administrator fills in."""

from typing import Any

from django import forms

from accounts.break_glass import MINUTES, MINUTES_MAX, REASON_CHARS_MAX, REASON_CHARS_MIN
from accounts.models import Tenant


class NewTenantForm(forms.Form):
    name = forms.CharField(max_length=200)
    slug = forms.SlugField(max_length=50, help_text="Short, for addresses and commands; it stays as it is.")
    owner = forms.EmailField(label="First owner's address")


class EmergencyForm(forms.Form):
    tenant = forms.ModelChoiceField(Tenant.objects.none(), to_field_name="slug")
    reason = forms.CharField(
        min_length=REASON_CHARS_MIN, max_length=REASON_CHARS_MAX, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The tenant's owners read it, and it stays on record.",
    )  # fmt: skip
    minutes = forms.IntegerField(min_value=1, max_value=MINUTES_MAX, initial=MINUTES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["tenant"]
        field.queryset = Tenant.objects.filter(state=Tenant.State.ACTIVE).order_by("name")
        field.label_from_instance = lambda tenant: f"{tenant.name} ({tenant.slug})"


class DeletionForm(forms.Form):
    slug = forms.CharField(max_length=50, label="Type its slug to delete it")

    def __init__(self, tenant: Tenant, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant = tenant

    def clean_slug(self) -> str:
        if self.cleaned_data["slug"] != self.tenant.slug:
            raise forms.ValidationError("That is not its slug; nothing was deleted.")
        return str(self.cleaned_data["slug"])
