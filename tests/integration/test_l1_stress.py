"""L1 under everything at once, from eight threads, and in children forked amid that.

By default a short run. ``CACHEKIT_STRESS=full`` makes it a million operations, and 2,000 forks.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cachekit import _clock, _site, cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend

FULL = os.environ.get("CACHEKIT_STRESS") == "full"
OPERATIONS = 1_000_000 if FULL else 20_000
"""Of each of the ways."""
FORKS = 2000 if FULL else 200
THREADS = 8
CHILD_WITHIN = 30.0
TTL = 60.0
MIB = 1 << 20
ARGUMENTS: list[Any] = [make(n) for n in range(1, 400) for make in (int, str, float, lambda n: (n,))]


@pytest.fixture(autouse=True)
def switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Source:
    """Versions of things, read by two cached functions of one budget; each value says whose it is, and which version."""

    def __init__(self, **options: Any) -> None:
        self.budget = options["l1"]
        self.version: dict[str, int] = defaultdict(int)
        self.told: dict[str, int] = defaultdict(int)
        """The version from which on the cache has been told, and has said that it is done."""
        self.changing: dict[str, threading.Lock] = defaultdict(threading.Lock)
        for argument in ARGUMENTS:
            self.changing[repr(argument)]
        self.time = 1e6
        self.calls, self.refreshed = Counter[int](), Counter[int]()

        @cache(ttl=TTL, **options)
        def flat(argument: Any, size: int = 20) -> list[Any]:
            version = self.version[repr(argument)]
            return [repr(argument), version, *[version] * size]

        @cache(ttl=TTL, **options)
        def nested(argument: Any, size: int = 20) -> dict[str, Any]:
            version = self.version[repr(argument)]
            return {"of": repr(argument), "version": version, "all": [[version] * size]}

        self.functions = (flat, nested)

    def check_read(self, which: int, argument: Any) -> None:
        """A call gives the right thing's value, whole, and no older than what was told before it."""
        told = self.told[repr(argument)]
        self.calls[which, threading.get_ident()] += 1  # type: ignore[index]
        value = self.functions[which](argument) if random.random() < 0.5 else self.functions[which](size=20, argument=argument)
        newest = self.version[repr(argument)]
        name, version, versions = [*value[:2], value[2:]] if which == 0 else (value["of"], value["version"], value["all"][0])
        assert name == repr(argument), "another key's value"
        assert versions == [version] * 20, "a torn value"
        assert told <= version <= newest, "a version that was invalidated before the call"
        versions.clear()
        value.clear()

    def change(self, which: int, argument: Any, verb: str) -> None:
        """The source moves on; once the cache has been told, no call gets what was before."""
        name = repr(argument)
        with self.changing[name]:
            self.version[name] += 1
            version = self.version[name]
            for number, function in enumerate(self.functions):
                if verb == "refresh":
                    function.refresh(argument)
                    self.refreshed[number, threading.get_ident()] += 1  # type: ignore[index]
                elif verb == "cache_clear":
                    function.cache_clear()
                else:
                    function.invalidate_cache(argument)
            self.told[name] = version

    def operate(self, operations: int) -> int:
        """Some of everything; returns the most bytes that were seen in use."""
        most = 0
        for n in range(operations):
            argument, what, which = ARGUMENTS[int(len(ARGUMENTS) * random.random() ** 2)], random.random(), n % 2
            if what < 0.95:
                self.check_read(which, argument)
            elif what < 0.98:
                self.change(which, argument, "invalidate_cache")
            elif what < 0.997:
                self.change(which, argument, "refresh")
            elif what < 0.998:
                self.change(which, argument, "cache_clear")
            elif what < 0.9983:
                cache.clear_l1()
            else:
                self.time += TTL / 7
            if n % 16 == 0:
                most = max(most, self.sample())
        return most

    def sample(self) -> int:
        used = _site._memories[self.budget].used
        assert max(used, *(function.cache_info().bytes for function in self.functions)) <= MIB
        return used


WAYS: dict[str, Callable[[], dict[str, Any]]] = {
    "indexed": lambda: {"backend": None, "l1": L1CacheConfig(max_size_mb=1)},
    "swept": lambda: {"backend": None, "l1": L1CacheConfig(max_size_mb=1, namespace_index=False)},
    "over a backend": lambda: {"backend": MemoryBackend(), "l1": L1CacheConfig(max_size_mb=1)},
}


@pytest.mark.timeout(3600 if FULL else 120)
@pytest.mark.parametrize("way", WAYS)
def test_never_a_wrong_a_torn_or_an_invalidated_value(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among calls, changes, clears and expiries by eight threads every value is right, the budget holds, and counts are exact."""
    source = Source(**WAYS[way]())
    monkeypatch.setattr(_clock, "monotonic", lambda: source.time)
    monkeypatch.setattr(_clock, "wall", lambda: 1.7e9 + source.time)
    source.functions[0](0), source.functions[1](0)

    share = OPERATIONS // THREADS // (1 if way != "over a backend" else 4)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="crowd") as pool:
        most = [future.result() for future in [pool.submit(source.operate, share) for _ in range(THREADS)]]

    assert max(most) > MIB * 0.8, "it was never near full"
    for number, function in enumerate(source.functions):
        calls = 1 + sum(count for (which, _), count in source.calls.items() if which == number)  # type: ignore[misc]
        refreshed = sum(count for (which, _), count in source.refreshed.items() if which == number)  # type: ignore[misc]
        info = function.cache_info()
        assert info.hits + info.misses == calls + refreshed
        assert (info.uncacheable, info.backend_errors) == (0, 0)
        function.cache_clear()
    assert [(function.cache_info().entries, function.cache_info().bytes) for function in source.functions] == [(0, 0)] * 2


# -- forks ---------------------------------------------------------------------------------------


def exits_well(child: Callable[[], None]) -> bool:
    """Whether a forked process ran *child* and ended by itself, without an exception."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    ended, _, _ = select.select([reading], [], [], CHILD_WITHIN)  # the child's end is closed when it ends
    os.close(reading)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.timeout(3600 if FULL else 120)
def test_forks_under_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each child of a process whose eight threads call, change, evict and refresh has right values, and ends."""
    source = Source(backend=None, l1=L1CacheConfig(max_size_mb=1))
    monkeypatch.setattr(_clock, "monotonic", lambda: source.time)
    over = threading.Event()
    errors: list[BaseException] = []

    def hammer() -> None:
        try:
            while not over.is_set():
                source.operate(50)
                time.sleep(0)
        except BaseException as error:
            errors.append(error)

    def child() -> None:
        over.set()
        assert [function.cache_info().hits for function in source.functions] == [0, 0]
        for argument in ARGUMENTS[:8]:
            for which in (0, 1, 0, 1):
                source.check_read(which, argument)
            source.functions[0].invalidate_cache(argument)
        source.functions[1].cache_clear()
        source.time += TTL * 0.8  # a refresh in a thread of the child's own
        source.check_read(0, ARGUMENTS[0])
        source.check_read(1, ARGUMENTS[0])

    threads = [threading.Thread(target=hammer, name="crowd") for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        ended = [exits_well(child) for _ in range(FORKS)]
    finally:
        over.set()
        for thread in threads:
            thread.join(CHILD_WITHIN)
    assert errors == []
    assert ended == [True] * FORKS
