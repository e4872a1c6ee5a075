"""A backend as the cold path sees it: three verbs, sync and async, that raise only `BackendError`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from . import _fork
from .contracts import AsyncBackend, AsyncBulkReads, AsyncClosable, Backend, BulkReads, Closable
from .errors import BackendError, TransientBackendError, ValueTooLargeError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")

THREADS = 16
"""Threads that serve async functions of backends without native async verbs; one pool a process."""


class Store:
    """One backend object.

    Parameters:
        backend: any object with the five verbs.
        name: what logs call it.
    """

    def __init__(self, backend: Backend, name: str) -> None:
        self.backend = backend
        self.name = name
        self._native = backend if isinstance(backend, AsyncBackend) else None

    @property
    def max_value_bytes(self) -> int | None:
        """What the backend takes at once, if it says so."""
        return _limit(self.backend, "max_value_bytes")

    def check_size(self, size: int) -> None:
        """Raise `ValueTooLargeError` if an entry of *size* bytes, whole or in chunks, is more than the backend is for."""
        limit = _limit(self.backend, "max_entry_bytes")
        if limit is not None and size > limit:
            raise ValueTooLargeError(f"{size} bytes once stored, and an entry may take {limit}")

    def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        with _meant(self.name, "get"):
            if isinstance(self.backend, BulkReads):
                return _each(keys, self.backend.get_many(keys))
            return [self.backend.get(key) for key in keys]

    def write(self, key: str, value: bytes, ttl: float | None) -> None:
        with _meant(self.name, "set"):
            self.backend.set(key, value, ttl)

    def delete(self, key: str) -> None:
        with _meant(self.name, "delete"):
            self.backend.delete(key)

    async def aread(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        with _meant(self.name, "get"):
            if isinstance(self.backend, AsyncBulkReads):
                return _each(keys, await self.backend.aget_many(keys))
            if self._native is not None:
                return [await self._native.aget(key) for key in keys]
        return await in_thread(self.read, keys)

    async def awrite(self, key: str, value: bytes, ttl: float | None, ended: Callable[[], None] = lambda: None) -> None:
        if self._native is None:
            return await in_thread(self.write, key, value, ttl, ended=ended)
        try:
            with _meant(self.name, "set"):
                return await self._native.aset(key, value, ttl)
        finally:
            ended()

    async def adelete(self, key: str) -> None:
        if self._native is None:
            return await in_thread(self.delete, key)
        with _meant(self.name, "delete"):
            await self._native.adelete(key)
            return None

    def close(self) -> None:
        if isinstance(self.backend, Closable):
            self.backend.close()

    async def aclose(self) -> None:
        if isinstance(self.backend, AsyncClosable):
            await self.backend.aclose()
        else:
            await in_thread(self.close)


def _limit(backend: Any, name: str) -> int | None:
    """A limit of `LimitedValues` or `LimitedEntries`, if *backend* has one; anybody's attribute may be none, or raise."""
    try:
        limit = getattr(backend, name, None)
    except Exception:  # noqa: BLE001 - anybody's property
        return None
    return limit if type(limit) is int and limit > 0 else None


def _each(keys: Sequence[str], values: Sequence[bytes | None]) -> Sequence[bytes | None]:
    answers = list(values)
    if len(answers) != len(keys):
        raise TransientBackendError(f"a bulk read of {len(keys)} keys answered {len(answers)} values")
    return answers


@contextmanager
def _meant(name: str, verb: str) -> Iterator[None]:
    """Backends raise by meaning; whatever else comes out of anybody's backend may pass next time."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        raise TransientBackendError(f"backend {name}: {verb} raised {type(error).__name__}") from error


_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


async def in_thread(verb: Callable[..., T], *args: Any, ended: Callable[[], None] = lambda: None) -> T:
    """Await *verb* in a thread. *ended* is called when the thread is done with it, however the wait ended."""
    import asyncio  # here: a program without coroutines need not pay for it

    try:
        work = _submitted(verb, *args)
    except RuntimeError as error:  # the interpreter is shutting down
        ended()
        raise TransientBackendError("no thread can be started any more") from error
    work.add_done_callback(lambda _: ended())
    return await asyncio.wrap_future(work)


def _submitted(verb: Callable[..., T], *args: Any) -> Future[T]:
    from concurrent.futures import ThreadPoolExecutor

    global _pool
    while True:
        with _pool_lock:
            if _pool is None:
                _pool = ThreadPoolExecutor(THREADS, thread_name_prefix="cachekit")
            pool = _pool
        try:
            return pool.submit(verb, *args)
        except RuntimeError:
            if pool is _pool:
                raise
            # `close_pool` came between: this call begins a new one


CLOSE_PATIENCE = 5.0
"""Seconds a close waits for verbs that are under way in threads; a backend may hang."""


def close_pool() -> None:
    """End the threads once their work is done; the next use begins new ones."""
    ended = _shut_down()
    if ended is not None:
        with suppress(TimeoutError):
            ended.result(CLOSE_PATIENCE)


async def aclose_pool() -> None:
    """As `close_pool`, without holding up the loop."""
    import asyncio

    ended = _shut_down()
    if ended is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_PATIENCE):
                await asyncio.wrap_future(ended)


def _shut_down() -> Future[None] | None:
    """Begin to end the pool's threads; the future is done when they are."""
    from concurrent.futures import Future

    global _pool
    with _pool_lock:
        pool, _pool = _pool, None
    if pool is None:
        return None
    ended: Future[None] = Future()
    ended.set_running_or_notify_cancel()

    def wait() -> None:
        pool.shutdown(wait=True)
        ended.set_result(None)

    threading.Thread(target=wait, name="cachekit-close", daemon=True).start()
    return ended


def _begin_anew() -> None:
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


_fork.in_child(_begin_anew)
