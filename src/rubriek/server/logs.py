"""The log of the service: a JSON object on each line of stderr."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

KEPT = 2000
"""Characters of a message that are logged; what a client sent must not fill the disk."""


class JsonLines(logging.Formatter):
    """Writes a record as JSON: time, level, message, and the fields given as ``extra={"fields": {...}}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage()[:KEPT],
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=True, default=str)


def set_up(level: str) -> None:
    """Send the logs of rubriek and of the HTTP server to stderr, as JSON lines.

    Parameters
    ----------
    level : str
        ``"debug"``, ``"info"``, ``"warning"`` or ``"error"``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("rubriek", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    # Each request is logged by `observed`, with its id and its times; uvicorn's own line would repeat it.
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False
