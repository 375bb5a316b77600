"""Large files in parts, over real HTTP: cut, retried, raced, killed, and still the same file."""

import base64
import hashlib
import io
import os
import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest
from django.db import connection
from django.utils import timezone

from accounts.database import managing, reading
from accounts.models import ApiKey, Membership, Tenant
from accounts.resolve import scope_of
from accounts.roles import Right, Role
from accounts.tenant_keys import cache
from retrieval.ingestion import vault
from retrieval.models import Collection, Document, ResumableUpload
from retrieval.uploads.finish import CLAIM_LASTS, REST, sweep_uploads
from retrieval.uploads.lifecycle import EXPIRES_AFTER, names_in_use
from retrieval.uploads.parts import joined
from tests.browser.conftest import serving, wait_for_backends_to_leave
from tests.factories import a_collection, a_member, a_tenant
from tests.support import databases

PART = 1024 * 1024
BYTES_MAX = 16 * PART
OPEN_MAX = 3
WORDS = b"the lighthouse keeper is called Ferdinand. "
CONTENT = (WORDS * (3 * PART // len(WORDS) + 1))[: 3 * PART - 11]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The real application, and an editor's key."""

    address: str
    tenant: Tenant
    shelf: Collection
    editor: Membership
    client: httpx2.Client


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Site]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock(), limits():  # type: ignore[attr-defined]
        tenant = a_tenant()
        editor = a_member(tenant, role=Role.EDITOR)
        shelf = a_collection(tenant)
        headers = key_of(editor)
        connection.close()
        with (
            serving("ragsite.asgi:application") as address,
            httpx2.Client(base_url=address, timeout=60, headers=headers) as client,
        ):
            yield Site(address=address, tenant=tenant, shelf=shelf, editor=editor, client=client)
        for name, _ in vault.names(tenant.pk):
            vault.delete(name)
        cache.clear()
        wait_for_backends_to_leave(str(connection.settings_dict["NAME"]))
        databases.clone_for(worker)


@contextmanager
def limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAGSITE_UPLOAD_BYTES_MAX", str(BYTES_MAX))
        environment.setenv("RAGSITE_OPEN_UPLOADS_MAX", str(OPEN_MAX))
        environment.setenv("RAGSITE_OPEN_UPLOAD_BYTES_MAX", str(2 * BYTES_MAX))
        yield


@pytest.fixture(autouse=True)
def nothing_under_way(site: Site) -> Iterator[None]:
    yield
    with managing(site.tenant.pk):
        ResumableUpload.objects.all().delete()
    connection.close()


def key_of(member: Membership, *scopes: Right) -> dict[str, str]:
    with managing(member.tenant_id):
        _, secret = ApiKey.objects.issue(
            member, "key", scopes=list(scopes) or [Right.ASK, Right.EDIT_DOCUMENTS]
        )
    return {"Authorization": f"Bearer {secret}"}


TUS = {"Tus-Resumable": "1.0.0"}


def begin(site: Site, size: int = len(CONTENT), name: str = "", client: Any = None, **metadata: str) -> Any:
    said = {"filename": name or f"plan-{uuid4().hex}.txt", "collection": str(site.shelf.pk)} | metadata
    encoded = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
    headers = TUS | {"Upload-Length": str(size), "Upload-Metadata": encoded}
    return (client or site.client).post("/api/v1/uploads/", headers=headers)


def send(site: Site, address: str, offset: int, part: bytes, **extra: str) -> Any:
    headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return site.client.patch(address, headers=headers | extra, content=part)


def offset_of(site: Site, address: str) -> int:
    return int(site.client.head(address, headers=TUS).headers["Upload-Offset"])


def send_rest(site: Site, address: str, content: bytes = CONTENT, size: int = PART) -> Any:
    """From where the upload stands to its end; the last answer."""
    response = None
    for start in range(offset_of(site, address), len(content), size):
        response = send(site, address, start, content[start : start + size])
        assert response.status_code == 204, response.text
    return response


def upload_at(site: Site, address: str) -> ResumableUpload:
    with managing(site.tenant.pk):
        return ResumableUpload.objects.get(pk=UUID(address.rsplit("/", 1)[1]))


def documents_named(site: Site, name: str) -> list[Document]:
    with managing(site.tenant.pk):
        return list(Document.objects.filter(source_name=name))


def names_kept(site: Site) -> list[str]:
    return [name for name, _ in vault.names(site.tenant.pk)]


def digest(content: bytes) -> str:
    return "sha256 " + base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_a_file_in_parts_becomes_a_document_like_any_other(site):
    created = begin(site, name="whole.txt", title="The whole", sensitivity="confidential")
    address = created.headers["Location"]
    assert (created.status_code, created.headers["Tus-Resumable"]) == (201, "1.0.0")
    for start in range(0, len(CONTENT), PART):
        part = CONTENT[start : start + PART]
        assert (
            "Upload-Expires" in send(site, address, start, part, **{"Upload-Checksum": digest(part)}).headers
        )

    (document,) = documents_named(site, "whole.txt")
    assert document.content_sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (document.title, document.size_bytes, document.sensitivity) == ("The whole", len(CONTENT), 2)
    assert (document.status, document.created_by_id) == ("received", site.editor.user_id)
    assert site.client.get(address).json() | {"expires_at": ""} == {
        "id": address.rsplit("/", 1)[1], "name": "whole.txt", "size": len(CONTENT), "offset": len(CONTENT),
        "state": "finished", "reason": "", "document": str(document.pk), "expires_at": "",
        "part_bytes_max": 8 * PART,
    }  # fmt: skip
    assert upload_at(site, address).parts == []


def test_no_part_lies_readable_on_the_disk(site):
    address = begin(site).headers["Location"]
    send(site, address, 0, CONTENT[:PART])
    names = upload_at(site, address).part_names()

    assert len(names) == 1
    for name in names:
        assert WORDS not in Path(vault.storage().path(name)).read_bytes()
    with managing(site.tenant.pk):
        assert names_in_use(site.tenant.pk) == set(names)


def test_a_part_for_another_place_is_refused_and_changes_nothing(site):
    address = begin(site).headers["Location"]
    send(site, address, 0, CONTENT[:PART])
    kept = names_kept(site)
    for offset in (0, 1, PART - 1, PART + 1, 10**14):
        refused = send(site, address, offset, b"x" * 10)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")

    assert (offset_of(site, address), names_kept(site)) == (PART, kept)
    send_rest(site, address)
    assert upload_at(site, address).state == "finished"


def test_of_many_that_send_the_same_part_at_once_one_wins(site):
    name = "raced.txt"
    address = begin(site, name=name).headers["Location"]
    with ThreadPoolExecutor(4) as threads:
        for start in range(0, len(CONTENT), PART):
            part = CONTENT[start : start + PART]
            sent = list(
                threads.map(lambda _, s=start, p=part: send(site, address, s, p).status_code, range(4))
            )
            assert sorted(sent) == [204, 409, 409, 409]

    (document,) = documents_named(site, name)
    assert document.content_sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert not set(names_kept(site)) & set(upload_at(site, address).part_names())


def cut(site: Site, address: str, offset: int, part: bytes, sent: int) -> None:
    """A client that announces a part and goes away in the middle of it."""
    place = urlsplit(site.address)
    head = (
        f"PATCH {address} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: {site.client.headers['Authorization']}\r\n"
        f"Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(part)}\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port)) as wire:
        wire.sendall(head.encode() + part[:sent])


def test_a_connection_cut_in_the_middle_of_a_part_leaves_the_upload_where_it_was(site):
    name = "cut.txt"
    address = begin(site, name=name).headers["Location"]
    kept = names_kept(site)
    for start in range(0, len(CONTENT), PART):
        part = CONTENT[start : start + PART]
        cut(site, address, start, part, len(part) // 2)
        assert offset_of(site, address) == start
        assert send(site, address, start, part).status_code == 204

    (document,) = documents_named(site, name)
    assert document.content_sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert len(names_kept(site)) <= len(kept) + 1


def test_a_server_that_died_half_way_is_resumed_on_another(site):
    name = "outlived.txt"
    address = begin(site, name=name).headers["Location"]
    with serving("ragsite.asgi:application") as other:
        shifted = httpx2.Client(base_url=other, headers=dict(site.client.headers), timeout=60)
        first = Site(address=other, tenant=site.tenant, shelf=site.shelf, editor=site.editor, client=shifted)
        assert send(first, address, 0, CONTENT[:PART]).status_code == 204
        shifted.close()
    assert offset_of(site, address) == PART
    send_rest(site, address)

    (document,) = documents_named(site, name)
    assert document.content_sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_part_that_did_not_arrive_as_sent_is_refused(site):
    address = begin(site).headers["Location"]
    kept = names_kept(site)
    bad = send(site, address, 0, CONTENT[:PART], **{"Upload-Checksum": digest(b"other bytes")})

    assert (bad.status_code, bad.json()["code"]) == (460, "checksum_mismatch")
    assert (offset_of(site, address), names_kept(site)) == (0, kept)
    for nonsense in ("md5 AAAA", "sha256", "sha256 !", "sha256 AAAA"):
        assert send(site, address, 0, b"x", **{"Upload-Checksum": nonsense}).status_code == 400


def test_no_more_than_announced_is_taken(site):
    address = begin(site, size=10).headers["Location"]
    assert send(site, address, 0, b"x" * 11).status_code == 413
    assert offset_of(site, address) == 0

    def unannounced() -> Iterator[bytes]:
        yield b"x" * 6
        yield b"x" * 6

    headers = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert site.client.patch(address, headers=headers, content=unannounced()).status_code == 413
    assert offset_of(site, address) == 0


def test_what_cannot_be_taken_is_refused_at_the_beginning(site):
    for size, status in ((BYTES_MAX + 1, 413), (0, 400)):
        assert begin(site, size=size).status_code == status
    assert begin(site, collection=str(uuid4())).status_code == 404
    assert begin(site, sensitivity="cosmic").status_code == 400
    assert begin(site, size=10**30).status_code == 400
    other = site.client.post("/api/v1/uploads/", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "5"})
    assert (other.status_code, other.headers["Tus-Version"]) == (412, "1.0.0")
    with managing(site.tenant.pk):
        assert not ResumableUpload.objects.exists()


def test_one_person_has_so_many_uploads_open_and_no_more(site):
    def try_one(_: int) -> int:
        return int(begin(site, size=10).status_code)

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(try_one, range(6))) == [201] * OPEN_MAX + [429] * (6 - OPEN_MAX)


def test_open_uploads_have_so_many_bytes_together(site):
    assert [begin(site, size=BYTES_MAX).status_code for _ in range(3)] == [201, 201, 429]


def test_an_upload_is_its_owners_alone(site):
    address = begin(site).headers["Location"]
    for member in (a_member(site.tenant, role=Role.OWNER), a_member(a_tenant(), role=Role.OWNER)):
        with httpx2.Client(base_url=site.address, headers=key_of(member) | TUS) as stranger:
            assert stranger.head(address).status_code == 404
            assert stranger.delete(address).status_code == 404
            answers = [
                stranger.patch(path, content=b"x").json() for path in (address, f"/api/v1/uploads/{uuid4()}")
            ]
            assert [answer["detail"] for answer in answers] == [answers[0]["detail"]] * 2
        with reading(scope_of(member)):
            assert not ResumableUpload.objects.exists()
    with httpx2.Client(base_url=site.address, headers=key_of(site.editor, Right.ASK) | TUS) as weak:
        assert weak.head(address).status_code == 403
    assert offset_of(site, address) == 0


def test_a_cancelled_upload_is_gone_with_its_parts(site):
    address = begin(site).headers["Location"]
    send(site, address, 0, CONTENT[:PART])
    names = upload_at(site, address).part_names()
    assert site.client.delete(address).status_code == 412
    assert site.client.delete(address, headers=TUS).status_code == 204

    assert site.client.head(address, headers=TUS).status_code == 404
    assert not set(names) & set(names_kept(site))


def dispatched() -> tuple[list[UUID], Any]:
    sent: list[UUID] = []
    return sent, lambda tenant_id, document_id: sent.append(document_id)


def change(site: Site, address: str, **fields: object) -> None:
    with managing(site.tenant.pk):
        ResumableUpload.objects.filter(pk=UUID(address.rsplit("/", 1)[1])).update(**fields)


def test_an_upload_past_its_time_is_gone_and_swept(site):
    address = begin(site).headers["Location"]
    send(site, address, 0, CONTENT[:PART])
    names = upload_at(site, address).part_names()
    change(site, address, expires_at=timezone.now() - timedelta(seconds=1))

    assert site.client.head(address, headers=TUS).status_code == 410
    assert send(site, address, PART, b"x").status_code == 410
    assert sweep_uploads(dispatched()[1]) == 1
    assert site.client.head(address, headers=TUS).status_code == 404
    assert not set(names) & set(names_kept(site))


def left_whole(site: Site, name: str) -> str:
    """An upload whose last part came to a process that then died."""
    address = begin(site, name=name).headers["Location"]
    send(site, address, 0, CONTENT[:PART])
    rest = vault.keep(site.tenant.pk, [CONTENT[PART:]])
    parts = [*upload_at(site, address).parts, [rest.name, rest.size_bytes]]
    change(site, address, parts=parts, offset=len(CONTENT), state="whole")
    return str(address)


def test_a_whole_upload_that_was_left_is_taken_in_once_by_the_sweep(site):
    name = "left.txt"
    address = left_whole(site, name)
    sent, dispatch = dispatched()
    change(site, address, expires_at=timezone.now() + EXPIRES_AFTER)
    assert sweep_uploads(dispatch) == 0, "its own request is about to"
    change(site, address, expires_at=timezone.now() + EXPIRES_AFTER - REST * 2, claimed_at=timezone.now())
    assert sweep_uploads(dispatch) == 0, "somebody is at it"
    change(site, address, claimed_at=timezone.now() - CLAIM_LASTS * 2)
    assert sweep_uploads(dispatch) == 1
    assert sweep_uploads(dispatch) == 0

    (document,) = documents_named(site, name)
    assert sent == [document.pk]
    assert document.content_sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_whole_upload_that_was_left_is_taken_in_when_its_client_asks_again(site):
    name = "asked again.txt"
    address = left_whole(site, name)
    assert send(site, address, len(CONTENT), b"").status_code == 204
    assert len(documents_named(site, name)) == 1


def test_who_has_lost_the_right_meanwhile_brings_nothing_in(site):
    member = a_member(site.tenant, role=Role.EDITOR)
    with httpx2.Client(base_url=site.address, timeout=60, headers=key_of(member)) as client:
        hers = Site(address=site.address, tenant=site.tenant, shelf=site.shelf, editor=member, client=client)
        address = begin(hers, size=20, name="late.txt").headers["Location"]
        send(hers, address, 0, b"x" * 10)
        Membership.objects.filter(pk=member.pk).update(is_active=False)
        assert send(hers, address, 10, b"x" * 10).status_code == 401
    change(site, address, offset=20, state="whole", expires_at=timezone.now() + EXPIRES_AFTER - REST * 2)
    assert sweep_uploads(dispatched()[1]) == 0

    assert documents_named(site, "late.txt") == []
    upload = upload_at(site, address)
    assert (upload.state, upload.reason, upload.parts) == ("refused", "You may not put this file here.", [])


def test_the_server_says_what_it_can(site):
    said = httpx2.options(f"{site.address}/api/v1/uploads/")

    assert said.status_code == 204
    assert said.headers["Tus-Extension"] == "creation,expiration,termination,checksum"
    assert (said.headers["Tus-Max-Size"], said.headers["Tus-Checksum-Algorithm"]) == (
        str(BYTES_MAX),
        "sha256",
    )


def test_a_part_of_another_type_or_version_is_refused(site):
    address = begin(site).headers["Location"]
    headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert site.client.patch(address, headers=headers, content=b"x").status_code == 412
    assert send(site, address, 0, b"x", **{"Content-Type": "text/plain"}).status_code == 415
    assert send(site, address, 0, b"x", **{"Upload-Offset": "-1"}).status_code == 400


def test_joined_parts_read_like_one_file(site):
    order = random.Random(9)
    pieces = [os.urandom(order.randrange(1, 90_000)) for _ in range(7)]
    parts = [
        (kept.name, kept.size_bytes) for kept in (vault.keep(site.tenant.pk, [piece]) for piece in pieces)
    ]
    model = io.BytesIO(b"".join(pieces))
    with joined(site.tenant.pk, parts, "x") as whole:
        assert whole.size == len(model.getvalue())
        for _ in range(200):
            place, count = order.randrange(400_000), order.randrange(-1, 200_000)
            whole.seek(place)
            model.seek(place)
            assert whole.read(count) == model.read(count)
        assert b"".join(whole.chunks(50_000)) == model.getvalue()
    for name, _ in parts:
        vault.delete(name)
