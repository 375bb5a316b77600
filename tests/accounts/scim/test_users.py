"""What a directory may make of a person, and what it may not."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.database import managing
from accounts.models import ApiKey, Membership, User
from accounts.roles import Right, Role
from accounts.scope import Sensitivity
from tests.accounts.scim.directory import USER, Directory, a_directory, claim, directory_of
from tests.factories import a_group, a_member, a_tenant

OFF = {"op": "Replace", "path": "active", "value": "False"}


def the_owner(directory: Directory) -> Membership:
    return Membership.objects.get(tenant=directory.tenant, role=Role.OWNER)


def a_session_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("way", ["patch", "put", "delete"])
def test_the_last_owner_cannot_be_switched_off_and_stays_as_she_was(directory: Directory, way: str):
    owner = the_owner(directory)
    before = directory.get(f"/Users/{owner.pk}").body
    send = {
        "patch": lambda path: directory.patch(
            path, {"op": "replace", "path": "externalId", "value": "x"}, OFF
        ),
        "put": lambda path: directory.put(
            path, {"userName": owner.user.email, "externalId": "x", "active": False}
        ),
        "delete": directory.delete,
    }[way]

    refused = send(f"/Users/{owner.pk}")

    assert refused.status_code == 409
    assert refused.body["detail"] == "An organisation keeps at least one owner; appoint another one first."
    assert directory.get(f"/Users/{owner.pk}").body == before
    assert directory.entries("scim.refused")[-1].additional_data["rule"] == "last_owner"


def test_a_person_switched_off_loses_her_keys_and_sessions(directory: Directory):
    person = Membership.objects.get(pk=directory.a_user("p@acme.example")["id"])
    session = a_session_of(person.user)
    with managing(directory.tenant.pk):
        _, secret = ApiKey.objects.issue(person, "hers")
    assert session.get("/documents/").status_code == 200

    directory.patch(f"/Users/{person.pk}", OFF)

    assert ApiKey.objects.find(secret) is None
    assert session.get("/documents/").status_code == 302
    assert not person.user.sessions.exists()


def test_somebody_of_two_tenants_keeps_her_session_in_the_other_and_acts_here_no_more(directory: Directory):
    person = Membership.objects.get(pk=directory.a_user("p@acme.example")["id"])
    elsewhere = Membership.objects.create(tenant=a_tenant(), user=person.user)
    session = a_session_of(person.user)

    directory.patch(f"/Users/{person.pk}", OFF)

    assert session.get("/documents/").status_code == 200
    with_this_tenant = session.session
    with_this_tenant["tenant_id"] = str(directory.tenant.pk)
    with_this_tenant.save()
    assert session.get("/documents/").status_code != 200
    elsewhere.refresh_from_db()
    person.user.refresh_from_db()
    assert elsewhere.is_active
    assert person.user.is_active


def test_open_streams_hear_of_a_deactivation_with_its_commit(committed):
    tenant = a_tenant()
    directory, person = a_directory(tenant), a_member(tenant)
    database = connection.settings_dict
    with psycopg.connect(
        host=database["HOST"], port=database["PORT"] or None, user=database["USER"],
        password=database["PASSWORD"], dbname=database["NAME"], autocommit=True,
    ) as listener:  # fmt: skip
        listener.execute("listen ragsite_rights")
        assert directory.patch(f"/Users/{person.pk}", OFF).status_code == 200
        heard = {news.payload for news in listener.notifies(timeout=5, stop_after=1)}

    assert f"user:{person.user_id}" in heard


def test_of_two_requests_for_one_person_at_the_same_time_one_makes_her(committed):
    tenant = a_tenant()
    claim(tenant, "acme.example")
    directory = a_directory(tenant)
    start = Barrier(4)

    def create(n: int) -> int:
        start.wait(10)
        try:
            return directory.post("/Users", {"userName": "p@acme.example", "externalId": str(n)}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(create, range(4)))

    assert statuses == [201, 409, 409, 409]


def test_nothing_but_the_directorys_own_attributes_is_taken_from_a_body(directory: Directory):
    """T-06."""
    stranger = a_tenant()
    raised = {
        "id": "1", "pk": 1, "tenant": str(stranger.pk), "tenant_id": str(stranger.pk), "role": "owner",
        "own_role": 1, "ceiling": 3, "is_superuser": True, "is_staff": True, "roles": [{"value": "owner"}],
        "meta": {"created": "2001-01-01T00:00:00Z", "resourceType": "Group"}, "groups": [{"value": "1"}],
        "password": "never-kept-at-all", "schemas": [USER], "created_at": "2001-01-01T00:00:00Z",
    }  # fmt: skip

    made = directory.post("/Users", {"userName": "p@acme.example", **raised})
    directory.put(f"/Users/{made.body['id']}", {"userName": "p@acme.example", **raised})

    place = Membership.objects.get(pk=made.body["id"])
    assert (place.tenant, place.role, place.own_role) == (directory.tenant, Role.MEMBER, None)
    assert place.ceiling == Sensitivity.CONFIDENTIAL
    assert place.created_at.year > 2001
    for raised_too_far in (place.user.is_superuser, place.user.is_staff, place.user.has_usable_password()):
        assert not raised_too_far
    assert not place.user.groups.exists()
    for path in ("id", "meta", "schemas", "groups"):
        refused = directory.patch(f"/Users/{place.pk}", {"op": "replace", "path": path, "value": "1"})
        assert (refused.status_code, refused.body["scimType"]) == (400, "mutability")


def test_the_owner_of_a_domain_brings_in_whom_the_site_knows_already(directory: Directory):
    known = User.objects.create_user("Known@acme.example", name="Known")

    made = directory.a_user("known@ACME.example", displayName="Other")

    assert Membership.objects.get(pk=made["id"]).user == known


def test_outside_of_the_claimed_domains_known_and_unknown_are_refused_in_the_same_words(directory: Directory):
    User.objects.create_user("known@elsewhere.example")
    claim(a_tenant(), "elsewhere.example")

    answers = {
        directory.post("/Users", {"userName": address}).content
        for address in ("known@elsewhere.example", "unknown@elsewhere.example", "no address")
    }

    assert len(answers) == 1
    assert b"invalidValue" in answers.pop()
    assert not User.objects.filter(email="unknown@elsewhere.example").exists()


@pytest.mark.django_db
def test_a_tenant_without_a_domain_makes_new_people_and_is_refused_known_ones_like_no_address_at_all():
    claim(a_tenant(), "claimed.example")
    User.objects.create_user("known@elsewhere.example")
    tenant = a_tenant()
    claim(tenant, "elsewhere.example", confirmed=False)
    directory = a_directory(tenant)

    assert directory.a_user("new@elsewhere.example")["userName"] == "new@elsewhere.example"
    answers = {
        directory.post("/Users", {"userName": address}).content
        for address in ("known@elsewhere.example", "boss@claimed.example", "no address")
    }
    assert len(answers) == 1
    assert not User.objects.filter(email="boss@claimed.example").exists()


@pytest.mark.django_db
def test_without_a_domain_a_tenant_brings_its_own_deleted_people_back_and_renames_nobody():
    directory = a_directory(a_tenant())
    made = directory.a_user("p@elsewhere.example", displayName="P")
    address = f"/Users/{made['id']}"

    assert (
        directory.put(address, {"userName": "p@elsewhere.example", "displayName": "Q"}).body["displayName"]
        == "P"
    )
    moved = directory.put(address, {"userName": "q@elsewhere.example"})
    assert (moved.status_code, moved.body["scimType"]) == (400, "mutability")
    directory.delete(address)
    assert directory.a_user("p@elsewhere.example")["id"] == made["id"]


def test_what_a_deleted_person_held_does_not_come_back_with_her(directory: Directory):
    person = Membership.objects.get(pk=directory.a_user("p@acme.example", externalId="theirs")["id"])
    Membership.objects.filter(pk=person.pk).update(role=Role.EDITOR, ceiling=Sensitivity.RESTRICTED)
    person.user.groups.add(a_group(directory.tenant))
    with managing(directory.tenant.pk):
        _, secret = ApiKey.objects.issue(person, "hers")
    directory.delete(f"/Users/{person.pk}")
    assert not person.user.groups.exists()

    directory.a_user("p@acme.example")

    person.refresh_from_db()
    assert person.is_active
    assert (person.role, person.ceiling) == (Role.MEMBER, Sensitivity.CONFIDENTIAL)
    assert ApiKey.objects.find(secret) is None
    assert "theirs" not in person.external_id


def test_leaving_a_tenant_leaves_the_groups_of_others_alone(directory: Directory):
    person = Membership.objects.get(pk=directory.a_user("p@acme.example")["id"])
    other = a_group(a_tenant())
    person.user.groups.add(other)

    directory.delete(f"/Users/{person.pk}")

    assert [group.pk for group in person.user.groups.all()] == [other.pk]


@pytest.mark.parametrize(
    ("address", "status", "keyword"),
    [
        ("taken@acme.example", 409, "uniqueness"),
        ("p@elsewhere.example", 400, "invalidValue"),
        ("no address", 400, "invalidValue"),
    ],
)
def test_an_address_is_changed_within_the_tenants_domains_only(directory, address, status, keyword):
    User.objects.create_user("taken@acme.example")
    made = directory.a_user("p@acme.example")

    refused = directory.patch(f"/Users/{made['id']}", {"op": "replace", "path": "userName", "value": address})

    assert (refused.status_code, refused.body["scimType"]) == (status, keyword)
    assert directory.get(f"/Users/{made['id']}").body == made


def test_a_key_cannot_give_the_address_of_somebody_with_more_rights_to_another(directory: Directory):
    owner = the_owner(directory)
    colleague = a_member(directory.tenant, role=Role.OWNER)
    User.objects.filter(pk=colleague.user_id).update(email="colleague@acme.example")
    path = f"/Users/{colleague.pk}"
    move = {"op": "replace", "path": "userName", "value": "mine@acme.example"}

    assert directory.patch(path, move).status_code == 400
    directory.patch(path, OFF)
    assert directory.patch(path, move).status_code == 400

    assert directory_of(owner).patch(path, move).status_code == 200


def test_a_platform_administrator_is_neither_renamed_nor_readdressed(directory: Directory):
    platform = User.objects.create_superuser("root@acme.example", name="Root")
    made = directory.a_user("root@acme.example")

    directory.put(f"/Users/{made['id']}", {"userName": "root@acme.example", "displayName": "Mallory"})
    moved = directory.put(f"/Users/{made['id']}", {"userName": "mallory@acme.example"})

    platform.refresh_from_db()
    assert (moved.status_code, platform.name, platform.email) == (400, "Root", "root@acme.example")


def test_service_accounts_are_nobody_to_a_directory(directory: Directory):
    service = Membership.objects.create(tenant=directory.tenant, user=User.objects.create_service("indexer"))

    assert directory.get(f"/Users/{service.pk}").status_code == 404
    assert directory.patch(f"/Users/{service.pk}", OFF).status_code == 404
    assert directory.find(service.user.email) == []


def test_an_external_id_belongs_to_one_person(directory: Directory):
    directory.a_user("p@acme.example", externalId="7")
    other = directory.a_user("q@acme.example")

    refused = directory.patch(f"/Users/{other['id']}", {"op": "add", "path": "externalId", "value": "7"})

    assert (refused.status_code, refused.body["scimType"]) == (409, "uniqueness")
    removed = directory.patch(f"/Users/{other['id']}", {"op": "remove", "path": "externalId"})
    assert removed.status_code == 200


def test_every_change_is_on_record_as_the_key_owners_and_without_a_name(directory: Directory):
    made = directory.a_user("p@acme.example", displayName="Peter Pan")
    path = f"/Users/{made['id']}"
    directory.patch(path, {"op": "replace", "path": "displayName", "value": "Peter Panther"}, OFF)
    directory.delete(path)

    found = [directory.entries(f"scim.user_{verb}") for verb in ("created", "changed", "deleted")]

    assert [len(entries) for entries in found] == [1, 1, 1]
    for (entry,) in found:
        assert (entry.actor_id, entry.object_pk, entry.outcome) == (
            directory.owner.user_id,
            made["id"],
            "done",
        )
        assert "Peter" not in str(entry.additional_data)
    assert found[1][0].additional_data["attributes"] == ["displayName", "active"]


def test_a_change_that_changes_nothing_is_answered_and_not_recorded(directory: Directory):
    made = directory.a_user("p@acme.example", displayName="P", externalId="7")

    same = directory.put(f"/Users/{made['id']}", made)

    assert same.body == made
    assert directory.entries("scim.user_changed") == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"userName": ""}, {"userName": 7}, {"userName": ["p@acme.example"]}, {"userName": "p\0@acme.example"},
        {"userName": "p@acme.example\nx"}, {"userName": "p" * 300 + "@acme.example"},
        {"userName": "p@acme.example", "active": "perhaps"}, {"userName": "p@acme.example", "externalId": "x" * 201},
        {"userName": "p@acme.example", "displayName": "a\0b"}, {"userName": "p@acme.example", "displayName": "\ud800"},
        {"userName": "p@acme.example", "displayName": {"a": 1}}, {"userName": "p@acme.example", "externalId": 7},
        {"userName": "p@acme.example", "externalId": "urn:ragsite:unnamed:1"},
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_and_nobody_is_made(directory: Directory, body):
    before = User.objects.count()

    refused = directory.post("/Users", body)

    assert (refused.status_code, refused.body["scimType"]) == (400, "invalidValue")
    assert User.objects.count() == before


def test_the_right_to_provision_is_all_that_a_directorys_key_needs(directory: Directory):
    assert directory.key.rights == {Right.PROVISION}
    assert settings.SESSION_COOKIE_NAME not in directory.client.cookies
