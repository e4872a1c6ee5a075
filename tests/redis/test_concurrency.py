"""Many callers on few connections, and callers that give up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
from cachekit_redis import RedisBackend
from servers import RedisServer


def test_threads_share_a_small_pool(redis_server: RedisServer, admin: redis.Redis, make_backend: Callable[..., RedisBackend]) -> None:
    """Twenty threads on two connections all get their own answers, and no third connection is opened."""
    backend = make_backend(redis_server.url, connection_pool_size=2, socket_timeout=10)

    def use(thread: int) -> bool:
        mine = [f"{thread}-{i}" for i in range(25)]
        for text in mine:
            backend.set(text, text.encode() * 50, None)
        return all(backend.get(text) == text.encode() * 50 for text in mine)

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(use, range(20)))
    assert len(admin.client_list()) - 1 <= 2


def test_tasks_share_a_small_pool(redis_server: RedisServer, admin: redis.Redis, make_backend: Callable[..., RedisBackend]) -> None:
    """Fifty tasks on two connections all get their own answers, and no third connection is opened."""
    backend = make_backend(redis_server.url, connection_pool_size=2, socket_timeout=10)

    async def use(task: int) -> bool:
        mine = [f"{task}-{i}" for i in range(10)]
        for text in mine:
            await backend.aset(text, text.encode() * 50, None)
        return [await backend.aget(text) for text in mine] == [text.encode() * 50 for text in mine]

    async def all_of_them() -> None:
        assert all(await asyncio.gather(*(use(task) for task in range(50))))
        assert len(admin.client_list()) - 1 <= 2

    asyncio.run(all_of_them())


def test_a_cancelled_call_never_answers_another(start_server: Any, make_backend: Callable[..., RedisBackend]) -> None:
    """A get cancelled at any point, connected or still connecting, leaves no stray answer and no lost connection."""
    server = start_server()

    async def give_up_after(turns: int, *, connected: bool) -> None:
        backend = make_backend(server.url, connection_pool_size=2, socket_timeout=300, socket_connect_timeout=300)
        if connected:
            await backend.aget("other")
        server.pause()
        calls = [asyncio.create_task(backend.aget("mine")) for _ in range(4)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        _, swallowed = await asyncio.wait(calls, timeout=10)
        server.resume()
        assert not swallowed
        assert all(call.cancelled() for call in calls)
        others = await asyncio.gather(*(backend.aget("other") for _ in range(10)))
        assert set(others) == {b"other"}
        await backend.aclose()

    async def give_up_everywhere() -> None:
        backend = make_backend(server.url)
        for name in ("mine", "other"):
            await backend.aset(name, name.encode(), None)
        for turns in range(12):
            await give_up_after(turns, connected=True)
            await give_up_after(turns, connected=False)

    asyncio.run(give_up_everywhere())


def test_a_cancelled_wait_for_a_connection_loses_none(
    redis_server: RedisServer, admin: redis.Redis, make_backend: Callable[..., RedisBackend]
) -> None:
    """Callers that give up while they wait for a connection, or are just given one, leave the pool whole."""
    backend = make_backend(redis_server.url, connection_pool_size=1, socket_timeout=10)

    async def give_up() -> None:
        for turns in range(40):
            calls = [asyncio.create_task(backend.aset("k", b"v", None)) for _ in range(6)]
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            for call in calls[turns % 2 :: 2]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert await asyncio.gather(*(backend.aget("k") for _ in range(10))) == [b"v"] * 10

    asyncio.run(give_up())
