"""Who is in a group: changes are gathered first and written at once, whatever their number."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Group, GroupNesting, Tenant, User
from accounts.scim.errors import ScimError, invalid_value
from accounts.scim.filters import invalid_filter
from accounts.scim.grammar import AnyOf, Compare, Node
from accounts.scim.patch import Operation
from accounts.scim.people import members
from accounts.scim.wire import named, number

MEMBERS_MAX = 5000
STRANGER = "A member is a User or a Group of your organisation."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A member as the directory names it; of no kind where it does not say which."""

    id: int
    kind: str = ""  # "user" or "group"


@dataclass(slots=True, kw_only=True)
class MemberChange:
    """What becomes of the members, operation after operation; the last word on each holds."""

    replaced: bool = False
    wanted: dict[Reference, bool] = field(default_factory=dict)

    @classmethod
    def to(cls, value: object) -> "MemberChange":
        """That exactly the members in `value` remain. Raises ScimError."""
        change = cls()
        change._replace(value)
        return change

    def apply(self, operation: Operation) -> None:
        """Take one operation on `members` in. Raises ScimError."""
        where = operation.path.where
        if operation.kind == "remove":
            self._remove(where, operation.value)
        elif where is not None:
            raise ScimError(400, "Members are added by value, not by a filter.", scim_type="invalidPath")
        elif operation.kind == "replace":
            self._replace(operation.value)
        else:
            self._take(references_in(operation.value), True)

    def _remove(self, where: Node | None, value: object) -> None:
        if where is not None:
            self._take(selected(where), False)
        elif value is None:
            self._replace([])
        else:
            self._take(references_in(value, strict=False), False)

    def _replace(self, value: object) -> None:
        self.replaced, self.wanted = True, {}
        self._take(references_in(value), True)

    def _take(self, references: Iterable[Reference], wanted: bool) -> None:
        self.wanted |= dict.fromkeys(references, wanted)
        if len(self.wanted) > MEMBERS_MAX:
            raise invalid_value(f"A request may name {MEMBERS_MAX} members; split it.", rule="members_max")

    def __bool__(self) -> bool:
        return self.replaced or bool(self.wanted)


def references_in(value: object, *, strict: bool = True) -> Iterator[Reference]:
    """The members of a `members` value, one or a list. strict: what is no id at all is refused."""
    for each in value if isinstance(value, list) else [value] if value is not None else []:
        if not isinstance(each, dict):
            raise invalid_value("A member is an object with the value of an id.")
        member = named(each)
        found = number(str(member.get("value", "")))
        if found is not None:
            yield Reference(id=found, kind=_kind(member))
        elif strict:
            raise invalid_value(STRANGER, rule="foreign_member")


def _kind(member: dict[str, Any]) -> str:
    kind = str(member.get("type") or "").lower()
    if kind not in ("user", "group"):
        kind = "group" if "/Groups/" in str(member.get("$ref") or "") else ""
    return kind


def selected(where: Node) -> Iterator[Reference]:
    """The members that `members[value eq "1"]` means, or several with `or`. Raises ScimError."""
    match where:
        case Compare(attribute="members.value", operator="eq", value=str() as value):
            found = number(value)
            if found is not None:
                yield Reference(id=found)
        case AnyOf(nodes=nodes):
            for node in nodes:
                yield from selected(node)
        case _:
            raise invalid_filter("Members are selected with 'value eq', and several with 'or'.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """References that exist in the tenant: people by user id, groups by their own."""

    users: frozenset[int]
    groups: frozenset[int]
    missing: bool


def find(tenant: Tenant, references: Iterable[Reference]) -> Found:
    """In two queries, whatever the number. An id of no kind is a person's, else a group's."""
    references = list(references)
    places = {r.id for r in references if r.kind != "group"}
    users = dict(members(tenant).filter(pk__in=places).values_list("pk", "user_id")) if places else {}
    others = {r.id for r in references if r.kind == "group" or (not r.kind and r.id not in users)}
    groups = (
        Group.objects.filter(tenant=tenant, builtin=False, pk__in=others) if others else Group.objects.none()
    )
    found = frozenset(groups.values_list("pk", flat=True))
    missing = (places - set(users) - others) or (others - found)
    return Found(users=frozenset(users.values()), groups=found, missing=bool(missing))


def write(group: Group, change: MemberChange) -> dict[str, list[int]]:
    """Make the change, and return for the record who was added and removed. Raises ScimError.

    Whoever is to be added must be there; whoever is to be removed and is not there is removed already.
    """
    added = find(group.tenant, [r for r, wanted in change.wanted.items() if wanted])
    if added.missing:
        raise invalid_value(STRANGER, rule="foreign_member")
    removed = find(group.tenant, [r for r, wanted in change.wanted.items() if not wanted])
    return _write_users(group, change, added, removed) | _write_groups(group, change, added, removed)


def _write_users(group: Group, change: MemberChange, added: Found, removed: Found) -> dict[str, list[int]]:
    through = User.groups.through
    rows = through.objects.filter(group_id=group.pk)
    present = set(rows.values_list("user_id", flat=True))
    gone = present & ((present - added.users) if change.replaced else removed.users)
    new = added.users - present
    rows.filter(user_id__in=gone).delete()
    # Ignored, not refused: somebody else may add the same person in this moment.
    through.objects.bulk_create(
        [through(user_id=user, group_id=group.pk) for user in sorted(new)], ignore_conflicts=True
    )
    return {"users_added": sorted(new), "users_removed": sorted(gone)}


def _write_groups(group: Group, change: MemberChange, added: Found, removed: Found) -> dict[str, list[int]]:
    rows = GroupNesting.objects.filter(outer=group)
    present = set(rows.values_list("inner_id", flat=True))
    gone = present & ((present - added.groups) if change.replaced else removed.groups)
    new = added.groups - present
    for nesting in rows.filter(inner_id__in=gone):
        nesting.delete()
    for inner in sorted(new):
        GroupNesting.objects.create(tenant_id=group.tenant_id, outer=group, inner_id=inner)
    return {"groups_added": sorted(new), "groups_removed": sorted(gone)}
