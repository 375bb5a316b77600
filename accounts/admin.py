"""What every admin page shares, and the pages for people, groups and keys."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group as AuthGroup
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest

from accounts.browsing import membership_of
from accounts.models import ApiKey, Group, Membership, Tenant, User
from accounts.roles import Right, Role

admin.site.unregister(AuthGroup)


def outranks(other: Membership, own: Membership) -> bool:
    return other.role == Role.OWNER and own.role != Role.OWNER


def prepared(form: type[Any], prepare: Callable[[Any], None]) -> type[Any]:
    """A form class of one request. Its class-wide fields are shared between threads and stay untouched."""

    class Prepared(form):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            prepare(self)

    return Prepared


class TenantModelAdmin(admin.ModelAdmin[Any]):
    """Pages of a model with a tenant: its rows of this tenant, for roles with the right.

    right: needed to see and change; reading alone may take another one.
    """

    right: Right
    reading_right: Right | None = None
    tenant_path = "tenant"  # lookup from the model to its tenant

    def may(self, request: HttpRequest, right: Right) -> bool:
        membership = membership_of(request)
        return membership is not None and request.user.is_staff and membership.may(right)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right) or (
            self.reading_right is not None and self.may(request, self.reading_right)
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        membership = membership_of(request)
        rows = super().get_queryset(request)
        return rows.filter(**{self.tenant_path: membership.tenant_id}) if membership else rows.none()

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer this tenant's rows only: a choice list is a list of names."""
        membership = membership_of(request)
        related = db_field.remote_field.model
        if membership and any(field.name == "tenant" for field in related._meta.get_fields()):
            kwargs["queryset"] = related._default_manager.filter(tenant_id=membership.tenant_id)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        membership = membership_of(request)
        if membership and not change and self.tenant_path == "tenant":
            obj.tenant_id = membership.tenant_id
        super().save_model(request, obj, form, change)


class ReadOnlyAdmin(TenantModelAdmin):
    """Pages to be read and never written."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tenant)
class TenantAdmin(TenantModelAdmin):
    right = Right.MANAGE_POLICY
    tenant_path = "id"
    list_display = ("name", "slug", "created_at")
    readonly_fields = ("slug",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class MemberForm(forms.ModelForm[Membership]):
    """A member by address: an existing person is added, a new one is made without a password."""

    email = forms.EmailField()
    name = forms.CharField(max_length=200, required=False)
    groups = forms.ModelMultipleChoiceField(Group.objects.none(), required=False)

    class Meta:
        model = Membership
        fields = ("role", "ceiling", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["email"].disabled = True
            self.initial = {
                **self.initial,
                "email": self.instance.user.email,
                "name": self.instance.user.name,
            }
            held = Group.objects.filter(tenant_id=self.instance.tenant_id, user=self.instance.user_id)
            self.initial = {**self.initial, "groups": list(held)}

    def offer(self, own: Membership | None) -> None:
        """Offer the tenant's groups, and no role above the one of who fills the form in."""
        groups: Any = self.fields["groups"]
        offered = (
            Group.objects.filter(tenant_id=own.tenant_id, builtin=False) if own else Group.objects.none()
        )
        groups.queryset = offered.order_by("label")
        if own is None or own.role != Role.OWNER:
            role: Any = self.fields["role"]
            role.choices = [choice for choice in role.choices if choice[0] != Role.OWNER]


@admin.register(Membership)
class MembershipAdmin(TenantModelAdmin):
    """People of the tenant: who they are, what they may do, which groups they are in."""

    right = Right.MANAGE_PEOPLE
    form = MemberForm
    list_display = ("person", "name", "role", "ceiling", "is_active")
    list_filter = ("role", "is_active")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    fields = ("email", "name", "role", "ceiling", "groups", "is_active")

    @admin.display(description="person", ordering="user__email")
    def person(self, membership: Membership) -> str:
        return membership.user.email

    @admin.display(ordering="user__name")
    def name(self, membership: Membership) -> str:
        return membership.user.name

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        own = membership_of(request)
        return prepared(super().get_form(request, obj, change, **kwargs), lambda form: form.offer(own))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        own = membership_of(request)
        # Nobody changes the own role, and only an owner changes an owner.
        if own and isinstance(obj, Membership) and (obj.pk == own.pk or outranks(obj, own)):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        if not change:
            email = form.cleaned_data["email"]
            person = User.objects.filter(email__iexact=email).first()
            obj.user = person or User.objects.create_user(email, name=form.cleaned_data["name"])
        super().save_model(request, obj, form, change)
        kept = set(obj.user.groups.exclude(group__tenant_id=obj.tenant_id))
        obj.user.groups.set(kept | set(AuthGroup.objects.filter(pk__in=form.cleaned_data["groups"])))


@admin.register(Group)
class GroupAdmin(TenantModelAdmin):
    right = Right.MANAGE_PEOPLE
    list_display = ("label", "builtin")
    search_fields = ("label",)
    fields = ("label",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        builtin = isinstance(obj, Group) and obj.builtin
        return not builtin and super().has_delete_permission(request, obj)


@admin.register(ApiKey)
class ApiKeyAdmin(TenantModelAdmin):
    """Keys of the tenant's members. The secret of a new one is shown once, after saving."""

    right = Right.MANAGE_PEOPLE
    tenant_path = "membership__tenant"
    list_display = ("prefix", "label", "member", "created_at", "expires_at", "revoked_at")
    list_select_related = ("membership__user",)
    fields = ("membership", "label", "expires_at", "revoked_at")

    @admin.display(description="member")
    def member(self, key: ApiKey) -> str:
        return key.membership.user.email

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # revoked, not deleted: entries of the audit trail speak of it

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("membership", "label", "expires_at") if obj else ()

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "membership":
            field.queryset = field.queryset.select_related("user")
            field.label_from_instance = lambda membership: membership.user.email
        return cast("ModelChoiceField[Any] | None", field)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        issued, secret = ApiKey.objects.issue(obj.membership, obj.label, obj.expires_at)
        obj.pk = issued.pk
        obj.__dict__.update(issued.__dict__)
        messages.success(request, f"The key's secret, shown this once: {secret}")


from accounts.sign_in import admin as sign_in_admin  # noqa: E402, F401  (its pages build on these)
