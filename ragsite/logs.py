"""Logs: one JSON line an event, on the error stream. Ids, counts, durations, rules; never a text."""

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Set structlog up, once, when settings are read. level: a name such as "info"."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            # The class of an exception and where it rose; messages of libraries may quote their input.
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
