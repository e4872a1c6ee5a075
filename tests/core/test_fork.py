"""A child forked at any moment has a cache that works and begins anew; its parent notices nothing."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cachekit import cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    # Python 3.12 and later warn of just what is tested here.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

CHILD_WITHIN = 30.0


class FiveVerbs:
    """A backend with plain verbs only, so that coroutine functions use the cache's threads."""

    def __init__(self) -> None:
        memory = MemoryBackend()
        for verb in ("get", "set", "delete", "exists", "health_check"):
            setattr(self, verb, getattr(memory, verb))


def forked(child: Callable[[], Any]) -> str:
    """What *child* returns, as text, in a forked process; an exception's too. Fails if the child hangs."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = repr(child())
        except BaseException as error:
            answer = f"raised {error!r}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], CHILD_WITHIN)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    assert ready, "the child hung"
    return answer


class Hammered:
    """A plain and a coroutine function that other threads call, invalidate and clear without a pause."""

    def __init__(self, backend: Any) -> None:
        options: Any = {"backend": backend, "l1": L1CacheConfig(max_size_mb=1)}

        @cache(**options)
        def plain(n: int) -> list[int]:
            return [n] * 100

        @cache(**options)
        async def coroutine(n: int) -> list[int]:
            return [n] * 100

        self.plain, self.coroutine = plain, coroutine
        self._over = threading.Event()
        self.errors: list[BaseException] = []
        asyncio.run(self.called(0))  # what is imported at the first call is imported before the first fork
        self._threads = [threading.Thread(target=self._hammer, args=(work,)) for work in (self._plainly, self._plainly, self._in_a_loop)]

    async def called(self, n: int) -> list[int]:
        return self.plain(n) + await self.coroutine(n)

    def _plainly(self) -> None:
        for n in range(50):
            assert self.plain(n) == [n] * 100
        self.plain.invalidate_cache(7)
        self.plain.cache_clear()

    def _in_a_loop(self) -> None:
        async def tasks() -> None:
            await asyncio.gather(*(self.coroutine(n % 5) for n in range(20)))
            await self.coroutine.cache_clear()

        asyncio.run(tasks())

    def _hammer(self, work: Callable[[], None]) -> None:
        try:
            while not self._over.is_set():
                work()
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self) -> Hammered:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(CHILD_WITHIN)


@pytest.fixture(params=[lambda: None, MemoryBackend, FiveVerbs], ids=["L1", "memory", "five-verbs"])
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield request.param()
    cache.close()


def test_a_child_of_a_busy_process_works_and_begins_anew(backend: Any) -> None:
    """In 60 forks amid calls, clears and fills by other threads, each child's calls succeed and its counts begin at zero."""
    with Hammered(backend) as hammered:

        def child() -> Any:
            fresh = [hammered.plain.cache_info(), hammered.coroutine.cache_info()]
            values = asyncio.run(hammered.called(3)), asyncio.run(hammered.called(3)), hammered.plain(4)
            hammered.plain.invalidate_cache(3)
            hammered.plain.cache_clear()
            counts = [(info.hits + info.misses, info.entries, info.bytes) for info in fresh]
            return values == ([3] * 200, [3] * 200, [4] * 100), counts, hammered.plain(3) == [3] * 100

        for _ in range(60):
            assert forked(child) == repr((True, [(0, 0, 0)] * 2, True))
        assert all(thread.is_alive() for thread in hammered._threads), hammered.errors
    assert hammered.errors == []


def test_the_parent_is_not_affected() -> None:
    """What children do to their L1 and counts is not seen in the parent."""
    runs: list[int] = []

    @cache(backend=None)
    def answer(n: int) -> int:
        runs.append(n)
        return n

    assert [answer(1), answer(1)] == [1, 1]
    before = answer.cache_info()

    def child() -> Any:
        entries = answer.cache_info().entries
        answer(1), answer(1), answer(2)
        answer.cache_clear()
        cache.clear_l1()
        cache.close()
        return entries, runs

    assert forked(child) == repr((0, [1, 1, 2]))
    assert answer.cache_info() == before
    assert answer(1) == 1
    assert runs == [1]


def test_a_child_forked_while_the_parent_computes_does_not_wait_for_it() -> None:
    """A child has no leader to wait for: the key that its parent was computing it computes itself."""
    inside, over = threading.Event(), threading.Event()

    @cache(backend=None)
    def answer(n: int) -> int:
        if not over.is_set():
            inside.set()
            assert over.wait(CHILD_WITHIN)
        return n

    leader = threading.Thread(target=answer, args=(1,))
    leader.start()
    assert inside.wait(CHILD_WITHIN)

    def child() -> int:
        over.set()
        return answer(1)

    assert forked(child) == "1"
    assert not over.is_set()
    over.set()
    leader.join(CHILD_WITHIN)
    assert answer.cache_info().misses == 1


def test_a_function_that_forks_returns_on_both_sides() -> None:
    """A cached function may fork while it leads: parent and child each return from the call."""
    parent = os.getpid()

    @cache(backend=None)
    def forking(n: int) -> tuple[int, int]:
        return n, os.fork()

    value: tuple[int, int] | None = None
    try:
        value = forking(5)
    finally:
        if os.getpid() != parent:
            os._exit(42 if value == (5, 0) else 1)

    assert value is not None
    assert value[0] == 5
    assert os.waitstatus_to_exitcode(os.waitpid(value[1], 0)[1]) == 42
    assert forking.cache_info().misses == 1


def test_a_child_serves_coroutines_without_its_parents_threads() -> None:
    """A coroutine function over plain verbs works in a child though the parent's pool of threads did not come along."""

    @cache(backend=FiveVerbs())
    async def answer(n: int) -> int:
        return n

    asyncio.run(answer(1))

    def child() -> Any:
        async def scene() -> list[int]:
            return await asyncio.gather(*(answer(n) for n in range(40)))

        values = asyncio.run(scene())
        cache.close()
        return values == list(range(40)), [thread.name for thread in threading.enumerate() if thread.name.startswith("cachekit")]

    assert forked(child) == repr((True, []))
    assert asyncio.run(answer(2)) == 2
    cache.close()
