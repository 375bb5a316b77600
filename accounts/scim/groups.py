"""/Groups. The group of everybody is the tenant's own and not seen here."""

from collections import defaultdict

from django.db.models import Q, QuerySet
from django.http import HttpResponse

from accounts.models import Group, GroupNesting, User
from accounts.scim.drafts import external_id
from accounts.scim.endpoint import Call
from accounts.scim.errors import invalid_value, not_found
from accounts.scim.filters import Attributes, id_test, matching, text_test
from accounts.scim.members import MemberChange, write
from accounts.scim.patch import read_operations
from accounts.scim.people import members
from accounts.scim.wire import GROUP, Page, Resource, number, text

LABEL_CHARS_MAX = 150


def filters(call: Call) -> Attributes:
    return {
        "id": id_test(),
        "externalid": text_test("external_id", any_case=False),
        "displayname": text_test("label", any_case=True),
        "members": id_test(lambda member: _with_member(call, member)),
        "members.value": id_test(lambda member: _with_member(call, member)),
    }


def _with_member(call: Call, member: int) -> Q:
    """The groups in which an id is a member's, a person's or a nested group's."""
    users = members(call.tenant).filter(pk=member).values("user_id")
    groups = User.groups.through.objects.filter(user_id__in=users).values("group_id")
    nestings = GroupNesting.objects.filter(tenant=call.tenant, inner_id=member).values("outer_id")
    return Q(pk__in=groups) | Q(pk__in=nestings)


def groups_of(call: Call) -> QuerySet[Group]:
    return Group.objects.filter(tenant=call.tenant, builtin=False).select_related("tenant").order_by("pk")


def list_groups(call: Call) -> HttpResponse:
    page = Page.of(call.request)
    found = groups_of(call).filter(matching(call.request.GET.get("filter", ""), filters(call)))
    return call.answer_page(page, found.count(), resources_of(call, list(found[page.bounds])))


def show_group(call: Call, resource: str) -> HttpResponse:
    return call.answer(resource_of(call, find_group(call, resource)))


def create_group(call: Call) -> HttpResponse:
    body = call.body()
    if "displayname" not in body:
        raise invalid_value("A Group has a displayName.")
    group = Group.objects.create(tenant=call.tenant, **_fields(body))
    added = write(group, MemberChange.to(body.get("members")))
    call.tell("scim.group_created", group.pk, members=added)
    return call.answer(resource_of(call, group), 201)


def replace_group(call: Call, resource: str) -> HttpResponse:
    """What a PUT leaves out is left as it is; members go by an empty list."""
    body = call.body()
    group = find_group(call, resource, lock=True)
    _change(
        call, group, _fields(body), MemberChange.to(body["members"]) if "members" in body else MemberChange()
    )
    return call.answer(resource_of(call, group))


def patch_group(call: Call, resource: str) -> HttpResponse:
    operations = read_operations(call.body())
    group = find_group(call, resource, lock=True)
    change, fields = MemberChange(), {}
    for operation in operations:
        if operation.path.attribute == "members":
            change.apply(operation)
        else:
            fields[operation.path.attribute] = None if operation.kind == "remove" else operation.value
    _change(call, group, _fields(fields), change)
    if not call.projection.only:
        return HttpResponse(status=204)  # thousands of members go back only to a client that asks for them
    return call.answer(resource_of(call, group))


def delete_group(call: Call, resource: str) -> HttpResponse:
    group = find_group(call, resource, lock=True)
    deleted = group.pk
    group.delete()
    call.tell("scim.group_deleted", deleted)
    return HttpResponse(status=204)


def _fields(body: Resource) -> dict[str, str]:
    """The columns that a resource sets; what else is in it is passed over. Raises ScimError."""
    fields = {}
    if "displayname" in body:
        fields["label"] = text(body["displayname"], "displayName", LABEL_CHARS_MAX)
        if not fields["label"]:
            raise invalid_value("displayName must not be empty.")
    if "externalid" in body:
        fields["external_id"] = external_id(body)
    return fields


def _change(call: Call, group: Group, fields: dict[str, str], change: MemberChange) -> None:
    changed = {name: value for name, value in fields.items() if getattr(group, name) != value}
    for name, value in changed.items():
        setattr(group, name, value)
    if changed:
        group.save(update_fields=list(changed))
    written = {name: ids for name, ids in write(group, change).items() if ids} if change else {}
    if changed or written:
        call.tell("scim.group_changed", group.pk, attributes=sorted(changed), members=written)


def find_group(call: Call, resource: str, *, lock: bool = False) -> Group:
    """Raises ScimError. lock: hold the row, so that of two changes the second sees the first."""
    groups = groups_of(call)
    if lock:
        groups = groups.select_for_update(of=("self",))
    group = groups.filter(pk=number(resource) or 0).first()
    if group is None:
        raise not_found()
    return group


def resource_of(call: Call, group: Group) -> Resource:
    return resources_of(call, [group])[0]


def resources_of(call: Call, groups: list[Group]) -> list[Resource]:
    root, found = call.root("groups"), _members_of(call, groups)
    return [_resource(group, f"{root}/{group.pk}", found[group.pk]) for group in groups]


def _resource(group: Group, location: str, found: list[Resource]) -> Resource:
    resource: Resource = {
        "schemas": [GROUP],
        "id": str(group.pk),
        "displayName": group.label,
        "members": found,
        "meta": {"resourceType": "Group", "location": location},
    }
    return resource | ({"externalId": group.external_id} if group.external_id else {})


def _members_of(call: Call, groups: list[Group]) -> dict[int, list[Resource]]:
    """By group, its direct members; in two queries for all groups, and none where nobody asked."""
    found: dict[int, list[Resource]] = defaultdict(list)
    if not call.projection.wants("members"):
        return found
    ids = [group.pk for group in groups]
    root = call.root("users")
    people = members(call.tenant).filter(user__groups__in=ids)
    for group, member, name, address in people.values_list(
        "user__groups__pk", "pk", "user__name", "user__email"
    ):
        found[group].append(_member(root, member, name or address, "User"))
    root = call.root("groups")
    nested = GroupNesting.objects.filter(tenant=call.tenant, outer__in=ids).order_by("inner_id")
    for group, member, label in nested.values_list("outer_id", "inner_id", "inner__label"):
        found[group].append(_member(root, member, label, "Group"))
    return found


def _member(root: str, member: int, display: str, kind: str) -> Resource:
    return {"value": str(member), "display": display, "type": kind, "$ref": f"{root}/{member}"}
