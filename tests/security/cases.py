"""Every address with how to call it: one line each. An address without a line fails, and so does a line too many.

A value in braces is an id: `{document}` is the victim's for the attack, and one of nobody's to compare with.
A path's own ids follow from the names of its parameters.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Statuses = tuple[int, ...]
MARK = re.compile(r"\{(\w+)\}")

# What the parameters of paths name. A parameter that is no id stands here with "".
PATH_IDS = {
    "document_id": "document",
    "conversation_id": "conversation",
    "key_id": "key",
    "upload_id": "upload",
    "source_id": "source",
    "stay_id": "stay",
    "tenant_id": "tenant",
    "user_id": "user",
    "batch_id": "batch",
}


def path_id(route: str, parameter: str) -> str:
    """What a parameter of a path names; a target and its grants are a collection's or a document's."""
    of_a_collection = "collections/" in route
    if parameter == "target_id":
        return "collection" if of_a_collection else "document"
    if parameter == "number":
        return "collection_grant" if of_a_collection else "document_grant"
    return PATH_IDS[parameter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One method of one route, and what each caller who should get nothing gets."""

    route: str  # as the resolver writes it
    method: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    form: bool = False  # multipart, as a browser sends it; else JSON
    stranger: Statuses  # an owner of another tenant
    colleague: Statuses  # a member of the tenant who is granted nothing
    anonymous: Statuses
    unscoped: Statuses  # the victim's own key, without any scope
    writes_own: bool = False  # a caller who is let in makes something that is her own

    @property
    def name(self) -> str:
        return f"{self.method} /{self.route}"

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    @property
    def has_ids(self) -> bool:
        return "<" in self.route or bool(MARK.search(json.dumps([self.query, self.body])))


def case(
    method: str,
    route: str,
    *,
    stranger: int | Statuses | None = None,
    colleague: int | Statuses | None = None,
    anonymous: int | Statuses | None = None,
    unscoped: int | Statuses | None = None,
    **call: Any,
) -> Case:
    """What is not said is the rule: foreign is absent, strangers sign in, and a key does what it is for."""
    api = route.startswith("api/")
    line = Case(route=route, method=method, stranger=(), colleague=(), anonymous=(), unscoped=(), **call)
    strangers = several(stranger, (404,) if line.has_ids else (200,))
    return Case(
        route=route,
        method=method,
        stranger=strangers,
        colleague=several(colleague, strangers),
        anonymous=several(anonymous, (401,) if api else (302,)),
        unscoped=several(unscoped, (403,) if api else (302,)),
        **call,
    )


def several(said: int | Statuses | None, rule: Statuses) -> Statuses:
    if said is None:
        return rule
    return (said,) if isinstance(said, int) else said


CASES = [
    # --- Pages
    case("GET", ""),
    case("GET", "conversations/<uuid:conversation_id>/"),
    case("GET", "documents/"),
    case("GET", "documents/<uuid:document_id>"),
    case("GET", "documents/<uuid:document_id>/"),
    case("GET", "documents/<uuid:document_id>/file"),
    case("POST", "documents/upload/", body={"collection": "{collection}", "sensitivity": "1"}, form=True,
         stranger=302, colleague=403),
    case("GET", "documents/statuses/", query={"id": ["{document}"], "batch": ["{batch}"]},
         stranger=200, colleague=403),
    case("POST", "documents/retry/", body={"document": "{document}"}, form=True, stranger=302, colleague=403),
    case("POST", "tenant/", body={"tenant": "{tenant}"}, form=True, colleague=302),  # her own tenant
    # --- API
    case("POST", "api/v1/queries", body={"question": "Who is it?", "conversation": "{conversation}"}),
    case("POST", "api/v1/queries", body={"question": "Who is it?", "collections": ["{collection}"]},
         stranger=200, writes_own=True),
    case("POST", "api/v1/queries", body={"question": "Who keeps the lighthouse?"}, stranger=200, writes_own=True),
    case("GET", "api/v1/documents"),
    case("POST", "api/v1/documents", body={"collection": "{collection}", "file": "<file>"}, form=True,
         colleague=403),
    case("GET", "api/v1/documents/<uuid:document_id>"),
    case("GET", "api/v1/documents/<uuid:document_id>/file"),
    case("DELETE", "api/v1/documents/<uuid:document_id>", colleague=403),
    case("GET", "api/v1/documents/<uuid:document_id>/ingestion", colleague=403),
    case("POST", "api/v1/documents/<uuid:document_id>/retry", colleague=403),
    case("GET", "api/v1/documents/<uuid:document_id>/versions"),
    case("GET", "api/v1/ingestion/batches/<uuid:batch_id>", colleague=403),
    case("GET", "api/v1/ingestion/failed"),
    case("GET", "api/v1/ingestion/failed", query={"collection": "{collection}"}, stranger=200),
    case("POST", "api/v1/ingestion/failed/retry", body={"documents": ["{document}"]}, stranger=200),
    case("POST", "api/v1/uploads/", body={"collection": "{collection}", "name": "words.bin", "size": 5},
         colleague=403),
    case("GET", "api/v1/uploads/<uuid:upload_id>"),
    case("PATCH", "api/v1/uploads/<uuid:upload_id>"),
    case("DELETE", "api/v1/uploads/<uuid:upload_id>"),
    case("GET", "api/v1/collections"),
    case("POST", "api/v1/conversations", stranger=201, writes_own=True,
         body={"id": "{conversation}", "tenant": "{tenant}", "user": "{user}"}),
    # --- Who may read what
    case("GET", "access/", query={"user": "{user}", "document": "{document}"}),
    case("GET", "access/names/", query={"kind": "grantee", "q": "Lighthouse"}, stranger=200, colleague=403),
    case("GET", "access/collections/<uuid:target_id>/", colleague=403),
    case("POST", "access/collections/<uuid:target_id>/", form=True, colleague=403,
         body={"who": "Lighthouse insiders", "permission": "view", "step": "save"}),
    case("GET", "access/documents/<uuid:target_id>/", colleague=403),
    case("POST", "access/documents/<uuid:target_id>/", form=True, colleague=403,
         body={"who": "Lighthouse insiders", "permission": "view", "step": "save"}),
    case("GET", "api/v1/access", query={"user": "{user}"}, colleague=403),
    case("GET", "api/v1/access/explain", query={"user": "{user}", "document": "{document}"}, colleague=403),
    case("GET", "api/v1/access/explain", query={"document": "{document}"}),
    case("POST", "api/v1/access/preview", colleague=403,
         body={"change": "grant", "collection": "{collection}", "group": "{group}"}),
    case("POST", "api/v1/access/preview", colleague=403,
         body={"change": "revoke", "document": "{document}", "user": "{user}"}),
    case("POST", "api/v1/access/preview", colleague=403,
         body={"change": "nest", "outer": "{group}", "inner": "{group}"}),
    case("GET", "api/v1/collections/<uuid:target_id>/grants", colleague=403),
    case("POST", "api/v1/collections/<uuid:target_id>/grants", body={"group": "{group}"}, colleague=403),
    case("POST", "api/v1/collections/<uuid:target_id>/grants", body={"user": "{user}"}, colleague=403),
    case("DELETE", "api/v1/collections/<uuid:target_id>/grants/<grant:number>", colleague=403),
    case("GET", "api/v1/documents/<uuid:target_id>/grants", colleague=403),
    case("POST", "api/v1/documents/<uuid:target_id>/grants", body={"group": "{group}"}, colleague=403),
    case("POST", "api/v1/documents/<uuid:target_id>/grants", body={"user": "{user}"}, colleague=403),
    case("DELETE", "api/v1/documents/<uuid:target_id>/grants/<grant:number>", colleague=403),
    case("PATCH", "api/v1/documents/<uuid:document_id>", body={"collection": "{collection}", "title": "Mine"},
         colleague=403),
    # --- Sources
    case("GET", "sources/", stranger=200, colleague=403),
    case("GET", "sources/new/", query={"kind": "web"}, stranger=200, colleague=403),
    case("POST", "sources/new/", form=True, stranger=400, colleague=403,
         body={"kind": "web", "name": "Mine", "collection": "{collection}", "at_pages": "https://www.example.org/"}),
    case("GET", "sources/<uuid:source_id>/", colleague=403),
    case("POST", "sources/<uuid:source_id>/", form=True, body={"name": "Mine"}, colleague=403),
    case("POST", "sources/<uuid:source_id>/run/", form=True, body={}, colleague=403),
    case("POST", "sources/<uuid:source_id>/test/", form=True, body={}, colleague=403),
    case("POST", "sources/<uuid:source_id>/pause/", form=True, body={}, colleague=403),
    case("POST", "sources/<uuid:source_id>/resume/", form=True, body={}, colleague=403),
    case("POST", "sources/<uuid:source_id>/confirm/", form=True, body={"documents": "1"}, colleague=403),
    case("POST", "sources/<uuid:source_id>/delete/", form=True, body={"documents": "erase"}, colleague=403),
    case("GET", "api/v1/sources", colleague=403),
    case("POST", "api/v1/sources", colleague=403,
         body={"name": "Mine", "kind": "web", "collection": "{collection}",
               "configuration": {"pages": ["https://www.example.org/"]}}),
    case("GET", "api/v1/sources/<uuid:source_id>", colleague=403),
    case("PATCH", "api/v1/sources/<uuid:source_id>", body={"enabled": False}, colleague=403),
    case("DELETE", "api/v1/sources/<uuid:source_id>", colleague=403),
    case("POST", "api/v1/sources/<uuid:source_id>/run", colleague=403),
    case("POST", "api/v1/sources/<uuid:source_id>/test", colleague=403),
    case("POST", "api/v1/sources/<uuid:source_id>/confirm", body={"documents": 1}, colleague=403),
    # --- Keys and emergencies
    case("GET", "keys/"),
    case("POST", "keys/", body={"label": "mine"}, form=True, stranger=400, colleague=400),
    case("POST", "keys/<int:key_id>/rotate/", form=True, body={}),
    case("POST", "keys/<int:key_id>/revoke/", form=True, body={}),
    case("POST", "emergencies/<int:stay_id>/end/", form=True, body={}),
    # --- The platform's, for its administrators and nobody else
    case("GET", "platform/", stranger=404),
    case("GET", "platform/tenants/new/", stranger=404),
    case("POST", "platform/tenants/new/", form=True, stranger=404,
         body={"name": "Mine", "slug": "mine", "owner": "owner@mine.example"}),
    case("GET", "platform/tenants/<uuid:tenant_id>/"),
    case("POST", "platform/tenants/<uuid:tenant_id>/suspend/", form=True, body={}),
    case("POST", "platform/tenants/<uuid:tenant_id>/resume/", form=True, body={}),
    case("POST", "platform/tenants/<uuid:tenant_id>/export/", form=True, body={}),
    case("POST", "platform/tenants/<uuid:tenant_id>/delete/", form=True, body={"slug": "x"}),
    case("GET", "platform/accounts/", stranger=404),
    case("POST", "platform/accounts/<int:user_id>/deactivate/", form=True, body={}),
    case("POST", "platform/accounts/<int:user_id>/reactivate/", form=True, body={}),
    case("GET", "platform/emergencies/", stranger=404),
    case("POST", "platform/emergencies/", form=True, stranger=404,
         body={"tenant": "x", "reason": "I want to read it all.", "minutes": "60"}),
    case("POST", "platform/emergencies/<int:stay_id>/end/", form=True, body={}),
]  # fmt: skip

# Nothing of anybody's behind these, so nobody is asked who she is.
PUBLIC = {
    "livez": "says that the process lives",
    "readyz": "says which part is missing, in fixed words",
    "sign-in/": "the door itself; tests of signing in hold it",
    "sign-out/": "ends the caller's own session",
    "api/schema/": "the published description of the API",
    "static/<path:path>": "style sheets and scripts",
}
# The same for all routes below a prefix, such as a library's own pages; a prefix without routes fails.
PUBLIC_PREFIXES: dict[str, str] = {
    "sign-in/<slug:slug>/": "the door of one organisation; tests/accounts/sign_in hold it",
    "^account/reset/": "a link from a letter; tests/accounts/sign_in hold it",
    "account/": "one's own account by session, nothing of a tenant's; tests/accounts/sign_in hold it",
    "sso/": "where identity providers send people back; tests/accounts/sign_in hold it",
    "scim/": "a directory's key is asked for by every address; tests/accounts/scim/test_isolation.py is its matrix",
}

# Routes of the admin that name no model's object, with why none is attacked there.
ADMIN_PLAIN = {
    "admin/": "the index",
    "admin/login/": "leads to the one way in",
    "admin/logout/": "ends the caller's own session",
    "admin/password_change/": "the caller's own password",
    "admin/password_change/done/": "fixed words",
    "admin/autocomplete/": "offers what a form's own field offers; tests of the admin hold it",
    "admin/jsi18n/": "a catalogue of words",
    "admin/(?P<url>.*)$": "what is not there",
}

# What a client may try to choose for itself and must not.
NEVER_CHOSEN = (
    "id", "pk", "tenant", "tenant_id", "owner", "owner_id", "user", "user_id", "created_by", "created_by_id",
    "author", "principals", "acl_version", "searchable", "status", "is_superuser", "is_staff", "digest",
)  # fmt: skip
# (serializer, field): a field with such a name that a client does choose, and what checks it.
CHOSEN_ALL_THE_SAME: dict[tuple[str, str], str] = {
    ("AccessQuery", "user"): "whose access is shown: a member of the tenant, with the right to explain",
    ("ExplainQuery", "user"): "as above",
    ("GrantingSerializer", "user"): "who is granted it: the database refuses whoever is of another tenant",
    ("ChangeSerializer", "user"): "whose rights a change would touch: a member of the tenant",
}

# By model: fields whose values never stand in any response.
SECRET_FIELDS = {
    "accounts.User": ("password",),
    "accounts.ApiKey": ("digest",),
    "accounts.IdentityProvider": ("sealed_secret",),
    "accounts.TenantKey": ("wrapped",),
    "retrieval.Source": ("sealed_secret",),
    "sessions.Session": ("session_key", "session_data"),
    "socialaccount.SocialApp": ("secret",),
    "socialaccount.SocialToken": ("token", "token_secret"),
    "retrieval.CachedAnswer": ("question_key", "evidence_key"),
}
# Fields whose names sound secret and which are not.
NOT_SECRET = {
    "accounts.TenantKey.master_key_id": "names a key and is none",
    "accounts.SignInPolicy.password_allowed": "yes or no",
    "accounts.UsedAssertion.digest": "a checksum of an assertion that was used up",
    "compliance.AuditEntry.digest": "a checksum of the entry, shown to who may read the trail",
    "retrieval.ChunkText.digest": "a checksum of a passage, which its reader has",
    "retrieval.Ingestion.lease_token": "says which worker may write, to the database, which asks for a role",
    "retrieval.SourceItem.access_digest": "a checksum of who may read a document, shown to nobody",
    "retrieval.Query.input_tokens": "a number",
    "retrieval.Query.output_tokens": "a number",
}
