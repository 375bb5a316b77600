"""The worker and beat processes: `celery -A ragsite worker`."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

app = Celery("ragsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def check_before_work(**kwargs: Any) -> None:
    """A worker reads and writes every tenant's documents: it starts on the same terms as the web process."""
    from django.db import connection

    from ragsite.checks import refuse_to_serve_unsafely

    refuse_to_serve_unsafely()
    # Its children must not inherit an open connection.
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
