"""The page of the grants on a collection or document: look, try, save."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import PermissionDenied as Refused

from accounts.database import managing
from accounts.models import User
from accounts.roles import Right
from retrieval.access.grants import find_grant, grants_on, labels_of
from retrieval.access.preview import Preview
from retrieval.access.rights import may
from retrieval.access.values import Grant, Permission, Target
from retrieval.api.access import tried
from retrieval.api.caller import Caller
from retrieval.api.grants import give, seen, take
from retrieval.api.names import TYPED_MAX, grantee_called
from retrieval.api.visitor import shell, signed_in
from retrieval.errors import RetrievalError
from retrieval.models import Collection, Document

PERMISSIONS = [
    (Permission.VIEW, "View"),
    (Permission.CHANGE, "View and change"),
    (Permission.SHARE, "View and share"),
    (Permission.DELETE, "View and delete"),
]


class GrantForm(forms.Form):
    """To whom, what, until when."""

    who = forms.CharField(label="Person or group", max_length=TYPED_MAX)
    permission = forms.ChoiceField(label="May", choices=PERMISSIONS)
    until = forms.DateTimeField(
        label="Until (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, tenant_id: UUID, *args: Any) -> None:
        super().__init__(*args)
        self.tenant_id = tenant_id
        self.fields["who"].widget.attrs = {
            "list": "grantees", "autocomplete": "off", "data-suggest": "grantee", "placeholder": "Address or group",
        }  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "who" in cleaned:
            cleaned["grantee"] = grantee_called(self.tenant_id, cleaned["who"])
            if cleaned["grantee"] is None:
                self.add_error("who", "Nobody with this address and no group of this name is here.")
        if cleaned.get("until") and cleaned["until"] <= timezone.now():
            self.add_error("until", "A grant ends in the future.")
        return cleaned


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def collection_grants(request: HttpRequest, caller: Caller, target_id: UUID) -> HttpResponse:
    return grants_page(request, caller, Collection, target_id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def document_grants(request: HttpRequest, caller: Caller, target_id: UUID) -> HttpResponse:
    return grants_page(request, caller, Document, target_id)


def grants_page(request: HttpRequest, caller: Caller, kind: type[Target], target_id: UUID) -> HttpResponse:
    """Show the grants; a POST tries a grant or a revocation, or makes it when it says `save`."""
    try:
        target = seen(caller, kind, target_id)
        with managing(caller.scope.tenant_id):
            shares = may(caller, Permission.SHARE, target)
        if request.method != "POST":
            return shown(request, caller, target, shares, GrantForm(target.tenant_id))
        if not shares:
            raise PermissionDenied
        if "grant" in request.POST:
            return revoking(request, caller, target)
        return granting(request, caller, target)
    except Refused as refused:
        raise PermissionDenied from refused


def granting(request: HttpRequest, caller: Caller, target: Target) -> HttpResponse:
    form = GrantForm(target.tenant_id, request.POST)
    if not form.is_valid():
        return shown(request, caller, target, True, form)
    grantee, permission = form.cleaned_data["grantee"], Permission(form.cleaned_data["permission"])
    end = form.cleaned_data["until"]
    try:
        if request.POST.get("step") == "save":
            give(caller, type(target), target.pk, grantee, permission, end)
            messages.success(request, f"{grantee.name} is granted '{permission}'.")
            return redirect(request.path)
        change = {"change": "grant", kind_of(target): target.pk, grantee.kind: grantee.id}
        counted = tried(caller, {**change, "permission": permission, "expires_at": end})
    except RetrievalError as error:
        form.add_error(None, str(error))
        return shown(request, caller, target, True, form)
    what = with_end(dict(PERMISSIONS)[permission], end)
    step = {"grantee": grantee, "what": what, "words": in_words(counted), "verb": "Grant access"}
    return shown(request, caller, target, True, form, {**step, **people_of(counted)})


def revoking(request: HttpRequest, caller: Caller, target: Target) -> HttpResponse:
    number = request.POST["grant"]
    kind, _, digits = number.partition("-")
    if kind not in ("user", "group") or not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise Http404
    try:
        if request.POST.get("step") == "save":
            gone = take(caller, type(target), target.pk, (kind, int(digits)))
            messages.success(request, f"'{gone.permission}' was revoked.")
            return redirect(request.path)
        with managing(target.tenant_id):
            found = find_grant(target, "user" if kind == "user" else "group", int(digits))
        if found is None:
            raise Http404
        change = {"change": "revoke", kind_of(target): target.pk, kind: found.grantee.id}
        counted = tried(caller, {**change, "permission": found.permission})
    except RetrievalError as error:
        messages.error(request, str(error))
        return redirect(request.path)
    what = with_end(found.permission.capitalize(), found.expires_at)
    if found.permission is Permission.VIEW:
        what += ", and with it everything else that is granted here"
    step = {
        "revoked": number,
        "what": what,
        "grantee": name_of(target, found),
        "words": in_words(counted),
        "verb": "Revoke",
    }
    form = GrantForm(target.tenant_id)
    return shown(request, caller, target, True, form, {**step, **people_of(counted)})


def shown(
    request: HttpRequest,
    caller: Caller,
    target: Target,
    shares: bool,
    form: GrantForm,
    step: dict[str, Any] | None = None,
) -> HttpResponse:
    page = {
        "target": target,
        "is_collection": isinstance(target, Collection),
        "title": target.name if isinstance(target, Collection) else target.title,
        "grants": grants_on(target),
        "now": timezone.now(),
        "shares": shares,
        "explains": caller.may(Right.EXPLAIN_ACCESS),
        "form": form,
        "step": step,
    }
    return render(request, "access_grants.html", shell(request, caller, "access") | page)


def kind_of(target: Target) -> str:
    return "collection" if isinstance(target, Collection) else "document"


def name_of(target: Target, found: Grant) -> dict[str, str]:
    if found.grantee.kind == "group":
        return {"name": labels_of(target.tenant_id, [found.grantee.id]).get(found.grantee.id, "")}
    return {"name": User.objects.get(pk=found.grantee.id).get_full_name()}


def with_end(permission: str, end: datetime | None) -> str:
    return (
        f"{permission}, until {timezone.localtime(end):%-d %B %Y, %H:%M} UTC"
        if end
        else f"{permission}, without an end"
    )


def people_of(counted: Preview) -> dict[str, Any]:
    """The people a preview names, by name, most affected first."""
    names = {
        user.pk: user.get_full_name()
        for user in User.objects.filter(pk__in=[person.user_id for person in counted.people])
    }
    return {
        "counted": counted,
        "people": [(names[person.user_id], person.gained, person.lost) for person in counted.people],
    }


def in_words(counted: Preview) -> str:
    """Such as "3 people gain 12 documents, and nobody loses any."."""
    gain = some(counted.people_gaining, "gain", counted.documents_gained)
    lose = some(counted.people_losing, "lose", counted.documents_lost)
    if not gain and not lose:
        return "Nobody gains or loses a document."
    if not lose:
        return f"{gain}, and nobody loses any."
    return f"{gain}, and {lose}." if gain else f"{lose}, and nobody gains any."


def some(people: int, verb: str, documents: int) -> str:
    if not people:
        return ""
    who = f"1 person {verb}s" if people == 1 else f"{people} people {verb}"
    return f"{who} {documents} document{'' if documents == 1 else 's'}"
