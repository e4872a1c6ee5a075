"""Stale while revalidate: a value past its soft deadline is served, and computed anew in the background.

Sync functions run in a few threads of our own, async ones as tasks of the running loop; both are
bounded, and what finds no room is left to the next hit.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from . import _fork
from ._call import Call
from ._effects import arun, run
from ._flight import leading
from ._flow import abandon, complete, lead_refresh
from ._site import Site

if TYPE_CHECKING:
    import asyncio

THREADS = 4
WAITING = 100
"""Refreshes that may wait for a thread, and that may run as tasks at once; one process."""

IDLE = 10.0
"""Seconds after which a thread without work ends."""


def refresh_soon(site: Site, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Compute a plain function's value anew, in a thread, with the caller's context variables."""
    if not _claimed(site, call, None):
        return
    context = copy_context()
    if not _workers.submit(lambda: context.run(_refresh, site, call, args, kwargs)):
        site.refreshing.pop(call.key, None)


def arefresh_soon(site: Site, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """As `refresh_soon`, of a coroutine function, as a task of the running loop."""
    import asyncio

    loop = asyncio.get_running_loop()
    _tasks.difference_update([task for task in _tasks if task.get_loop().is_closed()])  # these never end
    if len(_tasks) >= WAITING or not _claimed(site, call, loop):
        return
    task = loop.create_task(_arefresh(site, call, args, kwargs))
    _tasks.add(task)  # a loop holds its tasks weakly

    def ended(task: asyncio.Task[None]) -> None:
        _tasks.discard(task)
        site.refreshing.pop(call.key, None)  # here: one that is cancelled before it begins runs nothing of its own

    task.add_done_callback(ended)


_tasks: set[asyncio.Task[None]] = set()


def _claimed(site: Site, call: Call, loop: asyncio.AbstractEventLoop | None) -> bool:
    """Whether nobody else here refreshes it; it is this caller's then, to give back."""
    other = site.refreshing.get(call.key, _NOBODY)
    if other is not _NOBODY and (other is None or not other.is_closed()):
        return False
    site.refreshing[call.key] = loop
    return True


_NOBODY: Any = object()


def _refresh(site: Site, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        if run(lead_refresh(site, call)):
            with leading(call.flight):
                value = site.function(*args, **kwargs)
            run(complete(site, call, value))
    except BaseException as error:  # followers are let go, whatever it is; nobody else is there to be told
        abandon(site, call, error)
        if not isinstance(error, Exception):
            raise
        site.refresh_failed(error)
    finally:
        site.refreshing.pop(call.key, None)


async def _arefresh(site: Site, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        if await arun(lead_refresh(site, call)):
            with leading(call.flight):
                value = await site.function(*args, **kwargs)
            await arun(complete(site, call, value))
    except BaseException as error:  # followers are let go, whatever it is; nobody else is there to be told
        abandon(site, call, error)
        if not isinstance(error, Exception):
            raise
        site.refresh_failed(error)


class _Workers:
    """Threads that are begun when there is work, and end when there has been none for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: queue.Queue[Callable[[], None]] = queue.Queue(WAITING)
        self._threads = 0

    def submit(self, work: Callable[[], None]) -> bool:
        """Have *work* done; False if too much waits already, or no thread can be started."""
        try:
            self._work.put_nowait(work)
        except queue.Full:
            return False
        with self._lock:
            if self._threads >= min(THREADS, self._threads + self._work.qsize()):
                return True
            self._threads += 1
        try:
            # A daemon: what is refreshed when the program ends is of no use to it.
            threading.Thread(target=self._serve, name="cachekit-refresh", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            with self._lock:
                self._threads -= 1
            return self._threads > 0
        return True

    def _serve(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=IDLE)
            except queue.Empty:
                with self._lock:
                    if self._work.empty():
                        self._threads -= 1
                        return
                continue
            with suppress(BaseException):  # a SystemExit of the function's is no reason for the others' thread to end
                work()
            del work  # or it, and what it holds, would live until the next


_workers = _Workers()


def _begin_anew() -> None:
    global _workers
    _workers = _Workers()
    _tasks.clear()


_fork.in_child(_begin_anew)
