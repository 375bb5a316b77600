"""Every address, asked by everybody who should get nothing: T-01, T-02, T-06, T-09, T-10.

The cases are checked against the URL map: an address without one fails the suite.
"""

import json
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, Membership, Tenant
from accounts.roles import Role
from retrieval.models import Conversation, Document, Query
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant

SECRET = "the lighthouse keeper is called Ferdinand"
TITLE = "Lighthouse personnel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How to call an address with somebody else's ids, and what a stranger with an account gets."""

    method: str = "get"
    path: str = ""
    body: dict[str, object] = field(default_factory=dict)
    multipart: bool = False
    expected: tuple[int, ...] = (404,)
    anonymous: tuple[int, ...] = (401, 302)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    tenant: Tenant
    document: Document
    owner: Membership
    conversation: UUID


@pytest.fixture
def scene(db: None) -> Scene:
    tenant = a_tenant()
    group = a_group(tenant)
    owner = a_member(tenant, role=Role.EDITOR, groups=(group,))
    document = a_document(a_collection(tenant, readers=(group,)), SECRET, title=TITLE)
    with managing(tenant.pk):
        conversation = Conversation.objects.create(tenant=tenant, user=owner.user)
        Query.objects.create(
            id=uuid4(), tenant=tenant, user=owner.user, conversation=conversation, question=SECRET, answer=SECRET,
            outcome="answered", surface="web", document_ids=[document.pk],
        )  # fmt: skip
    return Scene(tenant=tenant, document=document, owner=owner, conversation=conversation.pk)


def cases(scene: Scene) -> dict[str, Case]:
    """By route, as Django writes it. `expected` is for a person of another tenant."""
    document, conversation = scene.document.pk, scene.conversation
    api = (401,)
    return {
        "": Case(path="/", expected=(200,)),
        "conversations/<uuid:conversation_id>/": Case(path=f"/conversations/{conversation}/"),
        "documents/": Case(path="/documents/", expected=(200,)),
        "documents/upload/": Case(
            method="post", path="/documents/upload/", expected=(302, 403),
            body={"collection": str(scene.document.collection_id), "sensitivity": "1"}, multipart=True,
        ),
        "documents/statuses/": Case(path=f"/documents/statuses/?id={document}", expected=(200, 403)),
        "documents/<uuid:document_id>": Case(path=f"/documents/{document}"),
        "documents/<uuid:document_id>/": Case(path=f"/documents/{document}/"),
        "tenant/": Case(method="post", path="/tenant/", body={"tenant": str(scene.tenant.pk)}, multipart=True),
        "api/v1/queries": Case(
            method="post", path="/api/v1/queries", anonymous=api,
            body={"question": "Who is it?", "conversation": str(conversation)},
        ),
        "api/v1/documents": Case(path="/api/v1/documents", expected=(200,), anonymous=api),
        "api/v1/documents/<uuid:document_id>": Case(path=f"/api/v1/documents/{document}", anonymous=api),
        "api/v1/collections": Case(path="/api/v1/collections", expected=(200,), anonymous=api),
        "api/v1/conversations": Case(
            method="post", path="/api/v1/conversations", expected=(201,), anonymous=api,
            body={"id": str(conversation), "tenant": str(scene.tenant.pk), "user": scene.owner.user_id},
        ),
    }  # fmt: skip


# No ids, no tenant, nothing of anybody's. The admin has a matrix of its own.
PUBLIC = {"livez", "readyz", "sign-in/", "sign-out/", "api/schema/", "static/<path:path>"}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if route.startswith("admin/"):
            continue
        found |= routes(pattern.url_patterns, route) if isinstance(pattern, URLResolver) else {route}
    return found


def call(client: Client, case: Case, **headers: str):
    if case.method == "get":
        return client.get(case.path, headers=headers)
    if case.multipart:
        return client.post(case.path, case.body, headers=headers)
    return client.post(case.path, json.dumps(case.body), content_type="application/json", headers=headers)


def session_of(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def key_of(membership: Membership) -> dict[str, str]:
    with managing(membership.tenant_id):
        _, secret = ApiKey.objects.issue(membership, "test")
    return {"Authorization": f"Bearer {secret}"}


def assert_nothing_of(scene: Scene, response) -> None:
    """The body is the oracle as well as the status: no title, no word, no id beyond those sent."""
    body = response.content.decode()
    for word in (SECRET, TITLE, "Ferdinand", scene.tenant.name):
        assert word not in body
    if response.status_code in (200, 201):
        assert str(scene.document.pk) not in body
        assert str(scene.conversation) not in body


def test_every_address_has_a_case(scene):
    assert routes(get_resolver().url_patterns) - PUBLIC == set(cases(scene))


def test_a_stranger_with_an_account_elsewhere_gets_nothing(scene):
    elsewhere = a_member(a_tenant(), role=Role.OWNER)
    for route, case in cases(scene).items():
        response = call(session_of(elsewhere), case)
        assert response.status_code in case.expected, route
        assert_nothing_of(scene, response)


def test_a_key_of_another_tenant_gets_nothing(scene):
    headers = key_of(a_member(a_tenant(), role=Role.OWNER))
    for route, case in cases(scene).items():
        if route.startswith("api/"):
            response = call(Client(), case, **headers)
            assert response.status_code in case.expected, route
            assert_nothing_of(scene, response)


def test_a_colleague_without_a_grant_gets_nothing(scene):
    colleague = a_member(scene.tenant)
    for route, case in cases(scene).items():
        if route == "tenant/":
            continue  # her own tenant
        response = call(session_of(colleague), case)
        assert response.status_code in (*case.expected, 403), route
        body = response.content.decode()
        assert SECRET not in body, route
        assert TITLE not in body, route


def test_a_deactivated_member_gets_nothing(scene):
    """T-09: session and key, membership and account."""
    headers = key_of(scene.owner)
    client = session_of(scene.owner)
    for change in ("membership", "account"):
        Membership.objects.filter(pk=scene.owner.pk).update(is_active=change != "membership")
        type(scene.owner.user).objects.filter(pk=scene.owner.user_id).update(is_active=change != "account")
        for route, case in cases(scene).items():
            for response in (call(client, case), call(Client(), case, **headers)):
                assert response.status_code in (302, 401, 403, 404), (change, route)
                body = response.content.decode()
                assert SECRET not in body, (change, route)


def test_nobody_signed_in_gets_nothing(scene):
    for route, case in cases(scene).items():
        response = call(Client(), case)
        assert response.status_code in case.anonymous, route
        assert_nothing_of(scene, response)


@pytest.mark.parametrize("spoilt", ["expired", "revoked", "cut", "unknown", "longer"])
def test_a_spoilt_key_is_no_key(scene, spoilt):
    headers = key_of(scene.owner)
    secret = headers["Authorization"].removeprefix("Bearer ")
    if spoilt == "expired":
        ApiKey.objects.update(expires_at=timezone.now())
    elif spoilt == "revoked":
        ApiKey.objects.update(revoked_at=timezone.now())
    else:
        secret = {"cut": secret[:-1], "unknown": "rgs_" + "x" * 43, "longer": secret + "x"}[spoilt]

    response = Client().get("/api/v1/documents", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 401
    assert response.json()["code"] in ("authentication_failed", "not_authenticated")


@pytest.mark.parametrize("token", ["../../etc/passwd", "a\x00b", "rgs_\r\nX: y", "é" * 40, "", "x" * 5000])
def test_a_token_is_never_anything_but_a_token(scene, token):
    """T-07."""
    response = Client().get("/api/v1/documents", headers={"Authorization": f"Bearer {token}"})

    assert response.status_code == 401


def test_foreign_and_absent_look_alike(scene):
    client = session_of(a_member(a_tenant(), role=Role.OWNER))
    absent = uuid4()
    for pattern in ("/documents/{}/", "/api/v1/documents/{}", "/conversations/{}/"):
        owned = scene.conversation if "conversations" in pattern else scene.document.pk
        foreign, missing = client.get(pattern.format(owned)), client.get(pattern.format(absent))
        assert foreign.status_code == missing.status_code == 404
        assert stripped(foreign, owned) == stripped(missing, absent)


def stripped(response, identity: UUID) -> str:
    body = response.content.decode().replace(str(identity), "ID")
    return body.replace(response.headers.get("X-Request-ID", "-"), "REQUEST")


def test_a_document_cannot_be_taken_away_from_outside(scene):
    elsewhere = session_of(a_member(a_tenant(), role=Role.OWNER))
    colleague = session_of(a_member(scene.tenant))

    assert elsewhere.delete(f"/api/v1/documents/{scene.document.pk}").status_code == 404
    assert colleague.delete(f"/api/v1/documents/{scene.document.pk}").status_code == 403
    with managing(scene.tenant.pk):
        assert Document.objects.filter(pk=scene.document.pk).exists()


def test_ids_tenant_and_owner_in_a_body_are_ignored(scene):
    """T-06."""
    elsewhere = a_member(a_tenant(), role=Role.OWNER)
    response = call(session_of(elsewhere), cases(scene)["api/v1/conversations"])

    created = UUID(response.json()["id"])
    assert created != scene.conversation
    with managing(elsewhere.tenant_id):
        kept = Conversation.objects.get(pk=created)
    assert (kept.tenant_id, kept.user_id) == (elsewhere.tenant_id, elsewhere.user_id)


def test_the_owner_of_it_all_does_see_it(scene):
    """Or the tests above would pass on an empty site."""
    client = session_of(scene.owner)

    assert SECRET in client.get(f"/documents/{scene.document.pk}/").content.decode()
    assert client.get(f"/conversations/{scene.conversation}/").status_code == 200
    assert client.get(f"/api/v1/documents/{scene.document.pk}").json()["title"] == TITLE


def test_a_session_needs_its_csrf_token_to_ask(scene):
    client = Client(enforce_csrf_checks=True)
    client.force_login(scene.owner.user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post("/api/v1/queries", '{"question": "Who?"}', content_type="application/json")

    assert response.status_code == 403
