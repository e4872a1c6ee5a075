"""Invalidations that the backend did not take: until it does, this process does not read their targets there."""

from __future__ import annotations

import threading

LIMIT = 1000
"""Keys that are remembered; past it, all of the function's entries are to be invalidated instead."""


class Pending:
    """One function's. Each entry has a number, so that one that came while another was carried out is not lost with it."""

    def __init__(self) -> None:
        self._number = 0
        self._all = 0
        self._keys: dict[str, int] = {}
        self.after_fork()

    def after_fork(self) -> None:
        """What is pending still is, in a child too; only the lock may be held by nobody."""
        self._lock = threading.RLock()

    def add(self, key: str | None) -> None:
        """Note *key*, or with None all keys."""
        with self._lock:
            self._number += 1
            if key is None or len(self._keys) >= LIMIT:
                self._all = self._number
                self._keys.clear()
            else:
                self._keys[key] = self._number

    def of(self, key: str) -> tuple[int, int]:
        """What is pending for *key*: the numbers for all keys and for itself; 0 for nothing."""
        return self._all, self._keys.get(key, 0)

    def done(self, key: str, number: int) -> None:
        """Entry *number* of *key* was carried out."""
        with self._lock:
            if self._keys.get(key) == number:
                del self._keys[key]

    def all_done(self, number: int) -> None:
        """Entry *number* for all keys was carried out."""
        with self._lock:
            if self._all == number:
                self._all = 0
