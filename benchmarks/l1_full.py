"""L1 when it is full: what an insert costs, what the process takes, and how many requests are hits."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from cachekit import cache
from cachekit.config import L1CacheConfig

from . import l1_peers, policies
from .measuring import Row, medians, part

FEW, MANY = 10_000, 100_000
REQUESTS = 200_000
_TURNS = 3  # enough that the dicts are rebuilt once in each round, as they are after so many insertions
MOST_RSS = 1.3
"""What a process may grow by, as a part of `max_size_mb`."""


def measure(share: float) -> list[Row]:
    return [*_inserts(share), _longest(share), *_memory(share), *_hit_rates(share), *_costs(share)]


def _page(_: int) -> bytes:
    return bytes(1024)


def _ours(entries: int) -> Callable[[int], Any]:
    """`_page`, with room for about so many entries."""
    probe = cache(ttl=l1_peers.TTL, backend=None)(_page)
    probe(1_000_000)
    return cache(ttl=l1_peers.TTL, backend=None, l1=L1CacheConfig(max_size_mb=-(-entries * probe.cache_info().bytes >> 20)))(_page)


def _inserts(share: float) -> list[Row]:
    few, many, calls = part(FEW, share), part(MANY, share), part(5000, share)
    cached = {name: decorate(_page) for name, decorate in l1_peers.decorators(few).items()}
    timed = {name: _inserting(function, few, calls) for name, function in cached.items()}
    timed |= {"few": _inserting(_ours(few), few, calls), "many": _inserting(_ours(many), many, calls)}
    found = medians(timed, part(21, share))
    what = f"insert, full of {FEW:,} x 1 KB"
    return [
        Row(what, found["few"], "us", found["few"] / 10, "10 us", 1.0),
        *(Row(what, found["few"], "us", found["few"] / found[name], name) for name in cached),
        Row(f"insert, full of {MANY:,} x 1 KB", found["many"], "us", found["many"] / found["few"], f"full of {FEW:,}", 1.3),
    ]


def _inserting(function: Callable[[int], Any], entries: int, calls: int) -> Callable[[], float]:
    """Microseconds a call, each of which is a miss; without the collector, which would walk the other libraries' entries too."""
    begins = count(2 * entries, calls)
    for n in range(2 * entries):
        function(n)

    def once() -> float:
        begin = next(begins)
        gc.disable()
        begun = time.perf_counter()
        for n in range(begin, begin + calls):
            function(n)
        taken = time.perf_counter() - begun
        gc.enable()
        return taken / calls * 1e6

    return once


def _longest(share: float) -> Row:
    """The longest insert, all entries having been asked for: in the thread's own time, which no other process takes from."""
    many, rounds = part(MANY, share), part(3, share)
    function, begins = _ours(many), count(many, _TURNS * many)
    for n in range(many):
        function(n)

    def once() -> float:
        begin, longest, now = next(begins), 0, time.thread_time_ns
        for n in range(begin - many, begin):
            function(n)
        gc.collect()
        gc.disable()
        for n in range(begin, begin + _TURNS * many):
            begun = now()
            function(n)
            longest = max(longest, now() - begun)
        gc.enable()
        return longest / 1e6

    taken = medians({"longest": once}, rounds)["longest"]
    return Row(f"longest insert, full of {MANY:,} x 1 KB", taken, "ms", taken, "1 ms", 1.0)


_FILLING = """
import sys
from cachekit import cache
from cachekit.config import L1CacheConfig

size, entries = int(sys.argv[1]), int(sys.argv[2])

@cache(ttl=3600, backend=None, l1=L1CacheConfig(max_size_mb=size))
def page(n):
    return bytes(1024)

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

page(-1)
before = resident()
for n in range(entries):
    page(n)
print((resident() - before) / 1024)
"""


def _memory(share: float) -> list[Row]:
    """What a process grows by when L1 fills up, and goes on as long again."""
    if not Path("/proc/self/status").exists():
        return []
    size = part(100, share)
    ran = subprocess.run([sys.executable, "-c", _FILLING, str(size), str(size * 1500)], check=True, capture_output=True, text=True)
    grown = float(ran.stdout)
    return [Row("memory, max_size_mb=100 full of 1 KB", grown, "MiB", grown / (size * MOST_RSS), f"{size * MOST_RSS:.0f} MiB", 1.0)]


def _hit_rates(share: float) -> list[Row]:
    rows = []
    for what, make in policies.TRACES.items():
        trace = make(part(REQUESTS, share))
        ours, entries = _hit_rate_of_ours(trace)
        found = {name: policies.hit_rate(policy(entries).hit, trace) for name, policy in _POLICIES.items()}
        rows += [Row(f"hit rate, {what}", ours, "%", ours / rate, name) for name, rate in found.items() if rate]
        if what == "Zipf with scans":
            gained = ours - found["LRU"]
            rows.append(Row(f"hit rate above LRU's, {what}", gained, "pt", gained / 3, "3 points", least=1.0))
    return rows


_POLICIES: dict[str, Callable[[int], policies.Policy]] = {
    "LRU": policies.Lru,
    "S3-FIFO": policies.S3Fifo,
    "S3-FIFO, one mark": partial(policies.S3Fifo, marks=1),
    "SIEVE, simulated": policies.Sieve,
}


def _hit_rate_of_ours(trace: list[int]) -> tuple[float, int]:
    """Of the decorator itself, with about 1,000 entries in its 1 MiB; and how many they were."""

    @cache(ttl=l1_peers.TTL, backend=None, l1=L1CacheConfig(max_size_mb=1))
    def value(n: int) -> bytes:
        return bytes(390)

    for key in trace:
        value(key)
    info = value.cache_info()
    return 100 * info.hits / (info.hits + info.misses), info.entries


def _costs(share: float) -> list[Row]:
    trace = policies.TRACES["Zipf with scans"](part(REQUESTS // 4, share))
    found = medians({name: _deciding(policy, trace) for name, policy in _POLICIES.items()}, part(9, share))
    ours = found.pop("SIEVE, simulated")
    return [Row("SIEVE in plain Python, a request", ours, "ns", ours / taken, f"{name} in plain Python") for name, taken in found.items()]


def _deciding(policy: Callable[[int], policies.Policy], trace: list[int]) -> Callable[[], float]:
    def once() -> float:
        hit = policy(1000).hit
        begun = time.perf_counter()
        for key in trace:
            hit(key)
        return (time.perf_counter() - begun) / len(trace) * 1e9

    return once
