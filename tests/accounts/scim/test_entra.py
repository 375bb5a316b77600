"""The requests of Microsoft Entra ID, in the order and the spelling in which it sends them."""

import pytest

from accounts.models import Group, Membership
from accounts.roles import Role
from tests.accounts.scim.directory import GROUP, USER, Directory

pytestmark = pytest.mark.django_db

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def adele(**attributes: object) -> dict[str, object]:
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Adele.Vance@acme.example",
        "active": True,
        "displayName": "Adele Vance",
        "emails": [{"primary": True, "type": "work", "value": "Adele.Vance@acme.example"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Adele Vance", "familyName": "Vance", "givenName": "Adele"},
        "roles": [{"primary": True, "value": "owner"}],
        "title": "Retail Manager",
        f"{ENTERPRISE}": {"department": "Retail", "manager": "12"},
        **attributes,
    }


def test_a_person_is_looked_for_made_changed_switched_off_and_deleted(directory: Directory):
    # The connection test asks for somebody who cannot be there.
    assert directory.get("/Users", filter='userName eq "4a3c6b0e-nobody"').body["totalResults"] == 0
    assert directory.get("/Users", filter='userName eq "Adele.Vance@acme.example"').body["Resources"] == []

    made = directory.post("/Users?aadOptscim062020", adele())
    assert made.status_code == 201
    assert made.headers["Content-Type"] == "application/scim+json"
    address = f"/Users/{made.body['id']}"
    assert made.headers["Location"].endswith(f"/scim/v2/{directory.tenant.slug}{address}")
    assert made.body["externalId"] == adele()["externalId"]
    assert directory.get(address).body == made.body

    changed = directory.patch(
        address,
        {"op": "Replace", "path": "displayName", "value": "Adele Vance-Ito"},
        {"op": "Add", "path": "title", "value": "Director"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "adele.ito@acme.example"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Board"},
        {"op": "Replace", "path": "userName", "value": "adele.ito@acme.example"},
    )
    assert changed.status_code == 200
    assert (changed.body["displayName"], changed.body["userName"]) == (
        "Adele Vance-Ito",
        "adele.ito@acme.example",
    )

    off = directory.patch(address, {"op": "Replace", "path": "active", "value": "False"})
    assert off.body["active"] is False
    assert [found["active"] for found in directory.find("adele.ito@acme.example")] == [False]
    on = directory.patch(address, {"op": "Replace", "path": "active", "value": "True"})
    assert on.body["active"] is True

    assert directory.delete(address).status_code == 204
    assert directory.get(address).status_code == 404
    assert directory.find("adele.ito@acme.example") == []
    assert directory.delete(address).status_code == 404


def test_what_it_says_about_roles_raises_nobody(directory: Directory):
    made = directory.post("/Users", adele(entitlements=[{"value": "owner"}]))

    place = Membership.objects.get(pk=made.body["id"])
    assert (place.role, place.own_role) == (Role.MEMBER, None)
    assert "roles" not in made.body


def test_several_attributes_come_without_a_path_and_with_dotted_names(directory: Directory):
    address = f"/Users/{directory.post('/Users', adele()).body['id']}"

    changed = directory.patch(
        address,
        {
            "op": "Add",
            "value": {
                "name.givenName": "Adele",
                'emails[type eq "work"].value': "x@acme.example",
                "displayName": "Adele V",
                f"{ENTERPRISE}:department": "Retail",
            },
        },
    )

    assert changed.status_code == 200
    assert changed.body["displayName"] == "Adele V"


def test_a_group_is_made_empty_filled_in_batches_and_renamed(directory: Directory):
    people = [directory.a_user(f"p{n}@acme.example")["id"] for n in range(6)]
    assert (
        directory.get("/Groups", excludedAttributes="members", filter='displayName eq "Sales"').body[
            "totalResults"
        ]
        == 0
    )

    made = directory.post(
        "/Groups",
        {
            "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "Sales",
            "meta": {"resourceType": "Group"},
        },
    )
    assert (made.status_code, made.body["members"]) == (201, [])
    group = made.body["id"]
    for batch in (people[:3], people[2:]):
        added = directory.patch(
            f"/Groups/{group}",
            {"op": "Add", "path": "members", "value": [{"$ref": None, "value": each} for each in batch]},
        )
        assert (added.status_code, added.content) == (204, b"")
    assert directory.members_of(group) == set(people)

    seen = directory.get(f"/Groups/{group}", excludedAttributes="members").body
    assert "members" not in seen
    assert seen["displayName"] == "Sales"
    member = directory.get("/Groups", filter=f'id eq "{group}" and members eq "{people[0]}"', attributes="id")
    assert [found["id"] for found in member.body["Resources"]] == [group]

    directory.patch(f"/Groups/{group}", {"op": "Remove", "path": "members", "value": [{"value": people[0]}]})
    directory.patch(f"/Groups/{group}", {"op": "Remove", "path": f'members[value eq "{people[1]}"]'})
    assert directory.members_of(group) == set(people[2:])
    directory.patch(f"/Groups/{group}", {"op": "Replace", "path": "displayName", "value": "Sales EMEA"})
    assert Group.objects.get(pk=group).label == "Sales EMEA"

    assert directory.delete(f"/Groups/{group}").status_code == 204
    assert directory.get(f"/Groups/{group}").status_code == 404


def test_a_deleted_person_is_removed_from_her_groups_afterwards_without_an_error(directory: Directory):
    person = directory.a_user("p@acme.example")["id"]
    group = directory.a_group("Sales", person)["id"]
    directory.delete(f"/Users/{person}")

    removed = directory.patch(
        f"/Groups/{group}", {"op": "Remove", "path": "members", "value": [{"value": person}]}
    )

    assert removed.status_code == 204
    assert directory.members_of(group) == set()


def test_a_deleted_person_who_is_made_again_is_a_new_beginning(directory: Directory):
    person = directory.post("/Users", adele()).body["id"]
    directory.a_group("Sales", person)
    Membership.objects.filter(pk=person).update(role=Role.ADMINISTRATOR)
    directory.delete(f"/Users/{person}")

    again = directory.post("/Users", adele())

    assert again.status_code == 201
    assert again.body["groups"] == []
    assert Membership.objects.get(pk=again.body["id"]).role == Role.MEMBER
