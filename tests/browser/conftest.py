"""Chromium, and a real uvicorn process on this test process's database."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.people import Site, furnish
from tests.support import databases

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


# Scoped to a module: while Playwright runs, this thread has an event loop, in which other tests could
# not call async code from sync.
@pytest.fixture(scope="module")
def browser(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not on this machine: the browser tests do not run.")
    # Beside an event loop this thread gets Django connections of their own; one that stayed open out
    # here could not be closed from in there, and would keep the database from being thrown away.
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        connection.close()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(django_db_blocker: pytest.FixtureRequest, browser: Browser) -> Iterator[Site]:
    """A furnished database and the scripted site on it. Tests of one module share both."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock(), sync_database_calls_beside_playwright():  # type: ignore[attr-defined]
        furnished = furnish()
        with serving("tests.browser.scripted_app:application") as address:
            yield replace(furnished, address=address)
        wait_for_backends_to_leave(str(connection.settings_dict["NAME"]))
        databases.clone_for(worker)


def wait_for_backends_to_leave(name: str) -> None:
    """The server's processes outlive the site's by a moment, and the owner may not end another role's."""
    databases.use("postgres")
    with databases.maintenance() as server:
        count = "select count(*) from pg_stat_activity where datname = %s and pg_sleep(0.02) is not null"
        for _ in range(250):
            if server.execute(count, [name]).fetchone() == (0,):
                return


@contextmanager
def sync_database_calls_beside_playwright() -> Iterator[None]:
    # Django refuses them in a thread with an event loop; Playwright's own never runs any of them.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        yield
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@contextmanager
def serving(application: str) -> Iterator[str]:
    """Run a uvicorn process for `application`; yields its address."""
    owner = settings.DATABASES["owner"]
    credentials = f"{quote(owner['USER'])}:{quote(owner['PASSWORD'])}"
    small = {"RAGSITE_UPLOAD_BYTES_MAX": str(20 * 1024 * 1024)}  # so that a test can exceed it
    environment = (
        small
        | os.environ
        | {
            "DATABASE_URL": f"postgresql://{credentials}@/{connection.settings_dict['NAME']}"
            f"?host={quote(owner['HOST'], safe='')}&port={owner['PORT']}",
            "RAGSITE_APPLICATION_ROLE": settings.DATABASES["default"]["USER"],
            "RAGSITE_HOME": str(settings.RAGSITE_HOME),
        }
    )
    command = [sys.executable, "-m", "tests.browser.serve", application]
    with subprocess.Popen(
        command, cwd=settings.RAGSITE_ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "The site did not start; its output is above."
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A tab without a history or a session."""
    context = browser.new_context(base_url=site.address)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()
