"""`manage.py create_key EMAIL --label "nightly report"`: a way in for a program."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey
from retrieval.management.lookup import find_member


class Command(BaseCommand):
    help = "Make an API key that acts as one member. Its secret is printed once and not kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the member whose rights the key has")
        parser.add_argument("--tenant", help="slug; needed for people with several tenants")
        parser.add_argument("--label", default="command line")
        parser.add_argument("--days", type=int, default=90, help="until it expires (default: 90)")

    def handle(self, *args: Any, **options: Any) -> None:
        membership = find_member(options["email"], options["tenant"])
        expires_at = timezone.now() + timedelta(days=options["days"])
        with managing(membership.tenant_id):
            _, secret = ApiKey.objects.issue(membership, options["label"], expires_at)
        self.stdout.write(secret)
        self.stderr.write(f"Valid until {expires_at:%Y-%m-%d}; shown this once.")
