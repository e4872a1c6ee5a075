"""Each field of L1CacheConfig does what it says, and takes only what it says."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from typing import Any

import pytest

from cachekit import _memory, _site, cache
from cachekit.config import L1CacheConfig
from cachekit.errors import ConfigurationError
from cachekit.testing import MemoryBackend
from ways import Way
from ways import way as way

MIB = 1 << 20
BAD: list[tuple[str, Any, str]] = [
    *(
        (name, value, "True or False")
        for name in ("enabled", "swr_enabled", "invalidation_enabled", "namespace_index", "copy")
        for value in (None, 0, 1, "yes", "false")
    ),
    *(("max_size_mb", value, "1 or more") for value in (0, -1, 1.5, 100.0, "100", None, True, float("inf"), float("nan"))),
    *(("swr_threshold_ratio", value, "0.1 to 1.0") for value in (0, 0.0999, 1.001, 2, -0.5, "0.5", None, True, float("nan"), float("inf"))),
]


@pytest.mark.parametrize("field, value, takes", BAD, ids=repr)
def test_a_bad_value_is_said(field: str, value: Any, takes: str) -> None:
    """The error names the field, what it got and what it takes, when the object is made."""
    with pytest.raises(ConfigurationError) as raised:
        L1CacheConfig(**{field: value})
    for text in (f"L1CacheConfig.{field}", repr(value), takes):
        assert text in str(raised.value)


@pytest.mark.parametrize(
    "field, value", [("max_size_mb", 1), ("max_size_mb", 10**9), *(("swr_threshold_ratio", r) for r in (0.1, 0.5, 1, 1.0))]
)
def test_the_ends_of_a_range_are_in_it(field: str, value: Any) -> None:
    """A value at the end of its range works."""
    config = L1CacheConfig(**{field: value})
    assert getattr(config, field) == value
    assert cache(backend=None, l1=config)(lambda n: n)(1) == 1


def test_it_has_the_guides_defaults_and_does_not_change() -> None:
    """Six fields as in the guide, and copy; none can be set afterwards."""
    shown = dataclasses.asdict(L1CacheConfig())
    assert shown == {
        "enabled": True,
        "max_size_mb": 100,
        "swr_enabled": True,
        "swr_threshold_ratio": 0.5,
        "invalidation_enabled": True,
        "namespace_index": True,
        "copy": True,
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        L1CacheConfig().max_size_mb = 1  # type: ignore[misc]


def test_each_object_is_a_budget_of_its_own() -> None:
    """Objects with equal numbers are not equal, so neither takes the other's room."""
    one, other = L1CacheConfig(max_size_mb=1), L1CacheConfig(max_size_mb=1)
    assert one != other
    assert dataclasses.replace(one) != one
    (first, second), third = (blobs(l1=one) for _ in range(2)), blobs(l1=other)
    for n in range(10):
        first(n), third(n)
    for n in range(40):
        second(n)
    assert first.cache_info().entries < 10
    assert first.cache_info().bytes + second.cache_info().bytes <= MIB
    assert third.cache_info().entries == 10


def blobs(size: int = 40_000, **options: Any) -> Any:
    """A cached function of values of that size."""

    @cache(**{"backend": None, **options})
    def blob(n: Any) -> bytes:
        return bytes(size)

    return blob


def test_disabled_it_leaves_every_hit_to_the_backend(way: Way) -> None:
    """With enabled=False nothing is held in this process."""
    function = way.cached(lambda n: n, backend=MemoryBackend(), l1=L1CacheConfig(enabled=False))
    assert [function(1) for _ in range(3)] == [1] * 3
    assert (function.info.l1_hits, function.info.l2_hits, function.info.entries) == (0, 2, 0)


def test_what_was_never_hit_leaves_first() -> None:
    """A scan of values that are used once drives out none that is used."""
    blob = blobs(l1=L1CacheConfig(max_size_mb=1))
    for n in range(10):
        blob(n)
    for scan in range(1000, 1200):
        for n in range(10):
            blob(n)
        blob(scan)
    assert blob.cache_info().misses == 210


def steps(clear: Any) -> int:
    """Lines and calls of core's Python that a clear takes: what it does, not how long."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if "cachekit" not in frame.f_code.co_filename:
            return None
        count += event in ("line", "call")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        clear()
    finally:
        sys.settrace(before)
    return count


def steps_of_clearing(entries: int, *, namespace_index: bool) -> int:
    blob = blobs(10, l1=L1CacheConfig(max_size_mb=50, namespace_index=namespace_index))
    for n in range(entries):
        blob(n)
    assert blob.cache_info().entries == entries
    taken = steps(blob.cache_clear)
    assert (blob.cache_info().entries, blob.cache_info().bytes) == (0, 0)
    return taken


def test_with_an_index_a_clear_is_as_long_for_any_number() -> None:
    """With namespace_index=True it takes as many steps for five thousand entries as for five; without, it goes by their number."""
    few, many = (steps_of_clearing(n, namespace_index=True) for n in (5, 5000))
    assert few == many
    few, many = (steps_of_clearing(n, namespace_index=False) for n in (5, 5000))
    assert many > few + 5000


@pytest.mark.parametrize("namespace_index", [True, False])
def test_cleared_memory_is_given_back(namespace_index: bool) -> None:
    """At once without an index; with one a few entries at each insert, of any function of the budget, until none is left."""
    config = L1CacheConfig(max_size_mb=50, namespace_index=namespace_index)
    blob, other = blobs(10, l1=config), blobs(10, l1=config)
    for n in range(100):
        blob(n)
    memory = _site._memories[config]
    full = memory.used
    blob.cache_clear()
    after = [memory.used]
    for n in range(100):
        other(n)
        after.append(memory.used)
    assert after[0] == (full if namespace_index else 0)
    inserted = other.cache_info().bytes // 100
    falls = [before + inserted - now for before, now in itertools.pairwise(after)]
    most = _memory._DRAINED_AT_ONCE * (full // 100 + 8)
    assert all(-8 * 8 <= fall <= most for fall in falls)
    assert memory.used == other.cache_info().bytes


def test_a_cleared_function_makes_room_at_once() -> None:
    """What waits to be given back leaves before any entry that is alive."""
    config = L1CacheConfig(max_size_mb=1)
    dead, alive = blobs(l1=config), blobs(l1=config)
    for n in range(12):
        dead(n), alive(n)
    dead.cache_clear()
    for n in range(100, 110):
        alive(n)
    for n in [*range(12), *range(100, 110)]:
        alive(n)
    assert alive.cache_info().misses == 22
    assert alive.cache_info().bytes <= MIB
