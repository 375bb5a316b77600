"""What can somebody see, why, and what would change: over REST."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import managing, reading
from accounts.models import Group, Membership
from accounts.resolve import scope_of
from accounts.roles import Right
from accounts.scope import AccessScope, Sensitivity
from retrieval.access.explain import Explanation, explain
from retrieval.access.grants import refusals_on_record
from retrieval.access.preview import Preview, preview
from retrieval.access.rights import check_may_give, check_may_take
from retrieval.access.values import Permission
from retrieval.access.visible import Visible, visible
from retrieval.access.whatif import Ceiling, Change, Granting, Inheriting, Joining, Nesting, Revoking
from retrieval.api.access_wire import (
    AccessQuery,
    ChangeSerializer,
    ExplainQuery,
    ExplanationSerializer,
    PreviewSerializer,
    VisibleSerializer,
    grantee_of,
    member_json,
)
from retrieval.api.caller import Caller, identify
from retrieval.api.strict import checked
from retrieval.api.targets import allowed, find_collection, find_document
from retrieval.errors import ChangeRefused
from retrieval.models import Document

USER = OpenApiParameter("user", int, description="Whose access; without it one's own.")
GROUP_ID_MAX = 2**31 - 1  # what the column holds


class AccessView(APIView):
    """`GET /api/v1/access?user=ID`"""

    @extend_schema(
        parameters=[USER, OpenApiParameter("limit", int), OpenApiParameter("offset", int)],
        responses=VisibleSerializer,
    )
    def get(self, request: Request) -> Response:
        """What a person can see: how much of which collection, and a page of titles."""
        caller = identify(request)
        sent = checked(AccessQuery, request.query_params)
        membership = somebody(caller, sent.get("user"))
        seen = visible_to(caller, membership, sent["limit"], sent["offset"])
        return Response({"user": member_json(membership), **VisibleSerializer(seen).data})


class ExplainView(APIView):
    """`GET /api/v1/access/explain?user=ID&document=ID`"""

    @extend_schema(
        parameters=[USER, OpenApiParameter("document", UUID, required=True)], responses=ExplanationSerializer
    )
    def get(self, request: Request) -> Response:
        """Whether a person may read a document, and the grant that decides or what is missing."""
        caller = identify(request)
        sent = checked(ExplainQuery, request.query_params)
        membership = somebody(caller, sent.get("user"))
        explained = explained_to(caller, membership, sent["document"])
        return Response({"user": member_json(membership), **ExplanationSerializer(explained).data})


class PreviewView(APIView):
    """`POST /api/v1/access/preview`"""

    @extend_schema(request=ChangeSerializer, responses=PreviewSerializer)
    def post(self, request: Request) -> Response:
        """Count what a change would open and close, without making it."""
        caller = identify(request)
        return Response(PreviewSerializer(tried(caller, checked(ChangeSerializer, request.data))).data)


def somebody(caller: Caller, user_id: int | None) -> Membership:
    """The member a question is about; about others only with the right.

    Raises PermissionDenied without it whoever is meant, Http404 for who is no member here.
    """
    if user_id is None or user_id == caller.scope.user_id:
        # A key that is for something else, such as a directory's, does not look around for its owner.
        if caller.credential.key_id is not None and not caller.may(Right.EXPLAIN_ACCESS):
            caller.require(Right.ASK)
        return caller.membership
    caller.require(Right.EXPLAIN_ACCESS)
    return member(caller, user_id)


def member(caller: Caller, user_id: int) -> Membership:
    memberships = Membership.objects.select_related("user", "tenant", "own_role")
    found = memberships.filter(tenant_id=caller.scope.tenant_id, user_id=user_id).first()
    if found is None:
        raise Http404
    return found


def group(caller: Caller, group_id: int) -> Group:
    groups = Group.objects.filter(tenant_id=caller.scope.tenant_id, pk=min(group_id, GROUP_ID_MAX))
    found = groups.first() if group_id <= GROUP_ID_MAX else None
    if found is None:
        raise Http404
    return found


def visible_to(caller: Caller, membership: Membership, limit: int, offset: int) -> Visible:
    """What the member can see now; nothing while she is not let in."""
    return visible(scope_now(caller, membership), limit, offset)


def scope_now(caller: Caller, membership: Membership) -> AccessScope:
    if membership is caller.membership:
        return caller.scope  # as narrow as the key she came with
    lets_in = membership.is_active and membership.user.is_active and membership.tenant.is_active
    return scope_of(membership) if lets_in else nobody(membership)


def nobody(membership: Membership) -> AccessScope:
    """The scope of somebody who is not let in: no id but one that is never given."""
    return AccessScope(tenant_id=membership.tenant_id, user_id=0, group_ids=frozenset())


def explained_to(caller: Caller, membership: Membership, document_id: UUID) -> Explanation:
    """The explanation, where the caller may have it. About herself alone she learns of what she can see."""
    tenant_id = caller.scope.tenant_id
    if caller.may(Right.EXPLAIN_ACCESS):
        with managing(tenant_id):
            document = find_document(caller, document_id)
    else:
        with reading(caller.scope):
            document = Document.objects.readable_by(caller.scope).filter(pk=document_id).first()
    if document is None:
        raise Http404
    return explain(tenant_id, membership, document)


def tried(caller: Caller, sent: dict[str, Any]) -> Preview:
    """A preview of what a checked body asks for, as far as the caller may know it."""
    tenant_id = caller.scope.tenant_id
    if not caller.may(Right.EXPLAIN_ACCESS) and sent["change"] not in ("grant", "revoke"):
        caller.require(Right.EXPLAIN_ACCESS)
    with refusals_on_record(tenant_id, caller.scope.user_id, ""), managing(tenant_id):
        counted = preview(tenant_id, change_from(caller, sent))
    # Who shares learns numbers; who is in which group is for those who may see that.
    return counted if caller.may(Right.EXPLAIN_ACCESS) else replace(counted, people=())


def change_from(caller: Caller, sent: dict[str, Any]) -> Change:
    match sent["change"]:
        case "grant" | "revoke":
            return grant_change(caller, sent)
        case "inherit":
            document = find_document(caller, sent["document"])
            if document is None:
                raise Http404
            return Inheriting(document=document, inherits_grants=sent["inherits_grants"])
        case "join" | "leave":
            joined = group(caller, sent["group"])
            if joined.builtin:
                raise ChangeRefused("Everybody is in this group, always.")
            return Joining(
                membership=member(caller, sent["user"]), group=joined, joins=sent["change"] == "join"
            )
        case "nest" | "unnest":
            outer, inner = group(caller, sent["outer"]), group(caller, sent["inner"])
            return Nesting(outer=outer, inner=inner, nests=sent["change"] == "nest")
        case _:
            return Ceiling(
                membership=member(caller, sent["user"]), ceiling=Sensitivity[sent["ceiling"].upper()]
            )


def grant_change(caller: Caller, sent: dict[str, Any]) -> Change:
    """A grant or its revocation; who does not explain access may try what she may do herself."""
    if "collection" in sent:
        target: Any = find_collection(caller, sent["collection"])
    else:
        target = find_document(caller, sent["document"])
    sharing = not caller.may(Right.EXPLAIN_ACCESS)
    if sharing:
        target = allowed(caller, Permission.SHARE, target)
    if target is None:
        raise Http404
    grantee, permission = grantee_of(sent), Permission(sent.get("permission", Permission.VIEW))
    if sent["change"] == "revoke":
        if sharing:
            check_may_take(caller, target, grantee, permission)
        return Revoking(target=target, grantee=grantee, permission=permission)
    if sharing:
        check_may_give(caller, target, grantee, permission, sent.get("expires_at"))
    return Granting(target=target, grantee=grantee, permission=permission, expires_at=sent.get("expires_at"))
