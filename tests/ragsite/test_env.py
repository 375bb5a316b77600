"""Nonsense in the environment ends the start with one sentence."""

import base64

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
        ({"RAGSITE_STORAGE": "s3"}, "RAGSITE_STORAGE=s3 needs RAGSITE_S3_BUCKET"),
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


@pytest.mark.parametrize("name", ["secret_key", "tenant_key"])
@pytest.mark.parametrize("value", ["", "short", "django-insecure-" + "x" * 50, "changeme" * 8, None])
def test_a_secret_that_could_be_guessed_ends_the_start(name, value):
    """T-12: boot refuses default secrets."""
    good = {"secret_key": "a" * 64, "tenant_key": "b" * 64}
    found = {key: text for key, text in {**good, name: value}.items() if text is not None}

    assert env.strong(dict(good)) == good
    with pytest.raises(SystemExit, match=f"the secret '{name}' is missing, short or a default"):
        env.strong(found)


def test_mail_goes_where_it_is_told(monkeypatch):
    def told(url: str) -> dict[str, object]:
        monkeypatch.setenv("RAGSITE_EMAIL_URL", url)
        env.environment.cache_clear()
        try:
            return env.mail()
        finally:
            monkeypatch.delenv("RAGSITE_EMAIL_URL")
            env.environment.cache_clear()

    post = told("smtp://me:p%40ss@mail.example.org")
    assert (post["EMAIL_HOST"], post["EMAIL_PORT"], post["EMAIL_HOST_PASSWORD"]) == (
        "mail.example.org",
        587,
        "p@ss",
    )
    assert (post["EMAIL_USE_TLS"], post["EMAIL_USE_SSL"]) == (True, False)
    assert told("smtps://mail.example.org")["EMAIL_USE_SSL"] is True
    assert told("smtp://mail.example.org:25?tls=off")["EMAIL_USE_TLS"] is False
    with pytest.raises(SystemExit, match="RAGSITE_EMAIL_URL must look like"):
        told("http://mail.example.org")


ONE, OTHER = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()


def master_keys_for(monkeypatch, **variables: str) -> dict[str, bytes]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    env.environment.cache_clear()
    try:
        return env.master_keys()
    finally:
        for name in variables:
            monkeypatch.delenv(name)
        env.environment.cache_clear()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (ONE, {"default": b"1" * 32}),
        (f"new:{OTHER}, default:{ONE}", {"new": b"2" * 32, "default": b"1" * 32}),
        (f"new:{OTHER},{ONE}", {"new": b"2" * 32, "default": b"1" * 32}),
    ],
    ids=["one", "two named", "a new one before an unnamed"],
)
def test_master_keys_are_read_in_their_order(monkeypatch, given, read):
    assert list(master_keys_for(monkeypatch, RAGSITE_MASTER_KEY=given).items()) == list(read.items())


@pytest.mark.parametrize(
    "given",
    ["short", "!" * 44, f"{ONE},{OTHER}", f"a:{ONE},a:{OTHER}", f"a b:{ONE}", f"{ONE},",
     base64.b64encode(b"1" * 16).decode()],
    ids=["short", "no base64", "two unnamed", "one id twice", "a bad id", "an empty one", "16 bytes"],
)  # fmt: skip
def test_a_master_key_that_cannot_be_read_ends_the_start(monkeypatch, given):
    with pytest.raises(SystemExit, match="RAGSITE_MASTER_KEY must be 32 random bytes in base64") as refused:
        master_keys_for(monkeypatch, RAGSITE_MASTER_KEY=given)
    assert given not in str(refused.value)


def test_only_a_demonstration_takes_its_master_key_from_the_secrets(monkeypatch):
    assert list(master_keys_for(monkeypatch, RAGSITE_DEMONSTRATION="1")) == ["demonstration"]
    assert master_keys_for(monkeypatch, RAGSITE_DEMONSTRATION="0") == {}
