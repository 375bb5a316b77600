"""What each role may do in its tenant: one table, from which the docs and the tests are made."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    COMPLIANCE_OFFICER = "compliance_officer"
    EDITOR = "editor"
    MEMBER = "member"
    AUDITOR = "auditor"
    BREAK_GLASS = "break_glass"  # a platform administrator's, while an emergency access is open

    @property
    def label(self) -> str:
        return "emergency access" if self is Role.BREAK_GLASS else self.value.replace("_", " ")

    @classmethod
    def assignable(cls) -> "list[Role]":
        """The roles a member can be given."""
        return [role for role in cls if role is not cls.BREAK_GLASS]


class Right(StrEnum):
    """A thing a role may do. Reading documents is not here: that takes a grant, for everybody."""

    ASK = "ask"
    EDIT_DOCUMENTS = "edit_documents"
    REVIEW_QUARANTINE = "review_quarantine"
    GRANT_ACCESS = "grant_access"
    EXPLAIN_ACCESS = "explain_access"
    EXPLAIN_SEARCH = "explain_search"
    MANAGE_PEOPLE = "manage_people"
    MANAGE_KEYS = "manage_keys"
    PROVISION = "provision"
    MANAGE_POLICY = "manage_policy"
    MANAGE_SIGN_IN = "manage_sign_in"
    MANAGE_TENANT = "manage_tenant"
    READ_AUDIT = "read_audit"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ")

    @property
    def meaning(self) -> str:
        return MEANINGS[self]

    @classmethod
    def known(cls, names: "Iterable[str]") -> "frozenset[Right]":
        """The rights among some names; a name that is none is no right."""
        return frozenset(cls(name) for name in names if name in cls._value2member_map_)


MEANINGS: dict[Right, str] = {
    Right.ASK: "ask questions of the documents one is granted, and search them",
    Right.EDIT_DOCUMENTS: "take documents in, change and remove them, in every collection",
    Right.REVIEW_QUARANTINE: "review documents that the guardrail held back",
    Right.GRANT_ACCESS: "grant and revoke access to every collection and document",
    Right.EXPLAIN_ACCESS: "see who may read what, why, and what a change would change",
    Right.EXPLAIN_SEARCH: "see how a search was planned and what it passed over",
    Right.MANAGE_PEOPLE: "add, change and deactivate members, groups and roles",
    Right.MANAGE_KEYS: "make, rotate and revoke API keys and service accounts of others",
    Right.PROVISION: "keep people and groups in step with a directory over SCIM",
    Right.MANAGE_POLICY: "set guardrails, personal-data rules, glossary and link hosts",
    Right.MANAGE_SIGN_IN: "set second factors, time-outs, identity providers and directories",
    Right.MANAGE_TENANT: "rename, export and close the organisation, and end emergency accesses",
    Right.READ_AUDIT: "read the audit trail",
}

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMINISTRATOR: frozenset(Right) - {Right.READ_AUDIT, Right.MANAGE_TENANT},
    Role.COMPLIANCE_OFFICER: frozenset(
        {Right.ASK, Right.READ_AUDIT, Right.MANAGE_POLICY, Right.REVIEW_QUARANTINE, Right.EXPLAIN_ACCESS}
    ),
    Role.EDITOR: frozenset(
        {Right.ASK, Right.EDIT_DOCUMENTS, Right.REVIEW_QUARANTINE, Right.GRANT_ACCESS, Right.EXPLAIN_ACCESS}
    ),
    Role.MEMBER: frozenset({Right.ASK}),
    Role.AUDITOR: frozenset({Right.ASK, Right.READ_AUDIT, Right.EXPLAIN_ACCESS}),
    Role.BREAK_GLASS: frozenset({Right.ASK, Right.EXPLAIN_ACCESS, Right.EXPLAIN_SEARCH}),
}


def rights_of(role: Role | str) -> frozenset[Right]:
    """What a role may do; an unknown role may do nothing."""
    try:
        return RIGHTS[Role(role)]
    except ValueError:
        return frozenset()


def may(role: Role | str, right: Right) -> bool:
    """Whether a role carries a right; an unknown role carries none."""
    return right in rights_of(role)


def may_hand_out(own: frozenset[Right], handed: frozenset[Right]) -> bool:
    """Whether somebody with `own` rights may give a role with `handed` ones, or take it away.

    Nobody hands out what she does not hold, so no chain of people can climb above its first.
    """
    return handed <= own
