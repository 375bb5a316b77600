"""T-08: an open stream ends the moment its asker's right does, over real HTTP and real commits."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from django.conf import settings

from accounts.database import in_database, managing
from compliance.models import AuditEntry
from retrieval.models import Query
from tests.http.test_streams import QUESTION, Site, a_site, events_of, wait_for_closing
from tests.retrieval.standing.ways import HARMLESS, KEY_LOSSES, LOSSES, SESSION_LOSSES, Scene, happen
from tests.support.openai_server import Reply

# A model that goes on for a minute, and one that says a word and then nothing for a minute.
TALKING = Reply(pieces=("word ",) * 3000, between_pieces_seconds=0.02)
SILENT = Reply(pieces=("word ",) * 400, stall_before=390)
# Every other way is held by tests/retrieval/standing, on the same listener.
WAYS = {
    name: (LOSSES | KEY_LOSSES)[name]
    for name in (
        "the grant is revoked",
        "she leaves her group",
        "her account is closed",
        "the key is revoked",
    )
}


async def ask_and_lose(site: Site, headers: dict[str, str], way: Callable[[Scene], None]) -> str:
    """The whole body of a stream whose asker loses her right after the first words."""
    lost = threading.Event()

    def lose() -> None:
        happen(way, site.scene)
        lost.set()

    body = ""
    async with (
        httpx2.AsyncClient(timeout=60) as client,
        client.stream("POST", site.url, json=QUESTION, headers=headers) as response,
    ):
        losing = None
        async for text in response.aiter_text():
            body += text
            if losing is None and "event: delta" in body:
                losing = asyncio.ensure_future(in_database(lose))
        assert losing is not None, body
        await losing
    return body


def assert_cut(site: Site, body: str) -> None:
    name, payload = events_of(body)[-1]
    assert (name, payload["code"], payload["status"]) == ("error", "access_revoked", 403)
    assert "event: done" not in body
    assert site.model.requests[0].client_left.wait(30)
    wait_for_closing(site)
    with managing(site.tenant_id):
        assert AuditEntry.objects.get(event="query.closed").outcome == "revoked"
        assert Query.objects.get().answer == ""


@pytest.mark.parametrize("way", WAYS)
def test_t08_an_open_stream_ends_when(committed, monkeypatch, way):
    with a_site(TALKING, monkeypatch) as site:
        body = asyncio.run(ask_and_lose(site, streaming(site.headers), WAYS[way]))
        assert_cut(site, body)


def test_t08_a_stream_whose_model_is_silent_ends_as_well(committed, monkeypatch):
    with a_site(SILENT, monkeypatch) as site:
        body = asyncio.run(ask_and_lose(site, streaming(site.headers), WAYS["the grant is revoked"]))
        assert_cut(site, body)


def test_t08_a_stream_by_session_ends_with_the_session(committed, monkeypatch):
    with a_site(TALKING, monkeypatch) as site:
        headers = streaming(sign_in(site))
        body = asyncio.run(ask_and_lose(site, headers, SESSION_LOSSES["the session is ended"]))
        assert_cut(site, body)


def test_a_stream_goes_on_when_others_lose_their_rights(committed, monkeypatch):
    reply = Reply(pieces=(*(f"word{n} " for n in range(100)), "[1]."), between_pieces_seconds=0.02)
    with a_site(reply, monkeypatch) as site:
        body = asyncio.run(
            ask_and_lose(site, streaming(site.headers), HARMLESS["somebody else leaves the group"])
        )

    name, payload = events_of(body)[-1]
    assert (name, payload["outcome"]) == ("done", "answered")
    assert payload["text"].startswith("word0 word1")


def test_an_answer_in_one_piece_is_not_given_after_the_right_is_lost(committed, monkeypatch):
    with a_site(Reply(pieces=("27 ", "days [1]."), hold_before=1), monkeypatch) as site:
        status, body = asyncio.run(lose_while_waiting(site))

    assert (status, body["code"]) == (403, "access_revoked")
    assert "27" not in json.dumps(body)


async def lose_while_waiting(site: Site) -> tuple[int, dict[str, Any]]:
    async with httpx2.AsyncClient(timeout=60) as client:
        asking = asyncio.ensure_future(client.post(site.url, json=QUESTION, headers=site.headers))
        await asyncio.to_thread(site.model.asked.wait, 30)
        await in_database(happen, WAYS["the grant is revoked"], site.scene)
        site.model.go_on.set()
        response = await asking
    return response.status_code, response.json()


def streaming(headers: dict[str, str]) -> dict[str, str]:
    return headers | {"Accept": "text/event-stream"}


def sign_in(site: Site) -> dict[str, str]:
    """A browser's headers on the scene's session."""
    token = "t" * 32
    cookies = f"{settings.SESSION_COOKIE_NAME}={site.scene.session_key}; {settings.CSRF_COOKIE_NAME}={token}"
    return {"Cookie": cookies, "X-CSRFToken": token, "Origin": site.address}
