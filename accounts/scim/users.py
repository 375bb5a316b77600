"""/Users."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.http import HttpResponse

from accounts.models import Group, Membership
from accounts.scim.drafts import UNNAMED, UserDraft
from accounts.scim.endpoint import Call
from accounts.scim.errors import not_found
from accounts.scim.filters import constant_test, id_test, matching, text_test, truth_test
from accounts.scim.patch import read_operations
from accounts.scim.people import bring_in, change, external_id_of, let_go, members
from accounts.scim.wire import USER, Page, Resource, number

ADDRESS = text_test("user__email", any_case=True)
NAME = text_test("user__name", any_case=True)
NO_EXTERNAL_ID = Q(external_id="") | Q(external_id__startswith=UNNAMED)

FILTERS = {
    "id": id_test(),
    "externalid": text_test("external_id", any_case=False, absent=NO_EXTERNAL_ID),
    "username": ADDRESS,
    "emails": ADDRESS,
    "emails.value": ADDRESS,
    "emails.type": constant_test("work"),
    "displayname": NAME,
    "name.formatted": NAME,
    "active": truth_test("is_active"),
}


def list_users(call: Call) -> HttpResponse:
    page = Page.of(call.request)
    found = members(call.tenant).filter(matching(call.request.GET.get("filter", ""), FILTERS))
    return call.answer_page(page, found.count(), resources_of(call, list(found[page.bounds])))


def show_user(call: Call, resource: str) -> HttpResponse:
    return call.answer(resource_of(call, find_user(call, resource)))


def create_user(call: Call) -> HttpResponse:
    place = bring_in(call.tenant, UserDraft.of_resource(call.body()))
    call.tell("scim.user_created", place.pk, active=place.is_active)
    return call.answer(resource_of(call, place), 201)


def replace_user(call: Call, resource: str) -> HttpResponse:
    """What a PUT leaves out is left as it is (RFC 7644, 3.5.1, lets a server choose)."""
    return _change(call, resource, UserDraft.of_resource(call.body()))


def patch_user(call: Call, resource: str) -> HttpResponse:
    return _change(call, resource, UserDraft.of_operations(read_operations(call.body())))


def _change(call: Call, resource: str, draft: UserDraft) -> HttpResponse:
    place = find_user(call, resource, lock=True)
    changed = change(place, draft, call.key.membership.rights)
    if changed:
        call.tell("scim.user_changed", place.pk, attributes=changed, active=place.is_active)
    return call.answer(resource_of(call, place))


def delete_user(call: Call, resource: str) -> HttpResponse:
    place = find_user(call, resource, lock=True)
    let_go(place)
    call.tell("scim.user_deleted", place.pk)
    return HttpResponse(status=204)


def find_user(call: Call, resource: str, *, lock: bool = False) -> Membership:
    """Raises ScimError. lock: hold the row, so that of two changes the second sees the first."""
    places = members(call.tenant)
    if lock:
        places = places.select_for_update(of=("self",))
    place = places.filter(pk=number(resource) or 0).first()
    if place is None:
        raise not_found()
    return place


def resource_of(call: Call, place: Membership) -> Resource:
    return resources_of(call, [place])[0]


def resources_of(call: Call, places: list[Membership]) -> list[Resource]:
    users, groups = call.root("users"), _groups_of(call, places)
    return [_resource(place, f"{users}/{place.pk}", groups[place.user_id]) for place in places]


def _resource(place: Membership, location: str, groups: list[Resource]) -> Resource:
    person, external_id = place.user, external_id_of(place)
    resource: dict[str, Any] = {
        "schemas": [USER],
        "id": str(place.pk),
        "userName": person.email,
        "active": place.is_active,
        "emails": [{"value": person.email, "type": "work", "primary": True}],
        "groups": groups,
        "meta": {"resourceType": "User", "created": place.created_at.isoformat(), "location": location},
    }
    if external_id:
        resource["externalId"] = external_id
    if person.name:
        resource |= {"displayName": person.name, "name": {"formatted": person.name}}
    return resource


def _groups_of(call: Call, places: Iterable[Membership]) -> dict[int, list[Resource]]:
    """By user, the groups she is in directly; in one query for everybody."""
    found: dict[int, list[Resource]] = defaultdict(list)
    if not call.projection.wants("groups"):
        return found
    root = call.root("groups")
    rows = Group.objects.filter(
        tenant=call.tenant, builtin=False, user__in=[place.user_id for place in places]
    ).order_by("pk")
    for user, group, label in rows.values_list("user__pk", "pk", "label"):
        found[user].append(
            {"value": str(group), "display": label, "type": "direct", "$ref": f"{root}/{group}"}
        )
    return found
