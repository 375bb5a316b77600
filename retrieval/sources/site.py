"""What this installation's settings let the sources of a tenant do."""

import time
from pathlib import Path

from django.conf import settings

from accounts.models import Tenant
from accounts.outbound import Allowed, Dialler
from retrieval.sources.connector import Site


def site_of(tenant: Tenant) -> Site:
    folder = settings.RAGSITE_SOURCE_FOLDERS.get(tenant.slug)
    return Site(
        dialler=dialler(),
        folder=Path(folder) if folder else None,
        plain_mail=settings.RAGSITE_SOURCE_PLAIN_IMAP,
        bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX,
        sleep=time.sleep,
    )


def dialler() -> Dialler:
    """Public addresses, and what `RAGSITE_FETCH_ALLOW` and `RAGSITE_FETCH_PORTS` name besides."""
    return Dialler(Allowed.parsed(settings.RAGSITE_FETCH_ALLOW, settings.RAGSITE_FETCH_PORTS))
