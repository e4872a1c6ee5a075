"""A backend made before a fork works on both sides, whatever the parent was doing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import traceback
from collections.abc import Callable

import pytest

from cachekit.errors import BackendClosedError
from cachekit_redis import RedisBackend

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def forked(child: Callable[[], object]) -> Callable[[], None]:
    """Run *child* in a forked process; call what this returns to wait for it, and for its success."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # a child that hangs dies
        try:
            child()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def joined() -> None:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    return joined


def use(backend: RedisBackend, name: str) -> None:
    for i in range(200):
        text = f"{name}{i}".encode()
        backend.set(name, text, None)
        assert backend.get(name) == text


async def ause(backend: RedisBackend, name: str) -> None:
    for i in range(100):
        text = f"{name}{i}".encode()
        await backend.aset(name, text, None)
        assert await backend.aget(name) == text


def test_both_sides_of_a_fork(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """Parent and children use one backend at once and get their own answers."""
    use(backend, "before")
    children = [forked(lambda n=n: use(backend, f"child{n}")) for n in range(2)]  # type: ignore[misc]
    use(backend, "parent")
    for joined in children:
        joined()
    connections(1)


def test_a_fork_under_a_running_loop(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """A child forked from a coroutine uses loops of its own, and the parent's loop goes on undisturbed."""

    async def parent() -> None:
        await ause(backend, "before")

        def child() -> None:
            for _ in range(2):
                asyncio.run(ause(backend, "child"))
            use(backend, "child, sync")
            backend.close()

        joined = forked(child)
        await ause(backend, "parent")
        joined()
        await ause(backend, "after")

    asyncio.run(parent())
    connections(0)


def test_a_fork_while_threads_work(backend: RedisBackend) -> None:
    """A child forked at any moment of other threads' calls does not hang."""
    stop = threading.Event()

    def work(name: str) -> None:
        while not stop.is_set():
            use(backend, name)

    threads = [threading.Thread(target=work, args=(f"thread{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            forked(lambda: use(backend, "child"))()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_fork_while_a_thread_holds_the_lock(backend: RedisBackend) -> None:
    """A lock that another thread held at the fork does not hold up the child."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with backend._clients._lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        forked(lambda: (use(backend, "child"), asyncio.run(ause(backend, "child"))))()
    finally:
        release.set()
        thread.join()


def test_a_closed_backend_is_closed_in_the_child(backend: RedisBackend) -> None:
    """What was closed before a fork is closed after it; what a child closes stays open in the parent."""
    backend.get("k")
    forked(backend.close)()
    backend.get("k")
    backend.close()

    def child() -> None:
        with pytest.raises(BackendClosedError):
            backend.get("k")

    forked(child)()


def test_a_child_does_not_keep_its_parents_connections(backend: RedisBackend, connections: Callable[[int], None]) -> None:
    """A connection ends with the process that opened it, though a child of that lives on."""
    reading, writing = os.pipe()

    def parent() -> None:
        backend.get("k")
        if os.fork() == 0:
            signal.alarm(60)
            os.close(writing)
            os.read(reading, 1)  # until the test has ended
            os._exit(0)

    try:
        forked(parent)()
        connections(0)
    finally:
        os.close(writing)
        os.close(reading)
