"""The admin: inside one tenant, by role, read-only where it must be."""

import pytest
from django.contrib import admin
from django.core.files.base import ContentFile
from django.test import Client

from accounts.database import managing
from accounts.models import ApiKey, Group, Membership, User
from accounts.roles import Role
from compliance.models import AuditEntry
from retrieval.models import Collection, Document, Ingestion, Query, TenantPolicy
from tests.admin.world import SECRET, browser, populate, url
from tests.factories import a_collection, a_group, a_member, a_tenant, everyone


@pytest.fixture
def tenant(db):
    return a_tenant()


def test_every_page_opens_for_an_owner(tenant):
    things = populate(tenant)
    client = browser(tenant)

    assert client.get("/admin/").status_code == 200
    for thing in things:
        assert client.get(url(thing, "changelist")).status_code == 200, thing
        assert client.get(url(thing)).status_code == 200, thing


def test_every_registered_model_is_looked_at_above(tenant):
    assert {type(thing) for thing in populate(tenant)} == set(admin.site._registry)


def test_nothing_of_another_tenant_shows_anywhere(tenant):
    things = populate(tenant)
    client = browser(a_tenant())
    for thing in things:
        listed = client.get(url(thing, "changelist"))
        assert listed.status_code == 200
        for word in ("Secret", "secret", SECRET, tenant.slug):
            assert word not in listed.content.decode(), thing
        opened = client.get(url(thing))
        assert opened.status_code == 302, thing  # to the index, as for what does not exist
        assert SECRET not in client.get(url(thing), follow=True).content.decode()
        assert client.post(url(thing), {"name": "taken"}).status_code in (302, 403)
        assert client.post(url(thing, "delete"), {"post": "yes"}).status_code in (302, 403)


@pytest.mark.parametrize("page", ["changelist", "add"])
def test_no_choice_of_a_form_names_another_tenants_things(tenant, page):
    populate(tenant)
    client = browser(a_tenant())
    for model in admin.site._registry:
        response = client.get(url(model, page))
        assert "Secret" not in response.content.decode(), model


def test_a_member_without_an_administrators_right_is_sent_home(tenant):
    client = browser(tenant, Role.MEMBER)
    response = client.get("/admin/", follow=True)

    assert response.redirect_chain[-1][0] == "/"


@pytest.mark.parametrize(
    ("role", "model", "may"),
    [
        (Role.EDITOR, Document, True),
        (Role.EDITOR, AuditEntry, False),
        (Role.EDITOR, Membership, False),
        (Role.AUDITOR, AuditEntry, True),
        (Role.AUDITOR, TenantPolicy, False),
        (Role.COMPLIANCE_OFFICER, TenantPolicy, True),
        (Role.COMPLIANCE_OFFICER, Membership, False),
        (Role.ADMINISTRATOR, Membership, True),
        (Role.ADMINISTRATOR, Query, False),
    ],
)
def test_pages_open_by_role(tenant, role, model, may):
    response = browser(tenant, role).get(url(model, "changelist"))

    assert response.status_code == (200 if may else 403)


def test_a_superuser_of_nowhere_sees_no_tenant(tenant):
    populate(tenant)
    User.objects.create_superuser("root@example.org", "x" * 12)
    client = Client()
    client.force_login(
        User.objects.get(email="root@example.org"), "django.contrib.auth.backends.ModelBackend"
    )

    assert client.get(url(Document, "changelist")).status_code == 302


def test_the_trail_and_questions_can_be_read_and_not_written(tenant):
    things = [thing for thing in populate(tenant) if isinstance(thing, AuditEntry | Query)]
    client = browser(tenant)
    for thing in things:
        assert client.get(url(thing, "add")).status_code == 403
        assert client.post(url(thing), {"outcome": "changed"}).status_code == 403
        assert client.post(url(thing, "delete"), {"post": "yes"}).status_code == 403


def test_looking_at_somebodys_question_is_audited(tenant):
    query = next(thing for thing in populate(tenant) if isinstance(thing, Query))
    client = browser(tenant, Role.AUDITOR)
    client.get(url(query))

    with managing(tenant.pk):
        entry = AuditEntry.objects.get(event="query.viewed")
    assert (entry.actor_id, entry.object_pk) == (client.membership.user_id, str(query.pk))


def test_the_words_of_a_document_are_not_in_the_admin(tenant):
    document = next(thing for thing in populate(tenant) if isinstance(thing, Document))

    assert SECRET not in browser(tenant).get(url(document)).content.decode()


def fields_of(document: Document, **changes):
    return {
        "collection": str(document.collection_id),
        "title": document.title,
        "sensitivity": document.sensitivity,
        **changes,
    }


def test_readers_are_granted_and_revoked_on_the_documents_page(tenant):
    document = next(thing for thing in populate(tenant) if isinstance(thing, Document))
    client = browser(tenant)
    group = everyone(tenant)
    response = client.post(url(document), fields_of(document, reading_groups=[group.pk]))

    assert response.status_code == 302, response.context["adminform"].errors
    with managing(tenant.pk):
        document.refresh_from_db()
        assert document.principals == [group.pk]
    client.post(url(document), fields_of(document))
    with managing(tenant.pk):
        document.refresh_from_db()
        assert document.principals == []
        assert AuditEntry.objects.filter(event="grant.deleted").exists()


def test_an_inheriting_document_with_readers_of_its_own_is_refused(tenant):
    document = next(thing for thing in populate(tenant) if isinstance(thing, Document))
    group = everyone(tenant)
    response = browser(tenant).post(
        url(document), fields_of(document, reading_groups=[group.pk], inherits_grants="on")
    )

    assert response.status_code == 200
    assert "readers of its own" in response.content.decode()


def test_an_upload_is_taken_in(tenant, settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    told = []
    monkeypatch.setattr("retrieval.admin.documents.dispatch_ingestion", lambda *ids: told.append(ids))
    shelf = a_collection(tenant)
    client = browser(tenant, Role.EDITOR)
    response = client.post(
        url(Document, "add"),
        {"collection": str(shelf.pk), "upload": ContentFile(b"words", name="a.txt"), "title": "", "sensitivity": 1,
         "inherits_grants": "on"},
    )  # fmt: skip

    assert response.status_code == 302
    with managing(tenant.pk):
        document = Document.objects.get(source_name="a.txt")
    assert (document.status, document.title) == ("received", "a")


def test_taking_in_again_tells_the_worker_after_commit_only(
    tenant, monkeypatch, django_capture_on_commit_callbacks
):
    document = next(thing for thing in populate(tenant) if isinstance(thing, Document))
    told = []
    monkeypatch.setattr("retrieval.admin.documents.dispatch_ingestion", lambda *ids: told.append(ids))
    with django_capture_on_commit_callbacks() as callbacks:
        browser(tenant).post(
            url(Document, "changelist"), {"action": "take_in_again", "_selected_action": [str(document.pk)]}
        )
    assert told == []
    for callback in callbacks:
        callback()

    assert told == [(tenant.pk, document.pk)]


def test_an_upload_without_a_file_is_refused_in_words(tenant):
    shelf = a_collection(tenant)
    response = browser(tenant).post(url(Document, "add"), {"collection": str(shelf.pk), "sensitivity": 1})

    assert "Choose a file." in response.content.decode()


def test_removing_a_document_removes_its_chunks(tenant):
    document = next(thing for thing in populate(tenant) if isinstance(thing, Document))
    browser(tenant).post(url(document, "delete"), {"post": "yes"})

    with managing(tenant.pk):
        assert not Document.objects.filter(pk=document.pk).exists()


def test_a_new_key_is_shown_once_and_kept_as_a_hash(tenant):
    client = browser(tenant)
    person = a_member(tenant)
    response = client.post(
        url(ApiKey, "add"), {"membership": person.pk, "label": "report", "scopes": ["ask"], "addresses": ""}
    )

    ((_, secret),) = response.context["secrets"]
    assert secret in response.content.decode()
    assert ApiKey.objects.find(secret) is not None
    assert "messages" not in response.cookies, "a secret does not travel in a cookie"
    assert secret not in client.get(url(ApiKey, "changelist")).content.decode()


def test_nobody_changes_the_own_role_or_makes_owners_from_below(tenant):
    client = browser(tenant, Role.ADMINISTRATOR)
    own, owner = client.membership, a_member(tenant, role=Role.OWNER)
    for target in (own, owner):
        client.post(url(target), {"role": "owner", "ceiling": 3, "is_active": "on"})
        target.refresh_from_db()
    assert (own.role, owner.role) == ("administrator", "owner")
    member = a_member(tenant)
    client.post(url(member), {"role": "owner", "ceiling": 3, "is_active": "on"})
    member.refresh_from_db()
    assert member.role == "member"


def test_a_persons_groups_in_other_tenants_are_left_alone(tenant):
    other = a_tenant()
    elsewhere = a_group(other)
    member = a_member(tenant)
    member.user.groups.add(elsewhere)
    here = a_group(tenant)
    browser(tenant).post(
        url(member), {"role": "member", "ceiling": 2, "is_active": "on", "groups": [here.pk]}
    )

    assert set(Group.objects.filter(user=member.user)) == {elsewhere, here}


def test_a_policy_the_guardrails_could_not_read_is_refused(tenant):
    response = browser(tenant).post(
        url(TenantPolicy, "add"),
        {"injection_mode": "block", "injection_threshold": "0.6", "pii": '{"question": {"US_SSN": "eat"}}',
         "allowed_hosts": ""},
    )  # fmt: skip

    assert response.status_code == 200
    assert "eat" in response.content.decode()


def test_a_new_collection_belongs_to_the_tenant_of_the_session(tenant):
    stranger = a_tenant()
    browser(tenant).post(
        url(Collection, "add"), {"name": "New", "description": "", "tenant": str(stranger.pk)}
    )

    with managing(tenant.pk):
        assert Collection.objects.get(name="New").tenant_id == tenant.pk


def test_a_second_collection_of_a_name_is_refused_in_words(tenant):
    a_collection(tenant, name="Shelf")
    a_collection(a_tenant(), name="Elsewhere")
    client = browser(tenant)
    refused = client.post("/admin/retrieval/collection/add/", {"name": "Shelf"})
    made = client.post("/admin/retrieval/collection/add/", {"name": "Elsewhere"})

    assert (refused.status_code, made.status_code) == (200, 302)
    assert "already exists" in refused.content.decode()
    with managing(tenant.pk):
        assert Collection.objects.filter(name="Shelf").count() == 1


def test_changes_are_attributed_to_who_made_them(tenant):
    client = browser(tenant)
    client.post(url(Collection, "add"), {"name": "Mine", "description": ""})

    with managing(tenant.pk):
        entry = AuditEntry.objects.get(event="collection.created")
    assert entry.actor_id == client.membership.user_id
    assert entry.cid


def on_its_way(tenant, **work):
    document = next(thing for thing in populate(tenant) if isinstance(thing, Document))
    with managing(tenant.pk):
        Ingestion.objects.filter(document=document).update(**work)
        Document.objects.filter(pk=document.pk).update(status=work["state"], status_reason=work["reason"])
    return document


def test_a_documents_page_says_how_far_it_is_with_its_versions_and_lets_nobody_write_them(tenant):
    document = on_its_way(
        tenant, state="received", reason="Will be tried again: away.", attempts=3, chunks_done=120, chunks_total=800,
        pieces_name="kept",
    )  # fmt: skip
    page = browser(tenant, Role.EDITOR).get(url(document)).content.decode()

    assert "120 of 800 passages" in page
    assert "Will be tried again: away." in page
    assert "version 1 of document" in page
    assert 'name="versions-0-number"' not in page
    assert browser(tenant, Role.AUDITOR).get(url(document)).status_code == 200


def test_dead_letters_are_a_filter_of_the_list(tenant):
    on_its_way(tenant, state="failed", reason="It cannot be read.", attempts=6)
    client = browser(tenant, Role.EDITOR)

    assert (
        "It cannot be read." in client.get(url(Document, "changelist"), {"status": "failed"}).content.decode()
    )
    assert (
        "It cannot be read."
        not in client.get(url(Document, "changelist"), {"status": "indexed"}).content.decode()
    )
