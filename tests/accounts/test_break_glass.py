"""Emergency access: reasoned, short, told to the owners, and everything read under it on record."""

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts import break_glass
from accounts.break_glass import MINUTES_MAX, end_stay, open_stay
from accounts.database import managing, reading
from accounts.events import happened
from accounts.models import BreakGlass, Membership, Tenant, User
from accounts.refusals import Refusal
from accounts.resolve import find_membership, scope_of
from accounts.roles import Role
from accounts.scope import Sensitivity
from accounts.tenant_life import suspend_tenant
from compliance.models import AuditEntry
from retrieval.audit.trail import describe_opening
from retrieval.models import Conversation, Document
from retrieval.values.questions import Question
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant, everyone

pytestmark = pytest.mark.django_db

REASON = "The ingestion of contracts stopped, see ticket 4711."
WORDS = "Ferdinand keeps the lighthouse"


@pytest.fixture
def tenant():
    made = a_tenant("acme-emergency")
    a_member(made, role=Role.OWNER)
    return made


@pytest.fixture
def root():
    return User.objects.create_superuser("root@platform.example", "x" * 12)


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def entries(tenant, event: str) -> list[AuditEntry]:
    with managing(tenant.pk):
        return list(AuditEntry.objects.filter(event=event).order_by("sequence"))


def a_readable_document(tenant) -> Document:
    return a_document(a_collection(tenant, readers=(everyone(tenant),)), WORDS, title="Lighthouse")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": "because"}, "reason of 10"),
        ({"reason": " " * 20}, "reason of 10"),
        ({"reason": "x" * 1001}, "reason of 10"),
        ({"minutes": 0}, "between 1 and 240"),
        ({"minutes": MINUTES_MAX + 1}, "between 1 and 240"),
        ({"user": "member"}, "platform administrators"),
        ({"user": "closed"}, "platform administrators"),
        ({"tenant": "suspended"}, "suspended"),
    ],
)
def test_it_takes_a_platform_administrator_a_reason_and_an_end(tenant, root, change, said):
    user, asked = root, {"reason": REASON, "minutes": 60} | change
    if asked.pop("user", "") == "member":
        user = a_member(tenant).user
    elif "user" in change:
        root.is_active = False
    if asked.pop("tenant", ""):
        suspend_tenant(tenant)
    with pytest.raises(Refusal, match=said):
        open_stay(user, tenant, asked["reason"], asked["minutes"])
    assert not BreakGlass.objects.exists()
    assert len(entries(tenant, "change.refused")) == 1


def test_without_one_a_platform_administrator_gets_nothing(tenant, root):
    document = a_readable_document(tenant)
    client = session_of(root)

    assert find_membership(root, tenant.pk) is None
    assert client.get(f"/documents/{document.pk}/").status_code == 403
    assert client.get(f"/api/v1/documents/{document.pk}").status_code == 403
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/"
    assert client.post("/tenant/", {"tenant": str(tenant.pk)}).status_code == 404


def test_the_owners_are_told_by_mail_and_nobody_else_is(tenant, root, django_capture_on_commit_callbacks):
    owner = Membership.objects.get(tenant=tenant, role=Role.OWNER)
    a_member(tenant, role=Role.ADMINISTRATOR)
    a_member(a_tenant(), role=Role.OWNER)
    with django_capture_on_commit_callbacks(execute=True):
        open_stay(root, tenant, REASON, 30)

    (message,) = mail.outbox
    assert message.to == [owner.user.email]
    assert REASON in message.body
    assert "root@platform.example" in message.body


def test_mail_that_fails_hides_nothing(tenant, root, settings, django_capture_on_commit_callbacks):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    with django_capture_on_commit_callbacks(execute=True):
        open_stay(root, tenant, REASON)
    owner = Membership.objects.get(tenant=tenant, role=Role.OWNER)

    body = session_of(owner.user).get("/documents/").content.decode()
    assert REASON in body
    assert "End it now" in body


def test_owners_see_the_notice_on_every_page_and_members_do_not(tenant, root):
    open_stay(root, tenant, REASON)
    owner = Membership.objects.get(tenant=tenant, role=Role.OWNER)
    User.objects.filter(pk=owner.user_id).update(is_staff=True)
    client, member = session_of(owner.user), session_of(a_member(tenant).user)
    for path in ("/", "/documents/", "/keys/", "/admin/"):
        assert REASON in client.get(path).content.decode(), path
    assert REASON not in member.get("/").content.decode()
    stranger = a_member(a_tenant(), role=Role.OWNER)
    assert REASON not in session_of(stranger.user).get("/").content.decode()


def test_while_it_is_open_she_reads_what_anybody_there_is_granted_and_no_conversation(tenant, root):
    document = a_readable_document(tenant)
    hers = a_document(
        a_collection(tenant),
        "only for one",
        readers=(a_member(tenant).user,),
        sensitivity=Sensitivity.RESTRICTED,
    )
    nobodys = a_document(a_collection(tenant), "granted to nobody")
    owner = Membership.objects.get(tenant=tenant, role=Role.OWNER)
    with managing(tenant.pk):
        talk = Conversation.objects.create(tenant=tenant, user=owner.user)
    open_stay(root, tenant, REASON)
    client = session_of(root)
    assert client.post("/tenant/", {"tenant": str(tenant.pk)}).status_code == 302

    page = client.get(f"/documents/{document.pk}/")
    assert WORDS in page.content.decode()
    assert "Emergency access" in page.content.decode()
    assert client.get(f"/documents/{hers.pk}/").status_code == 200
    assert client.get(f"/documents/{nobodys.pk}/").status_code == 404
    assert client.get(f"/conversations/{talk.pk}/").status_code == 404


def test_she_can_change_nothing(tenant, root):
    document = a_readable_document(tenant)
    open_stay(root, tenant, REASON)
    client = session_of(root)

    assert client.delete(f"/api/v1/documents/{document.pk}").status_code == 403
    assert client.post("/documents/upload/", {}).status_code == 403
    assert client.get("/keys/").status_code == 403
    assert client.post("/keys/", {"label": "x", "scopes": ["ask"], "days": "9"}).status_code == 403
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/"
    with managing(tenant.pk):
        assert Document.objects.filter(pk=document.pk).exists()


def test_every_read_is_on_record_with_route_and_ids(tenant, root):
    document = a_readable_document(tenant)
    stay = open_stay(root, tenant, REASON)
    client = session_of(root)
    client.get(f"/documents/{document.pk}/")
    client.get(f"/api/v1/documents/{document.pk}")
    client.get(f"/documents/statuses/?id={document.pk}&q=salary")

    noted = entries(tenant, "break_glass.read")
    assert [entry.additional_data["route"] for entry in noted] == [
        "document",
        "api-document",
        "document-statuses",
    ]
    for entry in noted:
        assert entry.additional_data["objects"] == [str(document.pk)], "ids, and no words that were typed"
        assert (entry.actor_id, entry.object_pk) == (root.pk, str(stay.pk))


def routes(patterns, prefix: str = "") -> list[str]:
    found = []
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            found.append(route)
    return found


# What is nobody's, or tells of no tenant.
OUTSIDE = (
    "livez",
    "readyz",
    "sign-in/",
    "sign-out/",
    "api/schema/",
    "static/",
    "platform/",
    "account/",
    "sso/",
)


def test_no_address_answers_under_it_without_an_entry(tenant, root):
    document = a_readable_document(tenant)
    open_stay(root, tenant, REASON)
    client = session_of(root)
    filled = {"document_id": document.pk, "conversation_id": uuid4(), "key_id": 1, "stay_id": 1}
    for route in routes(get_resolver().url_patterns):
        if route.startswith(OUTSIDE) or "(?P" in route or "object_id" in route:
            continue
        path = "/" + route
        for name, value in filled.items():
            for kind in ("uuid", "int"):
                path = path.replace(f"<{kind}:{name}>", str(value))
        if "<" in path:
            continue
        before = len(entries(tenant, "break_glass.read"))
        response = client.get(path)
        noted = len(entries(tenant, "break_glass.read")) - before
        assert noted >= 1 or response.status_code in (302, 404, 405), (path, response.status_code)
        assert WORDS not in response.content.decode() or noted


def test_no_entry_no_answer(tenant, root):
    document = a_readable_document(tenant)
    open_stay(root, tenant, REASON)
    client = session_of(root)
    client.raise_request_exception = False

    def fails(sender, *, event, **kwargs):
        if event == "break_glass.read":
            raise RuntimeError("the trail is full")

    happened.connect(fails)
    try:
        for path in (f"/documents/{document.pk}/", f"/api/v1/documents/{document.pk}", "/"):
            response = client.get(path)
            assert response.status_code == 500
            assert WORDS not in response.content.decode()
    finally:
        happened.disconnect(fails)


def test_questions_under_it_say_so_on_record(tenant, root):
    stay = open_stay(root, tenant, REASON)
    membership = find_membership(root, tenant.pk)
    assert membership is not None
    asked = Question(text="Who?", scope=scope_of(membership), request_id=uuid4())

    assert describe_opening(asked)["break_glass"] == stay.pk
    own = Question(text="Who?", scope=scope_of(a_member(tenant)), request_id=uuid4())
    assert "break_glass" not in describe_opening(own)


def test_an_owner_ends_it_and_nothing_more_is_read(tenant, root):
    document = a_readable_document(tenant)
    stay = open_stay(root, tenant, REASON)
    owner = Membership.objects.get(tenant=tenant, role=Role.OWNER)
    hers = session_of(root)
    assert hers.get(f"/documents/{document.pk}/").status_code == 200
    response = session_of(owner.user).post(reverse("end-emergency", args=[stay.pk]))

    assert response.status_code == 302
    assert hers.get(f"/documents/{document.pk}/").status_code == 403
    stay.refresh_from_db()
    assert stay.ended_by == owner.user
    (entry,) = entries(tenant, "break_glass.ended")
    assert (entry.actor_id, entry.outcome) == (owner.user_id, "by_another")


def test_only_owners_and_who_opened_it_end_it(tenant, root):
    stay = open_stay(root, tenant, REASON)
    path = reverse("end-emergency", args=[stay.pk])
    administrator = a_member(tenant, role=Role.ADMINISTRATOR)
    stranger = a_member(a_tenant(), role=Role.OWNER)
    absent = reverse("end-emergency", args=[999_999_999])
    for person in (administrator, stranger):
        client = session_of(person.user)
        answers = [client.post(one) for one in (path, absent)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    assert BreakGlass.objects.open_now().exists()
    assert session_of(root).post(path).status_code == 302
    assert not BreakGlass.objects.open_now().exists()
    assert not end_stay(stay, root), "it ends once"


def test_it_ends_by_itself(tenant, root):
    stay = open_stay(root, tenant, REASON, 1)
    client = session_of(root)
    assert client.get("/documents/").status_code == 200
    past = timezone.now() - timedelta(seconds=1)
    BreakGlass.objects.filter(pk=stay.pk).update(opened_at=past - timedelta(minutes=1), expires_at=past)

    assert client.get("/documents/").status_code == 403
    assert find_membership(root, tenant.pk) is None


@pytest.mark.parametrize("loss", ["no superuser", "account closed", "tenant suspended"])
def test_it_ends_with_what_it_rests_on(tenant, root, loss):
    open_stay(root, tenant, REASON)
    client = session_of(root)
    if loss == "no superuser":
        User.objects.filter(pk=root.pk).update(is_superuser=False)
    elif loss == "account closed":
        User.objects.filter(pk=root.pk).update(is_active=False)
    else:
        Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.SUSPENDED)

    assert client.get("/documents/").status_code in (302, 403)
    assert find_membership(User.objects.get(pk=root.pk), tenant.pk) is None


def test_it_reaches_into_its_own_tenant_only(tenant, root):
    other = a_tenant()
    hidden = a_document(a_collection(other, readers=(everyone(other), a_group(other))), WORDS)
    open_stay(root, tenant, REASON)
    client = session_of(root)

    assert client.get(f"/documents/{hidden.pk}/").status_code == 404
    assert client.post("/tenant/", {"tenant": str(other.pk)}).status_code == 404
    membership = find_membership(root, tenant.pk)
    assert membership is not None
    with reading(scope_of(membership)):
        assert not Document.objects.filter(pk=hidden.pk).exists()


def test_one_at_a_time_and_none_for_members(tenant, root):
    open_stay(root, tenant, REASON)
    with pytest.raises(Refusal, match="open already"):
        open_stay(root, tenant, REASON)
    other = a_tenant()
    Membership.objects.create(tenant=other, user=root)
    with pytest.raises(Refusal, match="her own role"):
        open_stay(root, other, REASON)


def test_the_command_opens_and_ends_it(tenant, root):
    out = StringIO()
    options = {"tenant": tenant.slug, "user": root.email}
    call_command("break-glass", reason=REASON, minutes=5, stdout=out, **options)
    assert "have been told" in out.getvalue()
    call_command("break-glass", end=True, stdout=out, **options)
    assert not BreakGlass.objects.open_now().exists()
    for wrong in ({"reason": "short"}, {"tenant": "nowhere"}, {"user": "nobody@nowhere.example"}):
        with pytest.raises(CommandError):
            call_command("break-glass", stdout=out, **({"reason": REASON, **options} | wrong))


def test_the_mail_names_who_why_and_until_when(tenant, root):
    body = break_glass.MAIL.format(
        who="Root", tenant="Acme", since=timezone.now(), until=timezone.now(), reason="{x.__class__} {{7*7}}"
    )
    assert "{x.__class__} {{7*7}}" in body, "a reason is text and no template"
