"""The page that says what somebody can see, and why."""

from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.database import managing, reading
from accounts.models import Membership
from accounts.roles import Right
from accounts.scope import Sensitivity
from retrieval.access.explain import Explanation
from retrieval.api.access import explained_to, member, visible_to
from retrieval.api.caller import Caller
from retrieval.api.names import NAMES_MAX, TYPED_MAX, documents_called, grantees_called, people_called
from retrieval.api.visitor import shell, signed_in
from retrieval.models import Collection, Document

TITLES_PER_PAGE = 25
COLLECTIONS_MAX = 200
OFFSET_MAX = 1_000_000


@require_safe
@signed_in
def access_page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What a person can see and why; one's own without the right to ask about others."""
    others = caller.may(Right.EXPLAIN_ACCESS)
    people = people_called(caller, typed(request, "person")) if others and typed(request, "person") else []
    membership = whose(request, caller, people, others=others)
    page: dict[str, Any] = {
        "others": others,
        "person_typed": typed(request, "person"),
        "people": people if membership is None else [],
        "person_unknown": bool(typed(request, "person")) and not people and membership is None,
        "manages_grants": others or caller.may(Right.GRANT_ACCESS),
        "names_max": NAMES_MAX,
    }
    if membership is not None:
        page |= about(request, caller, membership)
    elif others:
        page["shelves"] = shelves(caller)
    return render(request, "access.html", shell(request, caller, "access") | page)


def typed(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:TYPED_MAX]


def whose(
    request: HttpRequest, caller: Caller, people: list[Membership], *, others: bool
) -> Membership | None:
    """The member the page is about; None: nobody is chosen yet. Raises Http404 for who is none here."""
    number = request.GET.get("user", "")
    if not others:
        return caller.membership
    if number:
        if not (number.isascii() and number.isdecimal() and len(number) <= 18):
            raise Http404
        return member(caller, int(number))
    return people[0] if len(people) == 1 else None


def about(request: HttpRequest, caller: Caller, membership: Membership) -> dict[str, Any]:
    """What she can see, a page of it, and the explanation asked for."""
    first = request.GET.get("from", "0")
    offset = min(int(first), OFFSET_MAX) if first.isascii() and first.isdecimal() and len(first) < 9 else 0
    seen = visible_to(caller, membership, TITLES_PER_PAGE, offset)
    found = titled(request, caller)
    chosen = found[0].pk if len(found) == 1 else document_id(request)
    return {
        "member": membership,
        "oneself": membership.user_id == caller.scope.user_id,
        "ceiling": Sensitivity(membership.ceiling).name.lower(),
        "seen": seen,
        "first": offset,
        "last": offset + len(seen.documents),
        "earlier": max(offset - TITLES_PER_PAGE, 0) if offset else None,
        "later": offset + TITLES_PER_PAGE if offset + TITLES_PER_PAGE < seen.total else None,
        "title_typed": typed(request, "title"),
        "found": found if chosen is None else [],
        "title_unknown": bool(typed(request, "title")) and not found,
        **(explained(caller, membership, chosen) if chosen else {}),
    }


def titled(request: HttpRequest, caller: Caller) -> list[Document]:
    if not typed(request, "title"):
        return []
    everywhere = caller.may(Right.EXPLAIN_ACCESS)
    with looking(caller):
        return documents_called(caller, typed(request, "title"), everywhere=everywhere)


def looking(caller: Caller) -> AbstractContextManager[None]:
    """The transaction in which the caller looks for documents by title."""
    if caller.may(Right.EXPLAIN_ACCESS):
        return managing(caller.scope.tenant_id)
    return reading(caller.scope)


def document_id(request: HttpRequest) -> UUID | None:
    wanted = request.GET.get("document", "")
    try:
        return UUID(wanted) if wanted else None
    except ValueError:
        raise Http404 from None


def explained(caller: Caller, membership: Membership, chosen: UUID) -> dict[str, Any]:
    explanation: Explanation = explained_to(caller, membership, chosen)
    with managing(caller.scope.tenant_id):
        document = Document.objects.select_related("collection").get(
            tenant_id=caller.scope.tenant_id, pk=chosen
        )
    return {"explanation": explanation, "document": document, "deciding": explanation.grants[:1]}


def shelves(caller: Caller) -> list[Collection]:
    """The tenant's collections, to look at their grants."""
    with managing(caller.scope.tenant_id):
        collections = Collection.objects.filter(tenant_id=caller.scope.tenant_id)
        return list(collections.order_by("name")[:COLLECTIONS_MAX])


@require_safe
@signed_in
def access_names(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Names of this tenant that go on from what was typed, for a page that helps to type them."""
    kind, begun = request.GET.get("kind", ""), typed(request, "q")
    if not begun:
        return JsonResponse({"names": []})
    if kind == "title":
        with looking(caller):
            found = documents_called(caller, begun, everywhere=caller.may(Right.EXPLAIN_ACCESS))
            names = [(document.title, document.collection.name) for document in found]
    elif not (caller.may(Right.EXPLAIN_ACCESS) or caller.may(Right.GRANT_ACCESS)):
        raise PermissionDenied
    elif kind == "grantee":
        names = grantees_called(caller, begun)
    else:
        names = [(m.user.email, m.user.name) for m in people_called(caller, begun)]
    return JsonResponse({"names": [{"value": value, "label": label} for value, label in names]})
