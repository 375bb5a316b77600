"""Documents that come by themselves from where people keep them, with who may read them there."""

from retrieval.sources.connector import Connector, Field, Site
from retrieval.sources.values import (
    INHERIT,
    PRIVATE,
    Change,
    Checkpoint,
    ExternalAccess,
    ExternalDocument,
    Skipped,
    Vanished,
)

__all__ = [
    "INHERIT",
    "PRIVATE",
    "Change",
    "Checkpoint",
    "Connector",
    "ExternalAccess",
    "ExternalDocument",
    "Field",
    "Site",
    "Skipped",
    "Vanished",
]
