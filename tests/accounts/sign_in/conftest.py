"""People at the door, and what is told of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.events import happened

PASSWORD = "correct horse battery staple"


ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"
PBKDF2 = "django.contrib.auth.hashers.PBKDF2PasswordHasher"


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    """A hash a tenth of a second long, some hundred times over, would be a minute."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", PBKDF2]


@pytest.fixture
def real_hashes(quick_hashes: None, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [ARGON2, PBKDF2]


@dataclass
class Told:
    """What was told while a test ran, oldest first."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def names(self) -> list[str]:
        return [event["event"] for event in self.events]

    def last(self, name: str) -> dict[str, Any]:
        return [event for event in self.events if event["event"] == name][-1]


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()

    def listen(sender: Any, **event: Any) -> None:
        told.events.append(event)

    happened.connect(listen)
    yield told
    happened.disconnect(listen)


@pytest.fixture
def door(db: None) -> Client:
    """A browser without a session, from an address that has not failed yet."""
    cache.clear()
    return Client()


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str):
    return client.post("/sign-in/", {"username": email, "password": password, **more})
