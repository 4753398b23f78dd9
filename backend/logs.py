"""Logs: one line an event, readable on a terminal, JSON elsewhere on request; secrets never in them."""

import logging
import sys

import structlog
from structlog.typing import EventDict


def configure_logs(level: str, *, process: str) -> None:
    """Send our log lines to standard error.

    Args:
        level: debug, info, warning or error.
        process: Name of this process, written into each line.
    """

    def name_process(_logger: object, _method: str, line: EventDict) -> EventDict:
        return {"process": process, **line}

    structlog.configure(
        processors=[
            name_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            # The plain form: the other one prints local variables, which may be secrets.
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries below warning say nothing that an operator can use (each request of httpx, for one).
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
