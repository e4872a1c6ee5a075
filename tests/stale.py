"""A source that moves on, read through the cache, and its refreshes in the background, waited for."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from cachekit import _refresh, cache
from crowd import Gate, in_tasks, in_threads
from ways import Way

TTL = 100.0
WITHIN = 5.0
"""Seconds after which a refresh has not come."""
CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="nobody")


class Refreshes:
    """Counts the refreshes that have ended, so that a test can wait for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ended = threading.Condition()
        self.count = 0
        refresh, arefresh = _refresh._refresh, _refresh._arefresh

        def counted(*args: Any) -> None:
            try:
                refresh(*args)
            finally:
                self._one_more()

        async def acounted(*args: Any) -> None:
            try:
                await arefresh(*args)
            finally:
                self._one_more()

        monkeypatch.setattr(_refresh, "_refresh", counted)
        monkeypatch.setattr(_refresh, "_arefresh", acounted)
        monkeypatch.setattr(_refresh, "_workers", _refresh._Workers())
        monkeypatch.setattr(_refresh, "_tasks", set())

    def _one_more(self) -> None:
        with self._ended:
            self.count += 1
            self._ended.notify_all()

    def until(self, count: int) -> None:
        with self._ended:
            assert self._ended.wait_for(lambda: self.count >= count, WITHIN), f"{self.count} of {count} refreshes ended"


class Source:
    """Something with a version, read by a cached function that notes its runs."""

    def __init__(self, way: Way, refreshes: Refreshes, *, decorate: Any = cache, **options: Any) -> None:
        self.way, self.refreshes = way, refreshes
        self.version, self.ran = 1, list[Any]()
        self.gate: Gate | None = None
        self.failure: BaseException | None = None
        self.callers: list[str] = []
        options = {"backend": None, "ttl": TTL, **options}

        @decorate(**options)
        def read(key: Any = 0) -> int:
            version, gate = self._begun(key)
            if gate:
                gate.stop()
            return version

        @decorate(**options)
        async def aread(key: Any = 0) -> int:
            version, gate = self._begun(key)
            if gate:
                await gate.astop()
            return version

        self.function: Any = read if way.name == "sync" else aread

    def _begun(self, key: Any) -> tuple[int, Gate | None]:
        self.ran.append(key)
        self.callers.append(CALLER.get())
        if self.failure is not None:
            raise self.failure
        return self.version, self.gate

    def __call__(self, key: Any = 0) -> int:
        return self.way.run(self.function(key))

    def all(self, count: int) -> list[int]:
        """Calls with as many keys, from one loop."""
        if self.way.name == "sync":
            return [self.function(n) for n in range(count)]
        return self.way.run(in_tasks_of(self.function, count))

    def crowd(self, count: int) -> list[Any]:
        """As many calls at once, in threads or tasks."""
        return in_threads(count, self.function) if self.way.name == "sync" else self.way.run(in_tasks(count, self.function))

    def settle(self, count: int) -> None:
        """Wait until as many refreshes have ended."""
        self.refreshes.until(count) if self.way.name == "sync" else self.way.run(asyncio.to_thread(self.refreshes.until, count))

    def reached(self, gate: Gate) -> None:
        gate.reached() if self.way.name == "sync" else self.way.run(gate.areached())

    @property
    def info(self) -> Any:
        return self.function.cache_info()

    @property
    def refreshing(self) -> int:
        """How many refreshes wait or run."""
        return len(self.function.cache_info.__self__._site.refreshing)


async def in_tasks_of(function: Any, count: int) -> list[Any]:
    return await asyncio.gather(*(function(n) for n in range(count)))
