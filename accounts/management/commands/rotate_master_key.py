"""Wrap every tenant's key anew after a new master key was put first."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.tenant_keys import KeyUnavailable, rewrap_all, wrapping_id


class Command(BaseCommand):
    help = (
        "Wrap every organisation's key under the first key of RAGSITE_MASTER_KEY. Files stay as they are. "
        "Once it says 0, the older master keys can be taken away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rewrapped = rewrap_all()
        except KeyUnavailable as reason:
            raise CommandError(str(reason)) from None
        self.stdout.write(f"{rewrapped} keys were wrapped anew under the master key '{wrapping_id()}'.")
