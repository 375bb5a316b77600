"""Who may open the platform's pages. To everybody else they are as absent as pages that never were."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from accounts.models import User
from compliance.audit.context import AuditContext, acting, current
from retrieval.api.visitor import shell

P = ParamSpec("P")


def platform_page(
    page: Callable[Concatenate[HttpRequest, User, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Call `page` with the platform administrator; what it audits is hers."""

    @login_required
    @wraps(page)
    def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not (user.is_superuser and user.is_active):
            raise Http404
        context = AuditContext(request_id=current().request_id, actor_id=user.pk, address=current().address)
        with acting(context):
            return page(request, user, *args, **kwargs)

    return view


def frame(request: HttpRequest, page: str) -> dict[str, Any]:
    """What the frame shows here: no tenant, since nobody is in one on these pages."""
    return shell(request, None, "platform") | {"page": page}
