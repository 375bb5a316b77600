"""docs/permissions.md, made from the table in `accounts.roles`."""

from accounts.roles import Right, Role, may

BEGINNING = """<!-- Made by `manage.py permissions-doc` from accounts/roles.py; a test fails when they differ. -->

# Who may do what

Somebody is a member of a tenant with one role. The role says which of the rights below she has there, and
nowhere else. Reading is not among them: **what somebody may read takes a grant**, whatever her role, and her
ceiling besides.
"""

RULES = """
## Rules that hold for every role

- A tenant can put together roles of its own from the same rights. A member has one role: one of these, or one
  of the tenant's.
- Nobody hands out, changes or takes away a role with a right that she does not have herself, and nobody gives a
  ceiling above her own.
- Nobody changes her own role, ceiling or activity. Everybody may leave, except the last owner; the database
  refuses that by whatever way it is tried.
- A role that members have cannot be deleted.
- An API key has the rights among its scopes that its owner's role carries **at that moment**, never more. It ends
  with its owner's place.
- A service account is a member that owns keys and cannot sign in.
- **Emergency access** is no role that can be given: a platform administrator has it while an emergency access is
  open, for at most four hours, with a reason. The owners are told and can end it; every read is audited.
- A platform administrator without emergency access has no right in any tenant.
"""

OBJECTS = """
## Grants on collections and documents

A grant names a person or a group, one of these permissions, and an end where there is one.

| permission | on a collection | on a document |
|---|---|---|
| view | read every document that takes the collection's grants | read it |
| change | change those documents and the collection | change it |
| share | grant others what one is granted oneself | the same |
| delete | remove those documents | remove it |

A document takes its collection's grants until it has its own; from then on only its own count, and without any
nobody may read it. Groups nest: a grant to a group reaches everybody in the groups inside it. Rights of a role
and grants are independent: `edit documents` lets somebody change every document of the tenant and read none of
them without a grant.

## Sensitivity

Documents are public, internal, confidential or restricted. A membership has a ceiling, and a key may have a
lower one; nobody reads a document above either, whatever is granted.
"""


def permissions_page() -> str:
    """The whole page, as it is kept on disk."""
    return BEGINNING + matrix() + meanings() + RULES + OBJECTS


def matrix() -> str:
    roles = list(Role)
    lines = [
        "\n## Roles\n",
        f"| right | {' | '.join(role.label for role in roles)} |",
        f"|---|{':-:|' * len(roles)}",
    ]
    for right in Right:
        held = " | ".join("yes" if may(role, right) else "" for role in roles)
        lines.append(f"| {right.label} | {held} |")
    return "\n".join(lines) + "\n"


def meanings() -> str:
    lines = ["\n## What each right means\n", "| right | scope of a key | meaning |", "|---|---|---|"]
    lines += [f"| {right.label} | `{right.value}` | {right.meaning} |" for right in Right]
    return "\n".join(lines) + "\n"
