"""Mail beside the request, so that the time an answer takes does not tell whether mail was sent."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache

import structlog
from django.core.mail import EmailMessage

log = structlog.get_logger()
_sending: "set[Future[None]]" = set()


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def deliver(message: EmailMessage) -> None:
    """Send a message soon, in a thread of its own; what fails is logged and not tried again."""
    future = _threads().submit(_send, message)
    _sending.add(future)
    future.add_done_callback(_sending.discard)


def settle(timeout_seconds: float = 20) -> None:
    """Wait until what was handed over so far is sent."""
    wait(list(_sending), timeout=timeout_seconds)


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except OSError as error:
        log.error("mail.failed", error=type(error).__name__)
