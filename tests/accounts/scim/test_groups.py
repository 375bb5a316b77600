"""Groups and who is in them."""

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.database import reading
from accounts.models import Group, GroupNesting, Membership, Principal, User
from accounts.resolve import scope_of
from retrieval.models import Document
from tests.accounts.scim.directory import Directory
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone

STRANGER = "A member is a User or a Group of your organisation."


def people(directory: Directory, number: int) -> list[str]:
    """Many members at once, written as their model would."""
    principals = Principal.objects.bulk_create([Principal(kind="user") for _ in range(number)])
    users = User.objects.bulk_create(
        [User(id=each.pk, email=f"m{each.pk}@acme.example", password="!") for each in principals]
    )
    places = Membership.objects.bulk_create(
        [Membership(tenant=directory.tenant, user=user) for user in users]
    )
    return [str(place.pk) for place in places]


def add(*ids: str, **extra: str) -> dict[str, object]:
    return {"op": "add", "path": "members", "value": [{"value": each, **extra} for each in ids]}


def test_members_come_and_go_in_every_form(directory: Directory):
    one, two, three = people(directory, 3)
    group = directory.a_group("G", one)["id"]

    def after(*operations: dict[str, object]) -> set[str]:
        assert directory.patch(f"/Groups/{group}", *operations).status_code == 204
        return directory.members_of(group)

    assert after(add(two)) == {one, two}
    assert after({"op": "add", "path": "members", "value": {"value": three}}) == {one, two, three}
    assert after({"op": "Add", "value": {"members": [{"value": one}]}}) == {one, two, three}
    assert after({"op": "remove", "path": f'members[value eq "{one}" or value eq "{two}"]'}) == {three}
    assert after({"op": "remove", "value": {"members": [{"value": three}]}}) == set()
    assert after({"op": "replace", "value": {"Members": [{"value": two}], "displayName": "H"}}) == {two}
    assert after({"op": "replace", "path": "members", "value": [{"value": one}, {"value": one}]}) == {one}
    assert after(add(two), {"op": "remove", "path": f'members[value eq "{two}"]'}) == {one}
    assert after({"op": "remove", "path": f'members[value eq "{one}"]'}, add(one)) == {one}
    assert after({"op": "remove", "path": "members"}, add(three)) == {three}
    assert after({"op": "replace", "path": "members", "value": []}) == set()
    assert Group.objects.get(pk=group).label == "H"


def test_a_foreign_member_an_absent_one_and_no_id_are_refused_in_the_same_words(directory: Directory):
    """T-04."""
    abroad = a_tenant()
    one, *_ = people(directory, 1)
    group = directory.a_group("G", one)["id"]
    strangers = (
        str(a_member(abroad).pk),
        str(a_group(abroad).pk),
        "99999999",
        "x' or 1=1",
        str(everyone(directory.tenant).pk),
    )

    for stranger in strangers:
        for kind in ("", "User", "Group"):
            for send in (
                lambda body: directory.patch(f"/Groups/{group}", {"op": "add", "value": body}),
                lambda body: directory.patch(f"/Groups/{group}", {"op": "replace", "value": body}),
                lambda body: directory.put(f"/Groups/{group}", {"displayName": "G", **body}),
                lambda body: directory.post("/Groups", {"displayName": "H", **body}),
            ):
                refused = send({"members": [{"value": one}, {"value": stranger, "type": kind}]})
                assert refused.status_code == 400, refused.content
                assert (refused.body["scimType"], refused.body["detail"]) == ("invalidValue", STRANGER)

    assert directory.members_of(group) == {one}
    assert not Group.objects.filter(label="H").exists()
    assert directory.entries("scim.refused")[-1].additional_data["rule"] == "foreign_member"


def test_removing_somebody_who_is_not_there_changes_nothing_whoever_she_is(directory: Directory):
    abroad = a_member(a_tenant())
    group = directory.a_group("G", *people(directory, 1))["id"]
    before = directory.get(f"/Groups/{group}").body

    for stranger in (str(abroad.pk), "99999999", "x"):
        answer = directory.patch(
            f"/Groups/{group}", {"op": "remove", "path": f'members[value eq "{stranger}"]'}
        )
        assert answer.status_code == 204

    assert directory.get(f"/Groups/{group}").body == before


def test_groups_nest_and_are_told_apart_from_people(directory: Directory):
    (person,) = people(directory, 1)
    inner = directory.a_group("inner", person)["id"]
    outer = directory.a_group("outer")["id"]

    directory.patch(f"/Groups/{outer}", add(inner, type="Group"), add(person, type="User"))

    members = directory.get(f"/Groups/{outer}").body["members"]
    assert {(member["type"], member["value"]) for member in members} == {("User", person), ("Group", inner)}
    assert all(f"/{member['type']}s/{member['value']}" in member["$ref"] for member in members)
    assert directory.get("/Groups", filter=f'members eq "{inner}"').body["totalResults"] == 1
    directory.patch(
        f"/Groups/{outer}", {"op": "remove", "path": "members", "value": [{"value": inner, "type": "Group"}]}
    )
    assert directory.members_of(outer) == {person}


def test_a_circle_of_groups_and_too_deep_a_nesting_are_refused_in_a_sentence(directory: Directory):
    chain = [directory.a_group(f"g{n}")["id"] for n in range(6)]
    for outer, inner in pairwise(chain[:5]):
        assert directory.patch(f"/Groups/{outer}", add(inner, type="Group")).status_code == 204

    circle = directory.patch(f"/Groups/{chain[4]}", add(chain[0], type="Group"))
    itself = directory.patch(f"/Groups/{chain[5]}", add(chain[5], type="Group"))
    deep = directory.patch(f"/Groups/{chain[4]}", add(chain[5], type="Group"))

    assert "circle" in circle.body["detail"]
    assert "at most five deep" in deep.body["detail"]
    for refused in (circle, itself, deep):
        assert (refused.status_code, refused.body["scimType"]) == (400, "invalidValue")
    assert GroupNesting.objects.filter(tenant=directory.tenant).count() == 4


def test_the_group_of_everybody_is_not_seen_and_not_changed(directory: Directory):
    group = everyone(directory.tenant)

    assert directory.get("/Groups").body["totalResults"] == 0
    for answer in (
        directory.get(f"/Groups/{group.pk}"),
        directory.put(f"/Groups/{group.pk}", {"displayName": "Mine"}),
        directory.patch(f"/Groups/{group.pk}", {"op": "replace", "path": "displayName", "value": "Mine"}),
        directory.delete(f"/Groups/{group.pk}"),
    ):
        assert answer.status_code == 404
    taken = directory.post("/Groups", {"displayName": Group.EVERYONE})
    assert (taken.status_code, taken.body["scimType"]) == (409, "uniqueness")
    assert directory.get(f"/Users/{directory.owner.pk}").body["groups"] == []


def test_a_name_and_an_external_id_belong_to_one_group_of_a_tenant(directory: Directory):
    directory.a_group("G", externalId="7")
    other = directory.a_group("H")["id"]
    a_group(a_tenant(), "Abroad")

    assert directory.post("/Groups", {"displayName": "G"}).status_code == 409
    assert directory.put(f"/Groups/{other}", {"displayName": "G"}).status_code == 409
    assert (
        directory.patch(f"/Groups/{other}", {"op": "add", "path": "externalId", "value": "7"}).status_code
        == 409
    )
    assert directory.a_group("Abroad")["displayName"] == "Abroad"


@pytest.mark.parametrize("label", [None, "", "  ", 7, "x" * 151, "a\0b", "a\nb"])
def test_a_group_has_a_name(directory: Directory, label: object):
    refused = directory.post("/Groups", {"displayName": label})

    assert (refused.status_code, refused.body["scimType"]) == (400, "invalidValue")


def test_replacing_many_members_takes_no_more_queries_than_replacing_few(directory: Directory):
    few, many = people(directory, 2), people(directory, 600)
    queries = []
    for label, first, then in (("few", few[:1], few[1:]), ("many", many[:300], many[300:])):
        group = directory.a_group(label, *first)["id"]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            value = [{"value": each} for each in then]
            answer = directory.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": value})
        queries.append(len(captured))  # the next request clears the log
        assert answer.status_code == 204
        assert directory.members_of(group) == set(then)

    assert 0 < queries[0] == queries[1]


def test_five_thousand_members_are_replaced_at_once_and_one_more_is_refused(directory: Directory):
    ids = people(directory, 5001)
    group = directory.a_group("G", *ids[:10])["id"]

    refused = directory.put(
        f"/Groups/{group}", {"displayName": "G", "members": [{"value": each} for each in ids]}
    )
    assert refused.status_code == 400
    assert "split" in refused.body["detail"]
    assert len(directory.members_of(group)) == 10

    value = [{"value": each} for each in ids[1:]]
    assert (
        directory.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": value}).status_code
        == 204
    )
    assert directory.members_of(group) == set(ids[1:])


def test_somebody_of_two_tenants_is_listed_once_and_with_the_groups_of_this_one(directory: Directory):
    made = directory.a_user("p@acme.example")
    person = Membership.objects.get(pk=made["id"]).user
    abroad = Membership.objects.create(tenant=a_tenant(), user=person)
    person.groups.add(a_group(abroad.tenant, "Abroad"))
    group = directory.a_group("G", made["id"])["id"]

    assert [m["value"] for m in directory.get(f"/Groups/{group}").body["members"]] == [made["id"]]
    assert [g["display"] for g in directory.get(f"/Users/{made['id']}").body["groups"]] == ["G"]
    assert directory.get("/Groups", filter=f'members eq "{abroad.pk}"').body["totalResults"] == 0


def test_what_became_of_members_is_on_record_by_id(directory: Directory):
    one, two = people(directory, 2)
    group = directory.a_group("G", one)["id"]
    directory.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": [{"value": two}]})

    (entry,) = directory.entries("scim.group_changed")

    user = {place.pk: place.user_id for place in Membership.objects.filter(tenant=directory.tenant)}
    assert entry.additional_data["members"] == {
        "users_added": [user[int(two)]],
        "users_removed": [user[int(one)]],
    }
    assert (entry.actor_id, entry.object_pk) == (directory.owner.user_id, group)


def test_a_deleted_group_takes_its_grants_with_it(directory: Directory):
    (person,) = people(directory, 1)
    group = directory.a_group("G", person)["id"]
    document = a_document(a_collection(directory.tenant, readers=(Group.objects.get(pk=group),)), "text")
    reader = Membership.objects.get(pk=person)
    with reading(scope_of(reader)):
        assert Document.objects.filter(pk=document.pk).exists()

    assert directory.delete(f"/Groups/{group}").status_code == 204

    with reading(scope_of(reader)):
        assert not Document.objects.filter(pk=document.pk).exists()


def test_a_put_without_members_leaves_them_and_one_with_none_takes_them_away(directory: Directory):
    (one,) = people(directory, 1)
    group = directory.a_group("G", one)["id"]

    assert directory.put(f"/Groups/{group}", {"displayName": "H"}).body["members"] != []
    assert directory.put(f"/Groups/{group}", {"displayName": "H", "members": None}).body["members"] == []
