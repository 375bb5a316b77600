"""What every admin page shares: one tenant's rows in lists, filters, choices, inlines and confirmations."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.utils import NestedObjects, get_fields_from_path, unquote
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.db import IntegrityError, router, transaction
from django.db.models import BooleanField, Field, ForeignKey, ManyToManyField, Model, QuerySet
from django.forms import ModelChoiceField, ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.browsing import membership_of
from accounts.models import Membership, User
from accounts.refusals import Refusal, by_the_database
from accounts.roles import Right

TRAIL = "admin:compliance_auditentry_changelist"


def prepared(form: type[Any], prepare: Callable[[Any], None]) -> type[Any]:
    """A form class of one request. Its class-wide fields are shared between threads and stay untouched."""

    class Prepared(form):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            prepare(self)

    return Prepared


def rows_of_tenant(model: type[Model], tenant_id: UUID | None) -> QuerySet[Any]:
    """The rows of a model that this tenant's staff may choose from; none where the model names no tenant."""
    rows = model._default_manager.all()
    if tenant_id is None:
        return rows.none()
    if model is User:
        return rows.filter(memberships__tenant_id=tenant_id)
    if any(field.name == "tenant" for field in model._meta.get_fields()):
        return rows.filter(tenant_id=tenant_id)
    return rows.none()


class WithinTenant:
    """For pages and inlines alike: who may, and what a form offers."""

    right: Right

    def may(self, request: HttpRequest, right: Right) -> bool:
        membership = membership_of(request)
        return membership is not None and bool(request.user.is_staff) and membership.may(right)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer this tenant's rows only: a choice list is a list of names."""
        kwargs["queryset"] = self.choices(db_field, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        kwargs["queryset"] = self.choices(db_field, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]

    def choices(self, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        membership = membership_of(request)
        return rows_of_tenant(db_field.remote_field.model, membership.tenant_id if membership else None)


class TenantRelatedFilter(RelatedFieldListFilter):
    """A list filter over a relation that names this tenant's rows only."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Any:
        membership = membership_of(request)
        rows = rows_of_tenant(field.remote_field.model, membership.tenant_id if membership else None)
        return [(str(row.pk), str(row)) for row in rows]


class TenantModelAdmin(WithinTenant, admin.ModelAdmin[Any]):
    """Pages of a model with a tenant: its rows of this tenant, for roles with the right.

    right: needed to see and change; reading alone may take another one.
    """

    reading_right: Right | None = None
    tenant_path = "tenant"  # lookup from the model to its tenant
    ordering: ClassVar[Any] = ("pk",)  # autocompletes are paged, and without an order pages overlap

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, self.right) or (
            self.reading_right is not None and self.may(request, self.reading_right)
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        membership = membership_of(request)
        rows = super().get_queryset(request)
        return rows.filter(**{self.tenant_path: membership.tenant_id}) if membership else rows.none()

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Filters over relations list names, so those go through `TenantRelatedFilter`."""
        return [self.bound(wanted) for wanted in super().get_list_filter(request)]

    def bound(self, wanted: Any) -> Any:
        if not isinstance(wanted, str):
            return wanted
        field = get_fields_from_path(self.model, wanted)[-1]
        if "__" in wanted and not isinstance(field, BooleanField):
            raise ImproperlyConfigured(f"{self}: the filter '{wanted}' would list values of other tenants.")
        return (wanted, TenantRelatedFilter) if isinstance(field, Field) and field.remote_field else wanted

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        membership = membership_of(request)
        if membership and not change and self.tenant_path == "tenant":
            obj.tenant_id = membership.tenant_id
        super().save_model(request, obj, form, change)

    # --- Refusals --------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Django's own; what a service or the database refuses while saving becomes an error of the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (ValidationError, IntegrityError) as error:
            request._refused = self.in_words(request, error, object_id)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Django's own; a refusal is said on the list of rows."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except (Refusal, IntegrityError) as error:
            return self.back_to_list(request, self.in_words(request, error, object_id))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Django's own; an action on several rows changes all of them or, where one is refused, none."""
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except (Refusal, IntegrityError) as error:
            return self.back_to_list(request, self.in_words(request, error, None))

    def back_to_list(self, request: HttpRequest, sentence: str) -> HttpResponse:
        messages.error(request, sentence)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def in_words(self, request: HttpRequest, error: Exception, object_id: str | None) -> str:
        """The sentence of a refusal, put on record anew: saving was undone, and the first entry with it."""
        if isinstance(error, ValidationError) and not isinstance(error, Refusal):
            return str(error.messages[0])
        refusal = by_the_database(error) if isinstance(error, IntegrityError) else error
        if not isinstance(refusal, Refusal):
            raise error
        own = self.own(request)
        refusal.tenant_id, refusal.actor_id = own.tenant_id, own.user_id
        refusal.object_pk = refusal.object_pk or unquote(object_id or "")
        refusal.tell()
        return str(refusal.message)

    def own(self, request: HttpRequest) -> Membership:
        membership = membership_of(request)
        if membership is None:
            raise PermissionDenied
        return membership

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if self.tenant_path == "tenant":
            form = self.within(form, self.own(request).tenant_id)
        sentence = getattr(request, "_refused", None)
        if sentence is None:
            return form

        class Refused(form):  # type: ignore[valid-type,misc]  # made for this request
            def clean(self) -> Any:
                cleaned = super().clean()
                self.add_error(None, sentence)
                return cleaned

        return Refused

    @staticmethod
    def within(form: type[Any], tenant_id: UUID) -> type[Any]:
        """The form with its tenant filled in, so that what is unique in a tenant is checked with it."""

        class Within(form):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                if self.instance._state.adding:
                    self.instance.tenant_id = tenant_id

            def _get_validation_exclusions(self) -> set[str]:
                return set(super()._get_validation_exclusions()) - {"tenant"}

        return Within

    # --- Deleting --------------------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What a deletion takes along, counted and not named, and what stands against it."""
        collector: Any = NestedObjects(using=router.db_for_write(self.model))
        objs = list(objs)
        collector.collect(objs)
        counts = {
            str(model._meta.verbose_name_plural): len(rows) for model, rows in collector.model_objs.items()
        }
        lacking = {
            str(self.opts.verbose_name) for obj in objs if not self.has_delete_permission(request, obj)
        }
        protected = [f"{row._meta.verbose_name} in use" for row in collector.protected]
        return [str(obj) for obj in objs], counts, lacking, protected

    # --- History ---------------------------------------------------------------------------------

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: Django's own log knows no tenant and keeps names. The audit trail has the change."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing, as above."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Nothing, as above."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit trail of one object, for who may read that."""
        if not self.has_view_permission(request) or not self.may(request, Right.READ_AUDIT):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        return redirect(f"{reverse(TRAIL)}?{urlencode({'q': str(obj.pk)})}")


class TenantInline(WithinTenant, admin.TabularInline[Any, Any]):
    """Rows of a related model on another one's page, for roles with the right."""

    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        membership = membership_of(request)
        rows = super().get_queryset(request)
        return rows.filter(tenant_id=membership.tenant_id) if membership else rows.none()


class ReadOnlyAdmin(TenantModelAdmin):
    """Pages to be read and never written."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
