"""cachekit's log, kept for the report rather than shown between the lines of progress."""

from __future__ import annotations

import logging


class Logged(logging.Handler):
    """Keeps what cachekit logs in this process from now on, as *texts*."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        log = logging.getLogger("cachekit")
        log.addHandler(self)
        log.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
