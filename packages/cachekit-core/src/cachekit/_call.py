"""One call of a decorated function, on its way from miss to value."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ._flight import Epoch, Flight
from ._memory import NO_KEY, Key
from ._store import Store


class Call(Key):
    """What is known of a call. One without a key goes to the function, and nothing is stored.

    Where there is a backend, its key is the wire key.
    """

    __slots__ = ("epoch", "fits", "flight", "stale", "store", "tokens")

    def __init__(self, key: Hashable = None, front_key: Any = NO_KEY, classes: tuple[type, ...] = (), size: int = 0) -> None:
        # Not by super(): one is made at each miss.
        self.key = key
        self.front_key = front_key
        self.classes = classes
        self.size = size
        self.flight: Flight | None = None
        self.fits = True  # the function's parameters
        self.stale = False  # whether what was found for it wants to be computed anew
        self.epoch: Epoch = (0, 0)
        self.tokens: tuple[bytes, ...] | None = None  # None: the backend is not to be written in this call
        self.store: Store | None = None  # the backend the tokens are of

    @property
    def wire(self) -> str:
        """The key that the backend knows it by."""
        assert isinstance(self.key, str)  # noqa: S101 - where there is a backend, every key is one
        return self.key
