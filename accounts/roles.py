"""What each role may do in its tenant: one table, from which the docs and the tests are made."""

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    COMPLIANCE_OFFICER = "compliance_officer"
    EDITOR = "editor"
    MEMBER = "member"
    AUDITOR = "auditor"


class Right(StrEnum):
    """A thing a role may do. Reading documents is not here: that takes a grant, for everybody."""

    ASK = "ask"
    EDIT_DOCUMENTS = "edit_documents"
    REVIEW_QUARANTINE = "review_quarantine"
    GRANT_ACCESS = "grant_access"
    MANAGE_PEOPLE = "manage_people"
    MANAGE_POLICY = "manage_policy"
    READ_AUDIT = "read_audit"
    EXPLAIN_SEARCH = "explain_search"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMINISTRATOR: frozenset(Right) - {Right.READ_AUDIT},
    Role.COMPLIANCE_OFFICER: frozenset(
        {Right.ASK, Right.READ_AUDIT, Right.MANAGE_POLICY, Right.REVIEW_QUARANTINE}
    ),
    Role.EDITOR: frozenset({Right.ASK, Right.EDIT_DOCUMENTS, Right.REVIEW_QUARANTINE, Right.GRANT_ACCESS}),
    Role.MEMBER: frozenset({Right.ASK}),
    Role.AUDITOR: frozenset({Right.ASK, Right.READ_AUDIT}),
}


def may(role: Role | str, right: Right) -> bool:
    """Whether a role carries a right; an unknown role carries none."""
    try:
        return right in RIGHTS[Role(role)]
    except ValueError:
        return False
