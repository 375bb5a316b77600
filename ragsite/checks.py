"""System checks that refuse a configuration in which a promise of ragsite would not hold."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.db import connection

OURS = ("ragsite.E001", "ragsite.E002", "ragsite.E003", "ragsite.E004", "ragsite.E005")
SECRET_CHARS_MIN = 32
DIFFERENT_CHARS_MIN = 8
PGVECTOR_MIN = (0, 8, 2)  # older ones can leak another relation's data in a parallel build (CVE-2026-3172)


@register(Tags.database)
def no_transaction_around_requests(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values()):
        return [
            Error(
                "ATOMIC_REQUESTS is on: a transaction would stay open while an answer streams.",
                hint="Turn it off; each piece of work opens its own transaction.",
                id="ragsite.E001",
            )
        ]
    return []


@register(Tags.database, deploy=False)
def application_role_is_held_by_row_level_security(
    app_configs: Any, databases: Any = None, **kwargs: Any
) -> list[CheckMessage]:
    """T-29: the role that serves requests owns no table and cannot bypass policies."""
    if not databases or "default" not in databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            # Of every role it may take on, too: one that is a member of the owner is the owner.
            """select exists (select 1 from pg_roles r where (r.rolsuper or r.rolbypassrls)
                                and pg_has_role(current_user, r.oid, 'member')),
                      exists (select 1 from pg_tables
                               where schemaname = 'public' and pg_has_role(current_user, tableowner, 'member'))"""
        )
        bypasses, owns = cursor.fetchone()
    if bypasses or owns:
        return [
            Error(
                "The application's database role could walk around row-level security.",
                hint="It must own no table and be neither superuser nor BYPASSRLS.",
                id="ragsite.E002",
            )
        ]
    return []


@register(Tags.database)
def pgvector_is_recent(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """T-28."""
    if not databases or "default" not in databases:
        return []
    with connection.cursor() as cursor:
        row = cursor.execute("select extversion from pg_extension where extname = 'vector'").fetchone()
    if row is None or not version_suffices(row[0]):
        found = row[0] if row else "none"
        return [Error(f"pgvector 0.8.2 or newer is needed; found {found}.", id="ragsite.E003")]
    return []


@register(Tags.security)
def secrets_are_secrets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """T-12: sessions, keys and cached answers hang on these; made by `make up`, 32 random bytes each."""
    return [
        Error(
            f"{name} is no secret: it is short, or the same few characters again and again.",
            hint="Take it out of the secrets file and run 'make up'; a new one is made.",
            id="ragsite.E004",
        )
        for name in ("SECRET_KEY", "RAGSITE_TENANT_KEY")
        if len(getattr(settings, name)) < SECRET_CHARS_MIN
        or len(set(getattr(settings, name))) < DIFFERENT_CHARS_MIN
    ]


@register(Tags.security)
def master_keys_are_there(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Without one no file can be kept; the same few bytes again and again are none."""
    keys = list(settings.RAGSITE_MASTER_KEYS.values())
    if keys and all(len(set(key)) >= DIFFERENT_CHARS_MIN for key in keys):
        return []
    return [
        Error(
            "RAGSITE_MASTER_KEY is missing or no secret; the keys of the tenants' files are wrapped by it.",
            hint="Set it to the output of `openssl rand -base64 32`, and keep a copy apart from the database.",
            id="ragsite.E005",
        )
    ]


def refuse_to_serve_unsafely() -> None:
    """End the start of a process that would serve without its locks; raises SystemExit with the reasons."""
    found = run_checks(tags=[Tags.database, Tags.security], databases=["default"])
    if errors := [message for message in found if message.is_serious() and message.id in OURS]:
        raise SystemExit("ragsite does not start: " + " ".join(str(error.msg) for error in errors))


def version_suffices(found: str) -> bool:
    """Whether a pgvector version such as "0.8.5" is at least 0.8.2."""
    return tuple(int(part) for part in found.split(".")[:3]) >= PGVECTOR_MIN
