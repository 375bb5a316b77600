"""Limits, pages, projections, errors, and what the server says about itself."""

import json

import pytest

from accounts.scim.wire import BODY_BYTES_MAX, PAGE_MAX
from tests.accounts.scim.directory import PATCH, USER, Directory

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"null", b"\xff", b"[" * 100_000, b'{"a":' * 50_000])
def test_a_body_that_is_no_object_is_refused(directory: Directory, body: bytes):
    for method, path in (("POST", "/Users"), ("POST", "/Groups"), ("PATCH", f"/Users/{directory.owner.pk}")):
        refused = directory.send(method, path, body)

        assert (refused.status_code, refused.body["scimType"]) == (400, "invalidSyntax")


def test_a_body_of_more_than_a_megabyte_is_refused_unread(directory: Directory):
    refused = directory.post("/Users", {"userName": "p@acme.example", "title": "x" * BODY_BYTES_MAX})

    assert refused.status_code == 413
    assert directory.find("p@acme.example") == []


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_of_another_media_type_is_refused(directory: Directory, media_type: str):
    response = directory.client.generic(
        "POST",
        f"/scim/v2/{directory.tenant.slug}/Users",
        json.dumps({"userName": "p@acme.example"}),
        content_type=media_type,
        headers={"Authorization": f"Bearer {directory.secret}"},
    )

    assert response.status_code == 415
    assert response.headers["Content-Type"] == "application/scim+json"


@pytest.mark.parametrize("media_type", ["application/json", "application/scim+json; charset=utf-8"])
def test_plain_json_is_read_as_well(directory: Directory, media_type: str):
    response = directory.client.generic(
        "POST",
        f"/scim/v2/{directory.tenant.slug}/Users",
        json.dumps({"userName": "p@acme.example"}),
        content_type=media_type,
        headers={"Authorization": f"Bearer {directory.secret}"},
    )

    assert response.status_code == 201


def test_an_error_has_the_schema_of_errors_and_one_sentence(directory: Directory):
    refused = directory.get("/Users/99999999")

    assert refused.body == {"schemas": [ERROR], "status": "404", "detail": "There is no such resource."}
    assert refused.headers["Content-Type"] == "application/scim+json"


@pytest.mark.parametrize(
    ("operations", "keyword"),
    [
        (None, "invalidSyntax"), ([], "invalidSyntax"), ({}, "invalidSyntax"), (["x"], "invalidSyntax"),
        ([{"op": "move", "path": "active", "value": True}], "invalidSyntax"),
        ([{"path": "active", "value": True}], "invalidSyntax"),
        ([{"op": "replace", "value": True}], "invalidSyntax"),
        ([{"op": "remove"}], "noTarget"),
        ([{"op": "replace", "path": "active[", "value": True}], "invalidPath"),
        ([{"op": "replace", "path": ["active"], "value": True}], "invalidPath"),
        ([{"op": "replace", "path": "active", "value": "x"}], "invalidValue"),
        ([{"op": "replace", "path": "active"}], "invalidValue"),
        ([{"op": "remove", "path": "userName"}], "mutability"),
        ([{"op": "remove", "path": "active"}], "mutability"),
        ([{"op": "replace", "path": "id", "value": "1"}], "mutability"),
        ([{"op": "replace", "path": "active", "value": False}] * 5001, "invalidSyntax"),
    ],
)  # fmt: skip
def test_an_operation_that_cannot_be_is_refused_and_none_of_the_request_is_kept(
    directory, operations, keyword
):
    made = directory.a_user("p@acme.example", displayName="P")
    first = [{"op": "replace", "path": "displayName", "value": "Q"}]
    sent = first + operations if isinstance(operations, list) and operations else operations

    refused = directory.send("PATCH", f"/Users/{made['id']}", {"schemas": [PATCH], "Operations": sent})

    assert (refused.status_code, refused.body["scimType"]) == (400, keyword), refused.content
    assert directory.get(f"/Users/{made['id']}").body == made


@pytest.mark.parametrize("schemas", [None, [], "x", 7, [USER], {}])
def test_a_patch_says_that_it_is_one(directory: Directory, schemas: object):
    body = {"schemas": schemas, "Operations": [{"op": "replace", "path": "active", "value": True}]}

    assert directory.send("PATCH", f"/Users/{directory.owner.pk}", body).status_code == 400


@pytest.mark.parametrize(
    ("query", "first", "items"),
    [
        ({}, 1, 7), ({"startIndex": "0"}, 1, 7), ({"startIndex": "-5", "count": "2"}, 1, 2), ({"count": "0"}, 1, 0),
        ({"count": "-1"}, 1, 0), ({"startIndex": "7"}, 7, 1), ({"startIndex": "100"}, 100, 0),
        ({"count": "999999"}, 1, 7), ({"startIndex": "9" * 18, "count": "1"}, int("9" * 18), 0),
    ],
)  # fmt: skip
def test_a_page_counts_from_one_and_stays_in_its_bounds(directory: Directory, query, first, items):
    for n in range(5):
        directory.a_user(f"p{n}@acme.example")

    page = directory.get("/Users", **query).body

    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (7, first, items)
    assert len(page["Resources"]) == items


@pytest.mark.parametrize(
    "query", [{"count": "x"}, {"startIndex": "1.5"}, {"count": "9" * 40}, {"count": "٣"}]
)
def test_a_page_that_is_no_number_is_refused(directory: Directory, query: dict[str, str]):
    assert directory.get("/Users", **query).body["scimType"] == "invalidValue"


def test_only_what_is_asked_for_is_sent(directory: Directory):
    made = directory.a_user("p@acme.example", displayName="P", externalId="7")
    path = f"/Users/{made['id']}"

    assert set(directory.get(path, attributes="userName,name.formatted").body) == {
        "schemas",
        "id",
        "userName",
        "name",
    }
    assert set(made) - set(directory.get(path, excludedAttributes="groups,META,id").body) == {
        "groups",
        "meta",
    }
    (listed,) = directory.get("/Users", filter='externalId eq "7"', attributes="active").body["Resources"]
    assert set(listed) == {"schemas", "id", "active"}


def test_a_new_resource_says_where_it_is_even_without_its_meta(directory: Directory):
    for path, body in (("/Users", {"userName": "p@acme.example"}), ("/Groups", {"displayName": "G"})):
        made = directory.send("POST", path, body, {"excludedAttributes": "meta"})

        assert made.status_code == 201
        assert made.headers["Location"].endswith(f"{path}/{made.body['id']}")
        assert "meta" not in made.body


def test_a_change_to_a_group_sends_it_back_to_whoever_names_what_she_wants(directory: Directory):
    group = directory.a_group("G")["id"]
    body = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "displayName", "value": "H"}]}

    answer = directory.send("PATCH", f"/Groups/{group}", body, {"attributes": "displayName"})

    assert (answer.status_code, answer.body["displayName"]) == (200, "H")
    assert "members" not in answer.body


def test_the_server_says_what_it_can_do(directory: Directory):
    config = directory.get("/ServiceProviderConfig").body
    assert config["patch"]["supported"] is True
    assert config["filter"] == {"supported": True, "maxResults": PAGE_MAX}
    assert not any(config[name]["supported"] for name in ("bulk", "sort", "etag", "changePassword"))

    types = directory.get("/ResourceTypes").body["Resources"]
    assert [(each["id"], each["endpoint"]) for each in types] == [("User", "/Users"), ("Group", "/Groups")]


def test_every_attribute_that_is_sent_is_described(directory: Directory):
    described = {
        schema["id"]: {attribute["name"] for attribute in schema["attributes"]}
        for schema in directory.get("/Schemas").body["Resources"]
    }
    common = {"schemas", "id", "meta"}
    person = directory.a_user("p@acme.example", displayName="P", externalId="7")
    group = directory.a_group("G", person["id"], externalId="8")

    for resource in (person, group):
        assert set(resource) - common == described[resource["schemas"][0]]
