"""The token this process proposes for a marker that the backend has not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

HOLDS_FOR = 1.0
"""Seconds in which callers who find no marker propose one token, so that each keeps what the others store.

A longer time could bring back what another process cleared, if the marker it wrote was lost at once.
"""


class Proposed:
    """One function's.

    Parameters:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._made: tuple[bytes, float] | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """The lock may be held by nobody in a child."""
        self._lock = threading.RLock()

    def token(self) -> bytes:
        """The token to write: what was proposed a moment ago, or a fresh one."""
        with self._lock:  # urandom lets other threads run
            made, now = self._made, self._clock()
            if made is None or now - made[1] > HOLDS_FOR:
                made = self._made = (os.urandom(16), now)
            return made[0]

    def withdraw(self) -> None:
        """The marker was seen, or is written anew: the next one that is missing is another."""
        self._made = None
