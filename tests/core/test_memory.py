"""L1 keeps to its bytes and its times, whatever is put into it and by however many threads."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import weakref
from typing import Any

import pytest

from cachekit import _site, cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend
from crowd import in_threads

MIB = 1 << 20


class Clocks:
    """The clocks that the cache reads, moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic, self.wall = 1000.0, 1.7e9
        monkeypatch.setattr(_site, "monotonic", lambda: self.monotonic)
        monkeypatch.setattr(_site, "wall", lambda: self.wall)

    def move(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def counted(**options: Any) -> tuple[Any, list[Any]]:
    """A cached function that returns bytes of the size asked, and the list of its runs."""
    runs: list[Any] = []

    @cache(**{"backend": None, **options})
    def blob(n: int, size: int = 1000) -> bytes:
        runs.append(n)
        return bytes(size)

    return blob, runs


# -- bytes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 8])
def test_the_budget_holds_under_random_use(threads: int) -> None:
    """After any calls, invalidations and clears, by one thread or eight, the entries' bytes are within the budget."""
    blob, _ = counted(l1=L1CacheConfig(max_size_mb=1))

    def hammer() -> int:
        choice, most = random.Random(), 0
        for _ in range(1500):
            n = choice.randrange(200)
            what = choice.random()
            if what < 0.9:
                assert len(blob(n, n * 300)) == n * 300
            elif what < 0.99:
                blob.invalidate_cache(n, n * 300)
            else:
                blob.cache_clear()
            most = max(most, blob.cache_info().bytes)
        return most

    most = in_threads(threads, hammer)

    assert max(most) <= MIB
    assert max(most) > MIB // 2, "it was never near full"
    blob.cache_clear()
    assert (blob.cache_info().entries, blob.cache_info().bytes) == (0, 0)


def test_the_least_recently_used_leaves_first() -> None:
    """When room is needed, the entry that was used longest ago goes, and no other."""
    blob, runs = counted(l1=L1CacheConfig(max_size_mb=1))
    size = MIB // 4 - 5000
    for n in (1, 2, 3, 4):
        blob(n, size)
    blob(1, size)
    blob(5, size)
    runs.clear()

    for n in (1, 3, 4, 5):
        blob(n, size)
    assert runs == []
    blob(2, size)
    assert runs == [2]


def test_a_value_larger_than_the_budget_is_returned_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A value that alone is more than the budget drives nothing out, is computed at each call, and is warned of once."""
    blob, runs = counted(l1=L1CacheConfig(max_size_mb=1))
    blob(1)

    assert [len(blob(2, 2 * MIB)) for _ in range(3)] == [2 * MIB] * 3
    blob(1)

    assert runs == [1, 2, 2, 2]
    assert blob.cache_info().uncacheable == 3
    assert len([record for record in caplog.records if "max_size_mb=1" in record.getMessage()]) == 1


def test_one_config_object_is_one_budget() -> None:
    """Functions that are given one L1CacheConfig share its bytes: one's entries drive out the other's."""
    shared = L1CacheConfig(max_size_mb=1)
    (first, _), (second, _) = counted(l1=shared, version=1), counted(l1=shared, version=2)
    for n in range(400):
        first(n)
    before = first.cache_info().bytes
    for n in range(400):
        second(n)

    assert before + second.cache_info().bytes > MIB
    assert first.cache_info().bytes + second.cache_info().bytes <= MIB
    assert first.cache_info().entries < 400


def test_two_config_objects_are_two_budgets() -> None:
    """Functions with equal but separate configs do not touch each other's entries."""
    (first, runs), (second, _) = counted(l1=L1CacheConfig(max_size_mb=1), version=1), counted(l1=L1CacheConfig(max_size_mb=1), version=2)
    for n in range(400):
        first(n)
    for n in range(2000):
        second(n)

    assert first.cache_info().entries == 400
    assert runs == list(range(400))


def test_a_collected_functions_bytes_are_given_back() -> None:
    """The entries of a function that was deleted make room for those of others in its budget."""
    shared = L1CacheConfig(max_size_mb=1)
    value = frozenset({"watched"})
    dead = weakref.ref(value)
    values = [value]
    first = cache(backend=None, l1=shared)(lambda n: values.pop())
    first(1)
    del first, value
    gc.collect()
    second, _ = counted(l1=shared)
    second(1)

    assert dead() is None
    for n in range(700):
        second(n)
    assert second.cache_info().bytes > MIB - 3000, "all of the budget is there again"


MEASURE = """
import gc, os, sys
from cachekit import cache
from cachekit.config import L1CacheConfig

make = {
    "bytes": lambda n: n.to_bytes(4, "big") * 250,
    "text": lambda n: chr(97 + n % 26) * 1000,
    "list": lambda n: list(range(n * 100, n * 100 + 25)),
    "nested": lambda n: {"rows": [[n, str(n) * 4] for _ in range(40)]},
}[sys.argv[1]]

@cache(backend=None, l1=L1CacheConfig(max_size_mb=20))
def value(n): return make(n)

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")

value(0)
before = resident()
for n in range(30000): value(n)
print(value.cache_info().bytes, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc")
@pytest.mark.parametrize("kind", ["bytes", "text", "list", "nested"])
def test_accounting_is_near_real_memory(kind: str) -> None:
    """A full budget of 20 MB of values of about 1 KB takes no more than 1.5 times that of real memory, and is used, too."""
    done = subprocess.run([sys.executable, "-c", MEASURE, kind], capture_output=True, text=True, timeout=100, check=True)
    accounted, real = map(int, done.stdout.split())

    assert 19 * MIB < accounted <= 20 * MIB
    assert accounted / 1.5 <= real <= accounted * 1.5


# -- times -------------------------------------------------------------------------------------


def test_an_entry_lives_for_its_ttl(clocks: Clocks) -> None:
    """An entry is served until its ttl has passed, and not from then on; a hit does not prolong it."""
    blob, runs = counted(ttl=60)
    blob(1)
    clocks.move(59.9)
    blob(1)
    assert runs == [1]
    clocks.move(0.1)
    blob(1)
    assert runs == [1, 1]


def test_without_ttl_it_lives_on(clocks: Clocks) -> None:
    """With ttl=None an entry is served after any time."""
    blob, runs = counted(ttl=None)
    blob(1)
    clocks.move(1e9)
    blob(1)

    assert runs == [1]


@pytest.mark.parametrize("step", [86400.0, -86400.0])
@pytest.mark.parametrize("backend", [lambda: None, MemoryBackend], ids=["L1", "L1+L2"])
def test_a_stepped_wall_clock_changes_nothing_in_l1(backend: Any, step: float, clocks: Clocks) -> None:
    """When the wall clock is set forth or back by a day, and back again, an entry still lives for just its ttl."""
    blob, runs = counted(ttl=60, backend=backend())
    blob(1)
    clocks.wall += step
    blob(1)
    clocks.move(30)
    blob(1)
    clocks.wall -= step
    clocks.move(29.9)
    blob(1)
    assert runs == [1]
    clocks.move(0.1)
    blob(1)
    assert runs == [1, 1]


@pytest.mark.parametrize("step", [86400.0, -86400.0])
def test_an_entry_of_l2_outlives_no_ttl_when_the_wall_clock_is_stepped(step: float, clocks: Clocks) -> None:
    """What is read from the backend under a clock a day off is a miss rather than an entry that lives a day too long."""
    blob, runs = counted(ttl=60, backend=MemoryBackend(clock=lambda: clocks.monotonic))
    blob(1)
    cache.clear_l1()
    clocks.wall += step
    blob(1)
    assert runs == [1, 1]
    cache.clear_l1()
    clocks.move(30)
    blob(1)
    assert runs == [1, 1]
    clocks.move(30)
    blob(1)
    assert runs == [1, 1, 1]


def test_a_fill_from_l2_keeps_the_entrys_own_end(clocks: Clocks) -> None:
    """An entry that comes into L1 from the backend lives there only as long as it had left."""
    blob, runs = counted(ttl=60, backend=MemoryBackend(clock=lambda: clocks.monotonic))
    blob(1)
    clocks.move(50)
    cache.clear_l1()
    blob(1)
    clocks.move(10)
    blob(1)

    assert runs == [1, 1]


def test_clear_l1_empties_every_function() -> None:
    """clear_l1 leaves no entry of any function, of whatever budget."""
    functions = [counted(l1=L1CacheConfig(max_size_mb=1), version=1)[0], counted(version=2)[0], counted(version=3)[0]]
    for blob in functions:
        blob(1)
    cache.clear_l1()

    assert [(blob.cache_info().entries, blob.cache_info().bytes) for blob in functions] == [(0, 0)] * 3
