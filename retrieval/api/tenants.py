"""Choosing the tenant a session acts in."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.browsing import TENANT_IN_SESSION
from accounts.models import User
from accounts.resolve import find_membership


@require_POST
@login_required
def choose_tenant(request: HttpRequest) -> HttpResponse:
    """Act in another tenant from now on. A foreign tenant and an absent one are both 404."""
    assert isinstance(request.user, User)
    try:
        tenant_id = UUID(request.POST.get("tenant", ""))
    except ValueError:
        raise Http404 from None
    if find_membership(request.user, tenant_id) is None:
        raise Http404
    request.session[TENANT_IN_SESSION] = str(tenant_id)
    return redirect(local_path(request.POST.get("next", "")))


def local_path(wanted: str) -> str:
    """`wanted` if it stays on this site, else the front page."""
    # No host is allowed, not even ours: only paths pass.
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return "/"
