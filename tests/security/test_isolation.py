"""The generated matrix: every address and method, every id, every credential, everybody who should get nothing."""

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from accounts.models import Membership
from accounts.roles import Role
from tests.factories import a_member
from tests.security.callers import (
    CREDENTIALS,
    PUT_OUT,
    a_second_owner,
    an_outsider,
    key_of,
    session_of,
)
from tests.security.cases import ADMIN_PLAIN, CASES, PUBLIC, PUBLIC_PREFIXES, Case
from tests.security.matrix import (
    absent_ids,
    answer_of,
    bare,
    cases_of,
    id_parameters,
    leaked,
    methods_of,
    operations,
    own_routes,
    routes,
    schema,
    send,
    sends,
)
from tests.security.scene import Scene, absent_like, models_with_pages, state_of

FORMS = pytest.mark.parametrize("form", CREDENTIALS)
# Whoever is put out of action is sent to sign in, or told that she belongs to nobody here, or refused.
NOTHING_BY = {"session": (302, 401, 403), "key": (401, 302)}


def asked(case: Case, form: str) -> tuple[int, ...] | None:
    """None where a credential counts for nothing: pages know no keys."""
    return None if form == "key" and not case.is_api else case.stranger


# --- Nothing is left out --------------------------------------------------------------------------


def test_every_route_has_a_case_and_every_case_a_route(scene):
    assert own_routes() - set(PUBLIC) == {case.route for case in CASES}
    assert set(PUBLIC) <= own_routes()


def test_every_public_prefix_has_routes(scene):
    for prefix in PUBLIC_PREFIXES:
        assert any(route.startswith(prefix) for route in routes()), prefix


def test_every_method_that_is_answered_has_a_case_and_no_other(scene):
    client = session_of(an_outsider())
    for route in own_routes() - set(PUBLIC):
        assert {case.method for case in CASES if case.route == route} == methods_of(client, route), route


def test_every_published_operation_has_a_case(scene):
    published = {(method, route) for method, route, _ in operations()}

    assert published
    for method, route in published:
        assert cases_of(method, route), f"{method} {route}"


def test_every_id_a_published_operation_takes_is_sent_by_a_case(scene):
    for method, route, described in operations():
        for where, name in id_parameters(described):
            assert any(sends(case, where, name) for case in cases_of(method, route)), (method, route, name)
    assert schema()["paths"]


def test_every_api_address_is_published(scene):
    published = {route for _, route, _ in operations()}
    assert {bare(case.route) for case in CASES if case.is_api} == published


# --- Nobody gets anything -------------------------------------------------------------------------


@FORMS
def test_an_owner_of_another_tenant_gets_nothing(scene, form):
    """T-02."""
    before = state_of(scene.tenant.pk)
    client = CREDENTIALS[form](an_outsider())
    for case in CASES:
        compare_with_absent(scene, client, case, asked(case, form) or case.anonymous)
    assert state_of(scene.tenant.pk) == before


@FORMS
def test_a_colleague_without_a_grant_gets_nothing(scene, form):
    """T-02."""
    colleague = a_member(scene.tenant)
    client = CREDENTIALS[form](colleague)
    before = state_of(scene.tenant.pk, but_of=(colleague.user_id,))
    for case in CASES:
        expected = case.colleague if asked(case, form) else case.anonymous
        if case.route == "tenant/":
            expected = (*expected, 302, 404)  # her own tenant is there, the absent one is not
            assert send(client, case, scene.ids).status_code in expected
            continue
        compare_with_absent(scene, client, case, expected, knows_tenant=True)
    assert state_of(scene.tenant.pk, but_of=(colleague.user_id,)) == before


@FORMS
@pytest.mark.parametrize("put_out", PUT_OUT)
def test_who_is_put_out_of_action_gets_nothing(scene, form, put_out):
    """T-09: by session and by key."""
    a_second_owner(scene)
    client = CREDENTIALS[form](scene.owner)
    PUT_OUT[put_out](scene.owner)
    before = state_of(scene.tenant.pk)
    for case in CASES:
        response = send(client, case, scene.ids)
        assert response.status_code in (*NOTHING_BY[form], 404), (case.name, response.status_code)
        assert_nothing(scene, case, response, herself=True)
    assert state_of(scene.tenant.pk) == before


def test_nobody_signed_in_gets_nothing(scene):
    before = state_of(scene.tenant.pk)
    for case in CASES:
        compare_with_absent(scene, Client(), case, case.anonymous)
    assert state_of(scene.tenant.pk) == before


def test_a_key_without_a_scope_gets_nothing(scene):
    """T-10: the owner of everything, by a key that is for nothing."""
    client = key_of(scene.owner, scopes=())
    before = state_of(scene.tenant.pk)
    for case in CASES:
        response = send(client, case, scene.ids)
        assert response.status_code in case.unscoped, (case.name, response.status_code)
        assert_nothing(scene, case, response, herself=True)
    assert state_of(scene.tenant.pk) == before


def compare_with_absent(
    scene: Scene, client: Client, case: Case, expected: tuple[int, ...], *, knows_tenant: bool = False
) -> None:
    """The status is one of those expected, nothing leaks, and an id of nobody's gets the very same answer."""
    foreign = send(client, case, scene.ids)
    assert foreign.status_code in expected, (case.name, foreign.status_code)
    assert_nothing(scene, case, foreign, knows_tenant=knows_tenant)
    if case.has_ids and not (case.writes_own and foreign.status_code == 201):
        absent = absent_ids(scene)
        compared = answer_of(foreign, scene.ids), answer_of(send(client, case, absent), absent)
        assert compared[0] == compared[1], case.name


def assert_nothing(
    scene: Scene, case: Case, response: object, *, knows_tenant: bool = False, herself: bool = False
) -> None:
    sent: dict[str, object] = {"tenant": scene.tenant.pk} if knows_tenant else {}
    sent |= scene.ids if case.has_ids else {}
    sent |= {"email": scene.owner.user.email} if herself else {}
    assert leaked(scene, response, sent) == [], case.name
    if not knows_tenant:
        assert scene.tenant.name not in response.content.decode(), case.name  # type: ignore[attr-defined]


# --- The admin ------------------------------------------------------------------------------------


def admin_cases(scene: Scene) -> list[tuple[str, str, object]]:
    """(method, pattern of a path, id) for every page of every model."""
    found: list[tuple[str, str, object]] = []
    for label, identity in scene.things.items():
        start = f"/admin/{label.lower().replace('.', '/')}/"
        found += [("GET", start, None), ("GET", f"{start}add/", None), ("POST", f"{start}add/", None)]
        found += [
            (method, f"{start}{{}}/{page}", identity)
            for page in ("change/", "delete/", "history/", "")
            for method in ("GET", "POST")
        ]
        kind = ContentType.objects.get_by_natural_key(*label.lower().split("."))
        found.append(("GET", f"/admin/r/{kind.pk}/{{}}/", identity))
        found.append(("POST", start, identity))
    return found


def test_every_model_with_pages_has_a_row_in_the_scene(scene):
    assert models_with_pages() == set(scene.things)


def test_every_admin_route_is_a_models_or_has_its_reason(scene):
    models = {label.lower().replace(".", "/") for label in scene.things}
    for route in routes():
        if not route.startswith("admin/") or route in ADMIN_PLAIN:
            continue
        of_a_model = any(route.startswith(f"admin/{model}/") for model in models)
        assert of_a_model or "<path:object_id>" in route or "app_label" in route, route


@pytest.mark.parametrize("who", ["outsider", "colleague", "anonymous"])
def test_no_page_of_the_admin_shows_or_changes_another_tenants_rows(scene, who):
    visitors = {
        "outsider": lambda: session_of(an_outsider()),
        "colleague": lambda: session_of(a_member(scene.tenant)),
        "anonymous": Client,
    }
    client = visitors[who]()
    before = state_of(scene.tenant.pk)
    for method, pattern, identity in admin_cases(scene):
        answers = []
        for each in (identity, absent_like(identity)):
            sent = {
                "post": "yes",
                "action": "delete_selected",
                "_selected_action": [str(each)],
                "name": f"taken {each} {pattern}",
            }
            path = pattern.format(each)
            response = (
                client.get(path, follow=True) if method == "GET" else client.post(path, sent, follow=True)
            )
            assert response.status_code in (200, 403, 404), (method, path)
            assert leaked(scene, response, {"sent": identity}) == [], (method, path)
            answers.append(answer_of(response, {} if each is None else {"id": each}))
        if identity is not None:
            assert answers[0] == answers[1], (method, pattern)
    assert state_of(scene.tenant.pk) == before
    assert admin.site._registry


# --- It is there all the same ---------------------------------------------------------------------


def test_the_owner_of_it_all_does_see_it(scene):
    """Or the tests above would pass on an empty site."""
    by_session, by_key = session_of(scene.owner), key_of(scene.owner)

    assert "Ferdinand" in by_session.get(f"/documents/{scene.document.pk}/").content.decode()
    assert by_session.get(f"/conversations/{scene.conversation}/").status_code == 200
    for client in (by_session, by_key):
        assert client.get(f"/api/v1/documents/{scene.document.pk}").json()["title"] == "Lighthouse personnel"
        sent = {"question": "Who keeps the lighthouse?"}
        answer = client.post("/api/v1/queries", sent, content_type="application/json").json()
        assert "Ferdinand" in answer["text"]


def test_the_state_of_a_tenant_notices_every_kind_of_change(scene):
    before = state_of(scene.tenant.pk)
    Membership.objects.filter(pk=scene.owner.pk).update(role=Role.OWNER, ceiling=0)
    after = state_of(scene.tenant.pk)

    assert {name for name in before if before[name] != after[name]} == {"accounts_membership"}
