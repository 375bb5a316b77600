"""Downloading what was brought in: for whom, in what form, and on record."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, BreakGlass, Membership, TenantRole, User
from accounts.roles import Right, Role
from accounts.scope import Sensitivity
from compliance.models import AuditEntry
from retrieval.api import originals
from retrieval.api.downloads import FileStream, disposition
from retrieval.ingestion import vault
from retrieval.models import Collection, Document, DocumentVersion
from retrieval.models.documents import DocumentQuerySet
from tests.factories import a_collection, a_document, a_member, a_tenant, everyone
from tests.support.originals import name_of, with_file

pytestmark = pytest.mark.django_db
CONTENT = bytes(range(256)) * 1200  # of several segments


@pytest.fixture(autouse=True)
def a_folder_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def tenant():
    return a_tenant()


@pytest.fixture
def shelf(tenant) -> Collection:
    return a_collection(tenant, readers=(everyone(tenant),))


@pytest.fixture
def document(shelf) -> Document:
    return with_file(a_document(shelf, "words"), CONTENT)


def session_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def key_of(member: Membership, *scopes: Right) -> dict[str, str]:
    with managing(member.tenant_id):
        _, secret = ApiKey.objects.issue(member, "key", scopes=list(scopes) or [Right.ASK])
    return {"Authorization": f"Bearer {secret}"}


def fetch(client: Client, document: Document, *, page: bool = False, **headers: str) -> tuple[Any, bytes]:
    path = f"/documents/{document.pk}/file"
    response = client.get(path if page else f"/api/v1{path}", headers=headers)
    if not isinstance(response, FileStream):
        return response, response.content
    body = read(response)
    response.plain.close()
    return response, body


@async_to_sync
async def read(response: FileStream) -> bytes:
    return b"".join([block async for block in response])


def status_of(member: Membership, document: Document) -> int:
    return int(fetch(session_of(member), document)[0].status_code)


def downloads(tenant: Any) -> list[AuditEntry]:
    with managing(tenant.pk):
        return list(AuditEntry.objects.filter(event="document.downloaded"))


@pytest.mark.parametrize("page", [True, False], ids=["page", "api"])
def test_a_reader_gets_the_file_and_it_is_on_record(tenant, document, page):
    member = a_member(tenant)
    response, body = fetch(session_of(member), document, page=page)

    assert (response.status_code, body) == (200, CONTENT)
    assert response.headers["Content-Length"] == str(len(CONTENT))
    (entry,) = downloads(tenant)
    assert (entry.actor_id, entry.object_pk) == (member.user_id, str(document.pk))
    assert entry.additional_data["bytes"] == len(CONTENT)


def test_a_key_fetches_it_too_and_one_for_nothing_does_not(tenant, document):
    member = a_member(tenant, role=Role.ADMINISTRATOR)
    assert fetch(Client(), document, **key_of(member, Right.ASK))[1] == CONTENT
    assert fetch(Client(), document, **key_of(member, Right.MANAGE_PEOPLE))[0].status_code == 403
    assert fetch(Client(), document)[0].status_code == 401
    assert fetch(Client(), document, page=True)[0].status_code == 302


def test_who_may_not_read_it_gets_what_an_absent_one_gives(tenant, document):
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(inherits_grants=False)
    absent = Document(pk=uuid4(), tenant=tenant)
    for member in (a_member(tenant), a_member(tenant, role=Role.EDITOR), a_member(a_tenant())):
        refused, nothing = (fetch(session_of(member), each)[0] for each in (document, absent))
        assert (refused.status_code, refused.json()["detail"]) == (404, nothing.json()["detail"])
    assert downloads(tenant) == []


def test_the_grants_alone_stop_what_predicate_and_policy_would_let_through(tenant, document, monkeypatch):
    put(document, inherits_grants=False)
    everything = Document.objects.filter(tenant_id=tenant.pk)
    monkeypatch.setattr(DocumentQuerySet, "readable_by", lambda self, scope: everything.all())
    monkeypatch.setattr(originals, "reading", lambda scope: managing(scope.tenant_id))

    assert status_of(a_member(tenant), document) == 404
    put(document, inherits_grants=True)
    assert status_of(a_member(tenant), document) == 200


def test_a_document_above_the_ceiling_is_absent(tenant, document):
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(sensitivity=Sensitivity.RESTRICTED)
    assert status_of(a_member(tenant), document) == 404
    assert status_of(a_member(tenant, ceiling=Sensitivity.RESTRICTED), document) == 200


def put(document: Document, **fields: object) -> None:
    with managing(document.tenant_id):
        Document.objects.filter(pk=document.pk).update(**fields)


@pytest.mark.parametrize(
    ("status", "role", "expected"),
    [
        (Document.Status.RECEIVED, Role.EDITOR, 200),
        (Document.Status.FAILED, Role.EDITOR, 200),
        (Document.Status.RECEIVED, Role.MEMBER, 404),
        (Document.Status.QUARANTINED, Role.MEMBER, 404),
        (Document.Status.QUARANTINED, Role.EDITOR, 200),
        (Document.Status.QUARANTINED, Role.COMPLIANCE_OFFICER, 200),
        (Document.Status.RECEIVED, Role.COMPLIANCE_OFFICER, 404),
    ],
)
def test_what_is_not_searchable_is_for_its_editors_and_reviewers(tenant, document, status, role, expected):
    put(document, searchable=False, status=status)
    assert status_of(a_member(tenant, role=role), document) == expected


def test_what_is_held_back_stays_shut_for_an_editor_who_does_not_review(tenant, document):
    put(document, searchable=False, status=Document.Status.QUARANTINED)
    role = TenantRole.objects.create(tenant=tenant, name="bringer", rights=[Right.ASK, Right.EDIT_DOCUMENTS])
    bringer = a_member(tenant)
    Membership.objects.filter(pk=bringer.pk).update(own_role=role)

    assert status_of(bringer, document) == 404
    put(document, status=Document.Status.FAILED)
    assert status_of(bringer, document) == 200


def test_in_hand_a_document_above_the_editors_ceiling_stays_shut(tenant, document):
    put(document, searchable=False, status=Document.Status.RECEIVED, sensitivity=Sensitivity.RESTRICTED)
    assert status_of(a_member(tenant, role=Role.EDITOR), document) == 404


def test_readers_get_the_file_of_the_version_they_read_and_not_the_one_on_its_way(tenant, document):
    newer = vault.keep(tenant.pk, [b"nobody has judged this yet"])
    with managing(tenant.pk):
        DocumentVersion.objects.create(tenant=tenant, document=document, number=2, stored_name=newer.name)
    put(document, status=Document.Status.RECEIVED)

    response, body = fetch(session_of(a_member(tenant)), document)
    assert response.status_code == 200
    assert body == CONTENT


def test_an_emergency_access_reads_on_record_and_gets_nothing_in_hand(tenant, document):
    root = User.objects.create_superuser("root@platform.example")
    BreakGlass.objects.create(
        tenant=tenant,
        user=root,
        reason="The lighthouse is dark.",
        expires_at=timezone.now() + timedelta(hours=1),
    )
    client = Client()
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["tenant"] = str(tenant.pk)
    session.save()

    assert fetch(client, document)[0].status_code == 200
    with managing(tenant.pk):
        noted = AuditEntry.objects.filter(event="break_glass.read").last()
    assert noted is not None
    assert str(document.pk) in noted.additional_data["objects"]
    put(document, searchable=False, status=Document.Status.QUARANTINED)
    assert fetch(client, document)[0].status_code == 404


def test_without_a_record_nothing_is_given_out(tenant, document, monkeypatch):
    from django.db import DatabaseError

    def broken(**_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(originals, "append", broken)
    member = a_member(tenant)

    for page in (True, False):
        response, body = fetch(session_of(member), document, page=page)
        assert response.status_code == 503
        assert CONTENT[:100] not in body


def test_a_missing_file_is_absent_and_a_changed_one_an_error(tenant, document, caplog):
    member = a_member(tenant)
    path = Path(vault.storage().path(name_of(document)))
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    assert fetch(session_of(member), document)[0].json()["code"] == "damaged_original"
    vault.delete(name_of(document))
    assert status_of(member, document) == 404


# --- Ranges (RFC 9110, 14) --------------------------------------------------------------------------

SIZE = len(CONTENT)


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=65530-{65536 + 9}", 65530, 65546),
        (f"bytes=10-{SIZE * 2}", 10, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
    ],
)
def test_one_range_is_given(tenant, document, asked, first, end):
    response, body = fetch(session_of(a_member(tenant)), document, Range=asked)

    assert (response.status_code, body) == (206, CONTENT[first:end])
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(end - first)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-6",
        "bytes=9-3",
        "bytes=-",
        "lines=1-2",
        "bytes=a-b",
        "bytes=1-2;",
        "bytes=" + "9" * 40 + "-",
    ],
)
def test_a_range_that_is_none_is_ignored(tenant, document, asked):
    response, body = fetch(session_of(a_member(tenant)), document, Range=asked)
    assert (response.status_code, body) == (200, CONTENT)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(tenant, document, asked):
    response, _ = fetch(session_of(a_member(tenant)), document, Range=asked)
    assert (response.status_code, response.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert downloads(tenant) == []


def test_a_range_of_another_version_brings_the_whole(tenant, document):
    client = session_of(a_member(tenant))
    mark = fetch(client, document)[0].headers["ETag"]
    assert fetch(client, document, Range="bytes=1-2", **{"If-Range": mark})[0].status_code == 206
    assert fetch(client, document, Range="bytes=1-2", **{"If-Range": '"older"'})[0].status_code == 200
    with_file(document, CONTENT)
    assert fetch(client, document)[0].headers["ETag"] != mark


def test_the_head_says_what_the_file_is_and_gives_nothing(tenant, document):
    client = session_of(a_member(tenant))
    response = client.head(f"/api/v1/documents/{document.pk}/file", headers={"Range": "bytes=1-2"})

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Content-Disposition"].startswith("attachment; ")
    assert downloads(tenant) == []


def test_an_empty_file_is_given_whole(tenant, shelf):
    empty = with_file(a_document(shelf, "words"), b"")
    response, body = fetch(session_of(a_member(tenant)), empty)
    assert (response.status_code, body) == (200, b"")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("plain.txt", "attachment; filename=\"plain.txt\"; filename*=UTF-8''plain.txt"),
        ("été 2026.pdf", "attachment; filename=\"_t_ 2026.pdf\"; filename*=UTF-8''%C3%A9t%C3%A9%202026.pdf"),
        ('a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b%5Cc.txt"),
        ("a\r\nSet: x.txt", "attachment; filename=\"aSet: x.txt\"; filename*=UTF-8''aSet%3A%20x.txt"),
        ("\u202etxt.exe", "attachment; filename=\"txt.exe\"; filename*=UTF-8''txt.exe"),
        ("\n", "attachment; filename=\"unnamed\"; filename*=UTF-8''unnamed"),
    ],
    ids=["plain", "beyond ASCII", "quotes", "a line break", "turned round", "nothing"],
)  # fmt: skip
def test_a_name_is_sent_in_ascii_and_in_full(name, said):
    assert disposition(name) == said
