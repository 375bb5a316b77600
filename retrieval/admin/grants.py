"""Who may read a collection or document, as a field of its form."""

from typing import Any

from django import forms
from django.db.models import Model
from guardian.shortcuts import assign_perm, get_groups_with_perms, get_users_with_perms, remove_perm

from accounts.models import Group, User


class GrantsForm(forms.ModelForm[Any]):
    """Adds the groups and people who may read. A subclass names the permission, e.g. "view_document"."""

    permission = ""
    reading_groups = forms.ModelMultipleChoiceField(
        Group.objects.none(), required=False, label="Groups that may read"
    )
    reading_people = forms.ModelMultipleChoiceField(
        User.objects.none(), required=False, label="People who may read"
    )

    def offer(self, tenant_id: Any) -> None:
        """Offer this tenant's groups and members, and mark who reads already."""
        groups = self.fields["reading_groups"]
        people = self.fields["reading_people"]
        groups.queryset = Group.objects.filter(tenant_id=tenant_id).select_related("tenant").order_by("label")  # type: ignore[attr-defined]
        groups.label_from_instance = lambda group: group.label  # type: ignore[attr-defined]
        people.queryset = User.objects.filter(memberships__tenant_id=tenant_id).order_by("email")  # type: ignore[attr-defined]
        people.label_from_instance = lambda user: user.email  # type: ignore[attr-defined]
        if self.instance.pk and not self.instance._state.adding:
            now_groups, now_people = readers_of(self.instance, self.permission)
            self.initial = {
                **self.initial,
                "reading_groups": list(now_groups),
                "reading_people": list(now_people),
            }

    def save_grants(self) -> None:
        """Give and take rights until they are what the form says; only differences are written."""
        before_groups, before_people = readers_of(self.instance, self.permission)
        after_groups = {group.pk for group in self.cleaned_data["reading_groups"]}
        after_people = {person.pk for person in self.cleaned_data["reading_people"]}
        for model, before, after in (
            (Group, before_groups, after_groups),
            (User, before_people, after_people),
        ):
            for pk in after - before:
                assign_perm(self.permission, model.objects.get(pk=pk), self.instance)
            for pk in before - after:
                remove_perm(self.permission, model.objects.get(pk=pk), self.instance)


def readers_of(instance: Model, permission: str) -> tuple[set[int], set[int]]:
    """Ids of the groups and of the people with a direct grant."""
    # Dictionaries from the grantee to permissions, because of attach_perms.
    groups: Any = get_groups_with_perms(instance, attach_perms=True)
    people: Any = get_users_with_perms(instance, attach_perms=True, with_group_users=False)
    return (
        {group.pk for group, permissions in groups.items() if permission in permissions},
        {person.pk for person, permissions in people.items() if permission in permissions},
    )
