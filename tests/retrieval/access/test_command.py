"""`manage.py explain-access`: words, JSON, and an exit status that a script can use."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Membership, User
from retrieval.access.grants import grant
from retrieval.access.values import Permission
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant
from tests.retrieval.access.builders import to

pytestmark = pytest.mark.django_db


def explained(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("explain-access", *arguments, stdout=out)
    return left.value.code, out.getvalue()  # type: ignore[return-value]


def mistaken(*arguments: str) -> str:
    with pytest.raises(CommandError) as mistake:
        call_command("explain-access", *arguments)
    assert mistake.value.returncode == 2
    return str(mistake.value)


def test_it_says_yes_and_why_and_no_and_why():
    tenant = a_tenant()
    group = a_group(tenant, "Sales")
    member = a_member(tenant, groups=(group,))
    shelf = a_collection(tenant, name="Prices")
    a_document(shelf, "words", title="Price list")
    arguments = ("--user", member.user.email, "--document", "price list")

    assert explained(*arguments)[0] == 1
    grant(shelf, to(group), Permission.VIEW)
    status, said = explained(*arguments)
    assert status == 0
    assert said.startswith(
        f"{member.user.email} may read 'Price list'. The group 'Sales' is granted the collection 'Prices'."
    )
    assert "through Sales" in said


def test_json_is_one_line_for_a_machine():
    tenant = a_tenant()
    member = a_member(tenant)
    document = a_document(a_collection(tenant), "words")
    status, said = explained("--user", member.user.email, "--document", str(document.pk), "--json")
    line = json.loads(said)

    assert (status, said.count("\n")) == (1, 1)
    assert (line["readable"], line["decided_by"], line["grants"]) == (False, "no_grant", [])


def test_somebody_without_a_membership_is_explained_where_the_tenant_is_named():
    tenant = a_tenant()
    document = a_document(a_collection(tenant), "words")
    User.objects.create_user("outside@example.org")
    arguments = ("--user", "outside@example.org", "--document", str(document.pk))

    assert "belongs to no tenant; name one with --tenant" in mistaken(*arguments)
    status, said = explained(*arguments, "--tenant", tenant.slug)
    assert (status, "This person is no member here." in said) == (1, True)


def test_a_mistake_is_one_sentence():
    tenant = a_tenant()
    member, email = a_member(tenant), "nobody@example.org"
    shelf = a_collection(tenant)
    for _ in range(2):
        a_document(shelf, "words", title="Twice")
    foreign = a_document(a_collection(a_tenant()), "words")

    assert mistaken("--user", email, "--document", "x") == f"There is nobody with the address '{email}'."
    person = ("--user", member.user.email)
    assert "has no document 'x'" in mistaken(*person, "--document", "x")
    assert "has no document" in mistaken(*person, "--document", str(foreign.pk))
    assert "Several documents are called 'Twice'" in mistaken(*person, "--document", "Twice")
    assert "There is no tenant 'nowhere'" in mistaken(*person, "--document", "x", "--tenant", "nowhere")
    Membership.objects.create(tenant=a_tenant(), user=member.user)
    assert "belongs to several tenants" in mistaken(*person, "--document", "Twice")
