"""Who looks at a page: a signed-in person inside one tenant, or a kind way out."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.break_glass import open_stays
from accounts.browsing import administers, membership_of
from accounts.models import User
from accounts.resolve import active_memberships
from accounts.roles import Right
from compliance.audit.context import AuditContext, acting, current
from retrieval.api.caller import Caller, caller_by_session
from retrieval.sources.changes import RIGHTS as SOURCE_RIGHTS

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, Caller, P], HttpResponse]


def signed_in(page: Page[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Call `page` with the visitor as Caller, who is the actor of what it changes; strangers sign in first.

    A person without a membership in force in the session's tenant gets a page that says so, and may
    choose another tenant there.
    """

    @login_required
    @wraps(page)
    def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        caller = visitor(request)
        if caller is None:
            return render(request, "no_tenant.html", shell(request), status=403)
        context = AuditContext(
            request_id=current().request_id, actor_id=caller.scope.user_id, address=current().address
        )
        with acting(context):
            return page(request, caller, *args, **kwargs)

    return view


def visitor(request: HttpRequest) -> Caller | None:
    """The caller behind a page's session; None without a membership in force in its tenant."""
    membership = membership_of(request)
    if membership is None:
        return None
    return caller_by_session(request, membership)


def shell(request: HttpRequest, caller: Caller | None = None, section: str = "") -> dict[str, Any]:
    """What every page's frame shows: where one is, as whom, and where else one could be."""
    assert isinstance(request.user, User)
    return {
        "section": section,
        "tenant": caller.membership.tenant if caller else None,
        "role": caller.membership.role_name if caller else "",
        "explains": caller is not None and caller.may(Right.EXPLAIN_ACCESS),
        "sourcing": caller is not None and all(caller.may(right) for right in SOURCE_RIGHTS),
        "administers": caller is not None and administers(caller.membership),
        "emergencies": open_stays(caller.membership) if caller else [],
        "tenants": [membership.tenant for membership in active_memberships(request.user)],
    }
