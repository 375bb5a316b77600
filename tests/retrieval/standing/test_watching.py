"""Watches over open answers, with a real listener on a real database."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
import pytest
from asgiref.sync import async_to_sync
from django.db import connection, connections

from accounts import news as rights_news
from accounts.database import in_database
from accounts.news import RightsNews, connection_parameters, news_of_this_loop
from accounts.resolve import scope_of
from accounts.scope import Credential
from retrieval.errors import AccessRevoked
from retrieval.standing import watching
from retrieval.standing.watching import ClaimWatch, DatabaseStanding
from retrieval.values.questions import Question
from tests.retrieval.standing.ways import HARMLESS, KEY_LOSSES, LOSSES, Scene, a_scene, happen

Work = Callable[[DatabaseStanding, Question], Awaitable[None]]


def a_question(scene: Scene) -> Question:
    credential = Credential(user_id=scene.membership.user_id, key_id=scene.key.pk)
    return Question(text="?", scope=scope_of(scene.membership, scene.key), credential=credential)


def in_a_loop(work: Work, question: Question) -> None:
    """Run in a server's way: a loop of its own, connections on threads, a listener."""

    async def run() -> None:
        try:
            await work(DatabaseStanding(), question)
        finally:
            listener = news_of_this_loop()._task
            if listener:
                listener.cancel()
                with suppress(asyncio.CancelledError):
                    await listener

    connection.close()
    asyncio.run(run())
    connections["owner"].close()


async def listening() -> RightsNews:
    """The loop's listener once it hears."""
    news = news_of_this_loop()
    heard = asyncio.Event()
    until = news.subscribe(["test"], heard.set)
    while not news.live:
        heard.clear()
        await in_database(tell, "test")
        with suppress(TimeoutError):
            await asyncio.wait_for(heard.wait(), 0.2)
    until()
    return news


def tell(subject: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select accounts_tell(array[%s])", [subject])


async def lost(watch: ClaimWatch) -> None:
    """Wait until the watch has lost, by itself."""
    ended = asyncio.Event()
    watch.on_loss(ended.set)
    if not watch.lost:
        await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize("way", LOSSES | {k: v for k, v in KEY_LOSSES.items() if k != "her grant ends"})
def test_an_idle_answer_ends_by_itself_when(committed, way):
    scene = a_scene()

    async def work(standing: DatabaseStanding, question: Question) -> None:
        await listening()
        async with standing.watch(question) as watch:
            watch.rests_on([scene.document.pk])
            await watch.confirm()
            await in_database(happen, (LOSSES | KEY_LOSSES)[way], scene)
            await lost(watch)
            with pytest.raises(AccessRevoked):
                await watch.confirm()

    in_a_loop(work, a_question(scene))


@pytest.mark.parametrize("way", HARMLESS)
def test_an_answer_goes_on_when(committed, way):
    scene = a_scene()

    async def work(standing: DatabaseStanding, question: Question) -> None:
        await listening()
        async with standing.watch(question) as watch:
            watch.rests_on([scene.document.pk])
            await in_database(happen, HARMLESS[way], scene)
            # News is heard in the order of its commits: after this, that of before was heard as well.
            await in_database(tell, f"user:{scene.membership.user_id}")
            await in_database(happen, HARMLESS["somebody else is granted it"], scene)
            await watch.confirm()
            assert not watch.lost

    in_a_loop(work, a_question(scene))


def test_nothing_is_asked_of_the_database_while_nothing_happens(committed, monkeypatch):
    scene = a_scene()
    looked_up: list[int] = []
    looks = watching.standing
    monkeypatch.setattr(
        watching, "standing", lambda claims: (looked_up.append(len(claims)), looks(claims))[1]
    )

    async def work(standing: DatabaseStanding, question: Question) -> None:
        news = await listening()
        # What was said before this question began is no news about it.
        news._recent.clear()
        news._deaf_until = float("-inf")
        async with standing.watch(question) as watch:
            watch.rests_on([scene.document.pk])
            for _ in range(100):
                await watch.confirm()
        assert looked_up == []

    in_a_loop(work, a_question(scene))


def test_answers_in_doubt_together_are_looked_up_in_few_statements(committed, monkeypatch):
    scene = a_scene()
    batches: list[int] = []
    looks = watching.standing
    monkeypatch.setattr(watching, "standing", lambda claims: (batches.append(len(claims)), looks(claims))[1])

    async def work(standing: DatabaseStanding, question: Question) -> None:
        await listening()
        watches = [standing.watch(question) for _ in range(50)]
        opened = [await watch.__aenter__() for watch in watches]
        await asyncio.gather(*(watch.confirm() for watch in opened))
        batches.clear()
        await in_database(happen, LOSSES["her membership ends"], scene)
        await asyncio.gather(*(lost(watch) for watch in opened))
        assert max(batches) > 20
        for watch in watches:
            await watch.__aexit__(None, None, None)

    in_a_loop(work, a_question(scene))


def test_what_happened_before_the_evidence_was_known_counts(committed):
    """A group left while the search still runs with the groups of before."""
    scene = a_scene()

    async def work(standing: DatabaseStanding, question: Question) -> None:
        await listening()
        async with standing.watch(question) as watch:
            await in_database(happen, LOSSES["she leaves her group"], scene)
            await in_database(tell, f"user:{scene.membership.user_id}")
            await watch.confirm()  # the person herself may go on
            watch.rests_on([scene.document.pk])
            with pytest.raises(AccessRevoked):
                await watch.confirm()

    in_a_loop(work, a_question(scene))


def test_what_happened_just_before_the_watch_began_counts(committed):
    scene = a_scene()

    async def work(standing: DatabaseStanding, question: Question) -> None:
        await listening()
        await in_database(happen, LOSSES["the grant is revoked"], scene)
        async with standing.watch(question) as watch:
            watch.rests_on([scene.document.pk])
            with pytest.raises(AccessRevoked):
                await watch.confirm()

    in_a_loop(work, a_question(scene))


def test_a_deaf_listener_is_not_relied_on(committed, monkeypatch):
    """Without a heartbeat every piece is looked up, whether there was news or not."""
    scene = a_scene()
    monkeypatch.setattr(rights_news, "CHANNEL", "nothing_is_said_here")
    monkeypatch.setattr(RightsNews, "live", property(lambda news: False))

    async def work(standing: DatabaseStanding, question: Question) -> None:
        async with standing.watch(question) as watch:
            watch.rests_on([scene.document.pk])
            await watch.confirm()
            await in_database(happen, LOSSES["the grant is revoked"], scene)
            with pytest.raises(AccessRevoked):
                await watch.confirm()

    in_a_loop(work, a_question(scene))


def test_a_listener_whose_connection_broke_listens_again_and_doubts_everything(committed):
    scene = a_scene()

    async def work(standing: DatabaseStanding, question: Question) -> None:
        news = await listening()
        async with standing.watch(question) as watch:
            watch.rests_on([scene.document.pk])
            await watch.confirm()
            await asyncio.to_thread(connect_as, "owner", WITHOUT_A_WORD)
            await asyncio.to_thread(connect_as, "default", CUT_LISTENERS)
            await lost(watch)
        assert news._task is not None
        assert not news._task.done()

    in_a_loop(work, a_question(scene))


WITHOUT_A_WORD = "alter table accounts_delegation disable trigger user; delete from accounts_delegation"
CUT_LISTENERS = """select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
                      and query in ('select 1', 'listen ragsite_rights')"""


def connect_as(alias: str, statement: str) -> None:
    settings = connections[alias].settings_dict
    parameters = connection_parameters() | {"user": settings["USER"], "password": settings["PASSWORD"]}
    with psycopg.connect(**parameters, autocommit=True) as direct:
        direct.execute(statement)


def test_a_database_that_fails_lets_nothing_more_out(committed, monkeypatch):
    scene = a_scene()

    def broken(claims: object) -> list[bool]:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(watching, "standing", broken)

    async def work(standing: DatabaseStanding, question: Question) -> None:
        await listening()
        async with standing.watch(question) as watch:
            watch.doubt()
            for _ in range(2):
                with pytest.raises(psycopg.OperationalError):
                    await watch.confirm()

    in_a_loop(work, a_question(scene))


def test_below_a_command_the_right_is_looked_up_at_the_end(committed):
    scene = a_scene()

    async def work(question: Question) -> None:
        async with DatabaseStanding().watch(question) as watch:
            watch.rests_on([scene.document.pk])
            await watch.confirm()
            await in_database(happen, LOSSES["her membership ends"], scene)
            with pytest.raises(AccessRevoked):
                await watch.confirm()

    async_to_sync(work)(a_question(scene))
