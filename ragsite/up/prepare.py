"""Brings database, encoder and demonstration up to date, in one process: `python -m ragsite.up.prepare`."""

import logging
import os
import sys
import traceback
from pathlib import Path

import structlog

from ragsite.env import ROOT, environment, home
from ragsite.up.prepared import Prepared, fingerprint
from ragsite.up.screen import Screen


def prepare(screen: Screen) -> None:
    """Migrate as the owner, grant to the application's role, build the encoder, load the demonstration."""
    import django  # here, so that a broken setting is reported like any other failure
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    with screen.step("Loading ragsite"):
        django.setup()
    # Events that all went well are for logs; here a person watches a progress bar.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with screen.step("Migrating the database"):
        call_command("migrate", database="owner", interactive=False, verbosity=0)
    with screen.step("Granting the application its rights"):
        call_command("grant_application_role", stdout=_Silence())
    with screen.step("Looking for files to encrypt"):
        call_command("adopt_originals", stdout=_Silence())
    if "local" in (environment().encoder, environment().next_encoder):
        screen.say("  Preparing the encoder")
        call_command("prepare_encoder")
    _load_demonstration(screen)


def _load_demonstration(screen: Screen) -> None:
    from django.core.management import call_command

    record = Prepared(home=home().home)
    database = environment().database_url.get_secret_value()
    if not environment().demonstration or record.demonstration_loaded_into(database):
        return
    screen.say("  Loading the demonstration")
    call_command("load_demonstration")
    record.remember_demonstration(database)


class _Silence:
    def write(self, text: str) -> None:
        pass


def main(log: Path) -> int:
    try:
        # Taken first: code that changes meanwhile is prepared for again at the next start.
        before = fingerprint(ROOT)
        prepare(Screen())
        Prepared(home=home().home).remember(fingerprint=before)
    except Exception as error:
        # The boundary of the process: whatever it was, the supervisor shows its last line.
        reason = " ".join(str(error).split()) or type(error).__name__
        log.write_text(f"{traceback.format_exc()}\n{reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(home().logs / "prepare.log"))
