"""L1: values in this process, within a budget of bytes. SIEVE decides which leave.

A hit takes no lock: it reads one slot's entry, an immutable tuple, and marks the slot as seen.
Changes take the lock. An entry that is removed is emptied first, so whoever found its slot a
moment ago sees one that has expired.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from math import inf
from typing import Any

from ._isolation import Held

OVERHEAD = 600
"""Bytes one entry costs beside its value and its arguments: slot, entry, keys, places in dicts (measured)."""

LARGEST_FRONT_KEY = 1024
"""Bytes of arguments that are kept as they are; a call with more goes by its wire key."""

NO_KEY: Any = object()
"""Stands for the front's key where an entry has none."""

_MOST_STEPS = 64  # of the hand at one eviction: or one insert could visit every entry
_DRAINED_AT_ONCE = 4

Entry = tuple[Any, ...]
"""Value, soft deadline, copier (None: shared), then the class of each argument that the front's key is made of."""


class Key:
    """What an entry is found by.

    Parameters:
        key: tells it from the function's other entries.
        front_key: what the front finds it by: the bare arguments; `NO_KEY` without.
        classes: of each of these arguments.
        size: their bytes.
    """

    __slots__ = ("classes", "front_key", "key", "size")

    def __init__(self, key: Hashable = None, front_key: Any = NO_KEY, classes: tuple[type, ...] = (), size: int = 0) -> None:
        self.key = key
        self.front_key = front_key
        self.classes = classes
        self.size = size


class Slot:
    """One entry's place.

    Once it was removed, *entry* is the shelf's empty one; *expires* is put back before, so who reads
    the entry and then the time never takes an empty entry for a value. Times are on the monotonic clock.
    """

    __slots__ = ("entry", "expires", "front_key", "key", "newer", "older", "seen", "shelf", "size")

    def __init__(self, shelf: Shelf, found_by: Key, entry: Entry, expires: float, size: int) -> None:
        self.shelf = shelf
        self.key = found_by.key
        self.front_key = found_by.front_key
        self.entry = entry
        self.expires = expires
        self.size = size
        self.seen = False
        self.newer: Slot | None = None
        self.older: Slot | None = None


class Shelf:
    """One function's entries: by their keys, and in front by bare arguments.

    Parameters:
        classes: how many arguments the front's keys are made of.
        watcher: told when the front is another dict; weakly, since entries may outlive the function.
    """

    __slots__ = ("__weakref__", "by_key", "empty", "front", "nothing", "size", "watcher")

    def __init__(self, classes: int, watcher: weakref.WeakMethod[Callable[[], None]] | None = None) -> None:
        self.by_key: dict[Hashable, Slot] = {}
        self.front: dict[Any, Slot] = {}
        self.size = 0
        self.empty: Entry = (None, -inf, None, *[None] * classes)
        self.nothing = Slot(self, Key(), self.empty, -inf, 0)
        self.watcher = watcher

    def renew(self) -> dict[Hashable, Slot]:
        """Begin with nothing; returns what there was."""
        # First the front: as long as an entry can be found there, it can be found by its key, and emptied.
        self.front = {}
        told = self.watcher and self.watcher()
        if told:
            told()
        removed, self.by_key, self.size = self.by_key, {}, 0
        return removed


class Memory:
    """A budget that several functions may share.

    Parameters:
        max_bytes: what all entries together may take.
        namespace_index: whether a function's entries are removed at once, their memory given
            back a few at each insert; else one by one, and it is given back when that is done.
    """

    def __init__(self, max_bytes: int, *, namespace_index: bool = True) -> None:
        self.max_bytes = max_bytes
        self._namespace_index = namespace_index
        self._abandoned: deque[Shelf] = deque()
        self._shelves: weakref.WeakSet[Shelf] = weakref.WeakSet()
        self.after_fork()

    def shelf(self, owner: object, classes: int, watcher: weakref.WeakMethod[Callable[[], None]]) -> Shelf:
        """A new, empty shelf within this budget; its entries go when *owner* does."""
        shelf = Shelf(classes, watcher)
        self._shelves.add(shelf)
        # Only noted: the garbage collector may call from within a change, with the lock held.
        weakref.finalize(owner, self._abandoned.append, shelf).atexit = False
        return shelf

    def put(self, shelf: Shelf, found_by: Key, held: Held, soft: float, expires: float, valid: Callable[[], bool]) -> bool:
        """Hold a value, if it is still *valid*; False if it alone is more than the budget.

        *valid* is asked under the lock that removing takes too: an invalidation either is seen
        here, or removes what is put here. From *soft* on the wrapper asks before it serves.
        """
        size = held.size + found_by.size + OVERHEAD
        if size > self.max_bytes:
            self.drop(shelf, found_by.key)
            return False
        slot = Slot(shelf, found_by, (held.kept, soft, held.copier, *found_by.classes), expires, size)
        gone: list[Entry] = []  # let go of without the lock: what is in them may run code of its own
        with self._lock:
            self._change(self._put_valid, slot, valid, gone)
        return True

    def drop(self, shelf: Shelf, key: Hashable) -> None:
        """Remove one entry, if there is one."""
        gone: list[Entry] = []
        with self._lock:
            slot = shelf.by_key.get(key)
            if slot is not None:
                slot.expires, slot.entry = -inf, shelf.empty
                self._change(self._remove, slot, gone)

    def clear(self, shelf: Shelf) -> None:
        """Remove one function's entries."""
        gone: list[Entry] = []
        with self._lock:
            removed = shelf.renew()
            self._draining.append(removed)
            if not self._namespace_index:
                self._change(self._drain, len(removed), gone)

    def after_fork(self) -> None:
        """Start anew in a child: another thread may have been in the middle of a change."""
        self._lock = threading.RLock()  # re-entered by a signal's handler, and by the __del__ of what is removed
        self._changing = threading.Lock()  # taken by who has the other
        self._empty()

    # -- under the lock ------------------------------------------------------------------

    def _empty(self) -> None:
        self._newest: Slot | None = None
        self._oldest: Slot | None = None
        self._hand: Slot | None = None
        self._draining: deque[dict[Hashable, Slot]] = deque()
        self.used = 0
        for shelf in list(self._shelves):
            shelf.renew()

    def _change(self, change: Callable[..., None], *arguments: Any) -> None:
        """Do a *change*, unless this very thread is in the middle of one further out: in a signal's handler, or a finalizer."""
        if self._changing.locked():
            return  # what was emptied stays in the queue until the hand comes by
        with self._changing:
            self._whole(change, arguments)

    def _whole(self, change: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            change(*arguments)
        except BaseException:
            self._empty()  # an interrupt in the middle: nothing here is to be believed
            raise

    def _put_valid(self, slot: Slot, valid: Callable[[], bool], gone: list[Entry]) -> None:
        if valid():
            self._put(slot, gone)

    def _put(self, slot: Slot, gone: list[Entry]) -> None:
        shelf = slot.shelf
        old = shelf.by_key.get(slot.key)
        if old is not None:
            self._remove(old, gone)
        while self._abandoned:
            self._draining.append(self._abandoned.popleft().by_key)
        if self._draining:
            self._drain(_DRAINED_AT_ONCE, gone)
        while self.used + slot.size > self.max_bytes:
            self._evict(gone)
        slot.older = self._newest
        if self._newest is None:
            self._oldest = slot
        else:
            self._newest.newer = slot
        self._newest = slot
        shelf.by_key[slot.key] = slot
        if slot.front_key is not NO_KEY:
            shelf.front[slot.front_key] = slot
        shelf.size += slot.size
        self.used += slot.size

    def _evict(self, gone: list[Entry]) -> None:
        """Remove the first entry, from the hand on, that was not seen since the hand came by."""
        if self._draining:
            self._drain(1, gone)
            return
        slot = self._hand or self._oldest
        steps = 0
        while slot is not None and slot.seen and steps < _MOST_STEPS:
            slot.seen = False
            slot = slot.newer or self._oldest
            steps += 1
        if slot is not None:
            self._hand = slot.newer
            self._remove(slot, gone)

    def _drain(self, count: int, gone: list[Entry]) -> None:
        """Give back the memory of some entries of shelves that were cleared."""
        while count and self._draining:
            removed = self._draining[0]
            if not removed:
                self._draining.popleft()
                continue
            self._remove(removed.popitem()[1], gone)
            count -= 1

    def _remove(self, slot: Slot, gone: list[Entry]) -> None:
        shelf, newer, older = slot.shelf, slot.newer, slot.older
        gone.append(slot.entry)
        slot.expires, slot.entry = -inf, shelf.empty
        if shelf.front.get(slot.front_key) is slot:
            del shelf.front[slot.front_key]
        if shelf.by_key.get(slot.key) is slot:
            del shelf.by_key[slot.key]
            shelf.size -= slot.size
        if slot is self._hand:
            self._hand = newer
        if newer is not None:
            newer.older = older
        else:
            self._newest = older
        if older is not None:
            older.newer = newer
        else:
            self._oldest = newer
        slot.newer = slot.older = None
        self.used -= slot.size
