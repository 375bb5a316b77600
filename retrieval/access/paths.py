"""How a person comes to be in a group: the groups between her and it."""

from collections.abc import Collection as SomeOf
from uuid import UUID

from django.db.models import Q

from accounts.models import Group, GroupNesting
from retrieval.access.values import Grantee


def paths_to(
    tenant_id: UUID, user_id: int, wanted: SomeOf[int], held: SomeOf[int]
) -> dict[int, tuple[Grantee, ...]]:
    """The shortest way to each wanted group: from the group the person is in herself to that one.

    held: every group she is in; a wanted one that is not among them has no way.
    """
    own = set(
        Group.objects.filter(Q(builtin=True) | Q(user=user_id), tenant_id=tenant_id, pk__in=held).values_list(
            "pk", flat=True
        )
    )
    inside: dict[int, list[int]] = {}
    edges = GroupNesting.objects.filter(tenant_id=tenant_id, inner__in=held, outer__in=held)
    for outer, inner in edges.order_by("inner_id").values_list("outer_id", "inner_id"):
        inside.setdefault(outer, []).append(inner)
    ways = {group: way for group in wanted if (way := shortest(group, own, inside))}
    groups = Group.objects.filter(pk__in={group for way in ways.values() for group in way})
    names = dict(groups.values_list("pk", "label"))
    return {
        group: tuple(Grantee(kind="group", id=pk, name=names[pk]) for pk in way)
        for group, way in ways.items()
    }


def shortest(group: int, own: set[int], inside: dict[int, list[int]]) -> tuple[int, ...]:
    """Inwards from the group, breadth first, to the nearest one of her own; empty: there is no way."""
    ways: list[tuple[int, ...]] = [(group,)]
    seen = {group}
    for way in ways:
        if way[0] in own:
            return way
        fresh = [inner for inner in inside.get(way[0], []) if inner not in seen]
        seen.update(fresh)
        ways.extend((inner, *way) for inner in fresh)
    return ()
