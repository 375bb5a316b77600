"""A bucket of a store that speaks S3: moto's server, on loopback."""

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from retrieval.errors import SourceRefused, SourceUnavailable
from retrieval.sources import INHERIT, PRIVATE, ExternalAccess
from retrieval.sources.bucket import BucketConnector
from retrieval.sources.connector import cleaned
from tests.retrieval.sources.places import a_site, documents_of


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedMotoServer]:
    found = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def store(server):
    client = boto3.client(
        "s3",
        endpoint_url=address(server),
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    client.create_bucket(Bucket="handbook")
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="handbook"):
        for found in page.get("Contents", []):
            client.delete_object(Bucket="handbook", Key=found["Key"])
    client.delete_bucket(Bucket="handbook")
    client.close()


def address(server) -> str:
    return f"http://127.0.0.1:{server.get_host_and_port()[1]}"


def connector(server, allow: tuple[str, ...] = ("127.0.0.0/8",), **told) -> BucketConnector:
    site = a_site(*allow, ports=(server.get_host_and_port()[1],))
    configuration = {"bucket": "handbook", "endpoint": address(server), "access_key": "a"} | told
    return BucketConnector(cleaned(BucketConnector, configuration, site), "b", site)


def contents(found: BucketConnector) -> dict[str, bytes]:
    read = {}
    for change in documents_of(found):
        with change.open() as content:
            read[change.name] = content.read()
    return read


def test_objects_below_the_prefix_are_listed_and_read(server, store):
    for key in ("docs/a.txt", "docs/deep/ü b.txt", "docs/folder/", "other.txt"):
        store.put_object(Bucket="handbook", Key=key, Body=key.encode())

    found = contents(connector(server, prefix="docs/"))

    assert found == {"docs/a.txt": b"docs/a.txt", "docs/deep/ü b.txt": "docs/deep/ü b.txt".encode()}


def test_more_objects_than_a_page_holds_are_all_listed(server, store, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "4")
    for number in range(9):
        store.put_object(Bucket="handbook", Key=f"{number}.txt", Body=b"x")

    assert len(list(connector(server).changes({}))) == 9


def test_the_version_changes_with_the_content(server, store):
    versions = []
    for body in (b"one", b"one", b"two"):
        store.put_object(Bucket="handbook", Key="a.txt", Body=body)
        versions += [change.version for change in connector(server).changes({})]

    assert versions[0] == versions[1] != versions[2]


def test_an_object_that_changed_since_it_was_listed_is_not_read(server, store):
    store.put_object(Bucket="handbook", Key="a.txt", Body=b"one")
    change = next(iter(connector(server).changes({})))
    store.put_object(Bucket="handbook", Key="a.txt", Body=b"two")

    with pytest.raises(SourceUnavailable), change.open() as content:
        content.read()


def test_the_most_particular_prefix_says_who_may_read(server, store):
    for key in ("a.txt", "open/b.txt", "open/board/c.txt"):
        store.put_object(Bucket="handbook", Key=key, Body=b"x")
    rules = ["open/ = inherit", "open/board/ = Board, Ada@example.org"]
    access = {change.name: change.access for change in connector(server, rules=rules).changes({})}

    board = ExternalAccess(people=frozenset({"ada@example.org"}), groups=frozenset({"Board"}))
    assert access == {"a.txt": PRIVATE, "open/b.txt": INHERIT, "open/board/c.txt": board}


def test_a_bucket_that_is_not_there_is_no_empty_bucket(server, store):
    with pytest.raises(SourceUnavailable, match="no such bucket"):
        list(connector(server, bucket="elsewhere").changes({}))


def test_a_store_in_our_own_network_is_not_called(server, store):
    store.put_object(Bucket="handbook", Key="a.txt", Body=b"x")
    with pytest.raises(SourceUnavailable) as refused:
        list(connector(server, allow=()).changes({}))

    assert (
        str(refused.value)
        == "This address cannot be reached: it is not a public one, or nothing answers there."
    )


def test_neither_the_machines_credentials_nor_its_endpoints_are_used(server, store, monkeypatch, tmp_path):
    store.put_object(Bucket="handbook", Key="a.txt", Body=b"x", ACL="public-read")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "machine")
    seen = []
    found = connector(server, access_key="")
    made = found._store()
    made.meta.events.register_first(
        "before-send.s3", lambda request, **told: seen.append(dict(request.headers))
    )
    made.list_objects_v2(Bucket="handbook")

    assert contents(found) == {"a.txt": b"x"}
    assert [name for headers in seen for name in headers if name.lower() == "authorization"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bucket", ""), ("bucket", "../x"), ("bucket", "a.b/c"), ("region", "x.evil.example/"), ("endpoint", "file:///x"),
        ("endpoint", "http://user@host/"), ("rules", ["no rule"]), ("rules", ["a/ ="]), ("rules", ["a = x", "a = y"]),
    ],
)  # fmt: skip
def test_what_is_no_bucket_is_refused_with_the_field_that_is_wrong(field, value):
    with pytest.raises(SourceRefused) as refused:
        cleaned(BucketConnector, {"bucket": "handbook", field: value}, a_site())

    assert refused.value.field == field
