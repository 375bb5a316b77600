"""Which Redis is taken, and how it runs."""

import sys
from pathlib import Path

import pytest
from redis import Redis as Client

from ragsite.embedded.paths import Places
from ragsite.embedded.redis import answers, choose_server, packaged_server, version_of
from tests.ragsite.homes import services_in


def a_server(folder: Path, says: str) -> Path:
    """A program called redis-server that tells its version and does nothing else."""
    folder.mkdir()
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return program


def test_a_recent_server_of_the_machine_is_taken(tmp_path: Path) -> None:
    recent = a_server(tmp_path / "recent", "Redis server v=7.2.4 sha=00000000:0 malloc=libc bits=64")

    assert choose_server(str(recent.parent)) == recent


@pytest.mark.parametrize("version", ["6.0.16", "5.0.14", "6.1"])
def test_an_old_server_is_passed_over_for_the_next(tmp_path: Path, version: str) -> None:
    old = a_server(tmp_path / "old", f"Redis server v={version} sha=00000000:0")
    recent = a_server(tmp_path / "recent", "Redis server v=6.2.0 sha=00000000:0")

    assert choose_server(f"{old.parent}:{recent.parent}") == recent


@pytest.mark.parametrize("says", ["", "something else"])
def test_a_server_that_does_not_tell_its_version_is_passed_over(tmp_path: Path, says: str) -> None:
    silent = a_server(tmp_path / "silent", says)

    assert choose_server(str(silent.parent)) == packaged_server()


def test_the_one_in_our_own_environment_does_not_shadow_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    shadowing = a_server(tmp_path / "bin", "Redis server v=6.2.14 sha=00000000:0")
    machines = a_server(tmp_path / "machine", "Redis server v=8.0.1 sha=00000000:0")

    assert choose_server(f"{shadowing.parent}:{machines.parent}") == machines


def test_the_packaged_server_suffices() -> None:
    assert choose_server("") == packaged_server()
    assert version_of(packaged_server()) >= (6, 2)


def test_it_listens_on_its_socket_alone_and_writes_nothing_to_disk(bare_home: Places) -> None:
    with services_in(bare_home) as services:
        services.prepare()
        services.start_redis()
        client = Client(unix_socket_path=str(bare_home.redis_socket), decode_responses=True)
        client.set("key", "text")
        settings = {name: client.config_get(name)[name] for name in ("port", "save", "appendonly")}
        client.close()

        assert bare_home.redis_socket.stat().st_mode & 0o777 == 0o700
    assert settings == {"port": "0", "save": "", "appendonly": "no"}
    assert list(bare_home.redis_data.iterdir()) == []


def test_an_absent_server_does_not_answer(tmp_path: Path) -> None:
    assert not answers(tmp_path / "redis.sock")
