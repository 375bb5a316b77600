"""PII policies as tenants write them."""

import json

import pytest

from compliance.pii import DEFAULT_POLICY, PiiPolicy, PiiRules, PolicyError


def test_a_policy_survives_json() -> None:
    policy = PiiPolicy(question=PiiRules(actions={"US_SSN": "block"}, default="mask"), answer=PiiRules())
    assert PiiPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_the_default_policy_survives_json() -> None:
    assert PiiPolicy.from_json(DEFAULT_POLICY.to_json()) == DEFAULT_POLICY


def test_the_version_changes_with_any_action() -> None:
    changed = PiiPolicy(question=PiiRules(actions={"US_SSN": "block"}), answer=DEFAULT_POLICY.answer)
    assert changed.version != DEFAULT_POLICY.version


def test_the_version_is_the_same_for_the_same_content() -> None:
    one = PiiRules(actions={"US_SSN": "mask", "URL": "block"})
    other = PiiRules(actions={"URL": "block", "US_SSN": "mask"})
    assert PiiPolicy(question=one, answer=one).version == PiiPolicy(question=other, answer=other).version


def test_the_default_masks_identifiers_in_questions_and_blocks_nothing() -> None:
    actions = {DEFAULT_POLICY.question.action_for(t) for t in ("US_SSN", "CREDIT_CARD", "EMAIL_ADDRESS")}
    assert actions == {"mask"}
    assert DEFAULT_POLICY.question.action_for("DATE_TIME") == "allow"
    assert "block" not in {*DEFAULT_POLICY.question.actions.values(), *DEFAULT_POLICY.answer.actions.values()}


def test_a_type_without_an_action_gets_the_default() -> None:
    rules = PiiRules(actions={"US_SSN": "allow"}, default="block")
    assert (rules.action_for("US_SSN"), rules.action_for("URL")) == ("allow", "block")
    assert "US_SSN" not in rules.acted_on()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "JSON object"),
        ({"questions": {}}, "'questions'"),
        ({"question": []}, "PII rules"),
        ({"question": {"SHOE_SIZE": "mask"}}, "SHOE_SIZE"),
        ({"answer": {"US_SSN": "hide"}}, "hide"),
        ({"answer": {"default": 3}}, "default"),
        ({"answer": {3: "mask"}}, "3"),
    ],
)
def test_an_unreadable_policy_is_refused_with_what_came(document: object, complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        PiiPolicy.from_json(document)
