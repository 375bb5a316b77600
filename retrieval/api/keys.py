"""A member's own API keys: listed, made, rotated, revoked. The secret is in one answer and never again."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.keys import make_key, revoke_key, rotate_key
from accounts.models import ApiKey
from accounts.roles import Right
from accounts.scope import Sensitivity
from retrieval.api.caller import Caller
from retrieval.api.visitor import shell, signed_in

DAYS = 90
DAYS_MAX = 730


class KeyForm(forms.Form):
    """A new key of one's own; what its owner may not do is not offered."""

    label = forms.CharField(max_length=100, label="Name", help_text="What will use it.")
    scopes = forms.MultipleChoiceField(choices=(), widget=forms.CheckboxSelectMultiple, label="It may")
    ceiling = forms.TypedChoiceField(
        choices=(), required=False, coerce=lambda level: Sensitivity(int(level)), empty_value=None,
        label="Reads documents up to",
    )  # fmt: skip
    days = forms.IntegerField(min_value=1, max_value=DAYS_MAX, initial=DAYS, label="Days until it ends")
    addresses = SimpleArrayField(
        forms.CharField(max_length=43), required=False, label="Networks it may be used from",
        help_text="Such as 192.0.2.0/24, separated by commas. Empty: anywhere.",
    )  # fmt: skip

    def __init__(self, caller: Caller, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["scopes"].choices = [(r.value, r.meaning) for r in Right if caller.may(r)]
        fields["scopes"].initial = [Right.ASK.value] if caller.may(Right.ASK) else []
        levels = [level for level in Sensitivity if level <= caller.scope.ceiling]
        fields["ceiling"].choices = [("", "as far as I may")] + [(int(x), x.name.lower()) for x in levels]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def keys_page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The caller's keys; POST makes one and shows its secret in this answer only."""
    check_member(caller)
    form = KeyForm(caller, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            made = make_key(
                caller.membership,
                caller.membership,
                chosen["label"],
                scopes=[Right(scope) for scope in chosen["scopes"]],
                expires_at=timezone.now() + timedelta(days=chosen["days"]),
                ceiling=chosen["ceiling"],
                addresses=chosen["addresses"],
            )
        except ValidationError as error:
            return page(request, caller, refused(form, error), status=400)
        return page(request, caller, KeyForm(caller), made)
    return page(request, caller, form, status=400 if form.errors else 200)


@require_POST
@signed_in
def rotate_own_key(request: HttpRequest, caller: Caller, key_id: int) -> HttpResponse:
    """A new secret, shown in this answer only; the old one goes on for a day."""
    try:
        made = rotate_key(caller.membership, own_key(caller, key_id))
    except ValidationError as error:
        messages.error(request, str(error.messages[0]))
        return redirect("keys")
    return page(request, caller, KeyForm(caller), made)


@require_POST
@signed_in
def revoke_own_key(request: HttpRequest, caller: Caller, key_id: int) -> HttpResponse:
    key = own_key(caller, key_id)
    revoke_key(caller.membership, key)
    messages.info(request, f"The key “{key.label}” has ended.")
    return redirect("keys")


def check_member(caller: Caller) -> None:
    """Keys belong to members; who is here in an emergency is none."""
    if caller.membership.pk is None:
        raise PermissionDenied


def own_key(caller: Caller, key_id: int) -> ApiKey:
    """One of the caller's own keys. Raises Http404 for any other, there or not."""
    check_member(caller)
    own = ApiKey.objects.filter(membership=caller.membership).select_related("membership__own_role")
    key = own.filter(pk=key_id).first()
    if key is None:
        raise Http404
    return key


def refused(form: KeyForm, error: ValidationError) -> KeyForm:
    """The form with what the service said, at the field it is about where there is one."""
    if hasattr(error, "error_dict"):
        for name, problems in error.error_dict.items():
            form.add_error(name if name in form.fields else None, problems)
    else:
        form.add_error(None, str(error.messages[0]))
    return form


def page(
    request: HttpRequest,
    caller: Caller,
    form: KeyForm,
    made: tuple[ApiKey, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    keys = ApiKey.objects.filter(membership=caller.membership).order_by("-created_at")
    now = timezone.now()
    context = {
        "form": form,
        "made": made,
        "live": [key for key in keys if key.is_live],
        "ended": [key for key in keys if not key.is_live][:20],
        "now": now,
    }
    return render(request, "keys.html", shell(request, caller, "keys") | context, status=status)
