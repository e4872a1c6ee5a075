"""L1 as one function sees it: what it holds for a call, and what is put there."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import Any, Final

from . import _clock
from ._binding import Binder
from ._call import Call
from ._chunks import Buffer
from ._codec import Codec
from ._flight import Flights
from ._front import Front
from ._isolation import Held, hold, hold_any, hold_shared
from ._memory import Memory, Shelf
from ._reports import Reports
from .config.groups import L1CacheConfig
from .errors import DecodeError

NO_VALUE: Final = object()
"""Stands where there is no value; a cached None is a value."""


class Local(Reports):
    """One function's part of L1.

    Parameters:
        name: the function's.
        binder: what makes keys of its calls.
        instance: whether its first argument is the object that it is a method of.
    """

    codec: Codec
    ttl: float | None

    def __init__(self, name: str, binder: Binder, *, instance: bool) -> None:
        super().__init__(name)
        self.binder = binder
        self.flights = Flights()
        self.front = Front(binder, instance=instance)
        self.shelf = Shelf(self.front.classes)
        self.memory: Memory | None = None
        self.soft_ratio: float | None = None
        self.copies = True
        self.refreshing: dict[Hashable, Any] = {}
        """The keys whose values are computed anew in the background, and the loop that each runs in, if any."""

    def take(self, memory: Memory, config: L1CacheConfig) -> None:
        """Be held in *memory* from now on."""
        self.copies = config.copy
        self.memory = memory
        self.shelf = memory.shelf(self, self.front.classes, weakref.WeakMethod(self._look_into))
        self._look_into()

    def _look_into(self) -> None:
        self.front.look_into(self.shelf, _clock.monotonic)

    def held(self, call: Call) -> Any:
        """What L1 has for *call*, or `NO_VALUE`; the call then knows whether it is stale."""
        slot = self.shelf.by_key.get(call.key)
        if slot is None:
            return NO_VALUE
        entry, now = slot.entry, _clock.monotonic()
        if now >= slot.expires:  # read after the entry: see `Slot`
            return NO_VALUE
        call.stale = now >= entry[1]
        slot.seen = True
        return entry[0] if entry[2] is None else self.taken(entry[0], entry[2])

    def taken(self, kept: Any, copier: Callable[[Any], Any] | None) -> Any:
        """A caller's own copy of what is kept, or `NO_VALUE`."""
        if copier is None:
            return kept
        try:
            return copier(kept)
        except Exception as error:  # noqa: BLE001 - a deep copy runs the value's own code
            reason = error.reason if isinstance(error, DecodeError) else "not copied"
            self.tally.count_unread(reason)
            self.warn("copy", f"an entry of L1 could not be copied ({type(error).__name__}: {error})")
            return NO_VALUE

    def hold(self, value: Any, data: Sequence[Buffer]) -> Held:
        """A *value* that was serialized as *data*, as L1 holds it."""
        return hold(value, data, self.codec.loads) if self.copies else Held(value, sum(map(len, data)))

    def hold_any(self, value: Any) -> Held:
        """Any value, as L1 holds it where nothing else does. Raises `SerializationError`."""
        return hold_any(value, self.codec.dumps, self.codec.loads) if self.copies else hold_shared(value)

    def keep(self, call: Call, held: Held, ttl: float | None, fresh: float | None) -> None:
        """Put a value into L1 for *ttl* seconds, *fresh* of them as fresh, unless something was invalidated since the call began."""
        if self.memory is None or call.key is None:
            return
        now = _clock.monotonic()
        expires = inf if ttl is None else now + ttl
        soft = expires if fresh is None else min(expires, now + fresh)
        if not self.memory.put(self.shelf, call, held, soft, expires, lambda: self.flights.epoch(call.key) == call.epoch):
            self.tally.count("uncacheable")
            self.warn(
                "size", f"a value of {held.size} bytes is larger than L1's max_size_mb={self.memory.max_bytes >> 20} and is not kept there"
            )

    def fresh_for(self) -> float | None:
        """Seconds that a value made now is fresh: a part of the TTL, give or take, so that not all are made anew at once."""
        if self.soft_ratio is None or self.ttl is None:
            return None
        return self.ttl * self.soft_ratio * (0.9 + 0.2 * random.random())  # noqa: S311
