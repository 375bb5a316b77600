"""`manage.py explain-access --user mia@acme.example --document "Salary bands"`."""

import json
import sys
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.database import managing
from accounts.models import Membership, Tenant, User
from accounts.resolve import emergency_memberships
from retrieval.access.explain import Explanation, explain, member_of
from retrieval.management.lookup import find_tenant
from retrieval.models import Document

NOT_READABLE, MISTAKE = 1, 2
NAMED_MAX = 5


class Command(BaseCommand):
    help = "Say whether a person may read a document and why. Exit status: 0 yes, 1 no, 2 a mistake."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--document", required=True, metavar="ID-OR-TITLE")
        parser.add_argument("--tenant", help="slug; needed for people with several tenants, or with none")
        parser.add_argument("--json", action="store_true", help="print the explanation as one JSON line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = find_user(options["user"])
            tenant = find_tenant(options["tenant"]) if options["tenant"] else tenant_of(user)
            document = find_document(tenant, options["document"])
        except CommandError as error:
            raise CommandError(str(error), returncode=MISTAKE) from error
        explained = explain(tenant.pk, membership_of(user, tenant), document)
        self.print_json(explained) if options["json"] else self.print_words(explained, document, user)
        sys.exit(0 if explained.readable else NOT_READABLE)

    def print_words(self, explained: Explanation, document: Document, user: User) -> None:
        verdict = "may read" if explained.readable else "may not read"
        self.stdout.write(f"{user.email} {verdict} '{document.title}'. {explained.decided_by.sentence}")
        for check in explained.checks:
            self.stdout.write(f"  {'yes' if check.passed else 'NO ':<4}{check.sentence}")
        for deciding in explained.grants[:1]:
            path = " > ".join(group.name for group in deciding.path)
            self.stdout.write(f"  by grant {deciding.grant.number}{f', through {path}' if path else ''}")

    def print_json(self, explained: Explanation) -> None:
        grants = [
            {
                "number": deciding.grant.number,
                "on": deciding.grant.on,
                "grantee": {"kind": deciding.grant.grantee.kind, "id": deciding.grant.grantee.id},
                "path": [group.id for group in deciding.path],
                "expires_at": deciding.grant.expires_at and deciding.grant.expires_at.isoformat(),
            }
            for deciding in explained.grants
        ]
        checks = [
            {"rule": check.rule, "passed": check.passed, "decides": check.decides, "sentence": check.sentence}
            for check in explained.checks
        ]
        line = {
            "document": str(explained.document_id),
            "readable": explained.readable,
            "asks": explained.asks,
            "decided_by": explained.decided_by.rule,
            "checks": checks,
            "grants": grants,
        }
        self.stdout.write(json.dumps(line))


def find_user(email: str) -> User:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"There is nobody with the address '{email}'.")
    return user


def tenant_of(user: User) -> Tenant:
    """The one tenant the person belongs to, in force or not."""
    tenants = list(Tenant.objects.filter(memberships__user=user).order_by("slug"))
    if len(tenants) != 1:
        slugs = ", ".join(tenant.slug for tenant in tenants)
        place = f"several tenants ({slugs})" if tenants else "no tenant"
        raise CommandError(f"'{user.email}' belongs to {place}; name one with --tenant.")
    return tenants[0]


def membership_of(user: User, tenant: Tenant) -> Membership | None:
    """Her membership, in force or not; an emergency access where she has none."""
    stays = [stay for stay in emergency_memberships(user) if stay.tenant_id == tenant.pk]
    return member_of(tenant.pk, user) or (stays[0] if stays else None)


def find_document(tenant: Tenant, wanted: str) -> Document:
    """A document by its id or its whole title."""
    with managing(tenant.pk):
        documents = Document.objects.filter(tenant=tenant)
        try:
            found = list(documents.filter(pk=UUID(wanted)))
        except ValueError:
            found = list(documents.filter(title__iexact=wanted)[: NAMED_MAX + 1])
    if not found:
        raise CommandError(f"Tenant '{tenant.slug}' has no document '{wanted}'.")
    if len(found) > 1:
        ids = ", ".join(str(document.pk) for document in found[:NAMED_MAX])
        raise CommandError(f"Several documents are called '{wanted}'; name one by its id: {ids}.")
    return found[0]
