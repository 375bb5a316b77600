"""Making, changing and ending sources, for the page, the API and the admin alike.

All of it takes both rights, to edit documents and to grant access: a source takes documents in and away
in its collection, and its rules decide who reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone

from accounts.models import Tenant
from accounts.roles import Right
from accounts.scope import Sensitivity
from compliance.audit.append import append
from compliance.audit.context import current
from retrieval.access.rights import Actor, refused_levels
from retrieval.errors import FetchRefused, SourceRefused, SourceUnavailable
from retrieval.models import Collection, Source, SourceItem
from retrieval.models.sources import SCHEDULE_MINUTES, SCHEDULE_MINUTES_MAX
from retrieval.sources.connector import Connector, cleaned
from retrieval.sources.registry import connector_of
from retrieval.sources.runs import connector_for
from retrieval.sources.site import site_of

RIGHTS = (Right.EDIT_DOCUMENTS, Right.GRANT_ACCESS)
NAME_TAKEN = "There is a source of this name already."
BEING_REMOVED = "This source is being removed."


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDraft:
    """A source as somebody wants it. `secret`: None leaves the one there is."""

    name: str
    configuration: Mapping[str, Any]
    secret: str | None = None
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    schedule_minutes: int = SCHEDULE_MINUTES
    enabled: bool = True


def make_source(actor: Actor, collection: Collection, kind: str, draft: SourceDraft) -> Source:
    """A new source, which runs as soon as a worker is free. Inside `managing`. Raises SourceRefused."""
    tenant = actor.membership.tenant
    connector = connector_of(kind)
    check_level(actor, draft.sensitivity)
    source = Source(
        tenant=tenant, collection=collection, kind=kind, created_by_id=actor.scope.user_id,
        requested_at=timezone.now(),
    )  # fmt: skip
    fill(source, draft, cleaned(connector, draft.configuration, site_of(tenant)))
    set_secret(source, connector, draft.secret or "")
    save(source)
    record(actor, source, "source.made")
    return source


def change_source(actor: Actor, source: Source, draft: SourceDraft) -> None:
    """Change a source; its kind and collection stay. Inside `managing`. Raises SourceRefused.

    Where the source is somewhere else afterwards, or another user's, the secret has to be entered anew:
    it would be sent to whoever is there.
    """
    check_going(source)
    if draft.sensitivity != source.sensitivity:
        check_level(actor, Sensitivity(source.sensitivity), draft.sensitivity)
    connector = connector_of(source.kind)
    values = cleaned(connector, draft.configuration, site_of(source.tenant))
    moved = any(
        values[field.name] != source.configuration.get(field.name)
        for field in connector.fields
        if field.place
    )
    if moved and source.sealed_secret and draft.secret is None:
        raise SourceRefused(
            f"Enter the {connector.secret_label.lower()} again: it would be sent to another place.", "secret"
        )
    if moved:
        source.cursor = {}
    fill(source, draft, values)
    if draft.secret is not None:
        set_secret(source, connector, draft.secret)
    save(source)
    record(actor, source, "source.changed")


def fill(source: Source, draft: SourceDraft, values: dict[str, Any]) -> None:
    if not draft.name.strip() or len(draft.name) > 150 or not draft.name.isprintable():
        raise SourceRefused("A source needs a name of at most 150 characters.", "name")
    if not 0 <= draft.schedule_minutes <= SCHEDULE_MINUTES_MAX:
        raise SourceRefused(
            "It is looked at every so many minutes, up to 30 days; 0: never.", "schedule_minutes"
        )
    source.name, source.configuration = draft.name.strip(), values
    source.sensitivity, source.schedule_minutes = draft.sensitivity, draft.schedule_minutes
    source.enabled = draft.enabled


def set_secret(source: Source, connector: type[Connector], secret: str) -> None:
    if secret and not connector.secret_label:
        raise SourceRefused("A source of this kind has no secret.", "secret")
    if len(secret) > 1_000 or not secret.isprintable():
        raise SourceRefused("This cannot be a secret: it is too long or holds control characters.", "secret")
    source.secret = secret


def check_level(actor: Actor, *levels: Sensitivity) -> None:
    if refusal := refused_levels(actor, *levels):
        raise SourceRefused(refusal, "sensitivity")


def check_going(source: Source) -> None:
    if source.removing:
        raise SourceRefused(BEING_REMOVED)


def save(source: Source) -> None:
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint != "source_name_in_tenant":
            raise
        raise SourceRefused(NAME_TAKEN, "name") from error


def request_run(actor: Actor, source: Source) -> None:
    """Put the source in line. Inside `managing`."""
    check_going(source)
    if not source.enabled:
        raise SourceRefused("This source is paused. Let it go on first.")
    source.requested_at = timezone.now()
    source.save(update_fields=["requested_at"])
    record(actor, source, "source.requested")


def set_enabled(actor: Actor, source: Source, enabled: bool) -> None:
    """Pause a source, or let it go on. A run under way ends by itself. Inside `managing`."""
    check_going(source)
    source.enabled = enabled
    source.save(update_fields=["enabled"])
    record(actor, source, "source.resumed" if enabled else "source.paused")


def confirm_removal(actor: Actor, source: Source, count: int) -> None:
    """Agree to the removal of so many documents, by the next run and once. Inside `managing`.

    count: what she was asked about. Where another number is asked by now, she is asked again.
    """
    check_going(source)
    if not source.removals_asked or count != source.removals_asked:
        raise SourceRefused("Another number of documents is to go by now. Look at it again.")
    source.removals_agreed, source.requested_at = count, timezone.now()
    source.save(update_fields=["removals_agreed", "requested_at"])
    record(actor, source, "source.removal_confirmed", {"documents": count})


def end_source(actor: Actor, source: Source, *, with_documents: bool) -> None:
    """Delete a source. Its documents stay, with their readers, or are erased by and by. Inside `managing`."""
    record(actor, source, "source.ended", {"with_documents": with_documents})
    items = SourceItem.objects.filter(tenant_id=source.tenant_id, source_id=source.pk)
    if with_documents and items.filter(document__isnull=False).exists():
        source.removing, source.enabled, source.requested_at = True, False, timezone.now()
        source.save(update_fields=["removing", "enabled", "requested_at"])
    else:
        source.delete()


def try_source(source: Source) -> str:
    """What a look at the source finds, as a sentence. Raises SourceRefused.

    Outside of any transaction: it waits for others. What is behind an address shows in no difference.
    """
    try:
        return connector_for(source).try_out()
    except (SourceUnavailable, FetchRefused) as error:
        raise SourceRefused(str(error)) from error
    except OSError as error:
        raise SourceRefused("The source broke off.") from error


def find_source(tenant_id: UUID, source_id: UUID) -> Source | None:
    """A source of the tenant, with its collection. Inside `managing`."""
    sources = Source.objects.filter(tenant_id=tenant_id, pk=source_id)
    return sources.select_related("tenant", "collection").first()


def documents_of(tenant: Tenant) -> dict[UUID, int]:
    """How many documents each source of the tenant has here. Inside `managing`."""
    items = SourceItem.objects.filter(tenant=tenant, document__isnull=False).order_by()
    return dict(items.values_list("source_id").annotate(Count("pk")))


def record(actor: Actor, source: Source, event: str, details: dict[str, Any] | None = None) -> None:
    append(
        tenant_id=source.tenant_id,
        event=event,
        request_id=current().request_id,
        actor_id=actor.scope.user_id,
        object_pk=str(source.pk),
        details=details,
        durable=False,
    )
