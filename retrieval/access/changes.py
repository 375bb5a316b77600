"""Changing a document: its title, level, place, and whose grants it takes."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.scope import Sensitivity
from retrieval.access.rights import Actor, may, may_everywhere, refused_levels
from retrieval.access.values import Permission
from retrieval.errors import ChangeRefused
from retrieval.models import Collection, Document

NO_MOVE = "Moving a document takes the right to change both collections."


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """What is to change; None: it stays."""

    title: str | None = None
    sensitivity: Sensitivity | None = None
    collection: Collection | None = None
    inherits_grants: bool | None = None


def change_document(actor: Actor, document: Document, change: DocumentChange) -> None:
    """Make the change, for somebody who may change the document. Call inside `managing`.

    Raises ChangeRefused, with nothing changed: for a level beyond the actor's own ceiling, for a move
    without `change` on both collections or onto a file of the same name, and for another source of
    grants without the right to grant everywhere, since it takes from some and gives to others.
    """
    fields = [*set_title(document, change), *set_level(actor, document, change)]
    fields += [*move(actor, document, change), *set_inheritance(actor, document, change)]
    if not fields:
        return
    try:
        with transaction.atomic():
            document.save(update_fields=fields)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint != "document_source_in_collection":
            raise
        raise ChangeRefused("The collection has a file of this name already.") from error


def set_title(document: Document, change: DocumentChange) -> list[str]:
    if change.title is None or change.title == document.title:
        return []
    document.title = change.title
    return ["title"]


def set_level(actor: Actor, document: Document, change: DocumentChange) -> list[str]:
    if change.sensitivity is None or change.sensitivity == document.sensitivity:
        return []
    if refusal := refused_levels(actor, Sensitivity(document.sensitivity), change.sensitivity):
        raise ChangeRefused(refusal)
    document.sensitivity = change.sensitivity
    return ["sensitivity"]


def move(actor: Actor, document: Document, change: DocumentChange) -> list[str]:
    there = change.collection
    if there is None or there.pk == document.collection_id:
        return []
    if not all(may(actor, Permission.CHANGE, shelf) for shelf in (document.collection, there)):
        raise ChangeRefused(NO_MOVE)
    document.collection = there
    return ["collection"]


def set_inheritance(actor: Actor, document: Document, change: DocumentChange) -> list[str]:
    if change.inherits_grants is None or change.inherits_grants == document.inherits_grants:
        return []
    if not may_everywhere(actor, Permission.SHARE):
        raise ChangeRefused("Whose grants a document takes is changed by a role with 'grant access' only.")
    document.inherits_grants = change.inherits_grants
    return ["inherits_grants"]
