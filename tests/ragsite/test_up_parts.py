"""The pieces of `make up` that need no services."""

import io
import json
from pathlib import Path

import pytest

from ragsite.embedded.errors import CannotStart
from ragsite.up.checks import Check, passes
from ragsite.up.lock import AlreadyRunning, sole_supervisor
from ragsite.up.logins import login_lines
from ragsite.up.plan import check_port, usual_plan
from ragsite.up.prepared import Prepared, fingerprint
from ragsite.up.screen import Screen
from ragsite.up.supervisor import check_database
from tests.ragsite.up_program import ROOT, Places

LOGIN = {"tenant": "acme", "role": "reader", "email": "r@acme.example", "password": "a b c"}


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_an_impossible_port_is_refused(port: int) -> None:
    with pytest.raises(CannotStart, match="between 1 and 65535"):
        check_port(port)


def test_ragsite_is_a_web_server_a_worker_and_a_clock(tmp_path: Path) -> None:
    plan = usual_plan(ROOT, Places(home=tmp_path), 8123, database_url="", redis_url="")

    assert [part.name for part in plan.parts] == ["web", "worker", "beat"]
    assert "--port=8123" in plan.parts[0].command
    assert "--host=127.0.0.1" in plan.parts[0].command
    assert plan.environment["RAGSITE_HOME"] == str(tmp_path)


def test_the_checkout_is_free_again_once_its_supervisor_is_gone(tmp_path: Path) -> None:
    with sole_supervisor(tmp_path, "http://one"), pytest.raises(AlreadyRunning, match="http://one"):
        sole_supervisor(tmp_path, "http://two").__enter__()

    with sole_supervisor(tmp_path, "http://two"):
        assert json.loads((tmp_path / "up.lock").read_text())["address"] == "http://two"


def test_logins_are_a_table(tmp_path: Path) -> None:
    (tmp_path / "logins.json").write_text(json.dumps([LOGIN]))

    assert login_lines(tmp_path / "logins.json") == [
        "tenant  role    email           password",
        "acme    reader  r@acme.example  a b c",
    ]


def test_without_a_demonstration_there_are_no_logins(tmp_path: Path) -> None:
    assert login_lines(tmp_path / "logins.json") == []


def test_changed_code_is_prepared_for_again(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("django==5.2")
    (tmp_path / "accounts").mkdir()
    before = fingerprint(tmp_path)

    (tmp_path / "accounts" / "models.py").write_text("changed = True")

    assert fingerprint(tmp_path) != before


def test_a_record_holds_for_what_was_prepared_and_is_gone_when_forgotten(tmp_path: Path) -> None:
    record = Prepared(home=tmp_path)
    record.remember(fingerprint="one")
    record.remember_demonstration("postgresql://one")

    assert record.holds_for("one")
    assert not record.holds_for("two")
    assert record.demonstration_loaded_into("postgresql://one")
    assert not record.demonstration_loaded_into("postgresql://two")
    record.forget()
    assert not record.holds_for("one")


def test_the_record_does_not_spell_out_the_password_of_a_database(tmp_path: Path) -> None:
    record = Prepared(home=tmp_path)
    record.remember_demonstration("postgresql://owner:hunter2@db/ragsite")

    assert "hunter2" not in record.path.read_text()


def test_steps_are_plain_lines_where_nobody_watches() -> None:
    out = io.StringIO()
    with Screen(out).step("Starting Redis"):
        pass

    assert out.getvalue() == "- Starting Redis\n"


def test_a_database_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="The database of DATABASE_URL does not answer"):
        check_database(f"postgresql:///ragsite?host={tmp_path}")


def test_a_failing_check_shows_its_output_and_a_passing_one_its_line_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert passes(Check(name="good", command=("sh", "-c", "echo noise")))
    assert not passes(Check(name="bad", command=("sh", "-c", "echo reason >&2; exit 1")))

    said = capsys.readouterr().out
    assert "noise" not in said
    assert "reason" in said
    assert [line.split()[:2] for line in said.splitlines() if " s" in line] == [
        ["good", "passed"],
        ["bad", "FAILED"],
    ]
