"""The admin, inside one tenant at a time: the one of the person's session."""

from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse
from django.urls import NoReverseMatch, reverse

from accounts.break_glass import open_stays
from accounts.browsing import administers, membership_of
from accounts.database import managing
from compliance.audit.context import AuditContext, acting, current

# Django's redirect to "view on site" says of any model's row whether it exists, whoever's it is.
LEFT_OUT = {"view_on_site"}


class TenantAdminSite(AdminSite):
    """Every view runs, and is rendered, in a transaction that sees the session's tenant only.

    Rights come from the role in that tenant; Django's own superuser flag opens nothing here.
    """

    site_header = "ragsite"
    site_title = "ragsite"
    index_title = "Administration"
    site_url = "/"
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Pages that know tenants; those that libraries register for their own models know none, and stay out."""
        from accounts.admin.base import TenantModelAdmin

        if admin_class is not None and issubclass(admin_class, TenantModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[Any]:
        return [pattern for pattern in super().get_urls() if getattr(pattern, "name", None) not in LEFT_OUT]

    def has_permission(self, request: HttpRequest) -> bool:
        membership = membership_of(request)
        return membership is not None and request.user.is_staff and administers(membership)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        membership = membership_of(request)
        header = f"{membership.tenant.name} · ragsite" if membership else self.site_header
        return super().each_context(request) | {
            "site_header": header,
            "emergencies": open_stays(membership) if membership else [],
        }

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        def within_tenant(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            membership = membership_of(request)
            if membership is None:
                return inner(request, *args, **kwargs)
            context = AuditContext(
                request_id=current().request_id, actor_id=membership.user_id, address=current().address
            )
            with acting(context), managing(membership.tenant_id):
                response = inner(request, *args, **kwargs)
                # Rendered here: a lazy template would query after the transaction has ended.
                return response.render() if isinstance(response, SimpleTemplateResponse) else response

        return update_wrapper(within_tenant, view)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One way in for everybody; who is signed in and may not administer is sent home."""
        if request.user.is_authenticated:
            return redirect("/")
        return redirect(f"/sign-in/?next={request.path if request.path != '/admin/login/' else '/admin/'}")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Passwords are changed on the account page, which also ends other sessions."""
        try:
            return redirect(reverse("account"))
        except NoReverseMatch:
            raise Http404 from None

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return self.password_change(request)
