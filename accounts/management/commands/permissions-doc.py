"""`manage.py permissions-doc`: write docs/permissions.md anew."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from accounts.roles_doc import permissions_page


class Command(BaseCommand):
    help = "Write the page of roles and rights from the table in accounts/roles.py."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", default="docs/permissions.md", help="default: docs/permissions.md")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.RAGSITE_ROOT) / options["out"]
        path.write_text(permissions_page())
        self.stdout.write(f"Wrote {path}.")
