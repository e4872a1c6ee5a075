"""The writes to a backend that are under way, so that an invalidation is not overtaken by an older value."""

from __future__ import annotations

import threading
from concurrent.futures import Future


class Writes:
    """One function's writes under way in this process.

    A write begins here *before* it looks at the epoch, and an invalidation begins a new epoch
    before it looks here: either the write sees that it is too late, or the invalidation waits for it.
    """

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a forked child no write is under way."""
        self._lock = threading.RLock()
        self._under_way: dict[str, list[Future[bool]]] = {}

    def begin(self, key: str, write: Future[bool]) -> None:
        """Note a *write* of *key*, a future that is running; `end` it in any case, even if this is cut off."""
        with self._lock:
            self._under_way.setdefault(key, []).append(write)

    def under_way(self, key: str) -> list[Future[bool]]:
        """The writes of *key* that are not over."""
        with self._lock:
            return [write for write in self._under_way.get(key, ()) if not write.done()]

    def end(self, key: str, write: Future[bool]) -> None:
        """The *write* is over; it may be so twice, or not have begun."""
        with self._lock:
            # First, and what follows may be cut off: one that is done is waited for no more.
            if not write.done():
                write.set_result(True)
            others = [other for other in self._under_way.get(key, ()) if not other.done()]
            if others:
                self._under_way[key] = others
            else:
                self._under_way.pop(key, None)
