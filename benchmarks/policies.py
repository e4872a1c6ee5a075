"""Traces of requests, and eviction policies as plain Python, to see how many of the requests each finds in its cache."""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Protocol

Key = int


def zipf(keys: int, requests: int, skew: float, *, seed: int = 7) -> list[Key]:
    """Requests for keys of which the n-th is asked for 1 / n ** skew times as often as the first."""
    chance = random.Random(seed)
    names = list(range(keys))
    chance.shuffle(names)
    return chance.choices(names, cum_weights=list(accumulate(1 / n**skew for n in range(1, keys + 1))), k=requests)


def with_scans(trace: list[Key], every: int, length: int) -> list[Key]:
    """The *trace*, and after *every* so many requests a scan: *length* keys that nobody asks for again."""
    found: list[Key] = []
    scanned = max(trace) + 1
    for begin in range(0, len(trace), every):
        found += trace[begin : begin + every]
        found += range(scanned, scanned + length)
        scanned += length
    return found


def shifting(keys: int, requests: int, skew: float, *, parts: int) -> list[Key]:
    """As `zipf`, but which keys are the popular ones changes with each part."""
    return [key for seed in range(parts) for key in zipf(keys, requests // parts, skew, seed=seed)]


def drifting(keys: int, requests: int, skew: float, *, every: int, swapped: int) -> list[Key]:
    """As `zipf`, but after *every* so many requests so many pairs of keys swap how popular they are."""
    chance, names = random.Random(7), list(range(keys))
    weights, found = list(accumulate(1 / n**skew for n in range(1, keys + 1))), list[Key]()
    while len(found) < requests:
        found += chance.choices(names, cum_weights=weights, k=every)
        for _ in range(swapped):
            one, other = chance.randrange(keys), chance.randrange(keys)
            names[one], names[other] = names[other], names[one]
    return found


TRACES: dict[str, Callable[[int], list[Key]]] = {
    "Zipf": lambda requests: zipf(10_000, requests, 1.0),
    "Zipf with scans": lambda requests: with_scans(zipf(10_000, requests, 1.0), 4000, 1000),
    "flatter Zipf with scans": lambda requests: with_scans(zipf(10_000, requests, 0.8), 4000, 1000),
    "drifting Zipf": lambda requests: drifting(10_000, requests, 1.0, every=1000, swapped=100),
    "Zipf with sudden shifts": lambda requests: shifting(10_000, requests, 1.0, parts=10),
}


class Policy(Protocol):
    """What leaves when a cache of so many entries is full."""

    def hit(self, key: Key) -> bool:
        """Whether *key* is there; it is afterwards."""


class Lru:
    """The one that was not asked for the longest time leaves."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._held: OrderedDict[Key, None] = OrderedDict()

    def hit(self, key: Key) -> bool:
        if key in self._held:
            self._held.move_to_end(key)
            return True
        if len(self._held) >= self._entries:
            self._held.popitem(last=False)
        self._held[key] = None
        return False


class _Node:
    __slots__ = ("key", "newer", "older", "seen")

    def __init__(self, key: Key, older: _Node | None) -> None:
        self.key = key
        self.seen = False
        self.newer: _Node | None = None
        self.older = older


class Sieve:
    """The hand goes from old to new, takes marks away, and removes the first entry without one. Its steps are limited, as in L1."""

    def __init__(self, entries: int, most_steps: int = 64) -> None:
        self._entries = entries
        self._most_steps = most_steps
        self._held: dict[Key, _Node] = {}
        self._newest: _Node | None = None
        self._oldest: _Node | None = None
        self._hand: _Node | None = None

    def hit(self, key: Key) -> bool:
        node = self._held.get(key)
        if node is not None:
            node.seen = True
            return True
        if len(self._held) >= self._entries:
            self._evict()
        node = self._held[key] = _Node(key, self._newest)
        if self._newest is None:
            self._oldest = node
        else:
            self._newest.newer = node
        self._newest = node
        return False

    def _evict(self) -> None:
        node = self._hand or self._oldest
        steps = 0
        while node is not None and node.seen and steps < self._most_steps:
            node.seen = False
            node = node.newer or self._oldest
            steps += 1
        if node is None:
            return
        self._hand = node.newer
        del self._held[node.key]
        if node.newer is None:
            self._newest = node.older
        else:
            node.newer.older = node.older
        if node.older is None:
            self._oldest = node.newer
        else:
            node.older.newer = node.newer


class S3Fifo:
    """Three queues: a tenth for the new, the rest for what was asked for again there, and the bare keys of what left the first.

    *marks*: how many times it notes that an entry was asked for; with 1 a hit only sets a flag, as with SIEVE.
    """

    def __init__(self, entries: int, marks: int = 3) -> None:
        self._marks = marks
        self._enough = min(marks, 2)
        self._small_entries = max(1, entries // 10)
        self._main_entries = max(1, entries - self._small_entries)
        self._small: deque[Key] = deque()
        self._main: deque[Key] = deque()
        self._ghosts: OrderedDict[Key, None] = OrderedDict()
        self._asked: dict[Key, int] = {}

    def hit(self, key: Key) -> bool:
        asked = self._asked.get(key)
        if asked is not None:
            self._asked[key] = min(asked + 1, self._marks)
            return True
        while len(self._asked) >= self._small_entries + self._main_entries:
            self._evict()
        self._asked[key] = 0
        if key in self._ghosts:
            del self._ghosts[key]
            self._main.append(key)
        else:
            self._small.append(key)
        return False

    def _evict(self) -> None:
        if len(self._small) >= self._small_entries or not self._main:
            self._evict_small()
        else:
            self._evict_main()

    def _evict_small(self) -> None:
        while self._small:
            key = self._small.popleft()
            if self._asked[key] >= self._enough:
                self._asked[key] = 0
                self._main.append(key)
                if len(self._main) > self._main_entries:
                    self._evict_main()
                    return
            else:
                del self._asked[key]
                self._ghosts[key] = None
                if len(self._ghosts) > self._main_entries:
                    self._ghosts.popitem(last=False)
                return

    def _evict_main(self) -> None:
        while self._main:
            key = self._main.popleft()
            if self._asked[key]:
                self._asked[key] -= 1
                self._main.append(key)
            else:
                del self._asked[key]
                return


def hit_rate(hit: Callable[[Key], bool], trace: Iterable[Key]) -> float:
    """Hits in a hundred requests."""
    found = [hit(key) for key in trace]
    return 100 * sum(found) / len(found)
