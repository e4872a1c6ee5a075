"""A real server for all of these tests, empty for each of them, and the verbs called both ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

import redis
from cachekit_redis import RedisBackend
from servers import RedisServer

VARIABLES = (
    "CACHEKIT_REDIS_URL",
    "REDIS_URL",
    "CACHEKIT_CONNECTION_POOL_SIZE",
    "CACHEKIT_SOCKET_TIMEOUT",
    "CACHEKIT_SOCKET_CONNECT_TIMEOUT",
)


class Call(Protocol):
    """Calls a verb of a backend by its name: the verb itself, or its `a…` twin in an event loop."""

    def __call__(self, backend: RedisBackend, verb: str, *arguments: Any) -> Any: ...


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The server that most tests share."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def start_server() -> Iterator[Callable[..., RedisServer]]:
    """Starts a server of the test's own, with the options of `RedisServer`."""
    with ExitStack() as servers:
        yield lambda *options, **more: servers.enter_context(RedisServer(*options, **more))


@pytest.fixture
def admin(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A plain client of the shared server, which this empties first."""
    with redis.Redis(port=redis_server.port) as client:
        client.flushall()
        yield client


@pytest.fixture
def make_backend() -> Iterator[Callable[..., RedisBackend]]:
    """Makes backends (`RedisBackend.from_url`) that are closed after the test."""
    with ExitStack() as backends:

        def make(url: str, **options: Any) -> RedisBackend:
            backend = RedisBackend.from_url(url, **options)
            backends.callback(backend.close)
            return backend

        yield make


@pytest.fixture
def backend(redis_server: RedisServer, admin: redis.Redis, make_backend: Callable[..., RedisBackend]) -> RedisBackend:
    return make_backend(redis_server.url)


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    """Every test that takes this runs twice: from a thread, and in one event loop."""
    if request.param == "sync":
        yield lambda backend, verb, *arguments: getattr(backend, verb)(*arguments)
        return

    async def acall(backend: RedisBackend, verb: str, *arguments: Any) -> Any:
        for _ in range(3):  # a program's loop also runs between calls, and learns what happened to its sockets
            await asyncio.sleep(0)
        return await getattr(backend, f"a{verb}")(*arguments)

    with asyncio.Runner() as runner:
        yield lambda backend, verb, *arguments: runner.run(acall(backend, verb, *arguments))


@pytest.fixture
def connections(admin: redis.Redis) -> Callable[[int], None]:
    """Waits until the shared server has just so many connections besides the admin's: it learns of an end a moment later."""

    def await_count(expected: int) -> None:
        deadline = time.monotonic() + 10
        while (count := len(admin.client_list()) - 1) != expected:
            assert time.monotonic() < deadline, f"{count} connections, not {expected}"
            time.sleep(0.005)

    return await_count


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the variables of the machine it runs on."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
