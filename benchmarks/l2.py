"""A hit in a backend of the same process beside the backend's own `get`."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

from cachekit import cache
from cachekit.testing import MemoryBackend

from .measuring import Row, medians, part

CALLS = 20_000
ROUNDS = 9


def measure(share: float) -> list[Row]:
    backend = MemoryBackend()
    cached = cache(ttl=300, backend=backend, l1_enabled=False)(_double)
    cached(7)
    calls = part(CALLS, share)
    timed = {"get": _loop(backend.get, "ck", calls), "l2": _loop(cached, 7, calls)}
    found = medians(timed, part(ROUNDS, share))
    return [Row("L2 hit, in-memory backend, one int", found["l2"], "us", found["l2"] / found["get"], "the backend's get alone")]


def _double(n: int) -> int:
    return 2 * n


def _loop(function: Callable[[Any], Any], argument: Any, calls: int) -> Callable[[], float]:
    def once() -> float:
        begun = time.perf_counter()
        for _ in repeat(None, calls):
            function(argument)
        return (time.perf_counter() - begun) / calls * 1e6

    return once
