"""This process's clients: one for its threads, one for each of its event loops."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

from ._address import Address
from ._driver import LoopClient, ThreadClient, closed
from .settings import RedisBackendConfig


class Clients:
    """Makes each client at its first use, and ends them together.

    A forked child gets a `Clients` of its own (`for_child`): sockets, and locks that a thread of the
    parent may have held, are never used across a fork.
    """

    def __init__(self, config: RedisBackendConfig, address: Address) -> None:
        self._config = config
        self._address = address
        self._lock = threading.Lock()
        self._of_threads: ThreadClient | None = None
        self._of_loops: dict[asyncio.AbstractEventLoop, LoopClient] = {}
        self._closed = False

    def for_child(self) -> Clients:
        """What a forked child uses in place of this, which it must keep (see `backend`)."""
        child = Clients(self._config, self._address)
        child._closed = self._closed
        self._of_threads = None  # closes the child's copies of its sockets
        return child

    def check_open(self) -> None:
        """Raise `BackendClosedError` after `close`."""
        if self._closed:
            raise closed()

    def of_threads(self) -> ThreadClient:
        client = self._of_threads
        if client is not None and not self._closed:
            return client
        with self._lock:
            self.check_open()
            if self._of_threads is None:
                self._of_threads = ThreadClient(self._config, self._address)
            return self._of_threads

    async def of_running_loop(self) -> LoopClient:
        loop = asyncio.get_running_loop()
        client = self._of_loops.get(loop)
        if client is None or self._closed:
            client = self._add(loop)
            await client.begin(_forgetting(weakref.ref(self), loop))
        return client

    def _add(self, loop: asyncio.AbstractEventLoop) -> LoopClient:
        with self._lock:
            self.check_open()
            # A client refers to its loop, so weak keys would not free the loops that were closed
            # without finishing their generators.
            for dead in [other for other in self._of_loops if other.is_closed()]:
                del self._of_loops[dead]
            client = self._of_loops[loop] = LoopClient(self._config, self._address)
            return client

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drop the client of a loop that ends."""
        with self._lock:
            self._of_loops.pop(loop, None)

    def close(self) -> None:
        """End all of them; those of event loops soon, each in its own loop."""
        self._close_all_but(None)

    async def aclose(self) -> None:
        """End all of them, and wait for that of the running loop."""
        loop = asyncio.get_running_loop()
        self._close_all_but(loop)
        client = self._of_loops.get(loop)
        if client is not None:
            await client.aclose()

    def _close_all_but(self, mine: asyncio.AbstractEventLoop | None) -> None:
        with self._lock:
            self._closed = True
            of_loops = dict(self._of_loops)
        if self._of_threads is not None:
            self._of_threads.close()
        for loop, client in of_loops.items():
            if loop is not mine:
                with suppress(RuntimeError):  # the loop has been closed
                    loop.call_soon_threadsafe(client.close_soon)


def _forgetting(clients: weakref.ref[Clients], loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    def forget() -> None:
        living = clients()
        if living is not None:
            living.forget(loop)

    return forget
