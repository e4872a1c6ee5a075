"""What reading one value may still allocate."""

from __future__ import annotations

import threading

from ..errors import DecodeError


class Budget:
    """Bytes *left* to one value."""

    def __init__(self, left: int = 0) -> None:
        self.left = left

    def take(self, size: int) -> None:
        """Count *size* bytes, before they are allocated; `DecodeError` if there are not so many left."""
        if size > self.left:
            raise DecodeError("too large", f"it would take {size} more bytes, and {self.left} are left")
        self.left -= size


class ThreadsBudget(Budget, threading.local):
    """A budget for the value that each thread reads."""
