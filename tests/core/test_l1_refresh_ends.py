"""A refresh that does not come to its end, by a loop, a fork or an exit, costs nothing but itself."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cachekit import _refresh, cache
from cachekit.testing import MemoryBackend
from crowd import Gate, open_gates
from forms import Clock, moved_clock

TTL = 100.0
WITHIN = 10.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(_refresh, "_tasks", set())
    return moved_clock(monkeypatch)


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def by_run(function: Any, forever: Any) -> None:
    """The program's only coroutine ends, and asyncio.run cancels what is left."""

    async def main() -> None:
        await function()
        await turns()

    asyncio.run(main())


def by_cancelling_at_once(function: Any, forever: Any) -> None:
    """Every other task is cancelled before it took its first step."""

    async def main() -> None:
        await function()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(main())


def by_closing(function: Any, forever: Any) -> None:
    """The loop is closed, and nobody cancels its tasks."""
    loop = asyncio.new_event_loop()

    async def main() -> None:
        await function()
        await turns()

    loop.run_until_complete(main())
    loop.close()


@pytest.mark.parametrize("end", [by_run, by_cancelling_at_once, by_closing])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ends_takes_its_refreshes_along(clock: Clock, end: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is stored or logged of them, no room is taken, and the next hit begins anew."""
    holding = [True]
    versions = [1]

    @cache(backend=None, ttl=TTL)
    async def read() -> int:
        version = versions[0]
        if version == 2 and holding[0]:
            await asyncio.get_running_loop().create_future()
        return version

    asyncio.run(read())
    clock.move(TTL * 0.6)
    versions[0] = 2
    end(read, holding)
    gc.collect()
    holding[0] = False

    async def again() -> list[int]:
        first = await read()
        await turns()
        return [first, await read()]

    assert asyncio.run(again()) == [1, 2]
    gc.collect()
    assert len(_refresh._tasks) == 0
    assert [record for record in caplog.records if record.name == "cachekit"] == []
    assert read.cache_info().refresh_errors == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_function_that_exits_takes_no_thread_along(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After more SystemExits than there are threads, other values are refreshed as before."""
    monkeypatch.setattr(_refresh, "_workers", _refresh._Workers())
    exiting, refreshed = [False], threading.Event()

    @cache(backend=None, ttl=TTL)
    def read(n: int) -> int:
        if exiting[0] and n >= 0:
            raise SystemExit
        if exiting[0]:
            refreshed.set()
        return n

    numbers = [*range(2 * _refresh.THREADS), -1]
    for n in numbers:
        read(n)
    clock.move(TTL * 0.6)
    exiting[0] = True
    assert [read(n) for n in numbers] == numbers
    assert refreshed.wait(WITHIN)


def forked(child: Callable[[], Any]) -> str:
    """What *child* returns in a forked process, as text; fails if it does not within the limit."""
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
    ended, _, _ = select.select([reading], [], [], 3 * WITHIN)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as pipe:
        assert ended, "the child hung"
        return pipe.read().decode()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("backend", [lambda clock: None, lambda clock: MemoryBackend(clock=clock)], ids=["L1", "L1+L2"])
def test_a_child_forked_amid_refreshes_has_its_own(clock: Clock, backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While all of the parent's threads hold refreshes a child refreshes the same keys itself; the parent's go on."""
    monkeypatch.setattr(_refresh, "_workers", _refresh._Workers())
    gate, versions, ended = Gate(), [1], threading.Semaphore(0)
    parent = os.getpid()

    @cache(backend=backend(clock), ttl=TTL)
    def read(n: int) -> int:
        version = versions[0]
        if version > 1 and os.getpid() == parent:
            gate.stop()
            ended.release()
        elif version > 1:
            ended.release()
        return version

    numbers = range(_refresh.THREADS + 2)
    for n in numbers:
        read(n)
    clock.move(TTL * 0.6)
    versions[0] = 2
    assert {read(n) for n in numbers} == {1}
    gate.reached()

    def child() -> Any:
        first = {read(n) for n in numbers}
        came = all(ended.acquire(timeout=WITHIN) for _ in numbers)
        return first <= {1, 2}, came, read.cache_info().refresh_errors

    assert forked(child) == repr((True, True, 0))
    open_gates()
    assert all(ended.acquire(timeout=WITHIN) for _ in numbers)


@pytest.mark.parametrize("backend", [lambda: None, MemoryBackend], ids=["L1", "L1+L2"])
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_a_refresh_stands_though_l1_is_cleared_meanwhile(is_async: bool, backend: Any) -> None:
    """What `refresh` returned is not followed by the older value, though `clear_l1` came while it ran."""
    versions, clearing = [1], [False]

    def body() -> int:
        if clearing[0]:
            cache.clear_l1()
        return versions[0]

    async def abody() -> int:
        return body()

    read = cache(backend=backend())(abody if is_async else body)

    def run(call: Any) -> int:
        return asyncio.run(_awaited(call)) if is_async else call

    assert run(read()) == 1
    versions[0], clearing[0] = 2, True
    assert run(read.refresh()) == 2
    clearing[0] = False
    assert run(read()) == 2


async def _awaited(call: Any) -> int:
    return await call
