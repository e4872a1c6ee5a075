"""What somebody leaves behind, a marker not yet written, a destroyed task, a dead proxy, an interrupt, costs nobody else."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import pytest

from cachekit import cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend
from crowd import PATIENCE, Background, Followers, in_threads
from forms import moved_clock
from interrupts import interrupted


def test_who_start_together_keep_what_the_others_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that all find no marker store entries that all of them can read."""
    moved_clock(monkeypatch)
    together = threading.Barrier(8)

    class Together(MemoryBackend):
        cold = True

        def get_many(self, keys: Sequence[str]) -> Any:
            found = super().get_many(keys)
            if self.cold:
                together.wait(PATIENCE)  # nobody writes a marker before all have looked for it
            return found

    backend = Together()

    @cache(backend=backend, ttl=60)
    def double(n: int) -> int:
        return 2 * n

    numbers = iter(range(8))
    in_threads(8, lambda: double(next(numbers)))
    backend.cold = False
    cache.clear_l1()
    assert [double(n) for n in range(8)] == [2 * n for n in range(8)]
    assert (double.cache_info().misses, double.cache_info().l2_hits, double.cache_info().unread) == (8, 8, {})


def test_a_follower_of_a_destroyed_task_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leading task that is destroyed with its loop lets go of a follower that already waits in another thread."""
    followers = Followers(monkeypatch)
    runs: list[int] = []

    @cache(backend=None)
    async def answer(n: int) -> int:
        runs.append(n)
        if len(runs) == 1:
            await asyncio.get_running_loop().create_future()
        return n

    following: list[Background] = []

    def lead() -> None:
        async def begin() -> None:
            task = asyncio.create_task(answer(1))
            task._log_destroy_pending = False
            await asyncio.sleep(0)
            following.append(Background(lambda: asyncio.run(answer(1))))
            await followers.auntil(1)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(begin())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    lead()
    gc.collect()
    assert following[0].result() == 1


def test_a_dead_proxy_as_a_value() -> None:
    """A function that returns a weakref.proxy of what is gone returns it."""

    class Gone: ...

    @cache(backend=None)
    def proxy() -> Any:
        return weakref.proxy(Gone())

    assert type(proxy()) is weakref.ProxyType


def test_an_unaskable_value_and_a_backend() -> None:
    """A value whose __class__ raises is returned by a function with a backend too."""

    class Unbound:
        @property
        def __class__(self) -> Any:
            raise RuntimeError("outside of a request")

    @cache(backend=MemoryBackend())
    def unbound() -> Any:
        return Unbound()

    assert type(unbound()) is Unbound


def test_the_books_are_right_after_an_interrupt() -> None:
    """After an interrupt before any line of a call that evicts, an empty L1 counts no bytes."""
    line, bad = 0, []
    while True:
        line += 1

        @cache(backend=None, l1=L1CacheConfig(max_size_mb=1))
        def text(n: int) -> str:
            return "x" * 400_000 + str(n)

        text(1), text(2)
        if not interrupted(line, lambda: text(3)):
            break
        text.cache_clear()
        cache.clear_l1()
        info = text.cache_info()
        if (info.entries, info.bytes) != (0, 0):
            bad.append((line, info.bytes))
    assert bad == []
