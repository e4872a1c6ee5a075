"""Event loops: one client for each, which works natively and ends with the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import pytest

import redis
from cachekit.errors import BackendClosedError
from cachekit_redis import RedisBackend
from servers import RedisServer


def test_successive_loops(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """One backend serves one event loop after another, and each loop's connections end with it."""

    async def use() -> bytes | None:
        await asyncio.gather(*(backend.aset(f"k{i}", b"v", None) for i in range(5)))
        return await backend.aget("k0")

    for _ in range(3):
        assert asyncio.run(use()) == b"v"
        connections(0)


def test_loops_at_once(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """Event loops in several threads, and the threads themselves, use one backend at once."""
    meeting = threading.Barrier(4)
    wrong: list[object] = []

    async def use(name: str) -> None:
        meeting.wait()
        for i in range(50):
            await backend.aset(f"{name}{i}", f"{name}{i}".encode(), None)
        values = await asyncio.gather(*(backend.aget(f"{name}{i}") for i in range(50)))
        wrong.extend(value for i, value in enumerate(values) if value != f"{name}{i}".encode())

    def use_sync(name: str) -> None:
        meeting.wait()
        for i in range(50):
            backend.set(f"{name}{i}", f"{name}{i}".encode(), None)
            if backend.get(f"{name}{i}") != f"{name}{i}".encode():
                wrong.append(i)

    threads = [threading.Thread(target=lambda n=n: asyncio.run(use(n))) for n in ("a", "b")]  # type: ignore[misc]
    threads += [threading.Thread(target=use_sync, args=(n,)) for n in ("c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    backend.close()
    connections(0)


def test_connections_end_with_a_loop_whose_tasks_were_cancelled(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """A loop that ends with calls under way leaves no connection and no warning."""

    async def leave() -> None:
        tasks = [asyncio.create_task(backend.aget("k")) for _ in range(20)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    for _ in range(5):
        asyncio.run(leave())
    connections(0)
    gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_was_cut_off_is_not_kept(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """A loop closed without finishing its generators is freed, connections and all, when the next loop comes."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(backend.aset("k", b"v", None))
    loop.close()
    gone = weakref.ref(loop)
    del loop
    assert asyncio.run(backend.aget("k")) == b"v"
    gc.collect()
    assert gone() is None
    connections(0)


def test_close_from_another_thread(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """A close anywhere ends the connections of running loops too, and their next call says closed."""

    async def use() -> None:
        await backend.aget("k")
        connections(1)
        await asyncio.to_thread(backend.close)
        await asyncio.to_thread(connections, 0)
        with pytest.raises(BackendClosedError):
            await backend.aget("k")

    asyncio.run(use())


def test_aclose_waits_for_the_loops_connections(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """After aclose, while the loop still runs, neither its connections nor those of threads are left."""

    async def use() -> None:
        await asyncio.gather(*(backend.aget("k") for _ in range(5)))
        backend.get("k")
        await backend.aclose()
        connections(0)  # blocks the loop: nothing is left for it to do
        await backend.aclose()

    asyncio.run(use())


def test_tasks_under_way_at_close(redis_server: RedisServer, backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """Calls that are under way at a close get their answers, and leave no connection."""
    backend.set("k", b"v", None)

    async def use() -> None:
        await asyncio.gather(*(backend.aget("k") for _ in range(3)))
        redis_server.pause()
        calls = [asyncio.create_task(backend.aget("k")) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        await backend.aclose()
        redis_server.resume()
        assert await asyncio.gather(*calls) == [b"v"] * 3
        await asyncio.to_thread(connections, 0)

    asyncio.run(use())


def test_threads_under_way_at_close(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """Threads that call while another closes get answers or BackendClosedError, and leave no connection."""
    backend.set("k", b"v", None)
    begun = threading.Barrier(9)
    ends: list[str] = []

    def use() -> None:
        begun.wait()
        try:
            while backend.get("k") == b"v":
                pass
            ends.append("a wrong answer")
        except Exception as error:
            ends.append(type(error).__name__)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    for _ in range(50):
        backend.get("k")
    backend.close()
    for thread in threads:
        thread.join()
    assert ends == ["BackendClosedError"] * 8
    connections(0)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_dropped_backend_leaves_no_connection(redis_server: RedisServer, admin: redis.Redis, connections: Callable[[int], None]) -> None:
    """A backend that nobody refers to any more ends its connections, in threads and in a running loop.

    A warning may come first: where an error of the driver's keeps our frames in a cycle, all of it is collected at once.
    """

    async def drop() -> None:
        backend = RedisBackend.from_url(redis_server.url)
        await backend.aget("k")
        backend.get("k")
        connections(2)
        del backend
        gc.collect()
        await asyncio.to_thread(connections, 0)

    asyncio.run(drop())
