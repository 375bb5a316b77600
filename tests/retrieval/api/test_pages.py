"""Pages: who sees which, and what is written down when somebody reads."""

import uuid

import pytest
from django.test import Client

from accounts.database import managing
from accounts.models import Membership
from accounts.roles import RIGHTS, Role
from compliance.models import AuditEntry
from retrieval.api import pages
from retrieval.models import Conversation, Document, Query
from tests import factories

pytestmark = pytest.mark.django_db

PAGES = ["/", "/documents/", f"/documents/{uuid.UUID(int=5)}/", f"/conversations/{uuid.UUID(int=5)}/"]


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def a_readable_document(tenant: object, *texts: str, title: str = "Holiday policy") -> Document:
    shelf = factories.a_collection(tenant, readers=(factories.everyone(tenant),))  # type: ignore[arg-type]
    return factories.a_document(shelf, *(texts or ("You have 27 days.",)), title=title)


def a_query(member: Membership, document: Document, **changes: object) -> Query:
    with managing(member.tenant_id):
        conversation = Conversation.objects.create(tenant=member.tenant, user=member.user)
        citation = {"number": 1, "document": str(document.pk), "ordinal": 0, "title": document.title}
        fields = {
            "id": uuid.uuid4(), "tenant": member.tenant, "user": member.user, "conversation": conversation,
            "question": "How many days?", "answer": "27 days [1].", "outcome": "answered", "surface": "web",
            "document_ids": [document.pk],
            "citations": [citation | {"heading": "", "page": None}], "stages_ms": {"retrieval": 12.5},
        }  # fmt: skip
        return Query.objects.create(**(fields | changes))


@pytest.mark.parametrize("address", PAGES)
def test_a_page_sends_strangers_to_sign_in(address: str) -> None:
    response = Client().get(address)

    assert response.status_code == 302
    assert response["Location"] == f"/sign-in/?next={address}"


@pytest.mark.parametrize("address", PAGES[:2])
def test_a_person_without_a_tenant_is_told_so(address: str) -> None:
    member = factories.a_member(factories.a_tenant())
    Membership.objects.filter(pk=member.pk).update(is_active=False)

    response = signed_in(member).get(address)

    assert response.status_code == 403
    assert "no organisation here lists you" in response.content.decode()


def test_a_document_shows_its_passages_with_their_anchors() -> None:
    tenant = factories.a_tenant()
    document = a_readable_document(tenant, "You have 27 days.", "Five may be carried over.")

    page = signed_in(factories.a_member(tenant)).get(f"/documents/{document.pk}/").content.decode()

    assert 'id="passage-0"' in page
    assert 'id="passage-1"' in page
    assert "Five may be carried over." in page


def test_a_citations_address_opens_the_document_without_a_detour() -> None:
    tenant = factories.a_tenant()
    document = a_readable_document(tenant)

    assert signed_in(factories.a_member(tenant)).get(f"/documents/{document.pk}").status_code == 200


def test_a_documents_markup_is_shown_as_words() -> None:
    tenant = factories.a_tenant()
    document = a_readable_document(tenant, "<script>alert(1)</script>", title="<b>bold</b>")

    page = signed_in(factories.a_member(tenant)).get(f"/documents/{document.pk}/").content.decode()

    assert "<script>alert" not in page
    assert "<b>bold" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("role", list(Role))
def test_a_forbidden_document_looks_like_an_absent_one_to_every_role(role: Role) -> None:
    tenant, other = factories.a_tenant(), factories.a_tenant()
    ungranted = factories.a_document(factories.a_collection(tenant), "Secret.")
    foreign = a_readable_document(other)
    client = signed_in(factories.a_member(tenant, role=role))

    absent, *closed = (client.get(f"/documents/{pk}/") for pk in (uuid.uuid4(), ungranted.pk, foreign.pk))

    assert [response.status_code for response in closed] == [404, 404]
    assert {response.content for response in closed} == {absent.content}


def test_a_document_that_is_not_searchable_cannot_be_opened() -> None:
    tenant = factories.a_tenant()
    document = a_readable_document(tenant)
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(searchable=False)

    assert signed_in(factories.a_member(tenant)).get(f"/documents/{document.pk}/").status_code == 404


def test_opening_a_document_is_written_to_the_audit_trail() -> None:
    tenant = factories.a_tenant()
    document, reader = a_readable_document(tenant), factories.a_member(tenant)

    response = signed_in(reader).get(f"/documents/{document.pk}/")

    with managing(tenant.pk):
        entry = AuditEntry.objects.get(event="document.read")
    assert (entry.object_pk, entry.actor_id) == (str(document.pk), reader.user_id)
    assert entry.cid == response["X-Request-ID"]
    assert "27 days" not in str(entry.additional_data)


def test_a_document_that_was_not_opened_is_not_recorded_as_read() -> None:
    tenant = factories.a_tenant()
    document = factories.a_document(factories.a_collection(tenant), "Secret.")

    signed_in(factories.a_member(tenant)).get(f"/documents/{document.pk}/")

    with managing(tenant.pk):
        assert not AuditEntry.objects.filter(event="document.read").exists()


def test_a_document_stays_closed_when_its_reading_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_trail(**_: object) -> None:
        raise pages.DatabaseError("the trail is gone")

    tenant = factories.a_tenant()
    document = a_readable_document(tenant)
    monkeypatch.setattr(pages, "append", no_trail)

    response = signed_in(factories.a_member(tenant)).get(f"/documents/{document.pk}/")

    assert response.status_code == 503
    assert "27 days" not in response.content.decode()


@pytest.mark.parametrize("wanted", ["", "-1", "x", "9" * 30, "²"])
def test_nonsense_in_the_address_begins_at_the_first_passage(wanted: str) -> None:
    tenant = factories.a_tenant()
    document = a_readable_document(tenant)

    response = signed_in(factories.a_member(tenant)).get(f"/documents/{document.pk}/", {"from": wanted})

    assert "27 days" in response.content.decode()


def test_a_long_document_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PASSAGES_PER_PAGE", 2)
    tenant = factories.a_tenant()
    document = a_readable_document(tenant, "First.", "Second.", "Third.")
    client = signed_in(factories.a_member(tenant))

    first = client.get(f"/documents/{document.pk}/").content.decode()
    second = client.get(f"/documents/{document.pk}/?from=2").content.decode()

    assert "Third." not in first
    assert "?version=1&amp;from=2" in first
    assert "Third." in second
    assert "?version=1&amp;from=0" in second


def test_the_list_shows_a_member_only_what_she_may_read() -> None:
    tenant = factories.a_tenant()
    a_readable_document(tenant, title="Open policy")
    factories.a_document(factories.a_collection(tenant), "Secret.", title="Salary bands")
    a_readable_document(factories.a_tenant(), title="Elsewhere")

    page = signed_in(factories.a_member(tenant)).get("/documents/").content.decode()

    assert "Open policy" in page
    assert "Salary bands" not in page
    assert "Elsewhere" not in page


def test_the_list_shows_an_editor_states_but_no_door_to_what_she_may_not_read() -> None:
    tenant = factories.a_tenant()
    closed = factories.a_document(factories.a_collection(tenant), "Secret.", title="Salary bands")
    a_readable_document(factories.a_tenant(), title="Elsewhere")

    page = signed_in(factories.a_member(tenant, role=Role.EDITOR)).get("/documents/").content.decode()

    assert "Salary bands" in page
    assert "Not shared with you" in page
    assert f"/documents/{closed.pk}/" not in page
    assert "Elsewhere" not in page


def test_a_conversation_is_reopened_by_its_own_person_only() -> None:
    tenant = factories.a_tenant()
    owner, colleague = factories.a_member(tenant), factories.a_member(tenant, role=Role.OWNER)
    query = a_query(owner, a_readable_document(tenant))
    address = f"/conversations/{query.conversation_id}/"

    assert "27 days [1]." in signed_in(owner).get(address).content.decode()
    assert signed_in(colleague).get(address).status_code == 404


def test_the_list_of_conversations_is_the_persons_own() -> None:
    tenant = factories.a_tenant()
    owner, colleague = factories.a_member(tenant), factories.a_member(tenant)
    a_query(owner, a_readable_document(tenant), question="Am I being dismissed?")

    assert "Am I being dismissed?" in signed_in(owner).get("/").content.decode()
    assert "Am I being dismissed?" not in signed_in(colleague).get("/").content.decode()


def test_an_old_answer_closes_with_the_documents_it_cites() -> None:
    tenant = factories.a_tenant()
    owner, document = factories.a_member(tenant), a_readable_document(tenant)
    query = a_query(owner, document)
    with managing(tenant.pk):
        Document.objects.filter(pk=document.pk).update(inherits_grants=False)

    page = signed_in(owner).get(f"/conversations/{query.conversation_id}/").content.decode()

    assert "27 days" not in page
    assert "Holiday policy" not in page
    assert "may not read any more" in page


def test_every_page_forbids_scripts_and_styles_from_elsewhere_and_inline() -> None:
    tenant = factories.a_tenant()
    response = signed_in(factories.a_member(tenant)).get("/")
    page = response.content.decode()

    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert " style=" not in page
    assert " onclick=" not in page
    assert "//" not in page.replace("<!doctype html>", "").replace("http://www.w3.org", "")


def test_a_role_without_the_right_to_ask_gets_no_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RIGHTS, Role.MEMBER, frozenset())

    page = signed_in(factories.a_member(factories.a_tenant())).get("/").content.decode()

    assert "<textarea" not in page
    assert "does not include asking questions" in page


def test_an_error_of_ours_shows_its_request_id_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(pages, "recent_conversations", broken)
    client = signed_in(factories.a_member(factories.a_tenant()))
    client.raise_request_exception = False

    response = client.get("/")

    assert response.status_code == 500
    assert response["X-Request-ID"] in response.content.decode()
    assert "hunter2" not in response.content.decode()
