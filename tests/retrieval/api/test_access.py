"""Grants, explanations and previews over REST: who may, who may not, and what a stranger learns: nothing."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, Group, GroupNesting, Membership
from accounts.roles import Right, Role
from accounts.scope import Sensitivity
from compliance.models import AuditEntry
from retrieval.access.grants import grant, grants_on
from retrieval.access.values import Permission
from retrieval.models import Collection, Document
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone
from tests.retrieval.access.builders import to

pytestmark = pytest.mark.django_db
VIEW, CHANGE, SHARE, DELETE = Permission
API = "/api/v1"


class Caller:
    """A member's browser, or her key with some scopes."""

    def __init__(self, membership: Membership, scopes: tuple[Right, ...] | None = None) -> None:
        self.membership, self.client, self.headers = membership, Client(), {}
        if scopes is None:
            self.client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
        else:
            with managing(membership.tenant_id):
                _, secret = ApiKey.objects.issue(membership, "test", scopes=scopes)
            self.headers = {"Authorization": f"Bearer {secret}"}

    def call(self, method: str, path: str, body: object = None):
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(self.client, method)(f"{API}{path}", headers=self.headers, **sent)


def path_of(target: Collection | Document) -> str:
    return f"/{'collections' if isinstance(target, Collection) else 'documents'}/{target.pk}/grants"


def body_of(response) -> dict[str, object]:
    found = response.json()
    found.pop("request_id", None)
    return found


@pytest.fixture
def tenant():
    return a_tenant()


@pytest.fixture
def shelf(tenant):
    return a_collection(tenant)


@pytest.mark.parametrize("kind", [Collection, Document])
def test_an_editor_grants_lists_and_revokes(tenant, shelf, kind):
    editor, member = Caller(a_member(tenant, role=Role.EDITOR)), a_member(tenant)
    target = shelf if kind is Collection else a_document(shelf, "words")
    end = (timezone.now() + timedelta(days=3)).isoformat()

    made = editor.call(
        "post", path_of(target), {"user": member.user_id, "permission": "change", "expires_at": end}
    )
    assert made.status_code == 201, made.content
    assert [g["permission"] for g in made.json()["results"]] == ["view", "change"]
    listed = editor.call("get", path_of(target)).json()["results"]
    assert listed == made.json()["results"]
    gone = editor.call("delete", f"{path_of(target)}/{listed[0]['number']}")
    assert gone.status_code == 204
    assert editor.call("get", path_of(target)).json() == {"results": []}


def test_what_is_granted_and_revoked_is_attributed(tenant, shelf):
    editor = Caller(a_member(tenant, role=Role.EDITOR))
    editor.call("post", path_of(shelf), {"group": everyone(tenant).pk})
    with managing(tenant.pk):
        entry = AuditEntry.objects.get(event="grant.created")
    assert entry.actor_id == editor.membership.user_id


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": 1, "group": 2},
        {"user": 0},
        {"user": "x"},
        {"user": 2**70},
        {"user": [1]},
        {"user": 1, "permission": "own"},
        {"user": 1, "tenant": str(uuid4())},
        {"user": 1, "id": 5},
        {"user": 1, "created_by": 1},
        {"user": 1, "content_object": str(uuid4())},
        {"user": 1, "expires_at": "tomorrow"},
        [],
        "words",
    ],
)
def test_a_body_that_says_anything_else_is_refused_and_changes_nothing(tenant, shelf, body):
    refused = Caller(a_member(tenant, role=Role.OWNER)).call("post", path_of(shelf), body)

    assert refused.status_code == 400, refused.content
    assert grants_on(shelf) == []


@pytest.mark.parametrize("kind", ["user", "group"])
def test_a_foreign_grantee_is_answered_like_an_absent_one_and_on_record(tenant, shelf, kind):
    owner, elsewhere = Caller(a_member(tenant, role=Role.OWNER)), a_tenant()
    foreign = a_member(elsewhere).user_id if kind == "user" else a_group(elsewhere).pk
    answers = [owner.call("post", path_of(shelf), {kind: number}) for number in (foreign, 2**33, 2**62)]

    assert {a.status_code for a in answers} == {400}
    assert [body_of(a) for a in answers] == [body_of(answers[0])] * 3
    with managing(tenant.pk):
        entries = list(AuditEntry.objects.filter(event="grant.refused"))
    assert [(e.actor_id, e.object_pk) for e in entries] == [(owner.membership.user_id, str(shelf.pk))] * 3


def test_foreign_absent_and_not_shared_objects_look_alike(tenant, shelf):
    foreign = a_collection(a_tenant())
    number = "user-1"
    for role, status in ((Role.OWNER, 404), (Role.MEMBER, 403)):
        caller = Caller(a_member(tenant, role=role))
        own = [shelf.pk] if role is Role.MEMBER else []
        for method, end, body in (
            ("get", "", None),
            ("post", "", {"group": everyone(tenant).pk}),
            ("delete", f"/{number}", None),
        ):
            answers = [
                caller.call(method, f"/collections/{pk}/grants{end}", body)
                for pk in (foreign.pk, uuid4(), *own)
            ]
            assert {a.status_code for a in answers} == {status}, (role, method)
            assert [body_of(a) for a in answers] == [body_of(answers[0])] * len(answers)
    assert grants_on(shelf) == []


def test_a_grant_is_revoked_on_its_own_object_only(tenant, shelf):
    owner, other = Caller(a_member(tenant, role=Role.OWNER)), a_collection(tenant)
    grant(other, to(everyone(tenant)), VIEW)
    (granted,) = grants_on(other)

    assert owner.call("delete", f"{path_of(shelf)}/{granted.number}").status_code == 404
    assert owner.call("delete", f"{path_of(other)}/user-{granted.id}").status_code == 404
    assert owner.call("delete", f"{path_of(other)}/group-{'9' * 18}").status_code == 404
    assert grants_on(other) == [granted]


def test_who_shares_by_a_grant_gives_what_she_holds_and_no_more(tenant, shelf):
    member, friend = a_member(tenant), a_member(tenant)
    grant(shelf, to(member), SHARE)
    caller = Caller(member)

    assert caller.call("post", path_of(shelf), {"user": friend.user_id}).status_code == 201
    refused = caller.call("post", path_of(shelf), {"user": friend.user_id, "permission": "delete"})
    assert refused.status_code == 400
    assert refused.json()["code"] == "grant_refused"
    assert {g.permission for g in grants_on(shelf) if g.grantee == to(friend)} == {VIEW}


@pytest.mark.parametrize(
    ("scopes", "status"), [((Right.ASK,), 403), ((Right.EDIT_DOCUMENTS,), 403), ((Right.GRANT_ACCESS,), 201)]
)
@pytest.mark.parametrize("by", ["role", "grant"])
def test_a_key_shares_only_with_the_scope_for_it(tenant, shelf, scopes, status, by):
    member = a_member(tenant, role=Role.EDITOR if by == "role" else Role.MEMBER)
    if by == "grant":
        grant(shelf, to(member), SHARE)
    made = Caller(member, scopes).call("post", path_of(shelf), {"group": everyone(tenant).pk})

    assert made.status_code == status


def test_a_session_needs_its_csrf_token_to_grant(tenant, shelf):
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_member(tenant, role=Role.OWNER).user, "django.contrib.auth.backends.ModelBackend")
    body = json.dumps({"group": everyone(tenant).pk})

    refused = client.post(f"{API}{path_of(shelf)}", body, content_type="application/json")
    assert refused.status_code == 403


# --- Documents ----------------------------------------------------------------------------------


def test_a_document_is_changed_by_who_may_change_it(tenant, shelf):
    document, member = a_document(shelf, "words"), a_member(tenant)
    caller, path = Caller(member), f"/documents/{document.pk}"
    assert caller.call("patch", path, {"title": "New"}).status_code == 403

    grant(shelf, to(member), CHANGE)
    changed = caller.call("patch", path, {"title": "New", "sensitivity": "public"})
    assert changed.status_code == 200, changed.content
    assert (changed.json()["title"], changed.json()["sensitivity"]) == ("New", "public")
    assert caller.call("patch", path, {"sensitivity": "restricted"}).status_code == 400
    assert caller.call("delete", path).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"tenant": str(uuid4())},
        {"id": str(uuid4())},
        {"created_by": 1},
        {"principals": [1]},
        {"searchable": True},
        {"title": ""},
        {"title": "x" * 301},
        {"sensitivity": "secret"},
        {"collection": "x"},
        {"collection": [str(uuid4())]},
        {"inherits_grants": None},
    ],
)
def test_what_may_not_be_changed_of_a_document_is_refused(tenant, shelf, body):
    document = a_document(shelf, "words")
    refused = Caller(a_member(tenant, role=Role.OWNER)).call("patch", f"/documents/{document.pk}", body)

    assert refused.status_code == 400, refused.content


def test_a_document_does_not_move_into_another_tenants_collection(tenant, shelf):
    document, foreign, member = a_document(shelf, "words"), a_collection(a_tenant()), a_member(tenant)
    grant(shelf, to(member), CHANGE)
    for person, status in ((a_member(tenant, role=Role.EDITOR), 404), (member, 400)):
        answers = [
            Caller(person).call("patch", f"/documents/{document.pk}", {"collection": str(pk)})
            for pk in (foreign.pk, uuid4())
        ]
        assert [a.status_code for a in answers] == [status] * 2
        assert body_of(answers[0]) == body_of(answers[1])
    with managing(tenant.pk):
        assert Document.objects.get(pk=document.pk).collection_id == shelf.pk


def test_a_key_deletes_only_with_the_scope_for_it(tenant, shelf):
    document, member = a_document(shelf, "words"), a_member(tenant)
    grant(shelf, to(member), DELETE)
    path = f"/documents/{document.pk}"

    assert Caller(member, (Right.ASK, Right.GRANT_ACCESS)).call("delete", path).status_code == 403
    assert Caller(member, (Right.EDIT_DOCUMENTS,)).call("delete", path).status_code == 204


def test_a_file_is_taken_into_a_collection_one_may_change(tenant, shelf, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    member = a_member(tenant)
    caller = Caller(member)

    def upload(**more):
        file = SimpleUploadedFile("a.txt", b"words")
        return caller.client.post(f"{API}/documents", {"file": file, "collection": str(shelf.pk), **more})

    assert upload().status_code == 403
    grant(shelf, to(member), CHANGE)
    assert upload(sensitivity="restricted").status_code == 400
    taken = upload()
    assert taken.status_code == 202, taken.content
    # It is not searchable yet, and who brought it sees how far it is.
    assert caller.call("get", f"/documents/{taken.json()['id']}").json()["status"] == "received"


# --- What somebody sees, and why ----------------------------------------------------------------


@pytest.fixture
def nested(tenant):
    """A member who reads one document through a nested group."""
    inner, outer = a_group(tenant, "Berlin"), a_group(tenant, "Sales")
    GroupNesting.objects.create(tenant=tenant, inner=inner, outer=outer)
    member = a_member(tenant, groups=(inner,))
    document = a_document(a_collection(tenant, readers=(outer,), name="Prices"), "words", title="List")
    return member, document


def test_an_auditor_sees_what_another_can_see(tenant, nested):
    member, _ = nested
    seen = Caller(a_member(tenant, role=Role.AUDITOR)).call("get", f"/access?user={member.user_id}").json()

    assert (seen["user"]["id"], seen["total"]) == (member.user_id, 1)
    assert [(c["name"], c["documents"]) for c in seen["collections"]] == [("Prices", 1)]
    assert [d["title"] for d in seen["documents"]] == ["List"]


def test_an_explanation_names_the_grant_and_the_way_to_it(tenant, nested):
    member, document = nested
    auditor = Caller(a_member(tenant, role=Role.AUDITOR))
    why = auditor.call("get", f"/access/explain?user={member.user_id}&document={document.pk}").json()

    assert why["readable"]
    assert why["decided_by"]["sentence"] == "The group 'Sales' is granted the collection 'Prices'."
    assert [g["name"] for g in why["grants"][0]["path"]] == ["Berlin", "Sales"]


def test_a_deactivated_member_sees_nothing_and_it_says_so(tenant, nested):
    member, document = nested
    Membership.objects.filter(pk=member.pk).update(is_active=False)
    auditor = Caller(a_member(tenant, role=Role.AUDITOR))

    assert auditor.call("get", f"/access?user={member.user_id}").json()["total"] == 0
    why = auditor.call("get", f"/access/explain?user={member.user_id}&document={document.pk}").json()
    assert (why["readable"], why["decided_by"]["rule"]) == (False, "membership_inactive")


def test_anybody_asks_about_herself_and_learns_of_nothing_else(tenant, nested):
    member, document = nested
    caller = Caller(member)
    hidden, foreign = a_document(a_collection(tenant), "words"), a_document(a_collection(a_tenant()), "words")

    assert caller.call("get", "/access").json()["total"] == 1
    assert caller.call("get", f"/access/explain?document={document.pk}").json()["readable"]
    answers = [
        caller.call("get", f"/access/explain?document={pk}") for pk in (hidden.pk, foreign.pk, uuid4())
    ]
    assert [a.status_code for a in answers] == [404] * 3
    assert [body_of(a) for a in answers] == [body_of(answers[0])] * 3


def test_a_key_without_the_scope_and_a_low_ceiling_sees_no_further(tenant):
    shelf, editor = a_collection(tenant, readers=(everyone(tenant),)), a_member(tenant, role=Role.EDITOR)
    document = a_document(shelf, "words", sensitivity=Sensitivity.CONFIDENTIAL)
    with managing(tenant.pk):
        _, secret = ApiKey.objects.issue(editor, "low", ceiling=Sensitivity.PUBLIC)
    headers = {"Authorization": f"Bearer {secret}"}

    assert Client().get(f"{API}/access", headers=headers).json()["total"] == 0
    why = Client().get(f"{API}/access/explain?document={document.pk}", headers=headers)
    assert why.status_code == 404
    assert Client().get(f"{API}/access?user={a_member(tenant).user_id}", headers=headers).status_code == 403


def test_others_are_asked_about_with_the_right_only_and_strangers_not_at_all(tenant, nested):
    _, document = nested
    stranger = a_member(a_tenant())
    for role, status in ((Role.MEMBER, 403), (Role.AUDITOR, 404)):
        caller = Caller(a_member(tenant, role=role))
        for path in ("/access?user={}", f"/access/explain?document={document.pk}&user={{}}"):
            answers = [caller.call("get", path.format(n)) for n in (stranger.user_id, 2**62)]
            assert [a.status_code for a in answers] == [status] * 2
            assert body_of(answers[0]) == body_of(answers[1])


@pytest.mark.parametrize(
    "query", ["user=x", "user=0", f"user={2**70}", "tenant=1", "limit=0", "limit=1000", "offset=-1"]
)
def test_a_question_that_cannot_be_is_refused(tenant, query):
    assert Caller(a_member(tenant)).call("get", f"/access?{query}").status_code == 400


# --- Previews -----------------------------------------------------------------------------------


def test_a_preview_counts_and_changes_nothing(tenant, shelf):
    member = a_member(tenant)
    a_document(shelf, "words")
    body = {"change": "grant", "collection": str(shelf.pk), "user": member.user_id}
    counted = Caller(a_member(tenant, role=Role.AUDITOR)).call("post", "/access/preview", body)

    assert counted.status_code == 200, counted.content
    assert counted.json() == {
        "people_gaining": 1, "people_losing": 0, "documents_gained": 1, "documents_lost": 0,
        "people_reached": 1, "complete": True,
        "people": [{"user_id": member.user_id, "gained": 1, "lost": 0}],
    }  # fmt: skip
    assert grants_on(shelf) == []


def test_every_kind_of_change_can_be_tried(tenant, shelf):
    member, inner, outer = a_member(tenant), a_group(tenant), a_group(tenant)
    document = a_document(shelf, "words")
    caller = Caller(a_member(tenant, role=Role.OWNER))
    for body in (
        {"change": "revoke", "document": str(document.pk), "group": inner.pk},
        {"change": "inherit", "document": str(document.pk), "inherits_grants": False},
        {"change": "join", "user": member.user_id, "group": inner.pk},
        {"change": "leave", "user": member.user_id, "group": inner.pk},
        {"change": "nest", "outer": outer.pk, "inner": inner.pk},
        {"change": "unnest", "outer": outer.pk, "inner": inner.pk},
        {"change": "ceiling", "user": member.user_id, "ceiling": "public"},
    ):
        tried = caller.call("post", "/access/preview", body)
        assert tried.status_code == 200, (body, tried.content)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"change": "rename"},
        {"change": "grant"},
        {"change": "grant", "collection": str(uuid4()), "document": str(uuid4()), "user": 1},
        {"change": "join", "user": 1},
        {"change": "join", "user": 1, "group": 1, "ceiling": "public"},
        {"change": "join", "user": 1, "group": 1, "tenant": str(uuid4())},
        {"change": "ceiling", "user": 1, "ceiling": 3},
        {"change": "inherit", "document": [str(uuid4())], "inherits_grants": True},
    ],
)
def test_a_change_of_no_kind_is_refused(tenant, body):
    assert Caller(a_member(tenant, role=Role.OWNER)).call("post", "/access/preview", body).status_code == 400


def test_foreign_and_absent_things_of_a_change_look_alike(tenant, shelf):
    elsewhere = a_tenant()
    theirs = (a_member(elsewhere).user_id, a_group(elsewhere).pk, str(a_collection(elsewhere).pk))
    absent = (2**62, 2**31 + 5, str(uuid4()))
    own_group, own = a_group(tenant).pk, a_member(tenant).user_id
    caller = Caller(a_member(tenant, role=Role.OWNER))

    def answers(person: int, group: int, collection: str) -> list[tuple[int, dict[str, object]]]:
        bodies = (
            {"change": "join", "user": person, "group": own_group},
            {"change": "join", "user": own, "group": group},
            {"change": "nest", "outer": own_group, "inner": group},
            {"change": "ceiling", "user": person, "ceiling": "public"},
            {"change": "grant", "collection": collection, "user": own},
            {"change": "grant", "collection": str(shelf.pk), "user": person},
            {"change": "grant", "collection": str(shelf.pk), "group": group},
        )
        called = [caller.call("post", "/access/preview", body) for body in bodies]
        return [(response.status_code, body_of(response)) for response in called]

    foreign = answers(*theirs)
    assert foreign == answers(*absent)
    assert [status for status, _ in foreign] == [404] * 5 + [400] * 2


def test_who_shares_by_a_grant_tries_her_own_changes_and_learns_no_names(tenant, shelf):
    member, group = a_member(tenant), a_group(tenant)
    a_member(tenant, groups=(group,))
    a_document(shelf, "words")
    body = {"change": "grant", "collection": str(shelf.pk), "group": group.pk}
    assert Caller(member).call("post", "/access/preview", body).status_code == 403

    grant(shelf, to(member), SHARE)
    counted = Caller(member).call("post", "/access/preview", body).json()
    assert (counted["people_gaining"], counted["people"]) == (1, [])
    join = {"change": "join", "user": member.user_id, "group": group.pk}
    assert Caller(member).call("post", "/access/preview", join).status_code == 403
    assert Group.objects.filter(user=member.user_id).count() == 0


def test_the_description_of_the_api_knows_all_of_this():
    described = Client().get("/api/schema/?format=json").content.decode()
    for path in ("/access", "/access/explain", "/access/preview", "/collections/{target_id}/grants"):
        assert f"{API}{path}" in described
