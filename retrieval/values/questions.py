"""A question on its way through the flow, one type for each degree of trust."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from accounts.scope import AccessScope, Credential
from retrieval.values.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An earlier question of the same conversation and the answer that was given."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person asked, as it arrived: nothing in it has been judged yet."""

    text: str
    scope: AccessScope
    history: tuple[Exchange, ...] = ()  # oldest first
    collection_ids: frozenset[UUID] = frozenset()  # empty: every collection the scope may read
    conversation_id: UUID | None = None  # None: a question on its own
    credential: Credential | None = None  # None: of a command, which ends with its process
    surface: str = "api"  # the door it came through: web, api, command, example
    request_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeQuestion:
    """A question the input guardrail let through; only the guardrail makes these.

    `text` may differ from what was typed: personal data is masked where the tenant's policy says so.
    """

    question: Question
    text: str
    verdict: Verdict

    @property
    def scope(self) -> AccessScope:
        return self.question.scope


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """A question that stands on its own, with what the search may add to it."""

    question: SafeQuestion
    text: str  # the standalone question, shown to the generator
    expansions: tuple[str, ...] = ()  # long forms of acronyms and glossary terms found in it

    @property
    def scope(self) -> AccessScope:
        return self.question.scope

    @property
    def search_text(self) -> str:
        """What encoder and lexical search read: the question and its expansions."""
        return " ".join((self.text, *self.expansions))
