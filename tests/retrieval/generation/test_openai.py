import asyncio
import gc
import logging
import time
import warnings
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

import httpx2
import openai
import pytest
from asgiref.sync import async_to_sync

from retrieval.errors import GeneratorUnavailable
from retrieval.generation.chat_errors import retry_after_seconds
from retrieval.generation.clients import _clients
from retrieval.generation.openai import OpenAIGenerator
from retrieval.interfaces import Draft
from tests.retrieval.generation.builders import permitted, query
from tests.support.openai_server import OpenAIServer, Reply, openai_server

KEY = "sk-very-secret-key"


def generator(server: OpenAIServer | str, **options: Any) -> OpenAIGenerator:
    base_url = server if isinstance(server, str) else server.base_url
    return OpenAIGenerator(base_url, KEY, "test-model", **{"timeout_seconds": 10.0, **options})


def begin(server: OpenAIServer | str, **options: Any) -> Draft:
    return generator(server, **options).draft(
        query("How many days of leave?"), permitted("Employees get 25 days of leave.")
    )


async def collect(draft: Draft, into: list[str]) -> None:
    async with aclosing(draft.pieces()) as pieces:
        async for piece in pieces:
            into.append(piece)


def written(draft: Draft) -> list[str]:
    pieces: list[str] = []
    asyncio.run(collect(draft, pieces))
    return pieces


def failure_of(draft: Draft) -> tuple[GeneratorUnavailable, list[str]]:
    pieces: list[str] = []
    with pytest.raises(GeneratorUnavailable) as raised:
        asyncio.run(collect(draft, pieces))
    return raised.value, pieces


def test_an_answer_streams_piece_by_piece_and_its_tokens_are_counted():
    with openai_server(Reply(pieces=("Twenty-five", " days [1]."), usage=(321, 12))) as server:
        draft = begin(server)
        pieces = written(draft)

    assert pieces == ["Twenty-five", " days [1]."]
    assert (draft.usage.model, draft.usage.input_tokens, draft.usage.output_tokens) == ("test-model", 321, 12)


def test_the_first_piece_arrives_before_the_last_is_written():
    async def first_then_leave(server: OpenAIServer) -> tuple[str, bool]:
        async with aclosing(begin(server).pieces()) as pieces:
            return await anext(pieces), server.requests[0].completed.is_set()

    with openai_server(Reply(pieces=("First", "never"), stall_before=1)) as server:
        assert asyncio.run(first_then_leave(server)) == ("First", False)


def test_the_request_streams_asks_for_usage_and_bounds_the_answer():
    with openai_server("Yes [1].") as server:
        written(begin(server, tokens_max=77))
        (request,) = server.requests

    assert request.body["stream"] is True
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.body["max_tokens"] == 77
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert [message["role"] for message in request.messages] == ["system", "user"]


def test_the_canary_that_was_sent_is_a_watchword():
    with openai_server("Yes [1].") as server:
        draft = begin(server)
        written(draft)
        system = server.requests[0].messages[0]["content"]

    canary, policy = draft.watchwords
    assert canary in system
    assert policy in system
    assert canary not in policy


def test_an_endpoint_that_does_not_count_leaves_zeros():
    with openai_server(Reply(pieces=("Yes [1].",), usage=None)) as server:
        draft = begin(server)
        written(draft)

    assert (draft.usage.input_tokens, draft.usage.output_tokens) == (0, 0)


@pytest.mark.parametrize(
    "pieces",
    [
        ("NOTHING_FOUND",),
        ("NOTH", "ING_", "FOUND", "\n"),
        ("`NOTHING_FOUND`.",),
        ("NOTHING_FOUND", " Sorry!"),
        (),
    ],
)
def test_a_model_that_finds_nothing_yields_no_piece(pieces: tuple[str, ...]):
    with openai_server(Reply(pieces=pieces)) as server:
        draft = begin(server)

        assert written(draft) == []
        assert draft.usage.input_tokens == 100


@pytest.mark.parametrize(
    "pieces", [("NOT", "HING else [1]."), ("N",), ("*NOTHING* is due [1].",), (" ", "Yes")]
)
def test_an_answer_that_only_begins_like_the_marker_is_whole(pieces: tuple[str, ...]):
    with openai_server(Reply(pieces=pieces)) as server:
        assert "".join(written(begin(server))) == "".join(pieces)


def test_no_permitted_chunk_means_no_request():
    with openai_server("Invented.") as server:
        assert written(generator(server).draft(query("Anything?"), permitted())) == []
        assert server.requests == []


def test_an_answer_cut_by_the_token_limit_ends_with_an_ellipsis():
    with openai_server(Reply(pieces=("Twenty-five", " da"), finish_reason="length")) as server:
        assert "".join(written(begin(server))) == "Twenty-five da…"


def test_a_model_that_used_its_tokens_before_answering_has_failed():
    with openai_server(Reply(pieces=(), finish_reason="length")) as server:
        error, _ = failure_of(begin(server))

    assert error.permanent
    assert "tokens" in str(error)


def test_an_answer_stopped_by_the_providers_filter_has_failed():
    with openai_server(Reply(pieces=("Some",), finish_reason="content_filter")) as server:
        error, pieces = failure_of(begin(server))

    assert pieces == ["Some"]
    assert error.permanent


def test_an_endpoint_that_ignores_its_token_limit_is_cut():
    with openai_server(Reply(pieces=["word "] * 1000)) as server:
        text = "".join(written(begin(server, tokens_max=10)))

    assert text.endswith("…")
    assert len(text) < 100


def leave(draft: Draft) -> None:
    async def take_one() -> None:
        async with aclosing(draft.pieces()) as pieces:
            await anext(pieces)

    asyncio.run(take_one())


def test_leaving_early_closes_the_connection_within_a_second():
    with openai_server(Reply(pieces=("One", "two"), stall_before=1)) as server:
        leave(begin(server))

        assert server.requests[0].client_left.wait(1.0)


def test_leaving_early_closes_the_connection_while_the_loop_lives_on():
    async def leave_and_stay(server: OpenAIServer) -> bool:
        async with aclosing(begin(server).pieces()) as pieces:
            await anext(pieces)
        return await asyncio.to_thread(server.requests[0].client_left.wait, 1.0)

    with openai_server(Reply(pieces=("One", "two"), stall_before=1)) as server:
        assert asyncio.run(leave_and_stay(server))


@pytest.mark.parametrize("reply", [Reply(first_piece_after_seconds=60), Reply(pieces="ab", stall_before=1)])
def test_a_cancelled_task_closes_the_connection_within_a_second(reply: Reply):
    async def cancelled(server: OpenAIServer) -> bool:
        task = asyncio.create_task(collect(begin(server), []))
        await asyncio.to_thread(server.asked.wait, 5.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await asyncio.to_thread(server.requests[0].client_left.wait, 1.0)

    with openai_server(reply) as server:
        assert asyncio.run(cancelled(server))


def test_a_busy_endpoint_is_asked_again_after_the_pause_it_names():
    replies = [Reply(status=429, headers={"retry-after": "1"}), Reply(pieces=("Yes [1].",))]
    with openai_server(replies) as server:
        assert written(begin(server)) == ["Yes [1]."]
        first, second = server.requests

    assert second.at - first.at >= 1.0


def test_a_pause_longer_than_the_time_left_is_not_waited_for():
    with openai_server(Reply(status=429, headers={"retry-after": "30"})) as server:
        started = time.monotonic()
        error, _ = failure_of(begin(server))

    assert time.monotonic() - started < 3
    assert not error.permanent
    assert "busy" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retries_are_bounded(status: int):
    with openai_server(Reply(status=status, headers={"retry-after-ms": "10"})) as server:
        error, pieces = failure_of(begin(server, retries_max=2))

    assert len(server.requests) == 3
    assert pieces == []
    assert not error.permanent


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_that_cannot_pass_is_not_retried(status: int):
    with openai_server(Reply(status=status)) as server:
        error, _ = failure_of(begin(server))

    assert len(server.requests) == 1
    assert error.permanent
    assert str(status) in str(error)


def test_a_used_up_quota_is_not_retried():
    with openai_server(Reply(status=429, error={"message": "no", "code": "insufficient_quota"})) as server:
        error, _ = failure_of(begin(server))

    assert len(server.requests) == 1
    assert error.permanent


def test_a_connection_cut_before_the_first_piece_is_retried():
    with openai_server([Reply(cut_before=0, pieces="a"), Reply(pieces=("Yes [1].",))]) as server:
        assert written(begin(server)) == ["Yes [1]."]


def test_a_connection_cut_in_the_middle_fails_and_is_never_retried():
    with openai_server(Reply(pieces=("Twenty", "-five"), cut_before=1)) as server:
        error, pieces = failure_of(begin(server))

    assert pieces == ["Twenty"]
    assert not error.permanent
    assert len(server.requests) == 1


def test_a_stream_that_ends_without_saying_that_it_is_complete_fails():
    with openai_server(Reply(pieces=("Twenty",), finish_reason=None)) as server:
        error, pieces = failure_of(begin(server))

    assert pieces == ["Twenty"]
    assert "broke off" in str(error)


def test_silence_in_the_middle_fails_after_its_limit():
    with openai_server(Reply(pieces=("One", "two"), stall_before=1)) as server:
        started = time.monotonic()
        error, pieces = failure_of(begin(server, silence_seconds_max=0.2))

        assert time.monotonic() - started < 5

        assert pieces == ["One"]
        assert "in time" in str(error)
        assert server.requests[0].client_left.wait(1.0)


def test_a_slow_first_piece_may_take_longer_than_silence_later():
    with openai_server(Reply(pieces=("Yes [1].",), first_piece_after_seconds=0.4)) as server:
        assert written(begin(server, silence_seconds_max=0.2)) == ["Yes [1]."]


def test_the_whole_answer_has_a_deadline_even_while_pieces_flow():
    with openai_server(Reply(pieces=["a"] * 1000, between_pieces_seconds=0.05)) as server:
        started = time.monotonic()
        error, pieces = failure_of(begin(server, timeout_seconds=0.5))

    assert pieces
    assert time.monotonic() - started < 2
    assert not error.permanent


def test_an_unreachable_endpoint_fails_without_naming_key_or_address():
    with openai_server() as server:
        gone = server.base_url
    error, _ = failure_of(begin(gone, retries_max=0))

    assert KEY not in str(error)
    assert "127.0.0.1" not in str(error)
    assert not error.permanent


def test_what_the_endpoint_says_is_neither_shown_nor_chained():
    quoting = {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}
    with openai_server(Reply(status=401, error=quoting)) as server:
        error, _ = failure_of(begin(server))

    assert KEY not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_nothing_that_is_asked_answered_or_quoted_is_logged(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with openai_server("A secret answer.") as server:
        written(begin(server))

    for words in ("secret answer", "days of leave", KEY):
        assert words not in caplog.text


def test_a_redirect_is_not_followed():
    with openai_server("Stolen.") as other:
        moved = Reply(status=307, headers={"location": f"{other.base_url}/chat/completions"})
        with openai_server(moved) as server:
            error, _ = failure_of(begin(server))

    assert other.requests == []
    assert error.permanent


@pytest.mark.parametrize("refused", ["max_tokens", "temperature", "stream_options"])
def test_an_option_that_the_model_refuses_by_name_is_left_out(refused: str):
    no = {"message": "unsupported", "code": "unsupported_parameter", "param": refused}
    with openai_server([Reply(status=400, error=no), Reply(pieces=("Yes [1].",))]) as server:
        assert written(begin(server, retries_max=0, tokens_max=77)) == ["Yes [1]."]
        body = server.requests[1].body

    assert refused not in body
    assert body.get("max_completion_tokens" if refused == "max_tokens" else "max_tokens") == 77


async def awaited(coroutine: Coroutine[Any, Any, None]) -> None:
    await coroutine


def test_one_generator_serves_many_event_loops_and_leaves_no_client_behind():
    with openai_server("Yes [1].") as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        shared = generator(server)
        for run in (asyncio.run, async_to_sync(awaited)):
            for _ in range(3):
                pieces: list[str] = []
                run(collect(shared.draft(query("Leave?"), permitted("Text.")), pieces))
                assert pieces == ["Yes [1]."]
        gc.collect()

    assert _clients == {}


def test_one_event_loop_keeps_its_client():
    async def twice(server: OpenAIServer) -> int:
        await collect(begin(server), [])
        await collect(begin(server), [])
        return len(_clients)

    with openai_server("Yes [1].") as server:
        assert asyncio.run(twice(server)) == 1


def test_many_answers_stream_at_once():
    async def all_at_once(server: OpenAIServer) -> list[list[str]]:
        answers: list[list[str]] = [[] for _ in range(50)]
        shared = generator(server)
        drafts = [shared.draft(query("Leave?"), permitted("Text.")) for _ in answers]
        await asyncio.gather(*(collect(draft, into) for draft, into in zip(drafts, answers, strict=True)))
        return answers

    with openai_server(Reply(pieces=("a", "b"), first_piece_after_seconds=0.1)) as server:
        assert asyncio.run(all_at_once(server)) == [["a", "b"]] * 50


def test_the_key_is_in_no_repr():
    draft = begin("http://127.0.0.1:1/v1")

    assert KEY not in repr(vars(draft))


def test_a_pause_may_be_given_as_a_date_and_nonsense_is_no_pause():
    def asked(header: str) -> float | None:
        response = httpx2.Response(
            429, headers={"retry-after": header}, request=httpx2.Request("POST", "http://x")
        )
        return retry_after_seconds(openai.RateLimitError("busy", response=response, body=None))

    assert asked("2.5") == 2.5
    assert asked("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert asked("soon") is None
    assert retry_after_seconds(TimeoutError()) is None


def test_a_draft_hands_out_an_async_generator():
    pieces = begin("http://127.0.0.1:1/v1").pieces()

    assert isinstance(pieces, AsyncGenerator)
