"""Credentials: every kind is found, and what documentation shows in their place is not."""

import time

import pytest

from retrieval.guardrails.edits import rewritten
from retrieval.guardrails.secret_patterns import SECRET_RULES
from retrieval.guardrails.secrets import entropy, secrets_in
from retrieval.values.verdicts import Action
from tests.retrieval.guardrails.credentials import private_key, samples

KINDS = sorted(samples(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_credential_of_each_kind_is_found_whole(kind: str, seed: int) -> None:
    sentence, value = samples(seed)[kind]
    found = [edit for edit in secrets_in(sentence) if edit.rule == f"secret.{kind}"]

    assert any(value in sentence[edit.start : edit.end] for edit in found), [
        e.rule for e in secrets_in(sentence)
    ]


def test_every_rule_has_a_sample_save_the_webhooks() -> None:
    assert {rule.name for rule in SECRET_RULES} - set(KINDS) == {"private_key", "discord_webhook"}


def test_a_discord_webhook_is_found() -> None:
    text = "https://discord" + ".com/api/webhooks/" + "1203948572/" + "Ab3dE" * 13

    assert "secret.discord_webhook" in [edit.rule for edit in secrets_in(text)]


@pytest.mark.parametrize("label", ["RSA ", "OPENSSH ", "EC ", "ENCRYPTED ", ""])
def test_a_private_key_ends_the_answer_from_its_first_line(label: str) -> None:
    first_line = private_key(label).splitlines()[0]

    assert [edit.action for edit in secrets_in(first_line)] == [Action.BLOCK]


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7" + "EXAMPLE",
        "password: changeme",
        "password = <password>",
        "The password is required and the password is case-sensitive.",
        "Your password: at least 12-character phrases, no names.",
        "The password was changed on Monday; the passphrase is forgotten.",
        "api_key = os.environ['SERVICE_KEY']",
        "secret: ${SECRET_FROM_VAULT}",
        "api_key: your-api-key-goes-here",
        "token = get_token(user)",
        "postgres://user:<password>@host/db",
        "Authorization: Bearer <token>",
        "sk-learn-is-a-nickname-of-a-library",
        "The token budget is 4096 tokens; the secret of good bread is patience.",
        "secret: " + "x" * 24,
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 fixed it",
        "-----BEGIN " + "CERTIFICATE-----",
    ],
)
def test_an_example_or_a_placeholder_is_left_alone(text: str) -> None:
    assert [edit.rule for edit in secrets_in(text)] == []


def test_only_the_value_is_masked() -> None:
    sentence, value = samples(1)["azure_storage_key"]
    edits = [edit for edit in secrets_in(sentence) if edit.rule == "secret.azure_storage_key"]

    assert rewritten(sentence, edits, 0, len(sentence)) == sentence.replace(value, "<SECRET>")


def test_what_happens_to_a_kind_can_be_chosen() -> None:
    sentence, _ = samples(1)["jwt"]

    assert Action.BLOCK in [edit.action for edit in secrets_in(sentence, {"jwt": Action.BLOCK})]


def test_entropy_is_zero_for_one_letter_and_grows_with_variety() -> None:
    assert entropy("aaaa") == 0.0
    assert entropy("abcd") == 2.0
    assert entropy("") == 0.0


@pytest.mark.parametrize(
    "unit", ["password: ", "aws_", "secret=", "a://", "-----BEGIN ", "key-", "eyJ", ":AA", "a"]
)
def test_a_hundred_thousand_characters_take_no_quadratic_time(unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        started = time.perf_counter()
        list(secrets_in(text))
        return time.perf_counter() - started

    assert seconds(100_000) < 2.0
