"""The embedded PostgreSQL: who may enter, and what it survives."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from ragsite.embedded.errors import CannotStart
from ragsite.embedded.paths import Places
from ragsite.embedded.postgres import Postgres, forget_dead_server
from ragsite.embedded.roles import APPLICATION, OWNER, ensure_roles
from ragsite.embedded.secrets import ensure_secrets
from ragsite.embedded.services import Services
from tests.ragsite.homes import a_home, copy_of, services_in


def connect(places: Places, user: str, password: str, database: str = "ragsite") -> psycopg.Connection:
    return psycopg.connect(
        host=str(places.run), user=user, password=password, dbname=database, autocommit=True
    )


@pytest.fixture(scope="module")
def running(made_home: Places) -> Iterator[tuple[Places, dict[str, str]]]:
    """A server that the tests of this file only look at."""
    with a_home() as places:
        copy_of(made_home, places)
        with services_in(places) as services:
            secrets = services.prepare()
            services.start_postgres(secrets)
            yield places, secrets


@pytest.mark.parametrize("user", ["postgres", OWNER, APPLICATION])
@pytest.mark.parametrize("password", ["", "guessed"])
def test_nobody_enters_without_the_password(
    running: tuple[Places, dict[str, str]], user: str, password: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        connect(running[0], user, password)


def test_nobody_else_reaches_the_socket_and_nothing_listens_on_the_network(
    running: tuple[Places, dict[str, str]],
) -> None:
    places, secrets = running
    with connect(places, OWNER, secrets["owner_password"]) as connection:
        listening = connection.execute("SHOW listen_addresses").fetchone()

    assert places.run.stat().st_mode & 0o777 == 0o700
    assert (places.run / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    assert listening == ("",)


@pytest.mark.parametrize("role", [OWNER, APPLICATION])
def test_no_role_of_ours_is_above_row_level_security(
    running: tuple[Places, dict[str, str]], role: str
) -> None:
    places, secrets = running
    with connect(places, OWNER, secrets["owner_password"]) as connection:
        powers = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = %s",
            [role],
        ).fetchone()

    assert powers == (False, False, False, False)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE stolen (id int)", "CREATE DATABASE stolen", "CREATE TEMP TABLE t ()"]
)
def test_the_application_role_can_make_nothing(
    running: tuple[Places, dict[str, str]], statement: str
) -> None:
    places, secrets = running
    with (
        connect(places, APPLICATION, secrets["application_password"]) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_the_owner_can_make_a_database_that_has_vectors(running: tuple[Places, dict[str, str]]) -> None:
    places, secrets = running
    with connect(places, OWNER, secrets["owner_password"]) as connection:
        connection.execute("CREATE DATABASE test_made")
    with connect(places, OWNER, secrets["owner_password"], "test_made") as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        distance = connection.execute("SELECT '[1,0]'::vector <=> '[1,0]'::vector").fetchone()

    assert distance == (0.0,)


def test_the_server_has_the_settings_we_chose(running: tuple[Places, dict[str, str]]) -> None:
    places, secrets = running
    names = ("jit", "random_page_cost", "max_connections", "password_encryption", "log_min_error_statement")
    with connect(places, OWNER, secrets["owner_password"]) as connection:
        found = [connection.execute(f"SHOW {name}").fetchone() for name in names]

    assert found == [("off",), ("1.1",), ("100",), ("scram-sha-256",), ("panic",)]


def test_our_servers_keep_acknowledged_writes(home: Places) -> None:
    with services_in(home) as services:
        services.durable = True
        secrets = services.prepare()
        services.start_postgres(secrets)
        with connect(home, OWNER, secrets["owner_password"]) as connection:
            found = [
                connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")
            ]

    assert found == [("on",), ("on",)]


def test_a_killed_server_comes_back_with_its_rows(home: Places) -> None:
    with services_in(home) as services:
        services.durable = True
        secrets = services.prepare()
        services.start_postgres(secrets)
        with connect(home, OWNER, secrets["owner_password"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        kill_everything(services)
    with services_in(home) as services:
        services.start_postgres(services.prepare())
        with connect(home, OWNER, secrets["owner_password"]) as connection:
            kept = connection.execute("SELECT number FROM kept").fetchone()

    assert kept == (7,)


def test_a_process_number_that_another_program_got_is_no_obstacle(home: Places) -> None:
    with services_in(home) as services:
        secrets = services.prepare()
        other = services.children.start("other", ["sleep", "600"], account=services.account)
        for lock in (home.postgres_data / "postmaster.pid", home.run / ".s.PGSQL.5432.lock"):
            lock.write_text(f"{other.process.pid}\n{home.postgres_data}\n")

        services.start_postgres(secrets)

        assert services.children.first_dead() is None


def test_the_lock_of_a_running_server_stays(running: tuple[Places, dict[str, str]]) -> None:
    lock = running[0].postgres_data / "postmaster.pid"

    forget_dead_server(lock)

    assert lock.exists()


def test_a_data_folder_of_another_version_is_refused_with_a_sentence(home: Places) -> None:
    (home.postgres_data / "PG_VERSION").write_text("16\n")

    with (
        services_in(home) as services,
        pytest.raises(CannotStart, match=r"made by PostgreSQL 16 .* brings 18"),
    ):
        services.start_postgres(services.prepare())


def test_an_interrupted_making_leaves_no_data_folder(bare_home: Places) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with services_in(bare_home) as services:
        secrets = services.prepare()
        server = Postgres(places=bare_home, secrets=secrets, account=services.account, durable=False)
        with pytest.raises(KeyboardInterrupt):
            server.create(services.children, interrupt)

    assert not bare_home.postgres_data.exists()
    assert not (bare_home.ground / "postgres.password").exists()


def test_secrets_that_do_not_fit_the_database_are_named_as_the_cause(home: Places) -> None:
    home.secrets.unlink()

    with services_in(home) as services, pytest.raises(CannotStart, match="does not fit the database"):
        services.start_postgres(services.prepare())


def test_a_checkout_with_a_long_path_has_a_database(made_home: Places) -> None:
    with a_home("deep/" * 40 + "home") as places:
        copy_of(made_home, places)
        with services_in(places) as services:
            secrets = services.prepare()
            services.start_postgres(secrets)
            with connect(places, APPLICATION, secrets["application_password"]) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)


def test_two_installations_run_side_by_side(home: Places, running: tuple[Places, dict[str, str]]) -> None:
    with services_in(home) as services:
        secrets = services.prepare()
        services.start_postgres(secrets)
        with connect(home, OWNER, secrets["owner_password"]) as connection:
            connection.execute("CREATE TABLE only_here ()")

    places, secrets = running
    with connect(places, OWNER, secrets["owner_password"]) as connection:
        assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)


def test_roles_are_made_once(running: tuple[Places, dict[str, str]]) -> None:
    places, secrets = running

    ensure_roles(places.run, secrets)

    with connect(places, OWNER, secrets["owner_password"]) as connection:
        found = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'ragsite%%'").fetchone()
    assert found == (2,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may not run PostgreSQL itself")
def test_root_runs_it_as_another_account_even_from_a_closed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_home("open") as open_ground:
        monkeypatch.setattr("ragsite.embedded.paths.OPEN_GROUND", open_ground.home)
        open_ground.home.mkdir(mode=0o711)
        tmp_path.chmod(0o700)
        places = Places(home=tmp_path / "home")
        with services_in(places) as services:
            secrets = services.prepare()
            services.start_postgres(secrets)
            server = psutil.Process(services.children.running[0].process.pid)

            assert server.uids().effective != 0
            assert ensure_secrets(places.secrets) == secrets
            assert places.secrets.stat().st_uid == 0


def kill_everything(services: Services) -> None:
    for child in services.children.running:
        child.process.send_signal(signal.SIGKILL)
        child.process.wait()
