"""`manage.py create_key EMAIL --label "nightly report"`: a way in for a program."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.keys import make_key
from accounts.roles import Right
from accounts.scope import Sensitivity
from retrieval.management.lookup import find_member


class Command(BaseCommand):
    help = "Make an API key that acts as one member. Its secret is printed once and not kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the member whose rights the key has")
        parser.add_argument("--tenant", help="slug; needed for people with several tenants")
        parser.add_argument("--label", default="command line")
        parser.add_argument("--days", type=int, default=90, help="until it expires (default: 90)")
        parser.add_argument(
            "--scope",
            action="append",
            metavar="RIGHT",
            help="may be repeated; default: ask. See docs/permissions.md",
        )
        parser.add_argument(
            "--ceiling", help="public, internal, confidential or restricted; default: the member's"
        )
        parser.add_argument(
            "--address", action="append", metavar="NETWORK", help="such as 192.0.2.0/24; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["days"] < 1:
            raise CommandError("A key lasts at least one day.")
        expires_at = timezone.now() + timedelta(days=options["days"])
        membership = find_member(options["email"], options["tenant"])
        try:
            _, secret = make_key(
                None,
                membership,
                options["label"],
                scopes=scopes_named(options["scope"] or [Right.ASK.value]),
                expires_at=expires_at,
                ceiling=ceiling_named(options["ceiling"]),
                addresses=options["address"] or (),
            )
        except ValidationError as error:
            raise CommandError(str(error.messages[0])) from None
        self.stdout.write(secret)
        self.stderr.write(f"Valid until {expires_at:%Y-%m-%d}; shown this once.")


def scopes_named(names: list[str]) -> list[Right]:
    known = [right.value for right in Right]
    for name in names:
        if name not in known:
            raise CommandError(f"There is no right '{name[:40]}'. Choose from: {', '.join(known)}.")
    return [Right(name) for name in names]


def ceiling_named(name: str | None) -> Sensitivity | None:
    levels = [level.name.lower() for level in Sensitivity]
    if name is None:
        return None
    if name not in levels:
        raise CommandError(f"There is no level '{name[:40]}'. Choose from: {', '.join(levels)}.")
    return Sensitivity[name.upper()]
