"""Any sequence of calls, invalidations and moves of the clocks gives what a dict with expiries would give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cachekit import _clock, _site, cache
from cachekit._memory import OVERHEAD
from cachekit.config import L1CacheConfig

TTL = 60.0
DAY = 86400.0
MIB = 1 << 20

FUNCTIONS = st.sampled_from([0, 1])
KEYS = st.sampled_from([1, True, 1.0, -1, "1", b"1", None, (1,), (True,), (1.0,), "long" * 300])


def named(key: Any) -> str:
    """What tells a key from those that equal it."""
    return repr(key)


class Machine(RuleBasedStateMachine):
    """Two functions of one budget beside a model: what each holds, and until when."""

    items = 5
    """How many numbers a value has."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.monotonic, self.wall = 1e6, 1.7e9
        self.patch.setattr(_clock, "monotonic", lambda: self.monotonic)
        self.patch.setattr(_clock, "wall", lambda: self.wall)

    def teardown(self) -> None:
        self.patch.undo()

    @initialize(namespace_index=st.booleans(), nested=st.booleans())
    def begin(self, namespace_index: bool, nested: bool) -> None:
        self.budget = L1CacheConfig(max_size_mb=1, swr_enabled=False, namespace_index=namespace_index)
        self.nested = nested
        self.versions: dict[tuple[int, str], int] = {}
        self.ran: list[tuple[int, str]] = []
        self.held: list[dict[str, tuple[Any, float]]] = [{}, {}]
        self.calls, self.misses = [0, 0], [0, 0]
        self.functions = [self.made(0), self.made(1)]

    def made(self, number: int) -> Any:
        @cache(ttl=TTL, backend=None, l1=self.budget)
        def function(key: Any) -> Any:
            self.ran.append((number, named(key)))
            return self.value(number, named(key))

        return function

    def value(self, number: int, key: str) -> Any:
        flat = [number, key, self.versions.get((number, key), 0), *range(self.items)]
        return {"nested": [flat]} if self.nested else flat

    def keep(self, number: int, key: str) -> None:
        self.held[number][key] = (self.value(number, key), self.monotonic + TTL)

    def ruin(self, value: Any) -> None:
        if self.nested:
            value["nested"][0].clear()
        value.clear()

    def expected(self, number: int, key: str) -> Any:
        """What the model holds, if it holds."""
        value, expires = self.held[number].get(key, (None, 0.0))
        return value if self.monotonic < expires else None

    @rule(number=FUNCTIONS, key=KEYS, by_name=st.booleans())
    def call(self, number: int, key: Any, by_name: bool) -> None:
        self.ran.clear()
        held = self.expected(number, named(key))
        value = self.functions[number](key=key) if by_name else self.functions[number](key)
        self.calls[number] += 1
        self.judge(number, named(key), held)
        assert value == (held if not self.ran else self.value(number, named(key)))
        self.ruin(value)

    def judge(self, number: int, key: str, held: Any) -> None:
        """Whether the function was to run."""
        assert self.ran == ([] if held is not None else [(number, key)])
        if self.ran:
            self.misses[number] += 1
            self.keep(number, key)

    @rule(number=FUNCTIONS, key=KEYS)
    def refresh(self, number: int, key: Any) -> None:
        value = self.functions[number].refresh(key)
        assert value == self.value(number, named(key))
        self.ruin(value)
        self.misses[number] += 1
        self.keep(number, named(key))

    @rule(number=FUNCTIONS, key=KEYS)
    def invalidate(self, number: int, key: Any) -> None:
        assert self.functions[number].invalidate_cache(key).done
        self.held[number].pop(named(key), None)

    @rule(number=FUNCTIONS)
    def clear(self, number: int) -> None:
        assert self.functions[number].cache_clear().done
        self.held[number].clear()

    @rule()
    def clear_l1(self) -> None:
        cache.clear_l1()
        self.held = [{}, {}]

    @rule(number=FUNCTIONS, key=KEYS)
    def change(self, number: int, key: Any) -> None:
        """The source has a newer value, and nobody says so."""
        self.versions[number, named(key)] = self.versions.get((number, named(key)), 0) + 1

    @rule(seconds=st.sampled_from([0.5, TTL / 2, TTL - 1, TTL]))
    def wait(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    @rule(step=st.sampled_from([DAY, -DAY]))
    def step(self, step: float) -> None:
        self.wall += step

    @invariant()
    def counts_add_up(self) -> None:
        if not hasattr(self, "functions"):
            return
        for number, function in enumerate(self.functions):
            info = function.cache_info()
            refreshed = self.misses[number]
            assert info.misses == refreshed
            assert info.shared == info.l2_hits == info.uncacheable == info.refreshes == 0
            assert self.entries_agree(info.entries, len(self.held[number]))
            assert info.entries * OVERHEAD <= info.bytes <= MIB
        assert sum(function.cache_info().bytes for function in self.functions) <= MIB
        memory = _site._memories[self.budget] if self.budget in _site._memories else None
        assert memory is None or memory.used <= MIB

    def entries_agree(self, entries: int, held: int) -> bool:
        return entries == held


class Crowded(Machine):
    """Values so large that some must leave."""

    items = 20_000

    def judge(self, number: int, key: str, held: Any) -> None:
        assert self.ran in ([], [(number, key)])
        assert self.ran or held is not None, "it was not to be there"
        if self.ran:
            self.misses[number] += 1
            self.keep(number, key)

    def entries_agree(self, entries: int, held: int) -> bool:
        return entries <= held


class Counted(Machine):
    """Hits are calls that did not run the function."""

    @invariant()
    def hits_are_the_rest(self) -> None:
        if hasattr(self, "functions"):
            hits = sum(function.cache_info().hits for function in self.functions)
            assert hits + self.ran_by_calls == sum(self.calls)

    ran_by_calls = 0

    def judge(self, number: int, key: str, held: Any) -> None:
        super().judge(number, key, held)
        self.ran_by_calls += len(self.ran)


SETTINGS = settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
FEWER = settings(SETTINGS, max_examples=12, stateful_step_count=30)
TestExact = Counted.TestCase
TestExact.settings = SETTINGS
TestCrowded = Crowded.TestCase
TestCrowded.settings = FEWER
