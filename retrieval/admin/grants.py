"""Who may read a collection or document, as a field of its form."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import Group, User
from retrieval.access.grants import grant, grants_on, revoke
from retrieval.access.values import Grantee, Permission, Target


class GrantsForm(forms.ModelForm[Any]):
    """Adds the groups and people who may read. Ends are shown; giving one is for the page of grants."""

    reading_groups = forms.ModelMultipleChoiceField(
        Group.objects.none(), required=False, label="Groups that may read"
    )
    reading_people = forms.ModelMultipleChoiceField(
        User.objects.none(), required=False, label="People who may read"
    )

    def offer(self, tenant_id: Any) -> None:
        """Offer this tenant's groups and members, and mark who reads already."""
        groups: Any = self.fields["reading_groups"]
        people: Any = self.fields["reading_people"]
        saved = self.instance.pk and not self.instance._state.adding
        reading = readers_of(self.instance) if saved else {}
        ends = {grantee.id: end for grantee, end in reading.items()}
        groups.queryset = Group.objects.filter(tenant_id=tenant_id).select_related("tenant").order_by("label")
        groups.label_from_instance = lambda group: with_end(group.label, ends.get(group.pk))
        people.queryset = User.objects.filter(memberships__tenant_id=tenant_id).order_by("email")
        people.label_from_instance = lambda user: with_end(user.email, ends.get(user.pk))
        self.initial = {
            **self.initial,
            "reading_groups": [grantee.id for grantee in reading if grantee.kind == "group"],
            "reading_people": [grantee.id for grantee in reading if grantee.kind == "user"],
        }

    def save_grants(self) -> None:
        """Grant and revoke until it is what the form says; a reader who stays keeps her grant and its end."""
        before = set(readers_of(self.instance))
        after = {Grantee(kind="group", id=group.pk) for group in self.cleaned_data["reading_groups"]}
        after |= {Grantee(kind="user", id=person.pk) for person in self.cleaned_data["reading_people"]}
        for grantee in sorted(after - before, key=by_id):
            grant(self.instance, grantee, Permission.VIEW)
        for grantee in sorted(before - after, key=by_id):
            revoke(self.instance, grantee, Permission.VIEW)


def by_id(grantee: Grantee) -> int:
    return grantee.id


def readers_of(target: Target) -> dict[Grantee, datetime | None]:
    """The groups and people with a direct grant in force, and its end."""
    now = timezone.now()
    return {
        granted.grantee: granted.expires_at
        for granted in grants_on(target)
        if granted.permission is Permission.VIEW and (granted.expires_at is None or granted.expires_at > now)
    }


def with_end(name: str, end: datetime | None) -> str:
    return f"{name} (until {timezone.localtime(end):%-d %B %Y, %H:%M} UTC)" if end else name
