"""`manage.py break-glass --tenant acme --user root@example.org --reason "..."`: emergency access."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.break_glass import MINUTES, MINUTES_MAX, end_stay, open_stay
from accounts.models import BreakGlass, Tenant, User
from accounts.refusals import Refusal


class Command(BaseCommand):
    help = "Open emergency access to a tenant for a platform administrator, or end it. Its owners are told."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="slug")
        parser.add_argument("--user", required=True, help="address of a platform administrator")
        parser.add_argument("--reason", default="", help="for the owners and the audit trail")
        parser.add_argument(
            "--minutes", type=int, default=MINUTES, help=f"at most {MINUTES_MAX}; default {MINUTES}"
        )
        parser.add_argument("--end", action="store_true", help="end the access that is open")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant '{options['tenant']}'.")
        user = User.objects.filter(email__iexact=options["user"]).first()
        if user is None:
            raise CommandError(f"Nobody has the address '{options['user']}'.")
        if options["end"]:
            self.end(tenant, user)
            return
        try:
            stay = open_stay(user, tenant, options["reason"], options["minutes"])
        except Refusal as refusal:
            raise CommandError(str(refusal.message)) from None
        self.stdout.write(
            f"Open until {stay.expires_at:%H:%M} UTC. The owners of '{tenant.slug}' have been told."
        )

    def end(self, tenant: Tenant, user: User) -> None:
        stays = BreakGlass.objects.open_now().filter(tenant=tenant, user=user)
        ended = [stay for stay in stays if end_stay(stay, None)]
        self.stdout.write("Ended." if ended else "No emergency access is open.")
