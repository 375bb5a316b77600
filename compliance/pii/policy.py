"""What a tenant wants done with personal data, in questions and in answers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from compliance.pii.spans import ENTITY_TYPES

PiiAction = Literal["allow", "mask", "block"]

_ACTIONS: tuple[str, ...] = get_args(PiiAction)
_SIDES = ("question", "answer")


class PolicyError(ValueError):
    """A PII policy that cannot be read; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiRules:
    """One action for each entity type; types that are not named get the default."""

    actions: Mapping[str, PiiAction] = field(default_factory=dict)
    default: PiiAction = "allow"

    def __post_init__(self) -> None:
        for entity_type, action in self.actions.items():
            _check_type(entity_type)
            _check_action(action, entity_type)
        _check_action(self.default, "default")

    def action_for(self, entity_type: str) -> PiiAction:
        return self.actions.get(entity_type, self.default)

    def acted_on(self) -> frozenset[str]:
        """The types that are masked or blocked: the ones worth looking for."""
        return frozenset(t for t in ENTITY_TYPES if self.action_for(t) != "allow")

    def to_json(self) -> dict[str, str]:
        return {"default": self.default, **self.actions}


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiPolicy:
    """Rules for what people type and for what they are shown. `version` changes with the content."""

    question: PiiRules
    answer: PiiRules
    version: str = field(init=False)

    def __post_init__(self) -> None:
        canonical = json.dumps(self.to_json(), sort_keys=True).encode()
        object.__setattr__(self, "version", hashlib.sha256(canonical).hexdigest()[:16])

    def to_json(self) -> dict[str, dict[str, str]]:
        return {"question": self.question.to_json(), "answer": self.answer.to_json()}

    @classmethod
    def from_json(cls, document: object) -> "PiiPolicy":
        """Read `{"question": {"default": "allow", "US_SSN": "mask"}, "answer": {...}}`.

        A side that is absent gets the default policy's rules. Raises PolicyError.
        """
        if not isinstance(document, dict):
            raise PolicyError(f"A PII policy is a JSON object; this one is a {type(document).__name__}.")
        unknown = sorted(str(key) for key in document if key not in _SIDES)
        if unknown:
            raise PolicyError(
                f"A PII policy has the keys 'question' and 'answer'; {unknown[0]!r} is neither."
            )
        return cls(
            question=_rules(document["question"]) if "question" in document else DEFAULT_QUESTION_RULES,
            answer=_rules(document["answer"]) if "answer" in document else DEFAULT_ANSWER_RULES,
        )


def _rules(document: object) -> PiiRules:
    if not isinstance(document, dict):
        raise PolicyError(
            f"PII rules are a JSON object from type to action; these are a {type(document).__name__}."
        )
    checked = {_check_key(key): _check_action(action, str(key)) for key, action in document.items()}
    default = checked.pop("default", "allow")
    return PiiRules(actions=checked, default=default)


def _check_key(key: object) -> str:
    return "default" if key == "default" else _check_type(key)


def _check_type(entity_type: object) -> str:
    if not isinstance(entity_type, str) or entity_type not in ENTITY_TYPES:
        raise PolicyError(
            f"{entity_type!r} is not a type of personal data that is looked for. "
            f"Known types: {', '.join(ENTITY_TYPES)}."
        )
    return entity_type


def _check_action(action: object, key: str) -> PiiAction:
    if action == "allow" or action == "mask" or action == "block":
        return action
    raise PolicyError(f"The action for {key!r} is one of {', '.join(_ACTIONS)}; this one is {action!r}.")


# Numbers that identify a person or open an account have no business in a question or an answer.
_IDENTIFIERS: dict[str, PiiAction] = {
    "CREDIT_CARD": "mask",
    "IBAN_CODE": "mask",
    "CRYPTO": "mask",
    "US_ITIN": "mask",
    "US_SSN": "mask",
    "US_MBI": "mask",
    "UK_NINO": "mask",
    "UK_DRIVING_LICENCE": "mask",
    "UK_NHS": "mask",
    "ABA_ROUTING_NUMBER": "mask",
    "US_PASSPORT": "mask",
    "UK_PASSPORT": "mask",
    "US_HEALTH_INSURANCE_MEMBER_ID": "mask",
}
DEFAULT_QUESTION_RULES = PiiRules(actions={**_IDENTIFIERS, "EMAIL_ADDRESS": "mask", "PHONE_NUMBER": "mask"})
# An answer quotes documents that the reader may open anyway: how to reach somebody is often the answer.
DEFAULT_ANSWER_RULES = PiiRules(actions=_IDENTIFIERS)
DEFAULT_POLICY = PiiPolicy(question=DEFAULT_QUESTION_RULES, answer=DEFAULT_ANSWER_RULES)
