"""What this server can do, for a directory that asks (RFC 7643, 5 to 7)."""

from typing import Any

from django.http import HttpResponse

from accounts.scim.endpoint import Call
from accounts.scim.wire import GROUP, LIST, PAGE_MAX, USER, Resource, answer

CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
RESOURCE_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
KEY = {
    "type": "oauthbearertoken",
    "name": "API key",
    "description": "A key of ragsite with the right to provision, as a bearer token.",
    "primary": True,
}


def attribute(name: str, kind: str = "string", **characteristics: Any) -> Resource:
    """An attribute's definition (RFC 7643, 7); what is not said is the RFC's default."""
    described = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "required": False,
        "mutability": "readWrite",
        "returned": "default",
    }
    if kind == "string":
        described |= {"caseExact": False, "uniqueness": "none"}
    return described | characteristics


def _reference(of: str, **characteristics: Any) -> list[Resource]:
    """The sub-attributes of something that points to resources."""
    return [
        attribute("value", **characteristics),
        attribute("$ref", "reference", referenceTypes=of.split(), **characteristics),
        attribute("display", mutability="readOnly"),
        attribute("type", **characteristics),
    ]


EXTERNAL_ID = attribute("externalId", caseExact=True)

USER_ATTRIBUTES = [
    attribute("userName", required=True, uniqueness="server"),
    attribute("displayName"),
    attribute("name", "complex", subAttributes=[attribute("formatted")]),
    attribute("active", "boolean"),
    attribute(
        "emails",
        "complex",
        multiValued=True,
        mutability="readOnly",
        subAttributes=[
            attribute("value", mutability="readOnly"),
            attribute("type", mutability="readOnly"),
            attribute("primary", "boolean", mutability="readOnly"),
        ],
    ),
    attribute(
        "groups", "complex", multiValued=True, mutability="readOnly",
        subAttributes=_reference("Group", mutability="readOnly"),
    ),
    EXTERNAL_ID,
]  # fmt: skip

GROUP_ATTRIBUTES = [
    attribute("displayName", required=True, uniqueness="server"),
    attribute(
        "members", "complex", multiValued=True, subAttributes=_reference("User Group", mutability="immutable")
    ),
    EXTERNAL_ID,
]


def show_config(call: Call) -> HttpResponse:
    return answer(
        {
            "schemas": [CONFIG],
            "patch": {"supported": True},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": True, "maxResults": PAGE_MAX},
            "changePassword": {"supported": False},
            "sort": {"supported": False},
            "etag": {"supported": False},
            "authenticationSchemes": [KEY],
            "meta": {"resourceType": "ServiceProviderConfig", "location": call.root("config")},
        }
    )


def list_resource_types(call: Call) -> HttpResponse:
    kinds = {"User": ("/Users", USER), "Group": ("/Groups", GROUP)}
    return _list(
        [
            {
                "schemas": [RESOURCE_TYPE],
                "id": name,
                "name": name,
                "endpoint": endpoint,
                "schema": schema,
                "meta": {"resourceType": "ResourceType", "location": f"{call.root('resource-types')}/{name}"},
            }
            for name, (endpoint, schema) in kinds.items()
        ]
    )


def list_schemas(call: Call) -> HttpResponse:
    kinds = {"User": (USER, USER_ATTRIBUTES), "Group": (GROUP, GROUP_ATTRIBUTES)}
    return _list(
        [
            {
                "schemas": [SCHEMA],
                "id": schema,
                "name": name,
                "attributes": attributes,
                "meta": {"resourceType": "Schema", "location": f"{call.root('schemas')}/{schema}"},
            }
            for name, (schema, attributes) in kinds.items()
        ]
    )


def _list(resources: list[Resource]) -> HttpResponse:
    return answer(
        {
            "schemas": [LIST],
            "totalResults": len(resources),
            "startIndex": 1,
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
    )
