"""The requests of Okta, OneLogin and Google Workspace, as they send them."""

import pytest

from accounts.models import Group, Membership
from tests.accounts.scim.directory import GROUP, USER, Directory

pytestmark = pytest.mark.django_db


def isaac(**attributes: object) -> dict[str, object]:
    return {
        "schemas": [USER],
        "userName": "isaac.brock@acme.example",
        "name": {"givenName": "Isaac", "familyName": "Brock"},
        "emails": [{"primary": True, "value": "isaac.brock@acme.example", "type": "work"}],
        "displayName": "Isaac Brock",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq-never-kept",
        "active": True,
        **attributes,
    }


def test_okta_looks_for_a_person_makes_her_puts_her_and_switches_her_off_and_on(directory: Directory):
    looked = directory.get(
        "/Users", filter='userName eq "isaac.brock@acme.example"', startIndex="1", count="100"
    ).body
    assert (looked["totalResults"], looked["startIndex"], looked["itemsPerPage"]) == (0, 1, 0)

    made = directory.post("/Users", isaac())
    assert made.status_code == 201
    assert "password" not in made.body
    assert not Membership.objects.get(pk=made.body["id"]).user.has_usable_password()
    address = f"/Users/{made.body['id']}"

    put = directory.put(address, isaac(id=made.body["id"], displayName="Isaac Brook", meta=made.body["meta"]))
    assert (put.status_code, put.body["displayName"]) == (200, "Isaac Brook")

    off = directory.patch(address, {"op": "replace", "value": {"active": False}})
    assert (off.status_code, off.body["active"]) == (200, False)
    on = directory.put(address, isaac(active=True))
    assert on.body["active"] is True


def test_a_second_post_of_the_same_person_is_a_conflict(directory: Directory):
    directory.post("/Users", isaac())

    again = directory.post("/Users", isaac(userName="ISAAC.brock@acme.example"))

    assert again.status_code == 409
    assert again.body["scimType"] == "uniqueness"
    assert again.body["status"] == "409"


def test_okta_pushes_a_group_renames_it_replaces_its_members_and_deletes_it(directory: Directory):
    one, two, three = (directory.a_user(f"p{n}@acme.example")["id"] for n in range(3))
    assert directory.get("/Groups", filter='displayName eq "Band"').body["totalResults"] == 0

    made = directory.post("/Groups", {"schemas": [GROUP], "displayName": "Band", "members": []})
    assert made.status_code == 201
    group = made.body["id"]
    address = f"/Groups/{group}"

    directory.patch(address, {"op": "add", "path": "members", "value": [{"value": one, "display": "p0"}]})
    assert directory.members_of(group) == {one}
    renamed = directory.patch(address, {"op": "replace", "value": {"id": group, "displayName": "The band"}})
    assert renamed.status_code == 204
    assert Group.objects.get(pk=group).label == "The band"
    both = directory.patch(
        address,
        {"op": "remove", "path": f'members[value eq "{one}"]'},
        {"op": "add", "path": "members", "value": [{"value": two}, {"value": three}]},
    )
    assert both.status_code == 204
    assert directory.members_of(group) == {two, three}
    directory.patch(address, {"op": "replace", "path": "members", "value": [{"value": one}]})
    assert directory.members_of(group) == {one}

    put = directory.put(
        address,
        {"schemas": [GROUP], "id": group, "displayName": "Band", "members": [{"value": two, "display": "x"}]},
    )
    assert put.status_code == 200
    assert {member["value"] for member in put.body["members"]} == {two}
    assert directory.delete(address).status_code == 204


def test_the_import_of_everybody_goes_page_by_page_in_a_steady_order(directory: Directory):
    made = [directory.a_user(f"p{n}@acme.example")["id"] for n in range(7)]

    pages = [directory.get("/Users", startIndex=str(first), count="3").body for first in (1, 4, 7)]

    seen = [user["id"] for page in pages for user in page["Resources"]]
    assert seen == sorted(seen, key=int)
    assert len(seen) == len(set(seen))
    assert set(made) <= set(seen)
    assert {page["totalResults"] for page in pages} == {len(seen)}


def test_onelogin_makes_a_person_without_an_id_of_its_own_and_finds_her_again(directory: Directory):
    made = directory.post(
        "/Users",
        {
            "schemas": [USER],
            "userName": "o@acme.example",
            "name": {"givenName": "O", "familyName": "Ne"},
            "active": True,
        },
    )
    address = f"/Users/{made.body['id']}"
    assert "externalId" not in made.body
    assert made.body["displayName"] == "O Ne"

    directory.patch(address, {"op": "replace", "path": "active", "value": False})

    assert directory.get(address).body["active"] is False
    assert "externalId" not in directory.get(address).body
    assert directory.find("o@acme.example") != []
    assert directory.put(address, {"schemas": [USER], "userName": "o@acme.example", "active": True}).body[
        "active"
    ]


def test_google_finds_a_person_by_the_id_it_gave_and_suspends_her(directory: Directory):
    made = directory.post(
        "/Users",
        {
            "schemas": [USER],
            "userName": "g@acme.example",
            "externalId": "117465827364",
            "name": {"familyName": "Le", "givenName": "Goog", "formatted": "Goog Le"},
            "emails": [{"value": "g@acme.example", "type": "work", "primary": True}],
            "active": True,
        },
    )
    found = directory.get("/Users", filter='externalId eq "117465827364"').body["Resources"]
    assert [user["id"] for user in found] == [made.body["id"]]

    put = directory.put(f"/Users/{made.body['id']}", {**made.body, "active": False})

    assert put.body["active"] is False
    assert directory.get("/Users", filter="active eq false").body["totalResults"] == 1
