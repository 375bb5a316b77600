"""What somebody wanted and may not have: one sentence for her, one entry for the record."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.events import tell

P = ParamSpec("P")
T = TypeVar("T")

# The database's own constraints, in words; those raised by a trigger bring their sentence along.
SENTENCES = {
    "membership_once": "This person is a member of the organisation already.",
    "group_label_in_tenant": "There is a group of this name already.",
    "role_name_in_tenant": "There is a role of this name already.",
    "nesting_once": "This group is nested here already.",
    "user_email_any_case": "There is an account with this address already.",
    "accounts_user_email_key": "There is an account with this address already.",
    "accounts_tenant_slug_key": "There is a tenant with this slug already.",
}
WITH_A_SENTENCE = frozenset(
    {"last_owner", "group_nesting", "membership_own_role", "grant_of_the_tenant", "grant_ends"}
)


class Refusal(ValidationError):
    """A rule stands against a wish. `str(refusal.message)` may be shown."""

    def __init__(
        self,
        sentence: str,
        *,
        rule: str,
        tenant_id: UUID | None = None,
        actor_id: int | None = None,
        object_pk: object = "",
    ) -> None:
        super().__init__(sentence)
        self.rule = rule
        self.tenant_id = tenant_id
        self.actor_id = actor_id
        self.object_pk = str(object_pk or "")

    def tell(self) -> None:
        """Put it on record; whoever rolls back the transaction it was told in tells it again."""
        tell(
            "change.refused",
            tenant_id=self.tenant_id,
            actor_id=self.actor_id,
            outcome=self.rule,
            object_pk=self.object_pk,
        )


def told(service: Callable[P, T]) -> Callable[P, T]:
    """Put each refusal of `service` on record, outside of the service's own transaction, and raise it."""

    @wraps(service)
    def refusing(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return service(*args, **kwargs)
        except Refusal as refusal:
            refusal.tell()
            raise

    return refusing


def by_the_database(error: IntegrityError) -> Refusal | None:
    """The refusal behind a constraint that people may hear of; None for every other one."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    if name in WITH_A_SENTENCE:
        return Refusal(str(diagnosis.message_primary), rule=name)  # type: ignore[union-attr]  # it has a name
    return Refusal(SENTENCES[name], rule=name) if name in SENTENCES else None
