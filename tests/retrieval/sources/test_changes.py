"""Sources by page, API and command: who may, what is refused, what is never shown."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.database import managing
from accounts.roles import Role
from accounts.scope import Sensitivity
from compliance.models import AuditEntry
from retrieval.models import Document, Source, SourceItem
from retrieval.search.index import PostgresChunkIndex
from retrieval.sources.intake import Intake
from retrieval.sources.runs import run_due_source, sync_due_sources
from tests.factories import a_collection, a_member, a_tenant
from tests.support.page_server import Page, page_server

pytestmark = pytest.mark.django_db

SECRET = "correct horse battery staple"
MAILBOX = {"host": "imap.example.org", "user": "ada"}


class Desk:
    """An editor at her browser and her program, and a folder that the operator gave to her tenant."""

    def __init__(self, settings, folder) -> None:
        self.tenant = a_tenant()
        self.shelf = a_collection(self.tenant, name="Handbook")
        self.folder = folder
        settings.RAGSITE_SOURCE_FOLDERS = {self.tenant.slug: str(folder)}
        self.client = self.browser(Role.EDITOR)
        self.intake = Intake(dispatch=lambda *ids: None, index=PostgresChunkIndex(), bytes_max=10_000)

    def browser(self, role: Role, ceiling: Sensitivity = Sensitivity.CONFIDENTIAL) -> Client:
        client = Client()
        member = a_member(self.tenant, role=role, ceiling=ceiling)
        client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
        return client

    def send(self, method: str, path: str = "", body: object = None, client: Client | None = None):
        address = f"/api/v1/sources{path}"
        return (client or self.client).generic(method, address, json.dumps(body or {}), "application/json")

    def make(self, kind: str = "folder", configuration: object = None, **more: object) -> Source:
        sent = {"name": "Shelf", "kind": kind, "collection": str(self.shelf.pk)}
        answer = self.send("POST", "", sent | {"configuration": configuration or {}} | more)
        assert answer.status_code == 201, answer.content
        return self.get(answer.json()["id"])

    def get(self, pk) -> Source:
        with managing(self.tenant.pk):
            return Source.objects.select_related("tenant").get(pk=pk)

    def run_due(self) -> int:
        return sync_due_sources(lambda tenant, source: run_due_source(tenant, source, self.intake))

    @property
    def names(self) -> list[str]:
        with managing(self.tenant.pk):
            return sorted(Document.objects.values_list("source_name", flat=True))


@pytest.fixture
def desk(settings, tmp_path) -> Desk:
    settings.MEDIA_ROOT = tmp_path / "kept"
    (tmp_path / "shared").mkdir()
    return Desk(settings, tmp_path / "shared")


def test_a_source_made_by_the_api_runs_when_a_worker_looks_and_then_waits_for_its_time(desk):
    (desk.folder / "a.txt").write_text("words")
    source = desk.make(schedule_minutes=60)

    assert desk.run_due() == 1
    assert desk.names == ["a.txt"]
    assert desk.run_due() == 0
    assert desk.send("POST", f"/{source.pk}/run").status_code == 202
    assert desk.run_due() == 1
    shown = desk.send("GET", f"/{source.pk}").json()
    assert (shown["last_outcome"], shown["counts"]["unchanged"]) == ("whole", 1)


def test_a_source_made_on_its_page_is_listed_and_shows_its_runs(desk):
    (desk.folder / "a.txt").write_text("words")
    (desk.folder / "empty.txt").write_text("")
    offered = desk.client.get("/sources/new/?kind=folder").content.decode()
    assert '<input type="hidden" name="kind" value="folder">' in offered
    form = {
        "kind": "folder", "name": "Shared folder", "collection": str(desk.shelf.pk), "at_folder": "",
        "sensitivity": "1", "schedule_minutes": "60",
    }  # fmt: skip
    made = desk.client.post("/sources/new/", form)
    desk.run_due()
    page = desk.client.get(made["Location"]).content.decode()

    listed = desk.client.get("/sources/").content.decode()
    assert "Shared folder" in listed
    assert all(label in listed for label in ("Watched folder", "S3 bucket", "Web pages", "Mailbox"))
    assert "1 added, 1 failed" in page
    assert "&#x27;empty.txt&#x27; is empty." in page


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR, Role.COMPLIANCE_OFFICER])
def test_sources_take_the_rights_to_edit_documents_and_to_grant_access(desk, role):
    other = desk.browser(role)

    assert desk.send("GET", client=other).status_code == 403
    assert other.get("/sources/").status_code == 403
    assert "/sources/" not in other.get("/").content.decode()
    assert "/sources/" in desk.client.get("/").content.decode()


def test_a_secret_is_taken_and_never_shown(desk):
    source = desk.make("mailbox", MAILBOX, secret=SECRET)
    pages = [desk.client.get(f"/sources/{source.pk}/"), desk.client.get("/sources/")]
    pages += [desk.send("GET"), desk.send("GET", f"/{source.pk}"), desk.send("PATCH", f"/{source.pk}")]
    with managing(desk.tenant.pk):
        trail = str(list(AuditEntry.objects.values()))

    assert source.secret == SECRET
    assert SECRET not in source.sealed_secret
    for text in [page.content.decode() for page in pages] + [trail]:
        assert SECRET not in text
        assert source.sealed_secret not in text


def test_a_secret_stays_when_it_is_not_entered_again(desk):
    source = desk.make("mailbox", MAILBOX, secret=SECRET)
    desk.send("PATCH", f"/{source.pk}", {"name": "Other"})

    assert desk.get(source.pk).secret == SECRET


@pytest.mark.parametrize("moved", [{"host": "imap.evil.example"}, {"user": "eve"}, {"port": 143}])
def test_a_secret_is_not_sent_to_another_place_than_it_was_entered_for(desk, moved):
    source = desk.make("mailbox", MAILBOX, secret=SECRET)
    sent = {"configuration": MAILBOX | moved}
    refused = desk.send("PATCH", f"/{source.pk}", sent)
    allowed = desk.send("PATCH", f"/{source.pk}", sent | {"secret": "another"})

    assert refused.status_code == 400
    assert "Enter the password again" in refused.json()["detail"]
    assert allowed.status_code == 200
    assert desk.get(source.pk).secret == "another"


def test_a_sealed_secret_of_one_source_opens_at_no_other(desk):
    one = desk.make("mailbox", MAILBOX, secret=SECRET)
    other = desk.make("mailbox", MAILBOX, name="Other")
    other.sealed_secret = one.sealed_secret
    with pytest.raises(ValueError):
        _ = other.secret


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"kind": "carrier pigeon"}, "kind"),
        ({"kind": "folder", "configuration": {"folder": "../.."}}, "operator"),
        ({"kind": "folder", "configuration": {"root": "/"}}, "root"),
        ({"kind": "folder", "configuration": {"folder": 7}}, "filled in"),
        ({"kind": "web", "configuration": {"pages": ["http://a@127.0.0.1/"]}}, "address"),
        ({"kind": "folder", "secret": "x"}, "no secret"),
        ({"kind": "folder", "sensitivity": "restricted"}, "confidential"),
        ({"kind": "folder", "name": "\u202e"}, "name"),
        ({"kind": "folder", "tenant": "x"}, "no such field"),
    ],
)
def test_what_cannot_be_a_source_is_refused_with_a_sentence_and_makes_none(desk, body, word):
    answer = desk.send(
        "POST", "", {"name": "Shelf", "collection": str(desk.shelf.pk), "configuration": {}} | body
    )

    assert answer.status_code == 400
    assert word in answer.json()["detail"]
    assert desk.send("GET").json() == []


def test_two_sources_of_a_tenant_have_two_names(desk):
    desk.make()
    answer = desk.send("POST", "", {"name": "Shelf", "kind": "folder", "collection": str(desk.shelf.pk)})

    assert answer.json()["detail"] == "There is a source of this name already."


def test_a_folder_of_another_tenant_cannot_be_watched(desk):
    (desk.folder / "a.txt").write_text("secret")
    stranger = a_member(a_tenant(), role=Role.OWNER)
    shelf = a_collection(stranger.tenant)
    client = Client()
    client.force_login(stranger.user, "django.contrib.auth.backends.ModelBackend")
    body = {"name": "Mine", "kind": "folder", "collection": str(shelf.pk), "configuration": {}}

    assert desk.send("POST", "", body, client).status_code == 400


def test_a_large_removal_waits_for_a_person_who_agrees_to_that_number(desk):
    for number in range(22):
        (desk.folder / f"{number}.txt").write_text("words")
    source = desk.make()
    desk.run_due()
    for number in range(20):
        (desk.folder / f"{number}.txt").unlink()
    desk.send("POST", f"/{source.pk}/run")
    desk.run_due()

    page = desk.client.get(f"/sources/{source.pk}/").content.decode()
    assert "20 documents would be removed" in page
    assert len(desk.names) == 22
    assert desk.send("POST", f"/{source.pk}/confirm", {"documents": 19}).status_code == 400
    desk.client.post(f"/sources/{source.pk}/confirm/", {"documents": "20"})
    desk.run_due()
    assert len(desk.names) == 2


def test_a_paused_source_does_not_run(desk):
    source = desk.make()
    desk.client.post(f"/sources/{source.pk}/pause/")
    paused = desk.run_due()
    refused = desk.send("POST", f"/{source.pk}/run")
    desk.client.post(f"/sources/{source.pk}/resume/")

    assert paused == 0
    assert refused.status_code == 400
    assert desk.run_due() == 1


def test_the_sources_of_a_suspended_tenant_wait(desk):
    source = desk.make()
    type(desk.tenant).objects.filter(pk=desk.tenant.pk).update(state="suspended")

    assert desk.run_due() == 0
    assert run_due_source(desk.tenant.pk, source.pk, desk.intake) is None


@pytest.mark.parametrize(("said", "left"), [("keep", ["a.txt", "b.txt"]), ("erase", [])])
def test_a_source_ends_with_its_documents_or_without(desk, said, left):
    for name in ("a.txt", "b.txt"):
        (desk.folder / name).write_text("words")
    source = desk.make()
    desk.run_due()
    desk.client.post(f"/sources/{source.pk}/delete/", {"documents": said})
    desk.run_due()

    assert desk.names == left
    assert desk.send("GET").json() == []
    with managing(desk.tenant.pk):
        assert not SourceItem.objects.exists()


def test_many_documents_of_an_ended_source_go_by_and_by(desk, monkeypatch):
    monkeypatch.setattr("retrieval.sources.runs.REMOVED_AT_ONCE", 2)
    for number in range(5):
        (desk.folder / f"{number}.txt").write_text("words")
    source = desk.make()
    desk.run_due()
    desk.send("DELETE", f"/{source.pk}?with_documents=true")
    left = []
    while desk.run_due():
        left.append(len(desk.names))

    assert left == [3, 1, 0]


def test_a_connection_is_tried_without_changing_anything(desk):
    (desk.folder / "a.txt").write_text("words")
    source = desk.make()

    assert desk.send("POST", f"/{source.pk}/test").json() == {
        "found": "It answers, and there are documents in it."
    }
    assert (
        "there are documents in it"
        in desk.client.post(f"/sources/{source.pk}/test/", follow=True).content.decode()
    )
    assert desk.names == []


def test_a_source_whose_kind_is_not_installed_any_more_fails_with_a_sentence(desk):
    source = desk.make()
    with managing(desk.tenant.pk):
        Source.objects.filter(pk=source.pk).update(kind="gone")
    desk.run_due()

    assert "no source of this kind" in desk.get(source.pk).last_problem
    assert desk.client.get("/sources/").status_code == 200


def test_every_act_is_on_record_with_who_did_it(desk):
    source = desk.make()
    desk.send("PATCH", f"/{source.pk}", {"schedule_minutes": 15})
    desk.client.post(f"/sources/{source.pk}/pause/")
    desk.client.post(f"/sources/{source.pk}/resume/")
    desk.send("POST", f"/{source.pk}/run")
    desk.send("DELETE", f"/{source.pk}")
    with managing(desk.tenant.pk):
        entries = AuditEntry.objects.filter(object_pk=str(source.pk), event__startswith="source.")
        told = set(entries.values_list("event", flat=True))
        actors = set(entries.values_list("actor_id", flat=True))

    acts = ("made", "changed", "paused", "resumed", "requested", "ended")
    assert told >= {f"source.{act}" for act in acts}
    assert None not in actors


# --- The command ----------------------------------------------------------------------------------


def command(desk: Desk, *options: str) -> tuple[int, dict]:
    """(exit status, what was printed)"""
    out, status = StringIO(), 0
    try:
        call_command("sync_source", "--tenant", desk.tenant.slug, "--name", "shelf", "--json", *options,
                     stdout=out, stderr=StringIO())  # fmt: skip
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, json.loads(out.getvalue())


def test_the_command_syncs_and_says_what_became_of_it(desk):
    (desk.folder / "a.txt").write_text("words")
    desk.make()
    tried, counted = command(desk, "--dry-run"), desk.names
    done = command(desk)

    assert tried[1]["added"] == done[1]["added"] == 1
    assert (tried[0], done[0]) == (0, 0)
    assert (counted, desk.names) == ([], ["a.txt"])


def test_the_command_says_by_its_status_that_something_failed(desk):
    (desk.folder / "empty.txt").write_text("")
    desk.make()
    partly, _ = command(desk)
    (desk.folder / "empty.txt").unlink()
    desk.folder.rmdir()
    wholly, said = command(desk)

    assert (partly, wholly) == (1, 2)
    assert said["problem"] == "The folder is not there, or a part of it cannot be read."


def test_the_command_names_the_sources_there_are(desk):
    desk.make()
    with pytest.raises(CommandError, match="It has: Shelf"):
        call_command("sync_source", "--tenant", desk.tenant.slug, "--name", "other")


# --- T-15, at the doors ---------------------------------------------------------------------------


def test_trying_a_connection_tells_nothing_of_our_network(desk, settings):
    """T-15: a port that listens, one that does not, a name inside and one nowhere sound the same."""
    said = set()
    with page_server({"/": Page()}) as server:
        settings.RAGSITE_FETCH_PORTS = [80, 443, server.port]
        tries = [
            ("web", {"pages": [server.url()]}),
            ("web", {"pages": ["http://169.254.169.254/latest/meta-data/"]}),
            ("web", {"pages": ["http://nothing.invalid/"]}),
            ("web", {"pages": ["https://localhost/"]}),
            ("bucket", {"bucket": "abc", "endpoint": server.url()}),
            ("bucket", {"bucket": "abc", "endpoint": "http://[::1]"}),
            ("mailbox", {"host": "127.0.0.1", "port": server.port, "user": "x"}),
            ("mailbox", {"host": "nothing.invalid", "port": 443, "user": "x"}),
        ]
        for number, (kind, configuration) in enumerate(tries):
            source = desk.make(kind, configuration, name=f"Source {number}")
            answer = desk.send("POST", f"/{source.pk}/test")
            said.add((kind, answer.status_code, answer.json().get("detail", answer.json().get("found"))))
    assert server.connections == 0
    assert len(said) == 3
