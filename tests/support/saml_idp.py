"""A SAML identity provider: reads our requests and answers them, signed, as honestly as a test wants."""

import base64
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
NS = {"saml": SAML, "samlp": SAMLP, "ds": "http://www.w3.org/2000/09/xmldsig#"}
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

TEMPLATE = """<samlp:Response xmlns:samlp="{samlp}" xmlns:saml="{saml}" ID="{response_id}" Version="2.0"
 IssueInstant="{now}" Destination="{destination}"{in_response_to}><saml:Issuer>{issuer}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>
<saml:Assertion ID="{assertion_id}" Version="2.0" IssueInstant="{now}"><saml:Issuer>{issuer}</saml:Issuer>
<saml:Subject><saml:NameID Format="{name_format}">{name}</saml:NameID><saml:SubjectConfirmation
 Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{confirmed_until}"
{recipient}{confirmed_for}/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}">{audience}</saml:Conditions>
<saml:AuthnStatement AuthnInstant="{now}"><saml:AuthnContext><saml:AuthnContextClassRef
>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion></samlp:Response>"""


@dataclass
class Asked:
    """A request of ours, as the provider reads it."""

    id: str
    answer_to: str
    entity: str


@dataclass
class Provider:
    """The provider's key, and what its next answer says; None leaves a part out."""

    issuer: str = "https://idp.acme.example/metadata"
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    signs: str = "assertion"  # or "response", or "" for nothing
    name: str = "subject-1"
    name_format: str = PERSISTENT
    attributes: dict[str, list[str]] = field(default_factory=lambda: {"email": ["ada@acme.example"]})
    audience: str | None = ""  # empty: ours
    recipient: str | None = ""
    destination: str = ""
    status: str = "Success"
    said_issuer: str = ""
    in_response_to: str | None = ""
    confirmed_for: str | None = ""
    begins: timedelta = timedelta(seconds=-30)
    ends: timedelta = timedelta(minutes=5)
    confirmed: timedelta = timedelta(minutes=5)
    assertion_id: str = ""

    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.acme.example")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, asked: Asked) -> etree._Element:
        """The signed response to one request."""
        root = etree.fromstring(self.text(asked).encode())
        if self.signs:
            self.sign(root if self.signs == "response" else root.find("saml:Assertion", NS))
        return root

    def text(self, asked: Asked) -> str:
        moment = datetime.now(UTC)

        def at(offset: timedelta) -> str:
            return (moment + offset).strftime("%Y-%m-%dT%H:%M:%SZ")

        def attribute(name: str, value: str | None, own: str) -> str:
            return "" if value is None else f' {name}="{value or own}"'

        audience = (
            ""
            if self.audience is None
            else f"<saml:AudienceRestriction><saml:Audience>{self.audience or asked.entity}</saml:Audience>"
            "</saml:AudienceRestriction>"
        )
        return TEMPLATE.format(
            samlp=SAMLP,
            saml=SAML,
            response_id=f"_{uuid4().hex}",
            assertion_id=self.assertion_id or f"_{uuid4().hex}",
            now=at(timedelta()),
            destination=self.destination or asked.answer_to,
            in_response_to=attribute("InResponseTo", self.in_response_to, asked.id),
            confirmed_for=attribute("InResponseTo", self.confirmed_for, asked.id),
            recipient=attribute("Recipient", self.recipient, asked.answer_to),
            issuer=self.said_issuer or self.issuer,
            status=self.status,
            name=self.name,
            name_format=self.name_format,
            begins=at(self.begins),
            ends=at(self.ends),
            confirmed_until=at(self.confirmed),
            audience=audience,
            attributes="".join(
                f'<saml:Attribute Name="{name}">'
                + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
                + "</saml:Attribute>"
                for name, values in self.attributes.items()
            ),
        )

    def sign(self, element: etree._Element) -> None:
        """An enveloped signature after the issuer, as the profile wants it."""
        signature = xmlsec.template.create(element, xmlsec.Transform.EXCL_C14N, xmlsec.Transform.RSA_SHA256)
        element.insert(1, signature)
        reference = xmlsec.template.add_reference(
            signature, xmlsec.Transform.SHA256, uri=f"#{element.get('ID')}"
        )
        xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
        xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        xmlsec.tree.add_ids(element, ["ID"])
        context = xmlsec.SignatureContext()
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM)
        context.sign(signature)


def read(location: str) -> Asked:
    """The request in a redirect of ours (SAML 2.0 Bindings, 3.4)."""
    packed = parse_qs(urlsplit(location).query)["SAMLRequest"][0]
    request = etree.fromstring(zlib.decompress(base64.b64decode(packed), -15))
    return Asked(
        id=request.get("ID"),
        answer_to=request.get("AssertionConsumerServiceURL"),
        entity=request.find("saml:Issuer", NS).text,
    )


def posted(root: etree._Element) -> str:
    return base64.b64encode(etree.tostring(root)).decode()
