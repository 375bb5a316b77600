"""Nonsense in the environment ends the start with one sentence."""

import pytest

from ragsite import env


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"RAGSITE_GENERATOR": "openai"},
            "RAGSITE_GENERATOR=openai needs RAGSITE_LLM_BASE_URL and RAGSITE_LLM_MODEL",
        ),
        ({"RAGSITE_GENERATOR": "oracle"}, "RAGSITE_GENERATOR: Input should be 'extractive' or 'openai'"),
        ({"RAGSITE_ENCODER": "openai"}, "RAGSITE_ENCODER=openai needs"),
        ({"RAGSITE_EMBEDDINGS_DIMENSIONS": "768"}, "the local encoder has 384 dimensions"),
        ({"RAGSITE_DATABASE_POOL_MAX": "many"}, "RAGSITE_DATABASE_POOL_MAX: Input should be a valid integer"),
        ({"RAGSITE_QUESTION_CHARS_MAX": "1"}, "RAGSITE_QUESTION_CHARS_MAX: "),
    ],
)
def test_nonsense_is_named_in_one_sentence(monkeypatch, variables, said):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refused:
        env.environment.__wrapped__()

    message = str(refused.value)
    assert message.startswith("ragsite cannot start: ")
    assert said in message
    assert "\n" not in message


def test_secrets_do_not_show_when_the_environment_is_printed(monkeypatch):
    monkeypatch.setenv("RAGSITE_LLM_API_KEY", "very-private")
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:very-private@/x")

    assert "very-private" not in repr(env.environment.__wrapped__())
