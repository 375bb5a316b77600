"""Every registered page, by everybody who should get nothing there. The registry makes the cases.

A model that is registered and not in `world.populate` fails the first test; what is, is in every other.
"""

import re
from uuid import UUID, uuid4

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import ForeignKey
from django.forms import ModelChoiceField
from django.test import Client

from accounts.admin import TenantModelAdmin
from accounts.database import managing
from accounts.models import Membership, Tenant, User
from accounts.roles import Role
from ragsite.admin_site import TenantAdminSite
from retrieval.models import Collection, Document
from tests.admin.world import WORDS, browser, populate, url
from tests.factories import a_member, a_tenant

PAGES = ("changelist", "add", "change", "delete", "history")
OF_ONE = ("change", "delete", "history")
SITE = ("/admin/", "/admin/accounts/", "/admin/retrieval/", "/admin/compliance/", "/admin/jsi18n/")

pytestmark = pytest.mark.django_db


@pytest.fixture
def foreign():
    """By model, a row of a tenant that nobody in these tests belongs to."""
    return {type(thing): thing for thing in populate(a_tenant("secret-tenant"))}


def absent(thing) -> object:
    """An id of nothing, of the same kind."""
    return uuid4() if isinstance(thing.pk, UUID) else 999_999_999


def told(response, *ids: object) -> str:
    """What an answer says: its status, where it leads, and its body, without ids that were sent and tokens."""
    body = response.content.decode() if not response.streaming else ""
    body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", body)
    body = re.sub(r"<svg.*?</svg>", "", body, flags=re.DOTALL)
    text = f"{response.status_code} {response.headers.get('Location', '')} {body}"
    for one in ids:
        # Where an id stands and nowhere else: short numbers are also in people's addresses.
        written = "|".join(re.escape(form) for form in (str(one), str(one).replace("-", "_2D")))
        text = re.sub(rf'(?<=[/“"= ])(?<!size=")({written})(?=[/”"& ])', "ID", text)
    return text


def says_nothing(response) -> bool:
    return not any(word in response.content.decode() for word in (*WORDS, "secret-tenant"))


def test_every_registered_model_has_a_row_and_knows_tenants(foreign):
    assert set(admin.site._registry) == set(foreign)
    for model_admin in admin.site._registry.values():
        assert isinstance(model_admin, TenantModelAdmin)


def test_pages_that_know_no_tenant_are_not_taken_in():
    site = TenantAdminSite()
    site.register(User, admin.ModelAdmin)
    site.register(User)

    assert not site.is_registered(User)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("page", OF_ONE)
def test_a_foreign_id_is_answered_like_an_absent_one(foreign, page, method):
    client = browser(a_tenant())
    for thing in foreign.values():
        missing = absent(thing)
        answers = []
        for pk in (thing.pk, missing):
            call = getattr(client, method)
            answers.append(told(call(url(thing, page, pk), {"post": "yes"}, follow=True), pk))
        assert answers[0] == answers[1], thing
        assert type(thing)._base_manager.model is type(thing)


def test_lists_searches_filters_and_hierarchies_name_nothing_foreign(foreign):
    client = browser(a_tenant())
    for model, thing in foreign.items():
        listed = url(thing, "changelist")
        model_admin = admin.site._registry[model]
        asked = ["", "?q=ecre", f"?q={thing.pk}", "?o=1", "?o=-1", "?all=", "?_popup=1", "?p=1"]
        asked += [f"?{wanted}__isnull=False" for wanted in model_admin.list_filter if isinstance(wanted, str)]
        for query in asked:
            response = client.get(listed + query, follow=True)
            assert response.status_code in (200, 400), (model, query)
            assert says_nothing(response), (model, query)


def test_a_lookup_across_relations_is_refused(foreign):
    client = browser(a_tenant())
    for path in (
        "accounts/membership/?user__password__startswith=a",
        "accounts/apikey/?membership__user__email=a",
    ):
        assert client.get(f"/admin/{path}").status_code in (302, 400)


def test_no_form_offers_or_takes_a_foreign_row(foreign):
    tenant = a_tenant()
    client = browser(tenant)
    own = {type(thing): thing for thing in populate(tenant)}
    for model, thing in own.items():
        for page in ("add", "change"):
            response = client.get(url(thing, page))
            if response.status_code != 200 or "adminform" not in (response.context or {}):
                continue
            forms = [response.context["adminform"].form]
            forms += [form for one in response.context["inline_admin_formsets"] for form in one.formset.forms]
            forms += [one.formset.empty_form for one in response.context["inline_admin_formsets"]]
            for form in forms:
                for name, field in form.fields.items():
                    if isinstance(field, ModelChoiceField):
                        with managing(tenant.pk):
                            offered = set(field.queryset.values_list("pk", flat=True))
                        for other in foreign.values():
                            if isinstance(other, field.queryset.model):
                                assert other.pk not in offered, (model, page, name)
                        assert foreign_people(foreign).isdisjoint(offered) or field.queryset.model is not User


def foreign_people(foreign) -> set[int]:
    return set(Membership.objects.filter(tenant=foreign[Tenant]).values_list("user_id", flat=True))


@pytest.mark.parametrize(
    ("model", "field", "extra"),
    [
        (Document, "collection", {"title": "t", "sensitivity": "1", "upload": ""}),
        (Document, "reading_groups", {"title": "t", "sensitivity": "1"}),
        (Document, "reading_people", {"title": "t", "sensitivity": "1"}),
        (Collection, "reading_groups", {"name": "n"}),
        (Membership, "groups", {"email": "new@own.example", "role": "member", "ceiling": "1"}),
        (Membership, "own_role", {"email": "new@own.example", "role": "member", "ceiling": "1"}),
    ],
)
def test_a_foreign_id_in_a_form_is_no_valid_choice(foreign, model, field, extra):
    pick = {
        "reading_groups": "Group",
        "groups": "Group",
        "own_role": "TenantRole",
        "collection": "Collection",
    }
    other = next(
        thing.user if field == "reading_people" else thing
        for kind, thing in foreign.items()
        if kind.__name__ == pick.get(field, "Membership")
    )
    client = browser(a_tenant())
    answers = []
    for pk in (other.pk, absent(other)):
        response = client.post(url(model, "add"), extra | {field: str(pk)})
        assert field in response.context["adminform"].form.errors
        answers.append(told(response, pk))
    assert answers[0] == answers[1]


def test_an_action_on_a_foreign_row_does_what_one_on_an_absent_row_does(foreign):
    client = browser(a_tenant())
    for model, thing in foreign.items():
        before = row_of(model, thing)
        actions = admin.site._registry[model].actions or ()
        for action in ("delete_selected", *actions):
            name = action if isinstance(action, str) else action.__name__
            answers = []
            for pk in (thing.pk, absent(thing)):
                sent = {"action": name, "_selected_action": str(pk), "post": "yes", "index": "0"}
                answers.append(told(client.post(url(thing, "changelist"), sent, follow=True), pk))
            assert answers[0] == answers[1], (model, name)
        assert row_of(model, thing) == before


def row_of(model, thing):
    with managing(thing.pk if model is Tenant else tenant_id_of(thing)):
        return model._base_manager.filter(pk=thing.pk).values().get()


def tenant_id_of(thing):
    return thing.membership.tenant_id if hasattr(thing, "membership") else thing.tenant_id


def test_autocompletes_give_nothing_of_another_tenant(foreign):
    client = browser(a_tenant())
    for model in [*admin.site._registry, User]:
        for field in model._meta.get_fields():
            if not isinstance(field, ForeignKey):
                continue
            asked = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": field.name,
                "term": "ecre",
            }
            response = client.get("/admin/autocomplete/", asked)
            assert response.status_code in (200, 403, 404), (model, field.name)
            assert says_nothing(response), (model, field.name)


def test_view_on_site_is_no_oracle(foreign):
    client = browser(a_tenant())
    for model, thing in foreign.items():
        kind = ContentType.objects.get_for_model(model).pk
        answers = [told(client.get(f"/admin/r/{kind}/{pk}/"), pk) for pk in (thing.pk, absent(thing))]
        assert answers[0] == answers[1], model
        assert answers[0].startswith("404")


def test_the_site_itself_names_nothing_foreign_and_keeps_no_log_of_names(foreign):
    tenant = a_tenant()
    client = browser(tenant)
    client.post(url(Collection, "add"), {"name": "Own shelf", "description": ""})
    with managing(tenant.pk):
        shelf = Collection.objects.get(name="Own shelf")
    client.post(url(shelf, "delete"), {"post": "yes"})

    for path in SITE:
        response = client.get(path)
        assert response.status_code == 200, path
        assert says_nothing(response), path
    assert not LogEntry.objects.exists()


def test_a_person_of_two_tenants_sees_one_at_a_time(foreign):
    """What she did in the other one included."""
    client = browser(a_tenant())
    Membership.objects.create(tenant=foreign[Tenant], user=client.membership.user, role=Role.OWNER)
    for thing in foreign.values():
        assert says_nothing(client.get(url(thing, "changelist")))
    assert says_nothing(client.get("/admin/"))


@pytest.mark.parametrize("role", [Role.MEMBER, Role.EDITOR, Role.AUDITOR, Role.COMPLIANCE_OFFICER])
def test_without_the_right_own_foreign_and_absent_ids_are_one(foreign, role):
    tenant = a_tenant()
    own = {type(thing): thing for thing in populate(tenant)}
    client = browser(tenant, role)
    for model, thing in own.items():
        model_admin = admin.site._registry[model]
        rights = {model_admin.right, model_admin.reading_right} - {None}
        if any(client.membership.may(right) for right in rights):
            continue
        for page in PAGES:
            ids = (thing.pk, foreign[model].pk, absent(thing)) if page in OF_ONE else (None,)
            for method in ("get", "post"):
                answers = {told(getattr(client, method)(url(thing, page, pk)), pk) for pk in ids}
                assert len(answers) == 1, (model, page, method)
                assert answers.pop()[:3] in ("302", "403"), (model, page, method)


def shut_out(how: str, client: Client) -> None:
    membership = client.membership  # type: ignore[attr-defined]
    if how == "suspended tenant":
        Tenant.objects.filter(pk=membership.tenant_id).update(state=Tenant.State.SUSPENDED)
    elif how == "deactivated membership":
        Membership.objects.filter(pk=membership.pk).update(is_active=False)
    elif how == "removed":
        Membership.objects.filter(pk=membership.pk).delete()
    elif how == "not staff":
        User.objects.filter(pk=membership.user_id).update(is_staff=False)
    elif how == "platform administrator":
        Membership.objects.filter(pk=membership.pk).delete()
        User.objects.filter(pk=membership.user_id).update(is_superuser=True)


@pytest.mark.parametrize(
    "how", ["suspended tenant", "deactivated membership", "removed", "not staff", "platform administrator"]
)
def test_who_is_shut_out_is_sent_away_from_every_page_alike(how):
    tenant = a_tenant()
    a_member(tenant, role=Role.OWNER)
    own = populate(tenant)
    client = browser(tenant)
    shut_out(how, client)
    for thing in own:
        for page in PAGES:
            response = client.get(url(thing, page), follow=True)
            assert response.redirect_chain[-1][0] == "/", (how, thing, page)
            # Who is merely no staff reads her own tenant's front page there.
            assert how == "not staff" or says_nothing(response), (how, thing, page)
            assert client.post(url(thing, page)).status_code == 302


def test_a_deactivated_account_and_a_stranger_are_sent_to_sign_in():
    tenant = a_tenant()
    own = populate(tenant)
    a_member(tenant, role=Role.OWNER)
    client = browser(tenant)
    User.objects.filter(pk=client.membership.user_id).update(is_active=False)
    for asking in (client, Client()):
        for thing in own:
            for page in PAGES:
                response = asking.get(url(thing, page))
                assert (response.status_code, response.content) == (302, b"")
                assert response.headers["Location"].startswith(("/sign-in/", "/admin/login/"))


def test_deleting_asks_with_counts_and_no_names_of_what_goes_along():
    tenant = a_tenant()
    client = browser(tenant)
    shelf = next(thing for thing in populate(tenant) if isinstance(thing, Collection))
    body = client.get(url(shelf, "delete")).content.decode()

    assert "Secret shelf" in body
    assert "Secret title" not in body


def test_history_is_the_audit_trail_for_who_may_read_it():
    tenant = a_tenant()
    shelf = next(thing for thing in populate(tenant) if isinstance(thing, Collection))
    allowed = browser(tenant).get(url(shelf, "history"))

    assert allowed.status_code == 302
    assert allowed.headers["Location"] == f"/admin/compliance/auditentry/?q={shelf.pk}"
    assert browser(tenant, Role.EDITOR).get(url(shelf, "history")).status_code == 403


def test_passwords_are_not_changed_in_the_admin():
    client = browser(a_tenant())
    for path in ("/admin/password_change/", "/admin/password_change/done/"):
        assert client.get(path).status_code in (302, 404)
        assert client.post(path, {"new_password1": "x", "new_password2": "x"}).status_code in (302, 404)
