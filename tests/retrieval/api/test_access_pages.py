"""The pages of access: choosing, explaining, trying and granting."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import GroupNesting, Membership, User
from accounts.roles import Role
from retrieval.access.grants import grant, grants_on
from retrieval.access.preview import Preview
from retrieval.access.values import Permission
from retrieval.api.grant_pages import in_words
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone
from tests.retrieval.access.builders import to

pytestmark = pytest.mark.django_db
VIEW, SHARE = Permission.VIEW, Permission.SHARE


@pytest.fixture
def tenant():
    return a_tenant()


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def words(response) -> str:
    return response.content.decode()


def test_an_auditor_finds_a_person_by_part_of_a_name_and_sees_why(tenant):
    inner, outer = a_group(tenant, "Berlin"), a_group(tenant, "Sales")
    GroupNesting.objects.create(tenant=tenant, inner=inner, outer=outer)
    person = a_member(tenant, groups=(inner,))
    User.objects.filter(pk=person.user_id).update(name="Ada Byron")
    document = a_document(a_collection(tenant, readers=(outer,), name="Prices"), "words", title="List")
    auditor = signed_in(a_member(tenant, role=Role.AUDITOR))

    found = words(auditor.get("/access/?person=ada"))
    assert "Ada Byron" in found
    assert "1 document" in found
    why = words(auditor.get(f"/access/?user={person.user_id}&document={document.pk}"))
    assert "The group &#x27;Sales&#x27; is granted the collection &#x27;Prices&#x27;." in why
    assert why.index("<li>Berlin</li>") < why.index("<li>Sales</li>")


def test_several_people_of_a_name_are_offered(tenant):
    people = [a_member(tenant), a_member(tenant)]
    offered = words(signed_in(a_member(tenant, role=Role.AUDITOR)).get("/access/?person=person-"))

    for person in people:
        assert person.user.email in offered


def test_without_the_right_the_page_is_about_oneself_alone(tenant):
    member, other = a_member(tenant), a_member(tenant)
    hidden = a_document(a_collection(tenant, readers=(other.user,)), "words", title="Hidden")
    client = signed_in(member)
    page = words(client.get(f"/access/?user={other.user_id}&person={other.user.email}"))

    assert other.user.email not in page
    assert "What you can read" in page
    assert "Hidden" not in words(client.get("/access/?title=Hid")).replace("“Hid”", "")
    assert client.get(f"/access/?document={hidden.pk}").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["user=x", "user=99999999999999999", "document=x", "document=3c9480d9-18cd-43c4-9892-3931812b8722"],
)
def test_what_is_not_there_is_a_404(tenant, query):
    auditor = a_member(tenant, role=Role.AUDITOR)
    prefix = "" if query.startswith("user") else f"user={auditor.user_id}&"
    assert signed_in(auditor).get(f"/access/?{prefix}{query}").status_code == 404


def test_nobody_of_another_tenant_is_found_or_suggested(tenant):
    stranger = a_member(a_tenant("elsewhere"))
    group = a_group(stranger.tenant, "Elsewhere sales")
    a_document(a_collection(stranger.tenant), "words", title="Elsewhere title")
    auditor = signed_in(a_member(tenant, role=Role.AUDITOR))

    assert auditor.get(f"/access/?user={stranger.user_id}").status_code == 404
    for kind in ("person", "grantee", "title"):
        assert auditor.get(f"/access/names/?kind={kind}&q=elsewhere").json() == {"names": []}
    assert group.label not in words(auditor.get("/access/?person=elsewhere"))


def test_names_are_suggested_to_who_may_see_them(tenant):
    a_group(tenant, "Sales")
    auditor, member = signed_in(a_member(tenant, role=Role.AUDITOR)), signed_in(a_member(tenant))

    assert auditor.get("/access/names/?kind=grantee&q=sal").json()["names"] == [
        {"value": "Sales", "label": "group"}
    ]
    assert member.get("/access/names/?kind=grantee&q=sal").status_code == 403
    assert member.get("/access/names/?kind=title&q=a").status_code == 200


def test_a_grant_is_tried_before_it_is_saved(tenant):
    shelf, group = a_collection(tenant), a_group(tenant, "Sales")
    a_member(tenant, groups=(group,))
    a_document(shelf, "words")
    editor, path = signed_in(a_member(tenant, role=Role.EDITOR)), f"/access/collections/{shelf.pk}/"
    end = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    filled = {"who": "sales", "permission": "change", "until": end}

    tried = words(editor.post(path, {**filled, "step": "preview"}))
    assert "1 person gains 1 document, and nobody loses any." in tried
    assert "View and change, until " in tried
    assert grants_on(shelf) == []
    saved = editor.post(path, {**filled, "step": "save"}, follow=True)
    assert "Sales is granted &#x27;change&#x27;." in words(saved)
    assert [(g.grantee, g.permission.value) for g in grants_on(shelf)] == [
        (to(group), "view"),
        (to(group), "change"),
    ]


def test_a_revocation_is_tried_before_it_is_saved(tenant):
    shelf = a_collection(tenant, readers=(everyone(tenant),))
    a_document(shelf, "words")
    editor, path = signed_in(a_member(tenant, role=Role.EDITOR)), f"/access/collections/{shelf.pk}/"
    (granted,) = grants_on(shelf)

    tried = words(editor.post(path, {"grant": granted.number}))
    assert "1 person loses 1 document, and nobody gains any." in tried
    assert grants_on(shelf) == [granted]
    assert editor.post(path, {"grant": granted.number, "step": "save"}).status_code == 302
    assert grants_on(shelf) == []
    for number in (granted.number, "user-x", "group-" + "9" * 30, "x"):
        assert editor.post(path, {"grant": number}).status_code == 404


@pytest.mark.parametrize(
    ("filled", "said"),
    [
        ({"who": "nobody"}, "Nobody with this address"),
        ({"who": ""}, "This field is required"),
        ({"who": "Everyone", "until": "2001-01-01T00:00"}, "A grant ends in the future"),
        ({"who": "Everyone", "permission": "own"}, "Select a valid choice"),
        ({"who": "a\x00b"}, "Null characters"),
    ],
)
def test_a_mistake_in_the_form_is_said_beside_it(tenant, filled, said):
    shelf = a_collection(tenant)
    editor = signed_in(a_member(tenant, role=Role.EDITOR))
    page = words(editor.post(f"/access/collections/{shelf.pk}/", {"permission": "view", **filled}))

    assert said in page
    assert grants_on(shelf) == []


def test_who_shares_by_a_grant_reaches_the_page_from_the_document_and_gives_no_more_than_she_holds(tenant):
    member = a_member(tenant)
    document = a_document(a_collection(tenant), "words")
    client, path = signed_in(member), f"/access/documents/{document.pk}/"
    grant(document, to(member), VIEW)
    assert path not in words(client.get(f"/documents/{document.pk}/"))
    assert client.get(path).status_code == 403

    grant(document, to(member), SHARE)
    assert path in words(client.get(f"/documents/{document.pk}/"))
    refused = client.post(path, {"who": "Everyone", "permission": "delete", "step": "save"})
    assert "you do not hold it here yourself" in words(refused)
    assert {g.grantee for g in grants_on(document)} == {to(member)}


def test_the_page_of_grants_is_closed_alike_to_everybody_else(tenant):
    shelf, foreign = a_collection(tenant), a_collection(a_tenant())
    for role, status in ((Role.MEMBER, 403), (Role.OWNER, 404)):
        client = signed_in(a_member(tenant, role=role))
        own = [shelf.pk] if role is Role.MEMBER else []
        for pk in (foreign.pk, uuid4(), *own):
            for path in (f"/access/collections/{pk}/", f"/access/documents/{pk}/"):
                assert client.get(path).status_code == status
                assert client.post(path, {"who": "Everyone", "permission": "view"}).status_code == status


def test_who_only_explains_sees_grants_and_no_form(tenant):
    shelf = a_collection(tenant, readers=(everyone(tenant),))
    auditor, path = signed_in(a_member(tenant, role=Role.AUDITOR)), f"/access/collections/{shelf.pk}/"
    page = words(auditor.get(path))

    assert "Everyone" in page
    assert 'name="who"' not in page
    assert 'name="grant"' not in page
    assert auditor.post(path, {"who": "Everyone", "permission": "view"}).status_code == 403


def test_the_frame_leads_to_the_page_for_those_with_the_right_only(tenant):
    assert 'href="/access/"' in words(signed_in(a_member(tenant, role=Role.AUDITOR)).get("/documents/"))
    assert 'href="/access/"' not in words(signed_in(a_member(tenant)).get("/documents/"))


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((3, 12, 0, 0), "3 people gain 12 documents, and nobody loses any."),
        ((1, 1, 2, 5), "1 person gains 1 document, and 2 people lose 5 documents."),
        ((0, 0, 1, 1), "1 person loses 1 document, and nobody gains any."),
        ((0, 0, 0, 0), "Nobody gains or loses a document."),
    ],
)
def test_a_preview_is_a_sentence(numbers, said):
    gaining, gained, losing, lost = numbers
    counted = Preview(
        people_gaining=gaining, documents_gained=gained, people_losing=losing, documents_lost=lost,
        people=(), people_reached=9, complete=True,
    )  # fmt: skip
    assert in_words(counted) == said
