"""The grants on a collection or document over REST: list, grant, revoke."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import managing
from accounts.roles import Right
from retrieval.access.grants import find_grant, grant, grants_on, refusals_on_record, revoke
from retrieval.access.rights import check_may_give, check_may_take
from retrieval.access.values import Grant, Grantee, Permission, Target
from retrieval.api.access_wire import GrantingSerializer, GrantList, grantee_of
from retrieval.api.caller import Caller, identify
from retrieval.api.strict import checked
from retrieval.api.targets import allowed, changing, find_target
from retrieval.models import Collection, Document


class GrantNumber:
    """A path converter for `user-12` and `group-7`."""

    regex = "(?:user|group)-[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> tuple[str, int]:
        kind, number = value.split("-")
        return kind, int(number)

    def to_url(self, value: tuple[str, int] | str) -> str:
        return value if isinstance(value, str) else f"{value[0]}-{value[1]}"


class GrantsView(APIView):
    """`GET` and `POST /api/v1/{collections,documents}/{id}/grants`"""

    kind: type[Target]

    @extend_schema(responses=GrantList)
    def get(self, request: Request, target_id: UUID) -> Response:
        """The grants of an object, for who shares it or may see who reads what."""
        caller = identify(request)
        return Response(GrantList({"results": grants_on(seen(caller, self.kind, target_id))}).data)

    @extend_schema(request=GrantingSerializer, responses={201: GrantList})
    def post(self, request: Request, target_id: UUID) -> Response:
        """Grant a permission, or give it another end. Answers with what the grantee is granted now."""
        caller = identify(request)
        sent = checked(GrantingSerializer, request.data)
        permission = Permission(sent["permission"])
        granted = give(caller, self.kind, target_id, grantee_of(sent), permission, sent["expires_at"])
        return Response(GrantList({"results": granted}).data, status=status.HTTP_201_CREATED)


class CollectionGrantsView(GrantsView):
    kind = Collection


class DocumentGrantsView(GrantsView):
    kind = Document


class GrantView(APIView):
    """`DELETE /api/v1/{collections,documents}/{id}/grants/{number}`"""

    kind: type[Target]

    @extend_schema(responses={204: None})
    def delete(self, request: Request, target_id: UUID, number: tuple[Any, int]) -> Response:
        """Revoke a grant; with `view` goes everything its grantee is granted here."""
        caller = identify(request)
        take(caller, self.kind, target_id, number)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CollectionGrantView(GrantView):
    kind = Collection


class DocumentGrantView(GrantView):
    kind = Document


def seen(caller: Caller, kind: type[Target], target_id: UUID) -> Target:
    """The object whose grants the caller may see."""
    with managing(caller.scope.tenant_id):
        target = find_target(caller, kind, target_id)
        if not caller.may(Right.EXPLAIN_ACCESS):
            return allowed(caller, Permission.SHARE, target)
    if target is None:
        raise Http404
    return target


def give(
    caller: Caller, kind: type[Target], target_id: UUID, grantee: Grantee, permission: Permission, end: Any
) -> list[Grant]:
    """Grant as the caller may, and list the grantee's grants. Raises GrantRefused, which is then on record."""
    tenant_id, user_id = caller.scope.tenant_id, caller.scope.user_id
    with refusals_on_record(tenant_id, user_id, str(target_id)), changing(caller):
        target = allowed(caller, Permission.SHARE, find_target(caller, kind, target_id))
        check_may_give(caller, target, grantee, permission, end)
        grant(target, grantee, permission, end)
        return [granted for granted in grants_on(target) if granted.grantee == grantee]


def take(caller: Caller, kind: type[Target], target_id: UUID, number: tuple[Any, int]) -> Grant:
    """Revoke as the caller may. Raises Http404 for a grant that is not one of this object."""
    tenant_id, user_id = caller.scope.tenant_id, caller.scope.user_id
    with refusals_on_record(tenant_id, user_id, str(target_id)), changing(caller):
        target = allowed(caller, Permission.SHARE, find_target(caller, kind, target_id))
        found = find_grant(target, *number)
        if found is None:
            raise Http404
        check_may_take(caller, target, found.grantee, found.permission)
        revoke(target, found.grantee, found.permission)
        return found
