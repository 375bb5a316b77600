"""The streaming endpoint over real HTTP: a uvicorn process, a language model on loopback, real commits."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest
from django.db import connection

from accounts.database import managing
from compliance.models import AuditEntry
from retrieval.models import Query
from tests.browser.conftest import serving, wait_for_backends_to_leave
from tests.retrieval.standing.ways import Scene, a_scene
from tests.support.openai_server import OpenAIServer, Reply, Script, openai_server

QUESTION = {"question": "How many days of holiday does an employee have?"}
POOL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    address: str
    model: OpenAIServer
    scene: Scene = None  # type: ignore[assignment]  # a bench brings its own

    @property
    def tenant_id(self) -> Any:
        return self.scene.tenant.pk

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.scene.secret}"}

    @property
    def url(self) -> str:
        return f"{self.address}/api/v1/queries"


@contextmanager
def a_site(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The real application beside a scripted model, one person's document in it."""
    scene = a_scene()
    connection.close()
    with serving_a_model(script, monkeypatch) as site:
        yield replace(site, scene=scene)
    name = str(connection.settings_dict["NAME"])
    wait_for_backends_to_leave(name)
    connection.settings_dict["NAME"] = name


@contextmanager
def serving_a_model(script: Script, monkeypatch: pytest.MonkeyPatch | None = None) -> Iterator[Site]:
    """The real application with a scripted model; a small pool, so that a held connection shows."""
    environment = monkeypatch or pytest.MonkeyPatch()
    with openai_server(script) as model:
        for name, value in {
            "RAGSITE_GENERATOR": "openai",
            "RAGSITE_LLM_BASE_URL": model.base_url,
            "RAGSITE_LLM_API_KEY": "test",
            "RAGSITE_LLM_MODEL": "test-model",
            "RAGSITE_LLM_RETRIES_MAX": "0",
            "RAGSITE_DATABASE_POOL_MAX": str(POOL),
        }.items():
            environment.setenv(name, value)
        with serving("ragsite.asgi:application") as address:
            yield Site(address=address, model=model)


def events_of(body: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, payload) of each event; comments are no events."""
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def stream(site: Site, question: dict[str, Any] = QUESTION) -> list[tuple[str, dict[str, Any]]]:
    headers = site.headers | {"Accept": "text/event-stream"}
    response = httpx2.post(site.url, json=question, headers=headers, timeout=60)
    assert response.headers["content-type"].startswith("text/event-stream")
    return events_of(response.text)


def told(site: Site, outcome: str) -> None:
    """Wait until the trail has the closing entry."""
    with managing(site.tenant_id):
        assert AuditEntry.objects.filter(event="query.closed", outcome=outcome).exists()


def test_an_answer_streams_with_its_sources_before_its_words(committed, monkeypatch):
    with a_site(("An employee has 27 ", "days of holiday [1]."), monkeypatch) as site:
        events = stream(site)
        names = [name for name, _ in events]
        plain = httpx2.post(site.url, json=QUESTION, headers=site.headers, timeout=60)

    assert names[0] == "meta"
    assert names.index("sources") < names.index("delta")
    assert names[-1] == "done"
    done = events[-1][1]
    assert (done["outcome"], done["text"]) == ("answered", "An employee has 27 days of holiday [1].")
    assert done["citations"][0]["title"] == "Holiday policy"
    assert "".join(payload["text"] for name, payload in events if name == "delta") == done["text"]
    assert plain.json()["text"] == done["text"]
    assert len(site.model.requests) == 1  # the second came from the cache


def test_a_secret_split_over_every_boundary_never_leaves(committed, monkeypatch):
    """T-35, over the wire."""
    secret = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
    pieces = tuple(f"The token is {secret} and it is in the vault [1].")
    with a_site(pieces, monkeypatch) as site:
        events = stream(site)

    body = json.dumps(events)
    assert events[-1][0] == "done"
    for length in range(12, len(secret)):
        assert secret[:length] not in body
    assert "<SECRET>" in body


def test_a_leaving_client_cancels_the_model_and_closes_the_record(committed, monkeypatch):
    endless = Reply(pieces=("word ",) * 400, stall_before=390)
    with a_site(endless, monkeypatch) as site:
        asyncio.run(leave_after_the_first_words(site))
        assert site.model.requests[0].client_left.wait(30)
        wait_for_closing(site)
        with managing(site.tenant_id):
            record = Query.objects.get()
            closing = AuditEntry.objects.get(event="query.closed")

    assert (record.outcome, closing.outcome) == ("abandoned", "abandoned")


async def leave_after_the_first_words(site: Site) -> None:
    headers = site.headers | {"Accept": "text/event-stream"}
    async with (
        httpx2.AsyncClient(timeout=60) as client,
        client.stream("POST", site.url, json=QUESTION, headers=headers) as response,
    ):
        body = ""
        async for text in response.aiter_text():
            body += text
            if "event: delta" in body:
                return


def wait_for_closing(site: Site) -> None:
    """Ask the database until the closing entry is there; each look waits a little in the server."""
    look = "select count(*) from compliance_auditentry where event = 'query.closed' and pg_sleep(0.02) is not null"
    for _ in range(500):
        with managing(site.tenant_id), connection.cursor() as cursor:
            if cursor.execute(look).fetchone() != (0,):
                return
    raise AssertionError("The record was never closed.")


def test_many_more_streams_than_connections_all_end_well(committed, monkeypatch):
    slow = Reply(pieces=(*(f"word{n} " for n in range(20)), "[1]."), between_pieces_seconds=0.05)
    with a_site(slow, monkeypatch) as site:
        bodies = asyncio.run(many_streams(site, POOL * 10))

    ends = [events_of(body)[-1] for body in bodies]
    assert [(name, payload["outcome"]) for name, payload in ends] == [("done", "answered")] * (POOL * 10)


async def many_streams(site: Site, number: int) -> list[str]:
    headers = site.headers | {"Accept": "text/event-stream"}
    limits = httpx2.Limits(max_connections=number)
    async with httpx2.AsyncClient(timeout=120, limits=limits, headers=headers) as client:
        questions = ({"question": f"How many days of holiday has employee {n}?"} for n in range(number))
        responses = await asyncio.gather(*(client.post(site.url, json=question) for question in questions))
    return [response.text for response in responses]


def test_a_model_that_fails_ends_a_stream_in_an_error_and_json_in_503(committed, monkeypatch):
    with a_site(Reply(status=500), monkeypatch) as site:
        events = stream(site)
        plain = httpx2.post(site.url, json=QUESTION, headers=site.headers, timeout=60)
        told(site, "failed")

    name, payload = events[-1]
    assert (name, payload["code"]) == ("error", "generator_unavailable")
    assert (plain.status_code, plain.json()["code"]) == (503, "generator_unavailable")
    assert "test" not in plain.json()["detail"].split()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"not json", "The body must be a JSON object."),
        (b"[1]", "The body must be a JSON object."),
        (b"[" * 30_000, "The body must be a JSON object."),
        (b'{"question": ""}', "question: This field may not be blank."),
        (b"{}", "question: This field is required."),
        (b'{"question": "x", "conversation": "7"}', "conversation: Must be a valid UUID."),
        (b'{"question": "' + b"x" * 70_000 + b'"}', "The body may have at most 64 KB."),
    ],
)
@pytest.mark.django_db
def test_bad_input_gets_one_sentence_and_asks_nothing(client, body, detail):
    scene = a_scene()
    response = client.post(
        "/api/v1/queries",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {scene.secret}"},
    )

    assert response.status_code == 400
    assert response.json()["detail"] == detail
    assert response.json()["request_id"] == response.headers["X-Request-ID"]
    with managing(scene.tenant.pk):
        assert not Query.objects.exists()
