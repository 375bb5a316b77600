"""Who and what the browser tests find on the site."""

from dataclasses import dataclass

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from accounts.models import Membership, Tenant
from accounts.roles import Role
from retrieval.models import Document
from tests import factories
from tests.browser.scripts import PASSWORD

HOLIDAY_PASSAGES = (
    "A full-time employee has 27 days of paid holiday in each calendar year. Part-time employees have a "
    "proportional share, rounded up to half a day.",
    "Up to 5 unused days may be carried over into the next year. They must be taken by 31 March; after that "
    "day they lapse unless illness or parental leave stood in the way.",
)
TRAVEL_PASSAGES = ("The limit for a hotel is 180 US dollars a night, and 240 in Boston and New York.",)


@dataclass(frozen=True, kw_only=True)
class Site:
    """The running site with its people; `address` is known once it serves."""

    tenant: Tenant
    other: Tenant
    member: Membership
    editor: Membership
    holiday: Document
    address: str = ""

    def sign_in(self, page: Page, person: Membership) -> None:
        """Open the front page with a session of `person`; hashing a password each time would be slow."""
        client = Client()
        client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
        name = settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.address}])
        page.goto("/")


def furnish() -> Site:
    tenant, other = factories.a_tenant("acme"), factories.a_tenant("globex")
    Tenant.objects.filter(pk=tenant.pk).update(name="Acme Instruments")
    Tenant.objects.filter(pk=other.pk).update(name="Globex Health")
    member = factories.a_member(tenant, password=PASSWORD)
    Membership.objects.create(tenant=other, user=member.user, role=Role.MEMBER)
    editor = factories.a_member(tenant, role=Role.EDITOR)
    policies = factories.a_collection(tenant, readers=(factories.everyone(tenant),), name="Company policies")
    closed = factories.a_collection(tenant, name="Human resources")
    holiday = factories.a_document(policies, *HOLIDAY_PASSAGES, title="Holiday policy")
    factories.a_document(policies, *TRAVEL_PASSAGES, title="Business travel policy")
    factories.a_document(closed, "The salary band of grade G5 begins at 90,000.", title="Salary bands")
    return Site(
        tenant=tenant,
        other=other,
        member=member,
        editor=editor,
        holiday=holiday,
    )
