"""The API on how far documents are: for whom, what of it, and another try for what stopped."""

import json
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.database import managing
from accounts.models import ApiKey, Membership, Tenant
from accounts.roles import Right, Role
from accounts.scope import Sensitivity
from compliance.models import AuditEntry
from retrieval.access.grants import grant
from retrieval.access.rights import may, may_among
from retrieval.access.values import Permission
from retrieval.ingestion.pipeline import ingest
from retrieval.interfaces import Encoding
from retrieval.models import Collection, Document, Ingestion
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone, fake_vector
from tests.retrieval.access.builders import acting, to
from tests.retrieval.ingestion.parts import WordEncoder, send, some_ingestion, stored

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def told(monkeypatch) -> list[Any]:
    sent: list[Any] = []
    for door in ("ingestion", "documents", "uploads"):
        monkeypatch.setattr(f"retrieval.api.{door}.dispatch_ingestion", lambda *ids: sent.append(ids))
    return sent


@pytest.fixture
def tenant() -> Tenant:
    return a_tenant()


@pytest.fixture
def shelf(tenant) -> Collection:
    return a_collection(tenant, readers=(everyone(tenant),))


@pytest.fixture
def editor(tenant) -> Client:
    return session_of(a_member(tenant, role=Role.EDITOR))


def session_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def a_failed(shelf: Collection, name: str = "broken.txt", text: str = "BROKEN") -> Document:
    document = send(shelf, text, name).document
    ingest(shelf.tenant_id, document.pk, some_ingestion())
    return stored(document)


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json")


def who_may_change(member: Membership, document: Document) -> Client:
    grant(document, to(member), Permission.CHANGE)
    return session_of(member)


# --- One document ---------------------------------------------------------------------------------


def test_an_editor_sees_how_far_a_document_is_and_why_it_stopped(editor, shelf):
    document = a_failed(shelf)
    seen = editor.get(f"/api/v1/documents/{document.pk}/ingestion").json()

    assert (seen["state"], seen["resting"], seen["fraction"]) == ("failed", True, None)
    assert seen["reason"] == "'broken.txt' cannot be read."
    assert editor.get(f"/api/v1/documents/{document.pk}").json()["ingestion"] == seen


def test_a_reader_sees_nothing_of_how_far_a_document_is(tenant, shelf):
    document = a_document(shelf, "words")
    reader = session_of(a_member(tenant))

    assert reader.get(f"/api/v1/documents/{document.pk}").json()["ingestion"] is None
    assert [each["ingestion"] for each in reader.get("/api/v1/documents").json()["results"]] == [None]
    assert reader.get(f"/api/v1/documents/{document.pk}/ingestion").status_code == 403


def test_who_may_change_one_document_sees_that_ones_progress_in_the_list(tenant, shelf):
    hers, other = a_document(shelf, "hers"), a_document(shelf, "words")
    member = a_member(tenant)
    grant(hers, to(member), Permission.CHANGE)
    with managing(tenant.pk):
        Document.objects.filter(pk=hers.pk).update(inherits_grants=False)
    seen = session_of(member).get("/api/v1/documents").json()["results"]

    assert {each["id"]: each["ingestion"] is not None for each in seen} == {
        str(hers.pk): True,
        str(other.pk): False,
    }


def test_a_whole_document_is_whole(editor, shelf):
    document = a_document(shelf, "one")
    ingested = send(shelf, "two\nlines").document
    ingest(shelf.tenant_id, ingested.pk, some_ingestion())

    assert editor.get(f"/api/v1/documents/{document.pk}/ingestion").json()["fraction"] == 1
    seen = editor.get(f"/api/v1/documents/{ingested.pk}/ingestion").json()
    assert (seen["chunks_done"], seen["chunks_total"], seen["seconds_left"]) == (2, 2, None)


@pytest.mark.parametrize("permission", [Permission.CHANGE, Permission.DELETE])
def test_among_many_documents_the_same_are_hers_as_one_by_one(tenant, permission):
    group = a_group(tenant)
    member = a_member(tenant, groups=(group,), ceiling=Sensitivity.INTERNAL)
    shelves = [a_collection(tenant) for _ in range(2)]
    grant(shelves[0], to(group), Permission.CHANGE)
    documents = [a_document(shelf, "words") for shelf in shelves]
    documents += [a_document(shelves[0], "above her", sensitivity=Sensitivity.CONFIDENTIAL)]
    documents += [a_document(shelves[1], "own grant")]
    grant(documents[-1], to(member), Permission.DELETE)
    ids = {document.pk for document in documents}
    for cap in (None, frozenset({Right.ASK}), frozenset({Right.ASK, Right.EDIT_DOCUMENTS})):
        actor = acting(member, cap)
        with managing(tenant.pk):
            one_by_one = {each.pk for each in documents if may(actor, permission, each)}
            assert may_among(actor, permission, ids) == one_by_one, cap


# --- Dead letters ---------------------------------------------------------------------------------


def test_what_failed_or_was_quarantined_is_listed_newest_first(editor, shelf):
    a_document(shelf, "well")
    failed, held = a_failed(shelf), a_failed(shelf, "held.txt", "POISON")
    page = editor.get("/api/v1/ingestion/failed").json()

    assert page["count"] == 2
    assert [each["id"] for each in page["results"]] == [str(held.pk), str(failed.pk)]
    assert [each["ingestion"]["state"] for each in page["results"]] == ["quarantined", "failed"]


def test_dead_letters_come_in_pages_and_by_collection(editor, tenant, shelf):
    other = a_collection(tenant)
    documents = [a_failed(shelf, f"{n}.txt") for n in range(3)] + [a_failed(other)]
    second = editor.get("/api/v1/ingestion/failed", {"limit": 1, "offset": 1}).json()
    there = editor.get("/api/v1/ingestion/failed", {"collection": str(other.pk)}).json()

    assert (second["count"], [each["id"] for each in second["results"]]) == (4, [str(documents[2].pk)])
    assert (there["count"], there["results"][0]["id"]) == (1, str(documents[3].pk))


@pytest.mark.parametrize(
    "asked", [{"limit": 0}, {"limit": "x"}, {"collection": "x"}, {"tenant": "x"}], ids=str
)
def test_nonsense_asked_of_the_dead_letters_is_refused_in_words(editor, asked):
    response = editor.get("/api/v1/ingestion/failed", asked)

    assert response.status_code == 400
    assert response.json()["code"] == "invalid"


def test_another_tenants_dead_letters_are_not_listed_nor_tried_again(editor, told):
    theirs = a_failed(a_collection(a_tenant()))
    absent = uuid.uuid4()
    answer = post(editor, "/api/v1/ingestion/failed/retry", documents=[str(theirs.pk), str(absent)]).json()

    assert editor.get("/api/v1/ingestion/failed").json() == {"count": 0, "results": []}
    assert [each["outcome"] for each in answer["results"]] == ["not_found", "not_found"]
    assert editor.post(f"/api/v1/documents/{theirs.pk}/retry").status_code == 404
    assert stored(theirs).status == "failed"


def test_a_member_lists_and_tries_again_what_she_may_change_and_nothing_else(tenant, shelf, told):
    member = a_member(tenant)
    hers, other = a_failed(shelf, "hers.txt"), a_failed(shelf, "other.txt")
    client = who_may_change(member, hers)
    with managing(tenant.pk):
        Document.objects.filter(pk=hers.pk).update(inherits_grants=False)
    listed = client.get("/api/v1/ingestion/failed").json()
    both = [str(hers.pk), str(other.pk)]
    answer = post(client, "/api/v1/ingestion/failed/retry", documents=both).json()

    assert [each["id"] for each in listed["results"]] == [str(hers.pk)]
    assert [each["outcome"] for each in answer["results"]] == ["retried", "not_found"]
    assert (stored(hers).status, stored(other).status) == ("received", "failed")


# --- Another try ----------------------------------------------------------------------------------


def test_a_retry_puts_it_in_line_on_record_and_tells_the_worker(
    editor, tenant, shelf, told, django_capture_on_commit_callbacks
):
    document = a_failed(shelf)
    with django_capture_on_commit_callbacks(execute=True):
        response = editor.post(f"/api/v1/documents/{document.pk}/retry")

    assert response.status_code == 202
    assert response.json()["ingestion"]["state"] == "received"
    assert told == [(tenant.pk, document.pk)]
    with managing(tenant.pk):
        assert AuditEntry.objects.get(event="document.retried").object_pk == str(document.pk)


def test_a_retry_of_what_has_not_stopped_does_nothing(editor, tenant, shelf, told):
    whole, waiting = a_document(shelf, "words"), send(shelf, "waits").document
    answers = [editor.post(f"/api/v1/documents/{document.pk}/retry") for document in (whole, waiting)]

    assert [answer.status_code for answer in answers] == [200, 200]
    with managing(tenant.pk):
        assert not AuditEntry.objects.filter(event="document.retried").exists()
        assert Ingestion.objects.filter(document=whole).count() == 1


def test_what_was_mended_is_whole_after_its_retry(editor, shelf, told):
    document = send(shelf, "UNREACHABLE").document
    for _ in range(6):
        ingest(shelf.tenant_id, document.pk, some_ingestion())
        with managing(shelf.tenant_id):
            Ingestion.objects.filter(document=document, state="received").update(
                next_try_at="2020-01-01T00:00Z"
            )
    assert stored(document).status == "failed"
    editor.post(f"/api/v1/documents/{document.pk}/retry")

    class Reachable(WordEncoder):
        def encode(self, texts):
            return [Encoding(vector=fake_vector(text)) for text in texts]

    ingest(shelf.tenant_id, document.pk, some_ingestion(encoder=Reachable()))
    assert stored(document).status == "indexed"


def test_a_reader_and_a_key_without_the_scope_try_nothing_again(tenant, shelf, told):
    document = a_failed(shelf)
    owner = a_member(tenant, role=Role.OWNER)
    with managing(tenant.pk):
        _, secret = ApiKey.objects.issue(owner, "asks only", scopes=[Right.ASK])
    by_key = {"Authorization": f"Bearer {secret}"}
    path = f"/api/v1/documents/{document.pk}/retry"

    assert session_of(a_member(tenant)).post(path).status_code == 403
    assert Client().post(path, headers=by_key).status_code == 403
    assert Client().get("/api/v1/ingestion/failed", headers=by_key).json()["count"] == 0
    assert stored(document).status == "failed"


@pytest.mark.parametrize(
    "ids", [[], ["x"], [str(uuid.UUID(int=n)) for n in range(101)]], ids=["none", "no id", "many"]
)
def test_several_are_named_by_one_to_a_hundred_ids(editor, ids):
    assert post(editor, "/api/v1/ingestion/failed/retry", documents=ids).status_code == 400


# --- Batches --------------------------------------------------------------------------------------


def upload(client: Client, shelf: Collection, *files: tuple[str, bytes], **fields: Any) -> Any:
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post("/api/v1/documents", {"collection": str(shelf.pk), "file": sent, **fields})


def test_files_that_are_sent_together_are_one_batch_and_each_is_judged_on_its_own(editor, shelf, told):
    response = upload(editor, shelf, ("a.txt", b"first"), ("b.txt", b""), ("c.txt", b"third"))
    body = response.json()
    batch = editor.get(f"/api/v1/ingestion/batches/{body['batch']}").json()

    assert response.status_code == 202
    assert [each["outcome"] for each in body["results"]] == ["received", "refused", "received"]
    assert body["results"][1]["reason"] == "'b.txt' is empty."
    assert body["results"][0]["document"]["ingestion"]["batch"] == body["batch"]
    assert (batch["files"], batch["done"], batch["fraction"], batch["resting"]) == (2, 0, 0, False)


def test_one_file_is_answered_as_before_and_has_its_batch_too(editor, shelf, told):
    body = upload(editor, shelf, ("a.txt", b"first"), title="One").json()

    assert (body["title"], body["status"]) == ("One", "received")
    assert editor.get(f"/api/v1/ingestion/batches/{body['ingestion']['batch']}").json()["files"] == 1


@pytest.mark.parametrize(
    ("count", "fields", "said"),
    [(21, {}, "At most 20 files"), (2, {"title": "Both"}, "One title cannot be that of several files")],
    ids=["too many", "one title"],
)
def test_what_cannot_be_sent_together_is_refused_before_any_of_it_is_kept(
    editor, tenant, shelf, told, count, fields, said
):
    response = upload(editor, shelf, *[(f"{n}.txt", b"text") for n in range(count)], **fields)

    assert response.status_code == 400
    assert said in response.json()["detail"]
    with managing(tenant.pk):
        assert not Document.objects.exists()


def test_of_a_batch_a_member_sees_what_she_may_change(editor, tenant, shelf, told):
    body = upload(editor, shelf, ("a.txt", b"first"), ("b.txt", b"second")).json()
    member = a_member(tenant)
    path = f"/api/v1/ingestion/batches/{body['batch']}"
    nothing = session_of(member).get(path)
    with managing(tenant.pk):
        hers = Document.objects.get(pk=body["results"][0]["document"]["id"])
    client = who_may_change(member, hers)

    assert nothing.status_code == 403
    assert client.get(path).json()["files"] == 1


# --- Versions -------------------------------------------------------------------------------------


def versions(client: Client, document: Document) -> Any:
    return client.get(f"/api/v1/documents/{document.pk}/versions")


def three_versions(shelf: Collection) -> Document:
    """Two whole ones and one that failed."""
    for text in ("first", "second", "BROKEN"):
        document = send(shelf, text).document
        ingest(shelf.tenant_id, document.pk, some_ingestion())
    return stored(document)


def test_a_reader_sees_the_whole_versions_by_number_and_date_only(tenant, shelf):
    document = three_versions(shelf)
    seen = versions(session_of(a_member(tenant)), document).json()["results"]

    assert [(each["number"], each["current"]) for each in seen] == [(2, True), (1, False)]
    assert all(each.keys() == {"number", "indexed_at", "current"} for each in seen)


def test_an_editor_sees_every_version_with_its_state_and_by_whom_it_came(editor, tenant, shelf):
    document = three_versions(shelf)
    member = a_member(tenant)
    with managing(tenant.pk):
        document.versions.filter(number=3).update(created_by=member.user)
    newest, *older = versions(editor, document).json()["results"]

    assert (newest["number"], newest["state"], newest["indexed_at"]) == (3, "failed", None)
    assert (newest["reason"], newest["created_by"]) == ("'notes.txt' cannot be read.", member.user.email)
    assert [each["state"] for each in older] == ["indexed", "indexed"]
    assert len({each["content_sha256"] for each in (newest, *older)}) == 3


def test_the_versions_of_a_closed_document_are_as_absent_as_those_of_none(tenant):
    document = three_versions(a_collection(tenant))
    client = session_of(a_member(tenant))
    closed, absent = versions(client, document), client.get(f"/api/v1/documents/{uuid.uuid4()}/versions")

    assert (closed.status_code, absent.status_code) == (404, 404)
    assert closed.json()["detail"] == absent.json()["detail"]
