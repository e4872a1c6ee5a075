"""What a decorated function reports: its counts, and how an invalidation went."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Literal


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """One function's counts in this process.

    Parameters:
        l1_hits: calls answered from this process's memory.
        l2_hits: calls answered from the backend.
        shared: calls that waited for another caller's computation and got its value.
        misses: calls that ran the function, refreshes included.
        refreshes: values computed anew in the background, while the stale one was served.
        refresh_errors: refreshes in which the function raised.
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
    refreshes: int = 0
    refresh_errors: int = 0
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
            process's L1 may serve it until its TTL ends, unless the backend can broadcast, and one
            that was computing it at that moment may still store it. ``"pending"``: L1 is clean, but the backend could not be
            told; this process does not read the target from it, and tries again once a second when it is called.
        reason: why it is pending.
    """

    status: Literal["done", "pending"]
    reason: str = ""

    @property
    def done(self) -> bool:
        return self.status == "done"


class Count:
    """A number that only grows, by one at a time; exact under many threads without a lock."""

    __slots__ = ("_numbers", "up")

    def __init__(self) -> None:
        self._numbers = count()
        self.up = self._numbers.__next__

    def __int__(self) -> int:
        # The one way to look at an iterator of `itertools` without moving it.
        return int(repr(self._numbers)[len("count(") : -1])


_COUNTS = ("l1_hits", "l2_hits", "shared", "misses", "refreshes", "refresh_errors", "uncacheable", "backend_errors")


class Tally:
    """A function's counts, except for the hits that its wrapper counts."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._counts = {name: Count() for name in _COUNTS}
        self._unread: dict[str, Count] = {}

    def count(self, what: str) -> None:
        self._counts[what].up()

    def count_unread(self, reason: str) -> None:
        # Of two threads that are the first, one makes the count.
        self._unread.setdefault(reason, Count()).up()

    def info(self, l1_hits: int, entries: int, size: int) -> CacheInfo:
        counts = {name: int(counted) for name, counted in self._counts.items()}
        counts["l1_hits"] += l1_hits
        unread = {reason: int(counted) for reason, counted in list(self._unread.items())}
        return CacheInfo(**counts, unread=unread, entries=entries, bytes=size)
