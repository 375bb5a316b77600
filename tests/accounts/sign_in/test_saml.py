"""SAML per tenant: one honest answer, and the dishonest ones."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone
from lxml import etree

from accounts.models import (
    Group,
    IdentityProvider,
    Membership,
    SignInSession,
    TenantDomain,
    UsedAssertion,
    User,
)
from tests.factories import a_tenant
from tests.support import saml_idp
from tests.support.saml_idp import NS, SAML, Provider, posted


@pytest.fixture
def idp(door) -> Any:
    idp: Any = Provider()
    tenant = a_tenant("acme")
    TenantDomain.objects.create(tenant=tenant, domain="acme.example", confirmed_at=timezone.now())
    idp.row = IdentityProvider.objects.create(
        tenant=tenant,
        kind="saml",
        name="Acme login",
        issuer=idp.issuer,
        sign_in_url="https://idp.acme.example/sso",
        certificate=idp.certificate(),
        group_claim="groups",
    )
    return idp


def ask(client: Client, idp: Any, **query: str) -> saml_idp.Asked:
    return saml_idp.read(client.get(f"/sso/{idp.row.pk}/start/", query)["Location"])


def deliver(client: Client, idp: Any, answer: str):
    """As a browser does it: the form of another site first, then with the session's cookie."""
    response = client.post(f"/sso/{idp.row.pk}/answer/", {"SAMLResponse": answer})
    return client.get(response["Location"]) if response.status_code == 302 else response


def through(client: Client, idp: Any):
    return deliver(client, idp, posted(idp.answer(ask(client, idp))))


def assert_refused(response, told, reason: str) -> None:
    assert response.status_code == 403
    assert "You are not signed in" in response.content.decode()
    assert (told.names(), told.events[-1]["outcome"]) == (["sign_in.refused"], reason)
    for model in (SocialAccount, SignInSession, Membership, User):
        assert not model._default_manager.exists()


def test_a_signed_answer_to_our_request_opens(door, told, idp):
    group = Group.objects.create(tenant=idp.row.tenant, label="Engineering", external_id="g-1")
    idp.attributes = {
        "email": ["Ada@ACME.example"],
        "name": ["Ada Lovelace"],
        "groups": ["g-1", "g-2"],
        "x": ["y"],
    }
    asked = ask(door, idp, next="/documents/")

    response = deliver(door, idp, posted(idp.answer(asked)))

    assert response["Location"] == "/documents/"
    assert door.get("/").status_code == 200
    person = User.objects.get()
    assert (person.email, person.name) == ("Ada@acme.example", "Ada Lovelace")
    assert list(person.groups.values_list("pk", flat=True)) == [group.pk]
    assert SocialAccount.objects.values_list("provider", "uid", "extra_data").get() == (
        str(idp.row.pk), "subject-1", {},
    )  # fmt: skip
    assert SignInSession.objects.get().tenant_id == idp.row.tenant_id
    assert told.names() == ["member.joined", "member.groups_followed", "sign_in.succeeded"]


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        ({"signs": ""}, "signature_missing"),
        ({"signs": "response"}, "signature_missing"),
        ({"key": Provider().key}, "signature_wrong"),
        ({"audience": "https://somebody.example/else"}, "audience_mismatch"),
        ({"audience": None}, "audience_mismatch"),
        ({"said_issuer": "https://evil.test/metadata"}, "issuer_mismatch"),
        ({"destination": "https://evil.test/answer"}, "destination_mismatch"),
        ({"recipient": None}, "unsolicited"),
        ({"confirmed_for": None}, "unsolicited"),
        ({"in_response_to": None, "confirmed_for": None}, "unsolicited"),
        ({"in_response_to": "_another"}, "state_unknown"),
        ({"begins": timedelta(minutes=20), "ends": timedelta(minutes=25)}, "not_yet_valid"),
        ({"begins": timedelta(minutes=-25), "ends": timedelta(minutes=-20)}, "expired"),
        ({"confirmed": timedelta(minutes=-20)}, "assertion_invalid"),
        ({"status": "Requester"}, "cancelled"),
        ({"attributes": {"email": ["ada@evil.test"]}}, "domain_not_of_tenant"),
        ({"attributes": {"email": ["ada@acme.example"], "email_verified": ["false"]}}, "email_not_verified"),
        ({"attributes": {"x": ["y"]}}, "email_not_verified"),
        ({"name_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, "subject_transient"),
        ({"name": "s" * 500}, "subject_malformed"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(door, told, idp, bend, reason):
    for name, value in bend.items():
        setattr(idp, name, value)

    assert_refused(through(door, idp), told, reason)


@pytest.mark.parametrize("offset", [timedelta(minutes=-2), timedelta(minutes=2)])
def test_a_clock_that_is_a_little_off_is_borne(door, idp, offset):
    idp.begins, idp.ends = offset, offset + timedelta(minutes=1)

    assert through(door, idp)["Location"] == "/"


def test_a_changed_word_breaks_the_signature(door, told, idp):
    root = idp.answer(ask(door, idp))
    root.find(".//saml:AttributeValue", NS).text = "grace@acme.example"

    assert_refused(deliver(door, idp, posted(root)), told, "signature_wrong")


def forged(signed: etree._Element) -> etree._Element:
    """An unsigned copy of the assertion that speaks of somebody else."""
    fake = copy.deepcopy(signed)
    fake.remove(fake.find("ds:Signature", NS))
    fake.set("ID", "_forged")
    fake.find(".//saml:NameID", NS).text = "subject-of-the-boss"
    fake.find(".//saml:AttributeValue", NS).text = "boss@acme.example"
    return fake


def before(root, signed):
    root.insert(root.index(signed), forged(signed))


def after(root, signed):
    root.append(forged(signed))


def around(root, signed):
    fake = forged(signed)
    root.replace(signed, fake)
    fake.append(signed)


def in_the_signature(root, signed):
    fake = forged(signed)
    signature = signed.find("ds:Signature", NS)
    root.replace(signed, fake)
    fake.insert(1, signature)
    etree.SubElement(signature, "{http://www.w3.org/2000/09/xmldsig#}Object").append(signed)


def in_an_extension(root, signed):
    fake = forged(signed)
    root.replace(signed, fake)
    hidden = etree.Element("{urn:oasis:names:tc:SAML:2.0:protocol}Extensions")
    root.insert(1, hidden)
    hidden.append(signed)


def with_the_same_id(root, signed):
    fake = forged(signed)
    fake.set("ID", signed.get("ID"))
    root.insert(root.index(signed), fake)


def with_a_comment(root, signed):
    """The text of a name must not end where a comment begins."""
    name = signed.find(".//saml:AttributeValue", NS)
    name.text = "boss@acme.example"
    name.append(etree.Comment("x"))


@pytest.mark.parametrize(
    "wrap", [before, after, around, in_the_signature, in_an_extension, with_the_same_id, with_a_comment]
)
def test_a_signature_over_something_else_opens_nothing(door, told, idp, wrap):
    """XML signature wrapping."""
    root = idp.answer(ask(door, idp))
    wrap(root, root.find("saml:Assertion", NS))

    response = deliver(door, idp, posted(root))

    assert response.status_code == 403
    assert not User.objects.exists()
    assert not SignInSession.objects.exists()
    assert told.names() == ["sign_in.refused"]


def test_a_comment_inside_a_signed_address_does_not_shorten_it(door, told, idp):
    idp.attributes = {"email": ["boss@acme.example<!-- x -->.evil.test"]}

    assert_refused(through(door, idp), told, "domain_not_of_tenant")


def test_an_answer_is_good_once(door, told, idp):
    answer = posted(idp.answer(ask(door, idp)))
    deliver(door, idp, answer)
    told.events.clear()

    assert deliver(door, idp, answer).status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "state_unknown"


def test_an_assertion_that_was_used_is_refused_wherever_it_comes_again(door, told, idp):
    """The database remembers it, whatever becomes of the session's memory."""
    idp.assertion_id = "_one"
    through(door, idp)
    assert UsedAssertion.objects.count() == 1
    told.events.clear()

    assert through(Client(), idp).status_code == 403
    assert told.last("sign_in.refused")["outcome"] == "replayed"


def test_an_answer_to_one_browser_is_none_to_another(door, told, idp):
    answer = posted(idp.answer(ask(door, idp)))

    assert_refused(deliver(Client(), idp, answer), told, "state_unknown")


def test_an_assertion_for_another_request_in_a_new_envelope_is_refused(door, told, idp):
    """Only the assertion is signed, so the envelope's word that it answers us is worth nothing."""
    victim, thief = ask(door, idp), ask(Client(), idp)
    idp.confirmed_for = thief.id

    assert_refused(deliver(door, idp, posted(idp.answer(victim))), told, "assertion_invalid")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "PHg+",
        "x" * 300_000,
        "PCFET0NUWVBFIGEgWzwhRU5USVRZIGIgU1lTVEVNICJmaWxlOi8vL2V0Yy9wYXNzd2QiPl0+PGE+JmI7PC9hPg==",
    ],
)
def test_what_is_no_answer_is_refused(door, told, idp, text):
    ask(door, idp)

    response = deliver(door, idp, text)

    assert response.status_code == 403
    assert told.names() == ["sign_in.refused"]


def test_an_answer_needs_a_post_and_the_page_after_it_an_answer(door, told, idp):
    assert door.get(f"/sso/{idp.row.pk}/answer/").status_code == 405
    assert door.get(f"/sso/{idp.row.pk}/finish/").status_code == 403
    assert told.names() == ["sign_in.refused"]


def test_the_metadata_names_us_and_no_secret(door, idp):
    asked = ask(door, idp)
    described = etree.fromstring(door.get(f"/sso/{idp.row.pk}/metadata/").content)

    assert described.get("entityID") == asked.entity
    assert asked.answer_to in etree.tostring(described).decode()
    assert not described.findall(f".//{{{SAML}}}KeyDescriptor")


def test_a_provider_of_the_other_kind_has_no_such_address(door):
    other = IdentityProvider.objects.create(
        tenant=a_tenant(), kind="oidc", name="x", issuer="https://login.acme.example", client_id="x"
    )

    assert door.get(f"/sso/{other.pk}/metadata/").status_code == 404
    assert door.post(f"/sso/{other.pk}/answer/", {"SAMLResponse": "x"}).status_code == 404
