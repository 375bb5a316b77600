"""Signing in: by password, by passkey, and through an organisation's own service."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import requests
import structlog
from allauth.account.views import LoginView, LogoutView
from allauth.core.internal import ratelimit
from allauth.socialaccount.adapter import get_adapter as identity_adapter
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.models import IdentityProvider, Tenant, TenantDomain
from accounts.models.sign_in import normalise_domain
from accounts.sign_in import oidc
from accounts.sign_in.adapters import AccountAdapter, app_of, live_provider
from accounts.sign_in.forms import OrganisationForm, SignInForm
from accounts.sign_in.identities import Refused, refuse

log = structlog.get_logger()

NO_SERVICE = "No organisation here signs in with addresses of this domain. Use your password."


class SignInView(LoginView):
    """The one door: a password here, a passkey, or on to the organisation that the address names."""

    form_class = SignInForm
    template_name = "sign_in.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "organisation" in request.POST:
            return self.to_organisation(request)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def to_organisation(self, request: HttpRequest) -> HttpResponse:
        """Lead to the tenant whose domain the address has; says nothing of accounts."""
        form = OrganisationForm(request.POST)
        if form.is_valid():
            slug = tenant_of_address(form.cleaned_data["username"])
            if slug:
                return redirect("sign-in-organisation", slug=slug)
            problem = NO_SERVICE
        else:
            problem = str(form.errors["username"][0])
        return self.render_to_response(self.get_context_data(form=self.unbound(), problem=problem))

    def unbound(self) -> SignInForm:
        return SignInForm(
            request=self.request, initial={"username": self.request.POST.get("username", "")[:254]}
        )


class SignOutView(LogoutView):
    http_method_names = ["post"]


def tenant_of_address(address: str) -> str | None:
    domain = normalise_domain(address.rpartition("@")[2])
    found = TenantDomain.objects.filter(
        domain=domain,
        confirmed_at__isnull=False,
        tenant__state=Tenant.State.ACTIVE,
        tenant__identity_providers__enabled=True,
    )
    return found.values_list("tenant__slug", flat=True).first()


@never_cache
@require_GET
def organisation(request: HttpRequest, slug: str) -> HttpResponse:
    """The services of one organisation. One without any is as good as none."""
    providers = list(
        IdentityProvider.objects.filter(tenant__slug=slug, enabled=True, tenant__state=Tenant.State.ACTIVE)
        .select_related("tenant")
        .order_by("name")
    )
    if not providers:
        raise Http404
    return render(
        request, "sign_in_organisation.html", {"providers": providers, "tenant": providers[0].tenant}
    )


Way = Callable[..., HttpResponse]


def refusing(view: Way) -> Way:
    """A provider that cannot be reached or makes no sense is a refusal like any other."""

    @wraps(view)
    def answer(request: HttpRequest, provider_id: str) -> HttpResponse:
        provider = live_provider(provider_id)
        if provider is None:
            raise Http404
        try:
            return view(request, provider_id)
        except Refused as refusal:
            return refuse(request, provider, refusal.reason)
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            log.warning("sign_in.provider_failed", provider=str(provider_id), error=type(error).__name__)
            return refuse(request, provider, "provider_failed")

    return answer


@never_cache
@require_GET
@refusing
def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the provider."""
    if not ratelimit.consume(request, app="allauth.account", action="assertion", limit_get=True):
        return ratelimit.respond_429(request)
    provider = live_provider(provider_id)
    assert provider is not None
    target = request.GET.get("next")
    next_url = target if AccountAdapter(request).is_safe_url(target) else None
    own = identity_adapter().get_provider(request, app_of(provider).provider_id)
    response: HttpResponse = own.redirect(request, "login", next_url)
    return response


@never_cache
@require_GET
@refusing
def oidc_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return oidc.callback(request, provider_id)


def refused(request: HttpRequest) -> HttpResponse:
    """Where an account that may not sign in ends, whatever way it came."""
    sentence = "This account is not in force. Ask an administrator of your organisation."
    return render(request, "sign_in_refused.html", {"sentence": sentence}, status=403)
