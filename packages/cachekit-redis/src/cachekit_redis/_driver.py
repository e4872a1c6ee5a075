"""redis-py's connections, for the threads of a process and for an event loop, with one policy.

As many calls run at once as the pool has connections; the others wait here, for a bounded time. So
the driver's own pool is never contended, and a cancelled task cannot lose a connection while it waits
for the pool's lock. Nothing is retried: who calls decides that. After `close` no call begins; those
that run end by themselves, and leave no connection.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import connection as asynchronous
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import InvalidResponse, RedisError
from redis.retry import Retry

from cachekit.errors import BackendClosedError
from redis import connection as threaded

from ._address import Address
from ._commands import Answer, Command
from ._errors import PoolExhaustedError
from .settings import RedisBackendConfig


class ThreadClient:
    """The connections that a process's threads share, opened as they are needed."""

    def __init__(self, config: RedisBackendConfig, address: Address) -> None:
        self._patience = config.socket_timeout
        self._slots = threading.BoundedSemaphore(config.connection_pool_size)
        options = _options(config, address) | {"socket_timeout": config.socket_timeout, "retry": Retry(NoBackoff(), 0)}
        self._pool: Any = threaded.ConnectionPool(connection_class=_connection_class(threaded, address), **options)
        self._closed = False

    def execute(self, command: Command[Answer]) -> Answer:
        if not self._slots.acquire(timeout=self._patience):
            raise _exhausted(self._patience)
        try:
            if self._closed:
                raise closed()
            return self._ask(command)
        finally:
            self._slots.release()
            if self._closed:
                self.close()

    def _ask(self, command: Command[Answer]) -> Answer:
        connection = self._pool.get_connection()
        try:
            connection.send_command(*command.arguments)
            return command.read(connection.read_response())
        except InvalidResponse:
            connection.disconnect()  # it may be out of step with our questions
            raise
        finally:
            self._pool.release(connection)

    def close(self) -> None:
        self._closed = True
        self._pool.disconnect(inuse_connections=False)


class LoopClient:
    """The connections of one event loop, opened as they are needed and closed with the loop."""

    def __init__(self, config: RedisBackendConfig, address: Address) -> None:
        self._patience = config.socket_timeout
        self._patience_to_connect = config.socket_connect_timeout
        self._slots = asyncio.Semaphore(config.connection_pool_size)
        # No time-out of the driver's for what is sent: it would swallow a cancellation that comes
        # together with the end of the sending (`asyncio.wait_for` before Python 3.12). `_ask` has one.
        options = _options(config, address) | {"socket_timeout": None, "retry": AsyncRetry(NoBackoff(), 0)}
        self._pool: Any = asynchronous.ConnectionPool(connection_class=_connection_class(asynchronous, address), **options)
        self._lifetime: AsyncGenerator[None, None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._closed = False

    async def begin(self, ended: Callable[[], None]) -> None:
        """Arrange for the connections to end with the running loop, and for *ended* to be called then. Never suspends."""
        self._lifetime = _until_the_loop_ends(self._pool, ended)
        await anext(self._lifetime)

    async def execute(self, command: Command[Answer]) -> Answer:
        await self._take_slot()
        try:
            if self._closed:
                raise closed()
            return await self._ask(command)
        finally:
            self._slots.release()
            if self._closed:
                await self.aclose()

    async def _take_slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()  # does not wait, so needs no clock
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._slots.acquire()
        except TimeoutError:
            raise _exhausted(self._patience) from None

    async def _ask(self, command: Command[Answer]) -> Answer:
        late = f"no connection within {self._patience_to_connect:g} s"
        try:
            async with asyncio.timeout(self._patience_to_connect) as limit:
                connection = await self._pool.get_connection()
                try:
                    if _has_unread_bytes(connection):
                        await connection.disconnect()
                        await connection.connect()
                    late = f"no answer within {self._patience:g} s"
                    limit.reschedule(asyncio.get_running_loop().time() + self._patience)
                    await connection.send_command(*command.arguments)
                    return command.read(await connection.read_response())
                except InvalidResponse:
                    await connection.disconnect()  # it may be out of step with our questions
                    raise
                finally:
                    await self._pool.release(connection)
        except TimeoutError:
            raise TimeoutError(late) from None

    async def aclose(self) -> None:
        self._closed = True
        with suppress(RedisError, OSError):
            await self._pool.disconnect(inuse_connections=False)

    def close_soon(self) -> None:
        """`aclose`, called in the client's loop, without waiting for it."""
        self._closing = asyncio.ensure_future(self.aclose())


async def _until_the_loop_ends(pool: Any, ended: Callable[[], None]) -> AsyncGenerator[None, None]:
    """Close *pool* at the end of the loop in which this is begun.

    A loop finishes the asynchronous generators that were begun in it before it is closed
    (`loop.shutdown_asyncgens()`, which `asyncio.run` calls), and one that nobody refers to any more.
    It holds nothing that refers to it, so that a dropped one is finished before the pool is collected.
    """
    try:
        yield
    finally:
        ended()
        with suppress(RedisError, OSError):
            await pool.disconnect()


def _has_unread_bytes(connection: Any) -> bool:
    # Answers without a question would be taken for those of the next. Since redis-py 8 the pool looks
    # for them itself; earlier ones see them only in the pool for threads.
    return bool(getattr(getattr(connection, "_reader", None), "_buffer", b""))


def closed() -> BackendClosedError:
    return BackendClosedError("this RedisBackend was closed; make a new one")


def _exhausted(seconds: float) -> PoolExhaustedError:
    return PoolExhaustedError(f"no connection became free within {seconds:g} s")


def _connection_class(connections: Any, address: Address) -> Any:
    if address.path is not None:
        return connections.UnixDomainSocketConnection
    return connections.SSLConnection if address.tls else connections.Connection


def _options(config: RedisBackendConfig, address: Address) -> dict[str, Any]:
    """What both of the driver's pools take. RESP2 connects in fewer round trips, and every server speaks it."""
    where: dict[str, Any] = {"path": address.path}
    if address.path is None:
        where = {"host": address.host, "port": address.port, "socket_keepalive": True}
    return where | {
        "db": address.database,
        "username": address.username,
        "password": address.password,
        "socket_connect_timeout": config.socket_connect_timeout,
        "max_connections": config.connection_pool_size,
        "decode_responses": False,
        "protocol": 2,
    }
