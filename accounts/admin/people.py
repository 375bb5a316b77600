"""Members of the tenant, persons and service accounts alike."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.admin.base import TenantModelAdmin, prepared
from accounts.models import Group, Membership, TenantRole
from accounts.people import (
    Appointment,
    add_member,
    add_service,
    change_member,
    deactivate_member,
    remove_member,
)
from accounts.roles import Right, Role, may_hand_out, rights_of
from accounts.scope import Sensitivity


class MemberForm(forms.ModelForm[Membership]):
    """A person by address, who is added, or made without a password; or a service account by name."""

    email = forms.EmailField(required=False, help_text="Of a person. A service account has none.")
    name = forms.CharField(max_length=200, required=False)
    service = forms.BooleanField(
        required=False,
        label="service account",
        help_text="A program: it owns keys and can never sign in. It needs a name and no address.",
    )
    groups = forms.ModelMultipleChoiceField(Group.objects.none(), required=False)

    class Meta:
        model = Membership
        fields = ("role", "own_role", "ceiling", "is_active")
        help_texts = {"own_role": "In the place of the role above, where one is chosen."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            person = self.instance.user
            held = Group.objects.filter(tenant_id=self.instance.tenant_id, user=person, builtin=False)
            self.initial = {
                **self.initial,
                "email": "" if person.is_service else person.email,
                "name": person.name,
                "service": person.is_service,
                "groups": list(held),
            }
            for name in ("email", "name", "service"):
                self.fields[name].disabled = True

    def offer(self, own: Membership) -> None:
        """Offer the tenant's groups and roles, and no role or ceiling above those of who fills it in."""
        fields: Any = self.fields
        groups = Group.objects.filter(tenant_id=own.tenant_id, builtin=False).order_by("label")
        fields["groups"].queryset = groups
        fields["groups"].label_from_instance = lambda group: group.label
        if "role" not in fields:
            return  # to be read only
        fields["role"].choices = [
            (role.value, role.label) for role in Role.assignable() if self.offers(own, rights_of(role))
        ]
        roles = TenantRole.objects.filter(tenant_id=own.tenant_id)
        offered = [role.pk for role in roles if self.offers(own, Right.known(role.rights))]
        fields["own_role"].queryset = roles.filter(pk__in=offered)
        fields["ceiling"].choices = [
            (level.value, level.name.lower())
            for level in Sensitivity
            if level <= own.ceiling or level == self.instance.ceiling
        ]

    def offers(self, own: Membership, rights: frozenset[Right]) -> bool:
        return may_hand_out(own.rights, rights)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        wants = "name" if cleaned.get("service") else "email"
        if (
            self.instance._state.adding
            and not (cleaned.get(wants) or "").strip()
            and wants not in self.errors
        ):
            self.add_error(
                wants, "A service account needs a name." if wants == "name" else "Enter an address."
            )
        return cleaned

    def appointment(self) -> Appointment:
        return Appointment(
            role=Role(self.cleaned_data["role"]),
            own_role=self.cleaned_data["own_role"],
            ceiling=Sensitivity(int(self.cleaned_data["ceiling"])),
        )


@admin.register(Membership)
class MembershipAdmin(TenantModelAdmin):
    """Who they are, what they may do, which groups they are in."""

    right = Right.MANAGE_PEOPLE
    form = MemberForm
    list_display = ("person", "name", "what", "ceiling", "is_active")
    list_filter = ("role", "own_role", "is_active", "user__is_service")
    list_select_related = ("user", "own_role", "tenant")
    search_fields = ("user__email", "user__name")
    ordering = ("user__email",)
    fields = ("email", "name", "service", "role", "own_role", "ceiling", "groups", "is_active")
    actions = ("deactivate",)

    @admin.display(description="person", ordering="user__email")
    def person(self, membership: Membership) -> str:
        return "service account" if membership.user.is_service else membership.user.email

    @admin.display(ordering="user__name")
    def name(self, membership: Membership) -> str:
        return membership.user.name

    @admin.display(description="role", ordering="role")
    def what(self, membership: Membership) -> str:
        return membership.role_name

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        own = self.own(request)
        return prepared(super().get_form(request, obj, change, **kwargs), lambda form: form.offer(own))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        own = self.own(request)
        if not isinstance(obj, Membership):
            return True
        # Nobody changes her own place, nor that of somebody who may do more.
        return obj.pk != own.pk and may_hand_out(own.rights, Appointment.of(obj).rights)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        own, cleaned = self.own(request), form.cleaned_data
        if change:
            change_member(
                own, obj, form.appointment(), is_active=cleaned["is_active"], groups=cleaned["groups"]
            )
            return
        given = form.appointment()
        if cleaned["service"]:
            made = add_service(own, own.tenant, cleaned["name"], given, cleaned["groups"])
        else:
            made = add_member(
                own, own.tenant, cleaned["email"], given, name=cleaned["name"], groups=cleaned["groups"]
            )
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(self.own(request), obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset:
            self.delete_model(request, membership)

    @admin.action(description="Deactivate", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset.select_related("own_role"):
            deactivate_member(self.own(request), membership)
        self.message_user(request, f"Deactivated: {len(queryset)}.")
