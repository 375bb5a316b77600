"""The collection or document a request is about, where its caller may do what she wants to do with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from django.http import Http404
from rest_framework.exceptions import PermissionDenied

from accounts.database import managing
from compliance.audit.context import acting, current
from retrieval.access.rights import may
from retrieval.access.values import COVERED_BY, Permission, Target
from retrieval.api.caller import Caller
from retrieval.models import Collection, Document

Found = TypeVar("Found", bound=Collection | Document)


@contextmanager
def changing(caller: Caller) -> Iterator[None]:
    """The transaction of a change in the caller's tenant; what is audited in it is put down to her."""
    with acting(replace(current(), actor_id=caller.scope.user_id)), managing(caller.scope.tenant_id):
        yield


def find_collection(caller: Caller, collection_id: UUID) -> Collection | None:
    """A collection of the caller's tenant. Call inside `managing`."""
    return Collection.objects.filter(tenant_id=caller.scope.tenant_id, pk=collection_id).first()


def find_document(caller: Caller, document_id: UUID, *, lock: bool = False) -> Document | None:
    """A document of the caller's tenant with its collection. Call inside `managing`."""
    documents = Document.objects.filter(tenant_id=caller.scope.tenant_id, pk=document_id)
    documents = documents.select_related("collection")
    return (documents.select_for_update(of=("self",)) if lock else documents).first()


def find_target(caller: Caller, kind: type[Target], target_id: UUID) -> Target | None:
    return find_collection(caller, target_id) if kind is Collection else find_document(caller, target_id)


def allowed(caller: Caller, permission: Permission, target: Found | None) -> Found:
    """The target, for who may do this with it by role or by grant. Call inside `managing`.

    Raises Http404 where the role covers the whole tenant and there is no such thing; for everybody else
    PermissionDenied, alike for what is absent, foreign or not hers.
    """
    if target is not None and may(caller, permission, target):
        return target
    caller.require(COVERED_BY[permission])
    if target is None:
        raise Http404
    raise PermissionDenied
