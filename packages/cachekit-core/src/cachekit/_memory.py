"""L1: values in this process, within a budget of bytes, the least recently used leaving first."""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from ._isolation import Held

OVERHEAD = 700
"""Bytes one entry costs beside its value and its arguments: the slot, two keys, three places in dicts (measured)."""

LARGEST_LOCAL_KEY = 1024
"""Bytes of arguments that are kept as they are; a call with more goes by its wire key."""


LocalKey = tuple[Any, ...]


class Slot:
    """One entry. *expires* is on the monotonic clock; None for no expiry."""

    __slots__ = ("expires", "held", "index", "local", "size", "wire")

    def __init__(self, index: Index, wire: str, local: LocalKey | None, held: Held, expires: float | None) -> None:
        size = 0 if local is None else sys.getsizeof(local) + sum(map(sys.getsizeof, local[: len(local) // 2]))
        self.index = index
        self.wire = wire
        self.local = local if size <= LARGEST_LOCAL_KEY else None
        self.held = held
        self.expires = expires
        self.size = held.size + OVERHEAD + (size if self.local is not None else 0)


class Index:
    """One function's entries: by wire key, and by local key where the arguments have one."""

    __slots__ = ("__weakref__", "by_local", "by_wire", "size")

    def __init__(self) -> None:
        self.by_wire: dict[str, Slot] = {}
        self.by_local: dict[LocalKey, Slot] = {}
        self.size = 0


class Memory:
    """A budget that several functions may share.

    Parameters:
        max_bytes: what all entries together may take.
        clock: monotonic seconds.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float]) -> None:
        self.max_bytes = max_bytes
        self._clock = clock
        self._indexes: weakref.WeakSet[Index] = weakref.WeakSet()
        self._abandoned: deque[Index] = deque()
        self._begin()

    def _begin(self) -> None:
        # Re-entered by a signal's handler, and by the __del__ of what is removed.
        self._lock = threading.RLock()
        self._order: OrderedDict[Slot, None] = OrderedDict()
        self.used = 0

    def index(self, owner: object) -> Index:
        """A new, empty index within this budget; its entries go when *owner* does."""
        index = Index()
        self._indexes.add(index)
        # Only noted: the garbage collector may call from within a change, with the lock held.
        weakref.finalize(owner, self._abandoned.append, index).atexit = False
        return index

    def get(self, index: Index, wire: str | None, local: LocalKey | None) -> Held | None:
        """What is held under a key, if it has not expired."""
        slot = index.by_local.get(local) if local is not None else index.by_wire.get(wire or "")
        if slot is None:
            return None
        with self._lock:
            if slot not in self._order:
                return None
            if slot.expires is not None and self._clock() >= slot.expires:
                self._remove(slot)
                return None
            self._order.move_to_end(slot)
        return slot.held

    def put(self, index: Index, wire: str, local: LocalKey | None, held: Held, ttl: float | None, valid: Callable[[], bool]) -> bool:
        """Hold a value for *ttl* seconds, if it is still *valid*; False if it alone is more than the budget.

        *valid* is asked under the lock that removing takes too: an invalidation either is seen
        here, or removes what is put here.
        """
        slot = Slot(index, wire, local, held, None if ttl is None else self._clock() + ttl)
        with self._lock:
            while self._abandoned:
                self._remove_all(self._abandoned.popleft())
            if not valid():
                return True
            old = index.by_wire.get(wire)
            if old is not None:
                self._remove(old)
            if slot.size > self.max_bytes:
                return False
            while self._order and self.used + slot.size > self.max_bytes:
                self._remove(next(iter(self._order)))
            self._order[slot] = None
            index.by_wire[wire] = slot
            if slot.local is not None:
                index.by_local[slot.local] = slot
            index.size += slot.size
            self.used += slot.size
        return True

    def drop(self, index: Index, wire: str) -> None:
        """Remove one entry, if there is one."""
        with self._lock:
            slot = index.by_wire.get(wire)
            if slot is not None:
                self._remove(slot)

    def clear(self, index: Index) -> None:
        """Remove one function's entries."""
        with self._lock:
            self._remove_all(index)

    def clear_all(self) -> None:
        """Remove every function's entries."""
        with self._lock:
            for slot in list(self._order):
                self._remove(slot)

    def after_fork(self) -> None:
        """Start anew in a child: another thread may have been in the middle of a change."""
        for index in self._indexes:
            index.by_wire, index.by_local, index.size = {}, {}, 0
        self._begin()

    def _remove_all(self, index: Index) -> None:
        for slot in list(index.by_wire.values()):
            self._remove(slot)

    def _remove(self, slot: Slot) -> None:
        # In an order that an exception from outside (a signal's, Ctrl-C) may cut anywhere: what is left can be removed again.
        index = slot.index
        if slot.local is not None and index.by_local.get(slot.local) is slot:
            index.by_local.pop(slot.local, None)
        if index.by_wire.get(slot.wire) is slot:
            index.by_wire.pop(slot.wire, None)
        if slot in self._order:
            index.size -= slot.size
            self.used -= slot.size
            self._order.pop(slot, None)
        # An empty one holds nothing, whatever an exception left uncounted.
        if not index.by_wire:
            index.size = 0
        if not self._order:
            self.used = 0
