"""People, groups and documents by what a person types, inside one tenant."""

from uuid import UUID

from django.db.models import Q

from accounts.models import Group, Membership
from retrieval.access.values import Grantee
from retrieval.api.caller import Caller
from retrieval.models import Document

NAMES_MAX = 20
TYPED_MAX = 200


def people_called(caller: Caller, typed: str) -> list[Membership]:
    """Members whose address or name has what was typed; one alone where it is a whole address."""
    members = Membership.objects.filter(tenant_id=caller.scope.tenant_id).select_related(
        "user", "tenant", "own_role"
    )
    exact = members.filter(user__email__iexact=typed).first()
    if exact is not None:
        return [exact]
    like = Q(user__email__icontains=typed) | Q(user__name__icontains=typed)
    return list(members.filter(like).order_by("user__email")[:NAMES_MAX])


def grantee_called(tenant_id: UUID, typed: str) -> Grantee | None:
    """The member with this address, or the group of this name."""
    member = Membership.objects.filter(tenant_id=tenant_id, user__email__iexact=typed)
    found = member.select_related("user").first()
    if found is not None:
        return Grantee(kind="user", id=found.user_id, name=found.user.get_full_name())
    group = Group.objects.filter(tenant_id=tenant_id, label__iexact=typed).order_by("pk").first()
    return Grantee(kind="group", id=group.pk, name=group.label) if group else None


def grantees_called(caller: Caller, typed: str) -> list[tuple[str, str]]:
    """(what to type, what it is) for people and groups."""
    groups = Group.objects.filter(tenant_id=caller.scope.tenant_id, label__icontains=typed).order_by("label")
    people = [(m.user.email, m.user.name) for m in people_called(caller, typed)]
    return [*((label, "group") for label in groups.values_list("label", flat=True)[:NAMES_MAX]), *people]


def documents_called(caller: Caller, typed: str, *, everywhere: bool) -> list[Document]:
    """Documents whose title has what was typed; only the caller's own readable ones unless everywhere.

    Call inside the transaction that sees them.
    """
    documents = Document.objects.filter(tenant_id=caller.scope.tenant_id)
    if not everywhere:
        documents = Document.objects.readable_by(caller.scope)
    return list(
        documents.filter(title__icontains=typed)
        .select_related("collection")
        .order_by("title", "pk")[:NAMES_MAX]
    )
