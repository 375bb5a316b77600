"""The way every request takes: key, limits, one transaction, and a refusal that changed nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from accounts.database import managing
from accounts.events import tell
from accounts.models import ApiKey, Tenant
from accounts.scim.authentication import REFUSED, authenticate
from accounts.scim.errors import ScimError, refusal_of
from accounts.scim.wire import Page, Projection, Resource, answer, answer_error, number, read_body


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of a directory, with the key that it came with."""

    request: HttpRequest
    key: ApiKey
    projection: Projection

    @property
    def tenant(self) -> Tenant:
        return self.key.membership.tenant

    def body(self) -> Resource:
        return read_body(self.request)

    def root(self, name: str) -> str:
        """The full address of a list of resources."""
        return self.request.build_absolute_uri(reverse(f"scim:{name}", kwargs={"tenant": self.tenant.slug}))

    def answer(self, resource: Resource, status: int = 200) -> JsonResponse:
        """The resource as far as it was asked for, and where it is if it is new."""
        headers = {"Location": resource["meta"]["location"]} if status == 201 else {}
        return answer(self.projection.of_resource(resource), status, **headers)

    def answer_page(self, page: Page, total: int, resources: list[Resource]) -> JsonResponse:
        return page.answer(total, [self.projection.of_resource(resource) for resource in resources])

    def tell(self, event: str, object_pk: object = "", **details: Any) -> None:
        """Record what was done, or refused, as the doing of the key's owner. details: ids, counts, rules."""
        tell(
            event,
            tenant_id=self.tenant.pk,
            actor_id=self.key.membership.user_id,
            outcome="refused" if event == REFUSED else "done",
            object_pk=str(object_pk),
            details={"key": self.key.pk, **details},
        )


Action = Callable[..., HttpResponse]


def endpoint(**actions: Action) -> Callable[..., HttpResponse]:
    """A view with one action a method, each called with the Call and the ids of the path."""

    def view(request: HttpRequest, tenant: str, **ids: str) -> HttpResponse:
        try:
            key = authenticate(request, tenant)
        except ScimError as refusal:
            return answer_error(refusal)
        call = Call(request=request, key=key, projection=Projection.of(request))
        method = "GET" if request.method == "HEAD" else request.method
        action = actions.get(method or "")
        if action is None:
            response = answer_error(ScimError(405, "This address does not take that method."))
            response.headers["Allow"] = ", ".join(sorted(actions))
            return response
        return _run(action, call, ids)

    # No cookie is ever looked at here, so there is no browser's session to forge a request from.
    return csrf_exempt(view)


def _run(action: Action, call: Call, ids: dict[str, str]) -> HttpResponse:
    try:
        with managing(call.tenant.pk):
            return action(call, **ids)
    except ScimError as error:
        refusal = error
    except IntegrityError as error:
        found = refusal_of(error)
        if found is None:
            raise
        refusal = found
    # After the rollback, or the record of the refusal would go with what was refused.
    method = call.request.method
    about = number(ids.get("resource", "")) or ""
    call.tell(REFUSED, about, rule=refusal.rule, status=refusal.status, method=method)
    return answer_error(refusal)
