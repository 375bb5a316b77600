"""Confirm that a tenant owns the domain it claims."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.events import tell
from accounts.models import TenantDomain
from accounts.models.sign_in import normalise_domain


class Command(BaseCommand):
    help = (
        "Confirm, after checking it, that a tenant owns a domain it claims; only then it counts for sign-in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="the tenant's slug")
        parser.add_argument("domain", help="such as example.org")
        parser.add_argument("--withdraw", action="store_true", help="take the confirmation back")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            domain = normalise_domain(options["domain"])
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        claim = TenantDomain.objects.filter(domain=domain, tenant__slug=options["tenant"]).first()
        if claim is None:
            raise CommandError(
                f"The tenant '{options['tenant']}' claims no domain '{domain}'; it does so in the admin."
            )
        claim.confirmed_at = None if options["withdraw"] else timezone.now()
        claim.save(update_fields=["confirmed_at"])
        event = "domain.withdrawn" if options["withdraw"] else "domain.confirmed"
        tell(event, tenant_id=claim.tenant_id, object_pk=str(claim.pk))
        self.stdout.write(f"{domain}: {event.removeprefix('domain.')} for {options['tenant']}.")
