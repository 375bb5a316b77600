"""Pages of platform administrators: who gets in, what they can do, and what they never show."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.database import managing
from accounts.keys import make_key
from accounts.models import ApiKey, BreakGlass, Membership, Tenant, User
from accounts.roles import Right, Role
from compliance.models import AuditEntry
from ragsite.platform import tenants
from ragsite.platform.operations import kind_of, work_of
from ragsite.platform.urls import urlpatterns
from retrieval.models import Document
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant

pytestmark = pytest.mark.django_db

REASON = "The ingestion of contracts stopped, see ticket 4711."
TITLE = "Merger with Globex"
SECRET = "Ferdinand keeps the lighthouse"


@pytest.fixture
def tenant():
    made = a_tenant("acme-platform")
    a_member(made, role=Role.OWNER)
    document = a_document(
        a_collection(made, name="Secret shelf", readers=(a_group(made, "Secret society"),)), SECRET
    )
    with managing(made.pk):
        Document.objects.filter(pk=document.pk).update(
            title=TITLE,
            source_name=f"{TITLE}.pdf",
            status="failed",
            status_reason=f"'{TITLE}.pdf' holds no text.",
        )
    return made


@pytest.fixture
def root():
    return User.objects.create_superuser("root@platform.example", "x" * 12)


@pytest.fixture
def sent(monkeypatch):
    """What was handed to the worker."""
    handed: list[tuple[str, ...]] = []
    for name in ("export_in_background", "delete_in_background"):
        task = getattr(tenants, name)
        monkeypatch.setattr(task, "delay", lambda *args, name=name: handed.append((name, *map(str, args))))
    return handed


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def every_page(tenant: Tenant) -> list[str]:
    values = {"tenant_id": tenant.pk, "user_id": 1, "stay_id": 1}
    found = []
    for pattern in urlpatterns:
        names = pattern.pattern.converters
        found.append(reverse(pattern.name, kwargs={name: values[name] for name in names}))
    return found


def test_to_everybody_else_the_pages_are_absent(tenant):
    owner = Membership.objects.get(tenant=tenant)
    User.objects.filter(pk=owner.user_id).update(is_staff=True)
    client = session_of(User.objects.get(pk=owner.user_id))
    nowhere = client.get("/platform/nowhere/")
    for path in every_page(tenant):
        for method in ("get", "post"):
            response = getattr(client, method)(path)
            assert response.status_code in (404, 405), path
            assert response.status_code == 405 or response.content == nowhere.content
            assert getattr(Client(), method)(path).status_code in (302, 405), path
    tenant.refresh_from_db()
    assert tenant.is_active


def test_no_page_shows_anything_of_what_a_tenant_keeps(tenant, root):
    client = session_of(root)
    seen = 0
    for path in every_page(tenant):
        response = client.get(path)
        seen += response.status_code == 200
        for word in (SECRET, TITLE, "Secret", "Merger"):
            assert word not in response.content.decode(), path
    assert seen >= 4


def test_operations_are_counts_and_kinds_of_failure(tenant, root):
    work = work_of(tenant)

    assert (work.members, work.documents, work.failures) == (1, {"failed": 1}, {"holds no text": 1})
    body = session_of(root).get("/platform/").content.decode()
    assert "1 holds no text" in body


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (f"'{TITLE}' is empty.", "is empty"),
        (f"'{TITLE}' is damaged or not a real PDF.", "is damaged"),
        (f"'{TITLE}' is encrypted; send a copy without a password.", "is encrypted"),
        (f"'{TITLE}' has more than 5,000 pages.", "is too large"),
        (f"'{TITLE}' says {SECRET}", "failed otherwise"),
        ("", "failed otherwise"),
    ],
)
def test_a_reason_becomes_one_of_our_own_words(reason, kind):
    assert kind_of(reason, TITLE) == kind
    assert kind_of("'is empty' says something", "is empty") == "failed otherwise", "a file's name is no kind"


def test_a_tenant_is_made_with_its_first_owner(root):
    client = session_of(root)
    response = client.post(
        "/platform/tenants/new/", {"name": "Initech", "slug": "initech", "owner": "bill@initech.example"}
    )
    owner = Membership.objects.get(tenant__slug="initech")

    assert response.headers["Location"] == f"/platform/tenants/{owner.tenant_id}/"
    assert (owner.role, owner.user.email) == ("owner", "bill@initech.example")
    again = client.post(
        "/platform/tenants/new/", {"name": "I", "slug": "initech", "owner": "x@initech.example"}
    )
    assert again.status_code == 400
    assert "already" in again.content.decode()


def test_suspending_stops_everything_at_once_and_resuming_brings_it_back(tenant, root):
    member = a_member(tenant)
    _, secret = make_key(member, member, "key", scopes=[Right.ASK])
    browser, admin = session_of(member.user), session_of(root)

    def answers() -> list[int]:
        key = Client().get("/api/v1/documents", headers={"Authorization": f"Bearer {secret}"})
        return [
            browser.get("/documents/").status_code,
            browser.get("/api/v1/documents").status_code,
            key.status_code,
        ]

    assert answers() == [200, 200, 200]
    admin.post(f"/platform/tenants/{tenant.pk}/suspend/")
    assert answers() == [403, 403, 401]
    admin.post(f"/platform/tenants/{tenant.pk}/resume/")
    assert answers() == [200, 200, 200]
    with managing(tenant.pk):
        assert AuditEntry.objects.get(event="tenant.suspended").actor_id == root.pk


def test_deleting_takes_the_slug_and_closes_at_once(tenant, root, sent):
    client = session_of(root)
    path = f"/platform/tenants/{tenant.pk}/delete/"
    assert client.post(path, {"slug": "acme"}).status_code == 400
    tenant.refresh_from_db()
    assert (tenant.is_active, sent) == (True, [])
    assert client.post(path, {"slug": tenant.slug}).status_code == 302
    tenant.refresh_from_db()
    assert not tenant.is_active
    assert sent == [("delete_in_background", str(tenant.pk), str(root.pk))]


def test_an_export_is_written_by_the_worker_and_downloaded_by_nobody(tenant, root, sent):
    assert session_of(root).post(f"/platform/tenants/{tenant.pk}/export/").status_code == 302
    assert sent == [("export_in_background", str(tenant.pk), str(root.pk))]


def test_without_a_queue_the_page_says_what_to_do(tenant, root, monkeypatch):
    from kombu.exceptions import OperationalError

    def away(*args: object) -> None:
        raise OperationalError

    monkeypatch.setattr(tenants.export_in_background, "delay", away)
    response = session_of(root).post(f"/platform/tenants/{tenant.pk}/export/", follow=True)
    assert "manage.py tenant" in response.content.decode()


def test_an_account_is_closed_with_its_keys_and_opened_again_without(tenant, root):
    member = a_member(tenant)
    _, secret = make_key(member, member, "key", scopes=[Right.ASK])
    client = session_of(root)
    client.post(reverse("platform-deactivate", args=[member.user_id]))
    assert not User.objects.get(pk=member.user_id).is_active
    client.post(reverse("platform-reactivate", args=[member.user_id]))
    assert User.objects.get(pk=member.user_id).is_active
    assert ApiKey.objects.find(secret) is None


def test_the_last_owners_account_and_ones_own_stay_open(tenant, root):
    owner = Membership.objects.get(tenant=tenant)
    client = session_of(root)
    response = client.post(reverse("platform-deactivate", args=[owner.user_id]), follow=True)
    assert "at least one owner" in response.content.decode()
    client.post(reverse("platform-deactivate", args=[root.pk]))

    assert User.objects.get(pk=owner.user_id).is_active
    assert User.objects.get(pk=root.pk).is_active


def test_accounts_are_found_by_address_and_not_browsed(tenant, root):
    member = a_member(tenant)
    client = session_of(root)
    assert member.user.email not in client.get("/platform/accounts/").content.decode()
    assert member.user.email not in client.get("/platform/accounts/?q=p").content.decode()
    assert client.get("/platform/accounts/?q=%00%00%00%00").status_code == 200
    found = client.get("/platform/accounts/", {"q": member.user.email[:10]}).content.decode()
    assert member.user.email in found
    assert tenant.name not in found, "whose member somebody is stays the tenant's"


def test_emergency_access_is_opened_used_and_ended_from_its_page(tenant, root):
    client = session_of(root)
    bad = client.post("/platform/emergencies/", {"tenant": tenant.slug, "reason": "short", "minutes": "60"})
    assert bad.status_code == 400
    opened = client.post("/platform/emergencies/", {"tenant": tenant.slug, "reason": REASON, "minutes": "60"})
    assert opened.status_code == 302
    stay = BreakGlass.objects.get(tenant=tenant, user=root)
    assert REASON in client.get("/platform/emergencies/").content.decode()
    another = User.objects.create_superuser("other@platform.example", "x" * 12)
    assert session_of(another).post(reverse("platform-end-emergency", args=[stay.pk])).status_code == 404
    client.post(reverse("platform-end-emergency", args=[stay.pk]))
    assert not BreakGlass.objects.open_now().exists()


def test_a_stay_in_a_suspended_tenant_is_no_choice(tenant, root):
    Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.SUSPENDED)
    response = session_of(root).post(
        "/platform/emergencies/", {"tenant": tenant.slug, "reason": REASON, "minutes": "60"}
    )
    assert response.status_code == 400
