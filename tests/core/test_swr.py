"""Stale while revalidate: past a part of its TTL a value is served at once, and computed anew in the background."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from typing import Any

import pytest

from cachekit import _refresh, cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend
from crowd import Gate, open_gates
from forms import Clock, moved_clock, warnings_of
from stale import CALLER, TTL, Refreshes, Source
from ways import Way
from ways import way as way


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return moved_clock(monkeypatch)


@pytest.fixture
def refreshes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Refreshes]:
    yield Refreshes(monkeypatch)
    open_gates()


def test_one_refresh_for_all_who_find_it_stale(way: Way, clock: Clock, refreshes: Refreshes) -> None:
    """Sixteen callers have the old value while one run of the function makes the new one, which is served from then on."""
    source = Source(way, refreshes)
    way.run(source.function.cache_clear())  # not in the first epoch
    source()
    clock.move(TTL * 0.6)
    source.version, source.gate = 2, Gate()

    assert source.crowd(16) == [1] * 16
    source.reached(source.gate)
    assert source.crowd(16) == [1] * 16
    source.gate.open()
    source.settle(1)

    assert source.crowd(16) == [2] * 16
    assert source.ran == [0, 0]
    info = source.info
    assert (info.refreshes, info.refresh_errors, info.misses, info.hits) == (1, 0, 1, 48)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
def test_the_threshold_is_spread(way: Way, clock: Clock, refreshes: Refreshes, ratio: float) -> None:
    """No value is stale before nine tenths of the threshold, some are at it, and all are past eleven tenths."""
    source = Source(way, refreshes, l1=L1CacheConfig(swr_threshold_ratio=ratio))
    source.all(60)
    clock.move(TTL * ratio * 0.899)
    source.all(60)
    assert len(source.ran) == 60
    clock.move(TTL * ratio * 0.101)
    source.gate = Gate()
    source.all(60)
    stale = source.refreshing
    source.gate.open()
    clock.move(TTL * ratio * 0.101)
    source.all(60)
    source.settle(60)

    assert sorted(source.ran) == sorted([*range(60)] * 2)
    assert 0 < stale < 60
    assert source.info.refreshes == 60


def test_it_runs_with_the_callers_context(way: Way, clock: Clock, refreshes: Refreshes) -> None:
    """The function sees the context variables of the caller who found its value stale."""
    source = Source(way, refreshes)
    source()
    clock.move(TTL * 0.6)

    def visit() -> None:
        CALLER.set("visitor")
        source()

    async def avisit() -> None:
        CALLER.set("visitor")
        await source.function()

    contextvars.copy_context().run(visit) if way.name == "sync" else way.run(avisit())
    source.settle(1)
    assert source.callers == ["nobody", "visitor"]
    assert CALLER.get() == "nobody"


def test_a_failed_refresh_is_tried_again(way: Way, clock: Clock, refreshes: Refreshes, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted each time and logged once, the old value is served on, and a later hit has the new one made."""
    source = Source(way, refreshes)
    source()
    clock.move(TTL * 0.6)
    source.failure, source.version = ValueError("no source"), 2
    for n in (1, 2):
        assert source() == 1
        source.settle(n)
    assert (source.info.refreshes, source.info.refresh_errors, source.info.misses) == (2, 2, 1)
    assert len(warnings_of(caplog)) == 1
    assert "refresh" in warnings_of(caplog)[0]

    source.failure = None
    assert source() == 1
    source.settle(3)
    assert source() == 2


def test_an_entry_lives_to_its_hard_expiry(way: Way, clock: Clock, refreshes: Refreshes) -> None:
    """While refreshes fail the old value is served until its TTL ends, and no longer."""
    source = Source(way, refreshes)
    source()
    source.failure = ValueError("no source")
    clock.move(TTL * 0.999)
    assert source() == 1
    source.settle(1)
    clock.move(TTL * 0.001)
    with pytest.raises(ValueError, match="no source"):
        source()


@pytest.mark.parametrize("verb", ["invalidate_cache", "cache_clear", "clear_l1"])
def test_an_invalidation_during_a_refresh_wins(way: Way, clock: Clock, refreshes: Refreshes, verb: str) -> None:
    """What a refresh computed from before the invalidation is stored nowhere."""
    source = Source(way, refreshes)
    source()
    clock.move(TTL * 0.6)
    source.version, source.gate = 2, Gate()
    source()
    source.reached(source.gate)
    gate, source.gate, source.version = source.gate, None, 3
    cache.clear_l1() if verb == "clear_l1" else way.run(getattr(source.function, verb)())
    assert source() == 3
    gate.open()
    source.settle(1)
    assert source() == 3
    assert source.info.entries == 1


def test_a_newer_value_of_the_backend_is_taken(way: Way, clock: Clock, refreshes: Refreshes) -> None:
    """Where another process has refreshed it already, the function is not run; every count is of a call."""
    backend = MemoryBackend(clock=clock)
    deaf = [L1CacheConfig(invalidation_enabled=False) for _ in range(2)]  # or a refresh would be told to the other at once
    ours, theirs = (Source(way, refreshes, backend=backend, version=1, l1=l1) for l1 in deaf)
    ours()
    clock.move(TTL * 0.6)
    theirs.version = 2
    assert way.run(theirs.function.refresh()) == 2
    assert ours() == 1
    ours.settle(1)
    assert (ours(), ours.ran) == (2, [0])
    info = ours.info
    assert info.hits + info.misses == 3
    assert info.refreshes == 0


def test_without_l1_the_backends_value_is_refreshed(way: Way, clock: Clock, refreshes: Refreshes) -> None:
    """With L1 off a stale entry of the backend is served at once, and the refreshed one is stored there."""
    source = Source(way, refreshes, backend=MemoryBackend(clock=clock), l1_enabled=False)
    source()
    clock.move(TTL * 0.6)
    source.version = 2
    assert source() == 1
    source.settle(1)
    assert (source(), source.ran) == (2, [0, 0])
    assert (source.info.l2_hits, source.info.refreshes) == (2, 1)


OFF = {
    "swr_enabled=False": (cache, {"l1": L1CacheConfig(swr_enabled=False)}),
    "ratio 1.0": (cache, {"l1": L1CacheConfig(swr_threshold_ratio=1.0)}),
    "no ttl": (cache, {"ttl": None}),
    "cache.test": (cache.test, {}),
    "cache.minimal": (cache.minimal, {}),
}


@pytest.mark.parametrize("case", OFF)
@pytest.mark.parametrize("backend", [lambda clock: None, lambda clock: MemoryBackend(clock=clock)], ids=["L1", "L2"])
def test_where_it_is_off_nothing_runs_before_the_end(way: Way, clock: Clock, refreshes: Refreshes, case: str, backend: Any) -> None:
    """Of many entries none is computed anew before its TTL has ended."""
    decorate, options = OFF[case]
    made = backend(clock)
    source = Source(way, refreshes, decorate=decorate, backend=made, **options)
    source.all(40)
    clock.move(TTL * 0.999)
    source.all(40)
    if made is not None:
        cache.clear_l1()
        source.all(40)
    assert (source.ran, source.refreshing, refreshes.count, _refresh._workers._threads) == ([*range(40)], 0, 0, 0)


def test_refreshes_are_bounded(way: Way, clock: Clock, refreshes: Refreshes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few run and wait at once; hits that find no room are served at once, and a later one has it done."""
    monkeypatch.setattr(_refresh, "WAITING", 10)
    monkeypatch.setattr(_refresh, "_workers", _refresh._Workers())
    source = Source(way, refreshes)
    source.all(40)
    clock.move(TTL * 0.6)
    source.version, source.gate = 2, Gate()
    assert source.all(40) == [1] * 40
    source.reached(source.gate)
    most = _refresh.THREADS if way.name == "sync" else 10
    assert len(source.ran) - 40 <= most
    claimed = source.refreshing
    assert 10 <= claimed <= 10 + _refresh.THREADS
    source.gate.open()
    source.settle(claimed)
    for n in range(40):
        if source(n) == 1:
            claimed += 1
            source.settle(claimed)
    assert source.all(40) == [2] * 40
    assert sorted(source.ran) == sorted([*range(40)] * 2)
