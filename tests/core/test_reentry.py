"""A cached function may be called from anywhere within the cache: by a signal's handler, a finalizer, a log filter, a copy, a backend."""

from __future__ import annotations

import contextvars
import gc
import itertools
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import cachekit
from cachekit import cache
from cachekit._effects import Wait
from cachekit._flow import FOLLOWER_PATIENCE
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend
from crowd import Background
from forms import FiveVerbs

OURS = os.path.dirname(cachekit.__file__)


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test here has one caller: there is nobody else to wait for."""
    waits: list[Wait] = []

    def noted(wait: Wait) -> Any:
        if wait.patience == FOLLOWER_PATIENCE:
            waits.append(wait)
        # A write that is interrupted by what waits for it is waited for in vain: its patience is over at once.
        return wait.future.result() if wait.future.done() else None

    monkeypatch.setattr(Wait, "perform", noted)
    yield
    assert not waits, "a caller waited for itself"


def disturbed(line: int, call: Callable[[], Any], handler: Callable[[], Any]) -> bool:
    """Make *call*, running *handler* before the *line*-th line of cachekit's that it runs; False if it ran fewer."""
    left, before = line, sys.gettrace()

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        left -= event == "line"
        if event == "line" and left == 0:
            handler()  # untraced, in this thread, with whatever locks are held: as a signal's handler runs
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return left <= 0


@pytest.mark.parametrize("verb", ["call", "invalidate_cache", "refresh", "cache_clear"])
@pytest.mark.parametrize("options", [{}, {"l1_enabled": False}, {"backend": None}], ids=["L1+L2", "L2", "L1"])
def test_a_signal_handler_may_call_what_it_interrupts(options: dict[str, Any], verb: str) -> None:
    """A handler that runs before any line, and uses the same function in every way, comes back, and so does what it disturbed."""

    def attempt(line: int) -> bool:
        @cache(**{"backend": MemoryBackend(), **options})
        def double(n: int) -> int:
            return 2 * n

        def handler() -> None:
            assert double(1) == 2
            assert double.invalidate_cache(1) is not None
            assert double.refresh(1) == 2
            assert double.cache_clear() is not None
            double.cache_info()

        double(0)
        called = {"call": lambda: double(1), "cache_clear": double.cache_clear}.get(verb, lambda: getattr(double, verb)(1))
        reached = disturbed(line, called, handler)
        assert double(1) == 2
        return reached

    def every_line() -> int:
        return next(line for line in itertools.count(1) if not attempt(line))

    assert Background(every_line).result() > 10


def test_the_finalizer_of_an_evicted_value_may_call() -> None:
    """A value whose __del__ calls a cached function of the same budget can be evicted."""
    budget = L1CacheConfig(max_size_mb=1)
    deleted: list[str] = []

    @cache(backend=None, l1=budget)
    def name() -> str:
        return "it"

    class Farewell:
        def __init__(self) -> None:
            self.data = bytearray(300_000)

        def __del__(self) -> None:
            deleted.append(name())

    @cache(backend=None, l1=budget)
    def make(n: int) -> Farewell:
        return Farewell()

    def fill() -> None:
        for n in range(10):
            make(n)

    Background(fill).result()
    gc.collect()
    # Each call's own value is deleted too, so more than ten: some of the copies that L1 held.
    assert len(deleted) > 10
    assert set(deleted) == {"it"}


def test_a_log_filter_may_call_the_function_it_is_told_of() -> None:
    """A filter of the log that calls the very function whose value cannot be cached gets a value."""
    seen: list[str] = []

    @cache(backend=None)
    def settings() -> dict[str, Any]:
        return {"lock": threading.Lock(), "level": "high"}

    class Levels(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            seen.append(settings()["level"])
            return True

    levels, log = Levels(), logging.getLogger("cachekit")
    log.addFilter(levels)
    try:
        assert Background(settings).result()["level"] == "high"
    finally:
        log.removeFilter(levels)
    assert seen == ["high"]


def test_a_copy_may_call_the_function_it_is_made_for() -> None:
    """A value whose __deepcopy__ calls the function that returned it is copied, not waited for."""
    runs: list[int] = []

    class Odd:
        def __deepcopy__(self, memo: Any) -> Odd:
            asked.append(answer(1))
            return Odd()

    asked: list[Any] = []

    @cache(backend=None)
    def answer(n: int) -> Any:
        runs.append(n)
        return Odd() if len(runs) == 1 else 3

    assert isinstance(Background(answer, 1).result(), Odd)
    assert asked[0] == 3


@pytest.mark.parametrize("verb", ["get", "set"])
def test_a_backend_may_call_the_function_it_serves(verb: str) -> None:
    """A backend's verb that calls the function, with the key being looked up or stored, gets its value."""
    got: list[int] = []

    class Nosy(FiveVerbs):
        def _note(self, asked: str, key: str) -> None:
            if asked == verb and not got:
                got.append(0)
                got.append(double(1))

    @cache(backend=Nosy(), l1_enabled=False)
    def double(n: int) -> int:
        return 2 * n

    assert Background(double, 1).result() == 2
    assert got == [0, 2]


def test_a_function_may_call_itself_in_a_fresh_context() -> None:
    """A function that calls itself with its own key in an empty Context computes, as it does in its own context."""
    depth = itertools.count()

    @cache(backend=None)
    def descend(n: int) -> int:
        return n if next(depth) else contextvars.Context().run(descend, n)

    assert Background(descend, 7).result() == 7


def test_a_cache_key_may_call_the_function_it_is_for() -> None:
    """An argument whose __cache_key__ calls the function without end is named in a warning, and the call has its value."""

    class Endless:
        def __cache_key__(self) -> int:
            return one(self)

    @cache(backend=None)
    def one(x: Any) -> int:
        return 1

    assert Background(one, Endless()).result() == 1
