"""T-01 to T-07 of the checklist: other tenants' and other people's things, and what must never be chosen or shown."""

import base64
import random
import time
import uuid
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from rest_framework.serializers import BaseSerializer

from accounts.database import managing
from accounts.models import ApiKey
from accounts.roles import Role
from retrieval.models import Conversation, Document
from tests.factories import a_collection, a_document, a_member, a_tenant, everyone
from tests.security.callers import (
    CREDENTIALS,
    PUT_OUT,
    a_second_owner,
    an_outsider,
    key_of,
    secret_of,
    session_of,
    with_key,
)
from tests.security.cases import CASES, CHOSEN_ALL_THE_SAME, NEVER_CHOSEN, NOT_SECRET, SECRET_FIELDS, Case
from tests.security.matrix import absent_ids, answer_of, leaked, routes, send
from tests.security.scene import Scene, state_of
from tests.security.test_isolation import admin_cases

FORMS = pytest.mark.parametrize("form", CREDENTIALS)
OF_COLLECTIONS = [case for case in CASES if "{collection}" in str((case.query, case.body))]
# Verbs that do something to a thing, besides reading it: stop, retry, remove, choose, upload and such.
CONTROLS = [case for case in CASES if case.has_ids and case.method != "GET"]


def of_form(cases: list[Case], form: str) -> list[Case]:
    return [case for case in cases if form == "session" or case.is_api]


@FORMS
def test_t01_a_foreign_collection_is_neither_read_nor_written(scene, form):
    client, before = CREDENTIALS[form](an_outsider()), state_of(scene.tenant.pk)
    assert len(OF_COLLECTIONS) >= 3
    for case in of_form(OF_COLLECTIONS, form):
        response = send(client, case, scene.ids)
        assert response.status_code in case.stranger, case.name
        assert leaked(scene, response, scene.ids) == [], case.name
    assert state_of(scene.tenant.pk) == before


@FORMS
@pytest.mark.parametrize("who", ["outsider", "colleague", *PUT_OUT])
def test_t02_nobodys_verb_reaches_what_is_not_hers(scene, form, who):
    a_second_owner(scene)
    member = {"outsider": an_outsider, "colleague": lambda: a_member(scene.tenant)}.get(
        who, lambda: scene.owner
    )()
    client = CREDENTIALS[form](member)
    if who in PUT_OUT:
        PUT_OUT[who](member)
    mine = (member.user_id,) if who == "colleague" else ()
    before = state_of(scene.tenant.pk, but_of=mine)
    for case in of_form(CONTROLS, form):
        if case.route == "tenant/" and who == "colleague":
            continue  # her own
        response = send(client, case, scene.ids)
        assert response.status_code in (*case.stranger, 401, 403, 302), case.name
    assert state_of(scene.tenant.pk, but_of=mine) == before


# --- T-03 -----------------------------------------------------------------------------------------


def secrets_of_the_house(scene: Scene) -> set[str]:
    """Every value of every field marked secret, and of the settings, in the forms a value may be written in."""
    found: set[object] = {settings.SECRET_KEY, settings.RAGSITE_TENANT_KEY}
    found |= set(settings.RAGSITE_MASTER_KEYS.values())
    found |= {database["PASSWORD"] for database in settings.DATABASES.values()}
    with managing(scene.tenant.pk):
        for label, fields in SECRET_FIELDS.items():
            for row in apps.get_model(label)._default_manager.values_list(*fields):
                found.update(row)
    written = set()
    for value in found:
        if isinstance(value, bytes | memoryview):
            written |= {bytes(value).hex(), base64.b64encode(bytes(value)).decode()}
        elif len(str(value)) >= 16:
            written.add(str(value))
    return written


def test_t03_no_response_holds_what_is_marked_secret(scene):
    scene.owner.user.set_password("a long and good password")
    scene.owner.user.save()
    key = secret_of(scene.owner)
    for client in (session_of(scene.owner), with_key(key)):
        secrets = secrets_of_the_house(scene) | {key}
        assert len(secrets) > 5
        for case in CASES:
            if case.method != "DELETE":
                assert_none_of(secrets, send(client, case, scene.ids), case.name)
        for method, pattern, identity in admin_cases(scene):
            if method == "GET":
                assert_none_of(secrets, client.get(pattern.format(identity), follow=True), pattern)
    assert Session.objects.exists()


def assert_none_of(secrets: set[str], response: Any, name: str) -> None:
    body = response.content.decode()
    assert [secret for secret in secrets if secret in body] == [], name


def test_t03_every_field_that_sounds_secret_is_marked_or_excused():
    sounding = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if any(
            word in field.name for word in ("secret", "password", "digest", "token", "session_key", "_key")
        )
        and getattr(field, "concrete", False)
    }
    marked = {f"{label}.{field}" for label, fields in SECRET_FIELDS.items() for field in fields}

    assert sounding <= marked | set(NOT_SECRET)


# --- T-04 -----------------------------------------------------------------------------------------


def test_t04_a_foreign_id_in_an_array_brings_nothing_and_spoils_nothing(scene):
    outsider = an_outsider()
    shelf = a_collection(outsider.tenant, readers=(everyone(outsider.tenant),))
    own = a_document(shelf, "the lighthouse is open on Mondays", title="Opening hours")
    client = session_of(outsider)
    for theirs, in_question, in_statuses in (
        (scene.ids, "{collection}", "{document}"),
        (absent_ids(scene), "{collection}", "{document}"),
    ):
        collections = [str(shelf.pk), str(theirs[in_question.strip("{}")])]
        asked = {"question": "When is the lighthouse open?", "collections": collections}
        answer = client.post("/api/v1/queries", asked, content_type="application/json")
        assert "Mondays" in answer.json()["text"]
        assert leaked(scene, answer, theirs) == []
        statuses = client.get(
            "/documents/statuses/", {"id": [str(own.pk), str(theirs[in_statuses.strip("{}")])]}
        )
        assert [each["id"] for each in statuses.json()["documents"]] == [str(own.pk)]


def test_t04_a_foreign_id_among_the_selected_or_granted_is_left_alone(scene):
    outsider = an_outsider()
    own = a_document(a_collection(outsider.tenant), "words")
    client, before = session_of(outsider), state_of(scene.tenant.pk)
    chosen = [str(own.pk), str(scene.document.pk)]
    client.post("/admin/retrieval/document/", {"action": "take_in_again", "_selected_action": chosen})
    client.post(
        "/admin/retrieval/document/", {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    )
    granted = {"name": "shelf", "description": "", "reading_groups": [scene.ids["group"]],
               "reading_people": [scene.ids["user"]]}  # fmt: skip
    refused = client.post("/admin/retrieval/collection/add/", granted)

    assert refused.status_code == 200  # the form again, with its error
    assert state_of(scene.tenant.pk) == before


# --- T-05 -----------------------------------------------------------------------------------------


def test_t05_a_key_comes_from_the_systems_randomness_and_from_nothing_else(scene, monkeypatch):
    with managing(scene.tenant.pk):

        def issue(seed: int) -> str:
            random.seed(seed)
            return ApiKey.objects.issue(scene.owner, "the same")[1]

        monkeypatch.setattr(uuid, "uuid1", lambda *_: UUID(int=1))
        keys = {issue(7) for _ in range(200)}
        assert len(keys) == 200
        assert all(len(key) >= 4 + 43 for key in keys)  # 32 bytes
        # With the system's randomness stood still, and the clock going on, keys stand still: there is no other source.
        monkeypatch.setattr(random, "_urandom", lambda count: b"r" * count)
        first, _ = ApiKey.objects.issue(scene.owner, "one")[1], time.time()
        ApiKey.objects.filter(digest__isnull=False).delete()
        assert ApiKey.objects.issue(scene.owner, "another")[1] == first


def test_t05_no_other_token_calls_the_api(scene):
    client = session_of(scene.owner)
    page = client.get("/documents/")
    with managing(scene.tenant.pk):
        key, _ = ApiKey.objects.issue(scene.owner, "a key")
    others = [
        client.cookies["sessionid"].value,
        client.cookies["csrftoken"].value if "csrftoken" in client.cookies else "none",
        page.headers["X-Request-ID"], key.prefix, key.digest, str(key.pk), str(scene.tenant.pk),
        str(scene.conversation), settings.SECRET_KEY,
    ]  # fmt: skip
    for token in others:
        assert with_key(token).get("/api/v1/documents").status_code == 401


# --- T-06 -----------------------------------------------------------------------------------------


def test_t06_no_serializer_lets_a_client_choose_what_is_not_hers_to_choose():
    list(routes())  # imports every door
    checked = 0
    for serializer in all_below(BaseSerializer):
        if serializer.__module__.partition(".")[0] not in ("accounts", "compliance", "retrieval", "ragsite"):
            continue
        fields = getattr(serializer(), "fields", {})
        chosen = {name for name, field in fields.items() if not field.read_only} & set(NEVER_CHOSEN)
        allowed = {field for name, field in CHOSEN_ALL_THE_SAME if name == serializer.__name__}
        assert chosen <= allowed, serializer
        checked += 1
    assert checked >= 4


def all_below(kind: type[Any]) -> set[type[Any]]:
    return {kind} | {each for child in kind.__subclasses__() for each in all_below(child)}


@FORMS
def test_t06_ids_tenant_and_owner_in_a_body_are_ignored_or_refused(scene, form):
    outsider = an_outsider()
    shelf = a_collection(outsider.tenant, name="own")
    client, before = CREDENTIALS[form](outsider), state_of(scene.tenant.pk)
    forged = {
        "id": str(scene.conversation), "pk": str(scene.document.pk), "tenant": str(scene.tenant.pk),
        "tenant_id": str(scene.tenant.pk), "user": scene.owner.user_id, "owner": scene.owner.user_id,
        "created_by": scene.owner.user_id, "principals": [scene.owner.user_id], "searchable": True, "status": "indexed",
    }  # fmt: skip
    for case in CASES:
        if case.is_api and case.method in ("POST", "PUT", "PATCH") and "upload_id" not in case.route:
            own = {"conversation": None, "collections": [], "collection": str(shelf.pk)}
            body = {k: own.get(k, v) for k, v in (case.body or {}).items() if own.get(k, v) is not None}
            legal = Case(
                **{name: getattr(case, name) for name in case.__dataclass_fields__} | {"body": body | forged}
            )
            response = send(client, legal, scene.ids)
            absent = (404,) if "<" in case.route else ()  # the id in the path is not hers either
            assert response.status_code in (200, 201, 202, 400, *absent), (case.name, response.content)
            assert response.json().get("id") not in (str(scene.conversation), str(scene.document.pk))
    assert state_of(scene.tenant.pk) == before
    with managing(outsider.tenant_id):
        for row in (*Conversation.objects.all(), *Document.objects.all()):
            assert row.tenant_id == outsider.tenant_id
        taken = Document.objects.get(source_name="words.txt")
        assert (taken.searchable, taken.status, taken.created_by_id) == (False, "received", outsider.user_id)
        assert set(Conversation.objects.values_list("user_id", flat=True)) == {outsider.user_id}


# --- T-07 -----------------------------------------------------------------------------------------

TOKENS = [
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "a\x00b", "rgs_\x00", "rgs_\r\nX-Injected: y", "rgs_\n", "é" * 40, "",
    " ", "x" * 5000, "rgs_" + "/" * 43, "rgs_'; select 1; --", "rgs_{{7*7}}", "null", "undefined", "\ud7ff",
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_t07_a_token_is_never_anything_but_a_token(scene, token):
    response = Client().get("/api/v1/documents", headers={"Authorization": f"Bearer {token}"})

    assert response.status_code == 401
    assert "X-Injected" not in response.headers
    assert (
        answer_of(response, {}).body
        == answer_of(with_key("rgs_" + "x" * 43).get("/api/v1/documents"), {}).body
    )


def test_t02_a_role_alone_opens_no_document(scene):
    """An owner of the same tenant manages documents, and reads none that is not granted to her."""
    other = a_member(scene.tenant, role=Role.OWNER)
    response = session_of(other).get(f"/documents/{scene.document.pk}/")
    absent = session_of(other).get(f"/documents/{uuid4()}/")

    assert response.status_code == absent.status_code == 404
    assert "Ferdinand" not in key_of(other).get(f"/api/v1/documents/{scene.document.pk}").content.decode()
    assert "Ferdinand" not in session_of(a_member(a_tenant())).get("/documents/").content.decode()
