"""The writes to a backend that are under way, so that an invalidation is not overtaken by an older value."""

from __future__ import annotations

import threading
from collections.abc import Callable
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

    def begin(self, key: str) -> Callable[[], None]:
        """Note a write of *key*; call what is returned when it is over, once or more."""
        write: Future[bool] = Future()
        write.set_running_or_notify_cancel()  # so that nobody who waits for it can cancel it
        with self._lock:
            self._under_way.setdefault(key, []).append(write)
        return lambda: self._end(key, write)

    def under_way(self, key: str) -> list[Future[bool]]:
        """The writes of *key* that are not over."""
        with self._lock:
            return list(self._under_way.get(key, ()))

    def _end(self, key: str, write: Future[bool]) -> None:
        with self._lock:
            if write.done():
                return
            others = [other for other in self._under_way[key] if other is not write]
            if others:
                self._under_way[key] = others
            else:
                del self._under_way[key]
            write.set_result(True)
