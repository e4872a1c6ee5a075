"""What one hit costs, beside the libraries in `l1_peers`."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from cachekit import cache
from cachekit.testing import MemoryBackend

from . import l1_peers, policies
from .measuring import Row, medians, part
from .values import SMALL

CALLS = 20_000
ROUNDS = 41
SMALL_ARGUMENT = {"5 us": 1.0}
"""What a hit by a small tuple, list, dict or dataclass may take."""

ours = partial(cache, ttl=l1_peers.TTL, backend=None)


class Case(NamedTuple):
    """A call, as *f* is called in source; *most* says how many times each peer's time ours may take."""

    what: str
    function: Callable[..., Any]
    call: str
    most: Mapping[str, float]
    owner: type | None = None
    options: Mapping[str, Any] = {}
    each: int = 1

    def built(self, decorate: l1_peers.Decorate) -> Any:
        """The decorated function, or an instance of a class that has it."""
        cached = decorate(self.function)
        return cached if self.owner is None else type(self.owner.__name__, (self.owner,), {"cached": cached})()

    def timed(self, cached: Any, calls: int) -> Callable[[], float]:
        """Nanoseconds a call; the collector is off meanwhile."""
        names = {"cached": cached, "keys": KEYS, "point": Point(1, "a")}
        timer, number = timeit.Timer(self.call, "f = cached", globals=names), part(calls, 1 / self.each)
        timer.timeit(1)
        return lambda: timer.timeit(number) / (number * self.each) * 1e9


class Owner:
    def one(self, n: int) -> int:
        return n


class Keyed:
    def __cache_key__(self) -> int:
        return 1

    def one(self, n: int) -> int:
        return n


@dataclass
class Point:
    n: int
    name: str


def _one(n: Any) -> Any:
    return n


def _two(name: str, n: int) -> int:
    return n


def _defaults(n: int, step: int = 2, name: str = "a") -> int:
    return n


def _dict(n: int) -> dict[str, Any]:
    return dict(SMALL)


def _seven(_: Any) -> int:
    return 7


async def _coroutine(n: int) -> int:
    return n


KEYS = policies.zipf(10_000, CALLS, 1.0)

CASES = (
    Case("one int", _one, "f(7)", {"cachebox": 0.5, "lru_cache": 3.5}),
    Case("one str", _one, "f('user:7')", {"cachebox": 0.5, "lru_cache": 3.5}),
    Case("str and int", _two, "f('user', 7)", {"cachebox": 0.65}),
    Case("keywords", _two, "f(name='user', n=7)", {"cachebox": 0.65}),
    Case("Zipf over 10,000 keys", _one, "for key in keys: f(key)", {"cachebox": 0.65}, each=CALLS),
    Case("defaults", _defaults, "f(7)", {"cachebox": 0.8}),
    Case("method, ignore=('self',)", Owner.one, "f.cached(7)", {"cachebox": 0.8}, owner=Owner, options={"ignore": ("self",)}),
    Case("method, __cache_key__", Keyed.one, "f.cached(7)", {"cachebox": 0.8}, owner=Keyed),
    Case("flat dict, a copy each", _dict, "f(7)", {"cachebox": 0.6}),
)

CONTAINERS = (
    Case("a tuple", _seven, "f((1, 'a', 2.5))", SMALL_ARGUMENT),
    Case("a list", _seven, "f([1, 'a', 2.5])", SMALL_ARGUMENT),
    Case("a dict", _seven, "f({'n': 1, 'name': 'a'})", SMALL_ARGUMENT),
    Case("a dataclass", _seven, "f(point)", SMALL_ARGUMENT),
    Case("a nested list", _seven, "f([1, [2, 'a']])", {}),
)


def measure(share: float) -> list[Row]:
    rows = [row for case in CASES for row in _beside_peers(case, share)]
    return [*rows, *_coroutines(share), *_threads(share), *_containers(share), *_over_backend(share)]


def _beside_peers(case: Case, share: float) -> list[Row]:
    peers = l1_peers.decorators()
    if case.function is _dict and "cachebox" in peers:
        peers["cachebox"] = l1_peers.sharing_cachebox()
    calls = part(CALLS, share)
    timed = {name: case.timed(case.built(decorate), calls) for name, decorate in peers.items()}
    timed["ours"] = case.timed(case.built(ours(**case.options)), calls)
    return _rows(case.what, medians(timed, part(ROUNDS, share)), case.most)


def _rows(what: str, found: Mapping[str, float], most: Mapping[str, float]) -> list[Row]:
    time_of_ours = found["ours"]
    return [
        Row(f"hit, {what}", time_of_ours, "ns", time_of_ours / found[name], name, most.get(name))
        for name in l1_peers.NAMES
        if name in found
    ]


def _coroutines(share: float) -> list[Row]:
    peers = {name: decorate for name, decorate in l1_peers.decorators().items() if name in l1_peers.FOR_COROUTINES}
    timed = {name: _awaited(decorate(_coroutine), part(CALLS, share)) for name, decorate in (peers | {"ours": ours()}).items()}
    return _rows("async", medians(timed, part(ROUNDS, share)), {"moka-py": 0.6})


def _awaited(function: Callable[..., Any], calls: int) -> Callable[[], float]:
    async def loop() -> float:
        await function(7)
        gc.disable()
        begun = time.perf_counter()
        for _ in repeat(None, calls):
            await function(7)
        taken = time.perf_counter() - begun
        gc.enable()
        return taken / calls * 1e9

    return lambda: asyncio.run(loop())


def _threads(share: float) -> list[Row]:
    """Eight threads that call at once: the time for all calls, divided by their number."""
    calls, cached = part(10 * CALLS, share), ours()(_one)
    timed = {"ours": _in_threads(cached, 8, calls), "alone": _in_threads(cached, 1, calls)}
    found = medians(timed, part(ROUNDS, share))
    peers = {name: _in_threads(decorate(_one), 8, calls) for name, decorate in l1_peers.decorators().items()}
    beside = medians({"ours": timed["ours"], **peers}, part(5, share))
    alone = Row("hit, 8 threads, a call", found["ours"], "ns", found["ours"] / found["alone"], "one thread", 1.3)
    return [alone, *_rows("8 threads, a call", beside, {})]


def _in_threads(function: Callable[..., Any], count: int, calls: int) -> Callable[[], float]:
    def once() -> float:
        together = threading.Barrier(count + 1)

        def run() -> None:
            together.wait()
            for _ in repeat(None, calls // count or 1):
                function(7)

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        begun = time.perf_counter()
        together.wait()
        for thread in threads:
            thread.join()
        return (time.perf_counter() - begun) / calls * 1e9

    function(7)
    return once


def _containers(share: float) -> list[Row]:
    calls, cached = part(CALLS // 4, share), ours()(_seven)
    found = medians({case.what: case.timed(cached, calls) for case in CONTAINERS}, part(ROUNDS, share))
    limits = {case.what: case.most.get("5 us") for case in CONTAINERS}
    return [Row(f"hit, {what}", taken, "ns", taken / 5000, "5 us", limits[what]) for what, taken in found.items()]


def _over_backend(share: float) -> list[Row]:
    case, calls = CASES[0], part(CALLS, share)
    cached = {"ours": cache(ttl=l1_peers.TTL, backend=MemoryBackend())(_one), "alone": ours()(_one)}
    found = medians({name: case.timed(function, calls) for name, function in cached.items()}, part(ROUNDS, share))
    return [Row("hit, L1 over a backend", found["ours"], "ns", found["ours"] / found["alone"], "L1 only", 1.1)]
