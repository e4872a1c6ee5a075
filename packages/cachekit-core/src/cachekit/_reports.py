"""What one function's caching says: its counts, and what went wrong, once."""

from __future__ import annotations

import logging
import types
from typing import Any

from ._report import Tally
from .errors import BackendError, CachekitError, DecodeError

_log = logging.getLogger("cachekit")


class Reports:
    """Counts everything, and logs each kind of trouble once.

    Parameters:
        name: the function's, which begins each line.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tally = Tally()
        self.unresolved = ""
        """Why the return annotation was of no use, for the text about a value that is refused."""
        self._warned: set[str] = set()

    def failed(self, error: BackendError) -> None:
        """A backend operation failed."""
        self.tally.count("backend_errors")
        self.warn(f"backend {type(error).__name__}", f"the backend failed and the call went on without it: {error}")

    def refresh_failed(self, error: Exception) -> None:
        """The function raised in the background; the stale value is served on."""
        self.tally.count("refresh_errors")
        self.warn(f"refresh {type(error).__name__}", "a refresh in the background failed", error)

    def misread(self, error: DecodeError) -> None:
        """An entry was there but is not served."""
        self.tally.count_unread(error.reason)
        if error.reason not in ("expired", "invalidated"):
            self.warn(f"read {error.reason}", f"an entry was not understood and counts as a miss: {error}", error.__cause__)

    def unencodable(self, value: Any, error: Exception) -> None:
        """The function's value cannot be cached."""
        self.tally.count("uncacheable")
        why = str(error) if isinstance(error, CachekitError) else f"its own code raised {type(error).__name__}"
        if type(value) is types.CoroutineType:
            why = "decorate the coroutine function itself, below what wraps it"
        self.warn(f"value {type(value).__qualname__}", f"returned a {type(value).__qualname__} that is not cached: {why}{self.unresolved}")

    def warn(self, about: str, text: str, cause: BaseException | None = None) -> None:
        """Log a WARNING, once a function for each *about*."""
        if about not in self._warned:
            self._warned.add(about)
            _log.warning("%s: %s", self.name, text, exc_info=cause)
