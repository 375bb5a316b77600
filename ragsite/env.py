"""The environment, read once and typed; nonsense stops the start with a sentence."""

import base64
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from accounts.outbound.rules import Allowed
from ragsite.embedded.paths import Places, places

ROOT = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """Every variable ragsite reads. `RAGSITE_` comes before each name, save for the two URLs."""

    model_config = SettingsConfigDict(env_prefix="RAGSITE_", extra="ignore", populate_by_name=True)

    # Owner's URL of an existing database; empty: the embedded one.
    database_url: SecretStr = Field(default=SecretStr(""), validation_alias="DATABASE_URL")
    redis_url: SecretStr = Field(default=SecretStr(""), validation_alias="REDIS_URL")

    # The role that serves requests; empty: the database's name with "_app".
    application_role: str = ""

    debug: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    demonstration: bool = True  # load the demonstration tenants on the first start
    secure_cookies: bool = False  # on behind TLS; the embedded set-up serves plain loopback
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    database_pool_max: int = Field(default=8, ge=2, le=64)

    # Sign-in. Mail goes to smtp://user:password@host:port (smtps:// for TLS from the start, smtp:// with
    # STARTTLS, ?tls=off for neither); empty: into the log.
    email_url: SecretStr = SecretStr("")
    email_from: str = "ragsite@localhost"
    staff_second_factor: bool | None = None  # empty: asked of staff unless this is a demonstration
    identity_private_networks: bool = False  # identity providers inside one's own network, also without TLS
    trusted_proxies: int = Field(default=0, ge=0, le=5)  # in front of us, each adding to X-Forwarded-For

    # Generation: extractive needs no model; openai speaks to any compatible base URL.
    generator: Literal["extractive", "openai"] = "extractive"
    llm_base_url: str = ""
    llm_api_key: SecretStr = SecretStr("")
    llm_model: str = ""
    llm_timeout_seconds: float = Field(default=60.0, gt=0)
    llm_retries_max: int = Field(default=2, ge=0, le=5)

    # Embeddings: the local encoder, or any compatible endpoint with its own dimension.
    encoder: Literal["local", "openai"] = "local"
    embeddings_base_url: str = ""
    embeddings_api_key: SecretStr = SecretStr("")
    embeddings_model: str = ""
    embeddings_dimensions: int = Field(default=384, ge=8, le=4000)
    encoder_threads: int = Field(default=2, ge=1, le=32)

    # Sources. Addresses that people type in are connected to where they are public; an intranet is named
    # here, as networks or hosts. Folders: tenant=/absolute/path, each tenant's own.
    fetch_allow: str = ""
    fetch_ports: str = "80,443,993,8080,8443"
    source_folders: str = ""
    source_plain_imap: bool = False  # IMAP without TLS
    # The encoder that `manage.py reembed` goes over to. Every process knows it beforehand, so that the switch
    # finds none unprepared; empty: no other encoder is meant to come.
    next_encoder: Literal["", "local", "openai"] = ""
    next_embeddings_base_url: str = ""
    next_embeddings_api_key: SecretStr = SecretStr("")
    next_embeddings_model: str = ""
    next_embeddings_dimensions: int = Field(default=384, ge=8, le=4000)

    question_chars_max: int = Field(default=4000, ge=100, le=100_000)
    upload_bytes_max: int = Field(default=512 * 1024 * 1024, ge=1024)
    versions_kept: int = Field(default=5, ge=0)  # of a document, beside the one that is read
    open_uploads_max: int = Field(default=20, ge=1)  # of one person, in parts
    open_upload_bytes_max: int = Field(default=4 * 1024**3, ge=1024)

    # Originals: where they lie, and what wraps the tenants' keys: base64 of 32 bytes, or several as
    # id:base64,id:base64, of which the first wraps and all unwrap.
    master_key: SecretStr = SecretStr("")
    storage: Literal["local", "s3"] = "local"
    s3_bucket: str = ""
    s3_endpoint: str = ""  # empty: Amazon's own
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")

    # Where clamd listens, unix:/path or tcp:host:port; empty: no virus scanner. While a configured one is
    # away, documents wait.
    clamav: str = Field(default="", pattern=r"^(unix:/.+|tcp:[^:]+:\d{1,5}|tcp:\[[0-9a-fA-F:]+\]:\d{1,5})?$")

    # Reading files: media types for which an installed parser replaces the built-in one, with commas in
    # between, and the languages that text recognition reads, as tesseract names them ("eng+deu").
    parsers_override: str = ""
    ocr_languages: str = Field(default="eng", pattern=r"^\w+(\+\w+)*$")

    @model_validator(mode="after")
    def sources_are_readable(self) -> Self:
        """A network that nobody can read would stop every source, and not say why."""
        Allowed.parsed(listed(self.fetch_allow), self.ports())
        self.folders()
        return self

    def ports(self) -> list[int]:
        return [int(port) for port in listed(self.fetch_ports)]

    def folders(self) -> dict[str, str]:
        """The folder that each tenant's watched folders lie in, by slug."""
        pairs = [pair.partition("=") for pair in listed(self.source_folders)]
        for slug, _, folder in pairs:
            if not slug or not folder.startswith("/"):
                raise ValueError("RAGSITE_SOURCE_FOLDERS must look like acme=/srv/acme,globex=/srv/globex")
        return {slug: folder for slug, _, folder in pairs}

    @model_validator(mode="after")
    def remote_parts_are_named(self) -> Self:
        """A remote part without an address would fail at the first question instead of at the start."""
        if self.generator == "openai" and not (self.llm_base_url and self.llm_model):
            raise ValueError("RAGSITE_GENERATOR=openai needs RAGSITE_LLM_BASE_URL and RAGSITE_LLM_MODEL")
        if self.encoder == "openai" and not (self.embeddings_base_url and self.embeddings_model):
            raise ValueError(
                "RAGSITE_ENCODER=openai needs RAGSITE_EMBEDDINGS_BASE_URL and RAGSITE_EMBEDDINGS_MODEL"
            )
        if self.next_encoder == "openai" and not (
            self.next_embeddings_base_url and self.next_embeddings_model
        ):
            raise ValueError(
                "RAGSITE_NEXT_ENCODER=openai needs RAGSITE_NEXT_EMBEDDINGS_BASE_URL and"
                " RAGSITE_NEXT_EMBEDDINGS_MODEL"
            )
        if self.storage == "s3" and not self.s3_bucket:
            raise ValueError("RAGSITE_STORAGE=s3 needs RAGSITE_S3_BUCKET")
        if self.encoder == "local" and self.embeddings_dimensions != 384:
            raise ValueError(
                "the local encoder has 384 dimensions; RAGSITE_EMBEDDINGS_DIMENSIONS is for a remote one"
            )
        if self.next_encoder == "local" and self.next_embeddings_dimensions != 384:
            raise ValueError(
                "the local encoder has 384 dimensions; RAGSITE_NEXT_EMBEDDINGS_DIMENSIONS is for a remote one"
            )
        return self


def listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment as it stands. Nonsense ends the start with one sentence that names the variable."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors()[0]
        named = f"RAGSITE_{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        raise SystemExit(
            f"ragsite cannot start: {named}{first['msg'].removeprefix('Value error, ')}."
        ) from None


SECRET_CHARS_MIN = 32
MASTER_KEY_BYTES = 32
MASTER_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")
MASTER_KEY_FORM = (
    "ragsite cannot start: RAGSITE_MASTER_KEY must be 32 random bytes in base64, or several as "
    "id:base64,id:base64 with different ids. `openssl rand -base64 32` makes one."
)
KNOWN_TO_EVERYBODY = ("django-insecure-", "changeme", "change-me", "secret", "default")


@lru_cache(maxsize=1)
def secrets() -> dict[str, str]:
    """The installation's secrets, made once by `make up` and read from a file of mode 0600.

    Ends the start where one is missing, short or a well-known default.
    """
    path = home().secrets
    try:
        return strong(dict(json.loads(path.read_text())))
    except FileNotFoundError:
        raise SystemExit(
            "ragsite has no secrets yet. Run 'make up' once, or set RAGSITE_HOME to the folder that holds them."
        ) from None


def strong(found: dict[str, str]) -> dict[str, str]:
    """The secrets as they are; ends the start over one that could be guessed."""
    for name in ("secret_key", "tenant_key"):
        value = found.get(name, "")
        if len(value) < SECRET_CHARS_MIN or value.lower().startswith(KNOWN_TO_EVERYBODY):
            raise SystemExit(
                f"ragsite cannot start: the secret '{name}' is missing, short or a default. Put at least "
                f"{SECRET_CHARS_MIN} random characters in its place, for example from "
                '`python -c "import secrets; print(secrets.token_urlsafe(48))"`.'
            )
    return found


UNNAMED = "default"  # the id of a master key that stands without one


def master_keys() -> dict[str, bytes]:
    """Master keys by id, the one that wraps first; of a demonstration the secrets file has one.

    Empty when there is none. Ends the start over one that cannot be read.
    """
    given = environment().master_key.get_secret_value()
    if not given:
        made = secrets().get("master_key", "") if environment().demonstration else ""
        return {"demonstration": bytes.fromhex(made)} if made else {}
    keys: dict[str, bytes] = {}
    for part in given.split(","):
        given_id, _, encoded = part.strip().rpartition(":")
        key_id = given_id or UNNAMED
        if key_id in keys or not MASTER_KEY_ID.fullmatch(key_id):
            raise SystemExit(MASTER_KEY_FORM)
        keys[key_id] = _master_key(encoded)
    return keys


def _master_key(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise SystemExit(MASTER_KEY_FORM) from None
    if len(key) != MASTER_KEY_BYTES:
        raise SystemExit(MASTER_KEY_FORM)
    return key


def mail() -> dict[str, Any]:
    """Django's mail settings for `RAGSITE_EMAIL_URL`; ends the start for one that cannot be read."""
    url = environment().email_url.get_secret_value()
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SystemExit(
            "ragsite cannot start: RAGSITE_EMAIL_URL must look like smtp://user:password@host:587."
        )
    plain = "off" in parse_qs(parts.query).get("tls", [])
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and not plain,
        "EMAIL_TIMEOUT": 20,
    }


def home() -> Places:
    return places(ROOT)


def database(role: Literal["application", "owner"]) -> dict[str, Any]:
    """Django's connection settings for one of the two roles.

    The application role owns nothing and has no BYPASSRLS; only migrations use the owner.
    """
    given = environment().database_url.get_secret_value()
    parts = urlsplit(given or f"postgresql://ragsite_owner@/ragsite?host={home().run}")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    name = unquote(parts.path.lstrip("/")) or "ragsite"
    if role == "application":
        user = environment().application_role or f"{name}_app"
        password = secrets()["application_password"]
    else:
        user = unquote(parts.username or "ragsite_owner")
        password = unquote(parts.password or "") or ("" if given else secrets()["owner_password"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": query.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": dict(query),
    }


def redis_url() -> str:
    """Where Celery's queue and the limits live: `REDIS_URL`, or the embedded server's socket."""
    return environment().redis_url.get_secret_value() or f"unix://{home().redis_socket}"
