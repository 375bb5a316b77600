"""Why a request of a directory is refused, in SCIM's words (RFC 7644, 3.12)."""

from django.db import IntegrityError


class ScimError(Exception):
    """A refusal: nothing of the request is kept.

    rule: which one of ours, for the audit trail. scim_type: the RFC's keyword, empty where it has none.
    """

    def __init__(self, status: int, detail: str, *, scim_type: str = "", rule: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type
        self.rule = rule or scim_type


def invalid_value(detail: str, rule: str = "") -> ScimError:
    return ScimError(400, detail, scim_type="invalidValue", rule=rule)


def not_found() -> ScimError:
    """Foreign, absent and malformed ids are answered alike."""
    return ScimError(404, "There is no such resource.", rule="not_found")


def taken() -> ScimError:
    detail = "Another resource of your organisation has this value already."
    return ScimError(409, detail, scim_type="uniqueness")


ADDRESS = "userName must be an e-mail address that can be added here."
IN_DOMAIN = "userName must be an e-mail address in a domain that your organisation has claimed."

UNIQUE = frozenset(
    {
        "membership_once",
        "membership_external_id_in_tenant",
        "group_label_in_tenant",
        "group_external_id_in_tenant",
    }
)
# An address that somebody took while we looked is refused as one that was taken before.
ADDRESSES = frozenset({"user_email_any_case", "accounts_user_email_key"})


def refusal_of(error: IntegrityError) -> ScimError | None:
    """What the database's refusal means to a directory; None for one that is nobody's fault but ours."""
    diagnosis = getattr(error.__cause__, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None)
    sentence = getattr(diagnosis, "message_primary", None) or ""
    if constraint == "last_owner":
        return ScimError(409, sentence, rule="last_owner")
    if constraint == "group_nesting":
        return invalid_value(sentence, rule="group_nesting")
    if constraint in UNIQUE:
        return taken()
    return invalid_value(ADDRESS, rule="address") if constraint in ADDRESSES else None
