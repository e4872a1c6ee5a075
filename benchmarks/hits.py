"""A hit in L1 beside `functools.lru_cache`, and one in a backend of the same process beside the backend's own `get`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

from cachekit import cache
from cachekit.testing import MemoryBackend

from .measuring import Row, medians

CALLS = 20_000


def measure() -> list[Row]:
    backend = MemoryBackend()
    bare = functools.lru_cache(maxsize=None)(_double)
    timed: dict[str, Callable[[], float]] = {
        "lru_cache": _loop(bare, 7),
        "l1 int": _loop(cache(ttl=300, backend=None)(_double), 7),
        "l1 tuple": _loop(cache(ttl=300, backend=None)(_first), (7, "a")),
        "get": _loop(backend.get, "ck"),
        "l2": _loop(cache(ttl=300, backend=backend, l1_enabled=False)(_double), 7),
    }
    found = medians(timed, rounds=9)
    floor = found["lru_cache"]
    return [
        Row("L1 hit, one int", found["l1 int"], "us", found["l1 int"] / floor, "functools.lru_cache"),
        Row("L1 hit, one tuple", found["l1 tuple"], "us", found["l1 tuple"] / floor, "functools.lru_cache of an int"),
        Row("L2 hit, in-memory backend, one int", found["l2"], "us", found["l2"] / found["get"], "the backend's get alone"),
    ]


def _double(n: int) -> int:
    return 2 * n


def _first(pair: tuple[Any, ...]) -> Any:
    return pair[0]


def _loop(function: Callable[[Any], Any], argument: Any) -> Callable[[], float]:
    function(argument)

    def once() -> float:
        begun = time.perf_counter()
        for _ in repeat(None, CALLS):
            function(argument)
        return (time.perf_counter() - begun) / CALLS * 1e6

    return once
