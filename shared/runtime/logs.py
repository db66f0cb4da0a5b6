"""Logs are events with fields, one JSON object a line, never bodies, never personal data."""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog

FORBIDDEN_FIELDS: Final = frozenset(
    {"name", "phone", "street", "address", "recipient", "buyer", "remark", "token", "code_secret"}
)


def _drop_personal(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace fields that could carry a person's data, should one slip in."""
    for field in FORBIDDEN_FIELDS & event.keys():
        event[field] = "(hidden)"
    return event


def configure(*, node: str) -> None:
    """Send structured events to standard error; `node` stands on every line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_personal,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(node=node)


def get(component: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose lines carry `component`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=component)
    return logger
