"""Starts the test services before pytest-django reads the settings; `-p ragsite.embedded.pytest_plugin`."""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ragsite.embedded.errors import CannotStart
from ragsite.embedded.testing import start

_services = ExitStack()
# A run that fails before it is configured never comes to the hook below.
atexit.register(_services.close)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    try:
        _services.enter_context(start())
    except CannotStart as reason:
        raise pytest.UsageError(f"The test services cannot start: {reason}") from reason
    return (yield)


def pytest_unconfigure() -> None:
    _services.close()
