"""What a decorated function reports: its counts, and how an invalidation went."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """One function's counts in this process.

    Parameters:
        l1_hits: calls answered from this process's memory.
        l2_hits: calls answered from the backend.
        shared: calls that waited for another caller's computation and got its value.
        misses: calls that ran the function, refreshes included.
        uncacheable: values and keys that could not be stored; the log says why, once.
        backend_errors: operations the backend failed.
        unread: entries that were there but not served, by reason.
        entries, bytes: what L1 holds for this function now, our bookkeeping included.

    Example:
        >>> from cachekit import cache
        >>> @cache(backend=None)
        ... def double(n: int) -> int:
        ...     return 2 * n
        >>> double(4), double(4), double.cache_info().hits
        (8, 8, 1)
    """

    l1_hits: int = 0
    l2_hits: int = 0
    shared: int = 0
    misses: int = 0
    uncacheable: int = 0
    backend_errors: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    bytes: int = 0

    @property
    def hits(self) -> int:
        """Calls that did not run the function."""
        return self.l1_hits + self.l2_hits + self.shared


@dataclass(frozen=True, slots=True)
class Invalidation:
    """How an invalidation went.

    Parameters:
        status: ``"done"``: this process's L1 and the backend no longer have the old value. Another
            process's L1 may serve it until its TTL ends, and one that was computing it at that
            moment may still store it. ``"pending"``: L1 is clean, but the backend could not be
            told; this process does not read the target from it, and tries again once a second when it is called.
        reason: why it is pending.
    """

    status: Literal["done", "pending"]
    reason: str = ""

    @property
    def done(self) -> bool:
        return self.status == "done"


class Tally:
    """Exact counts under many threads."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may count too
        self._counts: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()

    def count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def count_unread(self, reason: str) -> None:
        with self._lock:
            self._unread[reason] += 1

    def info(self, entries: int, size: int) -> CacheInfo:
        with self._lock:
            return CacheInfo(**self._counts, unread=dict(self._unread), entries=entries, bytes=size)
