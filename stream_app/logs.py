"""Logs: one line an event, with fields; Faust's and aiokafka's lines look the same."""

import logging
import sys

import structlog
from aiokafka.errors import KafkaError

from stream_app.errors import StreamAppError


def configure(level: str) -> None:
    """Send all logs to standard error, from ``level`` up; what libraries say from warning up."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_traceback,
                structlog.processors.format_exc_info,
                structlog.processors.KeyValueRenderer(
                    key_order=["timestamp", "level", "event"], drop_missing=True
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [lines]
    root.setLevel(logging.WARNING)
    logging.getLogger("stream_app").setLevel(level.upper())


def _without_traceback(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drop the traceback of an error that explains itself; the line has its sentence."""
    exc_info = event.get("exc_info")
    if isinstance(exc_info, tuple) and is_explained(exc_info[1]):
        del event["exc_info"]
    return event


def is_explained(error: BaseException | None) -> bool:
    """Say whether an error is one of ours, and nothing but the outside world has caused it."""
    while isinstance(error, StreamAppError | KafkaError | OSError):
        if error.__cause__ is None:
            return True
        error = error.__cause__
    return False
