"""Many callers, and the ends of things: threads, tasks, forks, event loops, close."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cachekit.contracts import AsyncBackend, AsyncBulkReads, AsyncClosable, BulkReads, Closable
from cachekit.errors import BackendClosedError

from ._cases import Cases, need, served
from ._driving import Child, Verbs, Work

WORKERS = 8
ROUNDS = 25


def signed(key: str, text: str) -> bytes:
    """A value that carries its key and a checksum, and is long enough to tear."""
    body = f"{key}\n{text}\n".encode() + b"." * 20_000
    return hashlib.sha256(body).digest() + body


def check_signed(key: str, value: bytes | None) -> None:
    """Fail unless *value* is whole and was written under *key*."""
    assert value is not None, f"{key} was set and not deleted, and is absent"
    assert hashlib.sha256(value[32:]).digest() == value[:32], f"{key} holds a torn value"
    assert value[32:].startswith(f"{key}\n".encode()), f"{key} holds the value of another key"


def own_and_shared(own: str, shared: str) -> Work:
    """Write and read a key of one's own and one that all write."""
    for number in range(ROUNDS):
        value = signed(own, str(number))
        yield "set", shared, signed(shared, own), 60.0
        yield "set", own, value, 60.0
        check_signed(shared, (yield "get", shared))
        assert (yield "get", own) == value
    assert (yield "delete", own) is True
    assert (yield "get", own) is None


class ConcurrencyCases(Cases):
    """Many callers at once."""

    def test_callers_at_once_see_whole_values_of_their_own_keys(self, verbs: Verbs) -> None:
        """However many threads or tasks write and read, none sees a torn or a foreign value."""
        shared = self.key("shared")
        verbs.together(*(own_and_shared(self.key(f"own-{n}"), shared) for n in range(WORKERS)))
        check_signed(shared, verbs.get(shared))

    def test_a_key_is_deleted_once(self, verbs: Verbs) -> None:
        """Of many callers that delete one entry at once, exactly one is told that it did."""
        key = self.key()
        told: list[bool] = []

        def deleter() -> Work:
            told.append((yield "delete", key))

        for _ in range(ROUNDS):
            told.clear()
            verbs.set(key, b"value")
            verbs.together(*(deleter() for _ in range(WORKERS)))
            assert told.count(True) == 1


class LoopCases(Cases):
    """One backend, more than one event loop."""

    def test_a_second_event_loop_works_after_the_first_has_ended(self, backend: Any) -> None:
        """Nothing that belonged to a loop that is gone is used again."""
        backend = served(backend)
        key = self.key()
        for number in (b"1", b"2", b"3"):
            assert asyncio.run(self._set_and_get(backend, key, number)) == number

    def test_two_event_loops_work_at_once(self, backend: Any) -> None:
        """Loops in two threads use one backend at one time, each without the other's values."""
        backend = served(backend)
        meet = threading.Barrier(2, timeout=30)
        failures: list[BaseException] = []

        def loop_of_its_own() -> None:
            try:
                meet.wait()
                asyncio.run(self._awork_through(backend))
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                failures.append(error)

        threads = [threading.Thread(target=loop_of_its_own) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def test_a_cancelled_read_leaves_no_answer_behind(self, backend: Any) -> None:
        """A read given up half-way does not hand its value to the next reader."""
        backend = served(backend)
        keys = [self.key(str(number)) for number in range(4)]

        async def cancel_and_read() -> None:
            for key in keys:
                await backend.aset(key, signed(key, "value"), 60.0)
            for turn in range(40):
                task = asyncio.create_task(backend.aget(keys[turn % 4]))
                for _ in range(turn % 7):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                check_signed(keys[(turn + 1) % 4], await backend.aget(keys[(turn + 1) % 4]))
            if isinstance(backend, AsyncClosable):
                await backend.aclose()

        asyncio.run(cancel_and_read())

    async def _set_and_get(self, backend: Any, key: str, value: bytes) -> bytes | None:
        await backend.aset(key, value, 60.0)
        stored: bytes | None = await backend.aget(key)
        return stored

    async def _awork_through(self, backend: Any) -> None:
        for number in range(ROUNDS):
            key = self.key(str(number))
            await backend.aset(key, signed(key, "value"), 60.0)
            check_signed(key, await backend.aget(key))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class ForkCases(Cases):
    """A process that forks after the backend was used, as servers that load their application first do."""

    def test_a_forked_child_and_its_parent_both_work(self, verbs: Verbs) -> None:
        """Child and parent use the backend at the same time, and the child's close is its own."""
        before = self.key("before")
        verbs.set(before, signed(before, "parent"), 60.0)

        def work_in_child() -> None:
            with verbs.renewed() as childs:
                check_signed(before, childs.get(before))
                self._work_through(childs)
                if isinstance(childs.backend, AsyncClosable if childs.prefix else Closable):
                    childs.close()

        child = Child(work_in_child)
        try:
            self._work_through(verbs)
        finally:
            problem = child.wait(self.patience)
        assert not problem, f"in the forked child: {problem}"
        check_signed(before, verbs.get(before))
        self._work_through(verbs)

    def test_a_fork_while_threads_use_the_backend_hangs_nobody(self, verbs: Verbs) -> None:
        """What another thread held at the moment of the fork, a lock or half an answer, does not stop the child."""

        def work_in_child() -> None:
            with verbs.renewed() as childs:
                self._write_and_read(childs)

        with self._busy_threads(verbs):
            for _ in range(5):
                problem = Child(work_in_child).wait(self.patience)
                assert not problem, f"in the forked child: {problem}"

    @contextmanager
    def _busy_threads(self, verbs: Verbs) -> Iterator[None]:
        stop = threading.Event()
        failures: list[BaseException] = []

        def keep_busy() -> None:
            try:
                with verbs.renewed() as own:
                    while not stop.is_set():
                        self._write_and_read(own)
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                failures.append(error)

        threads = [threading.Thread(target=keep_busy) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]

    def _work_through(self, verbs: Verbs) -> None:
        for _ in range(ROUNDS):
            self._write_and_read(verbs)

    def _write_and_read(self, verbs: Verbs) -> None:
        key = self.key()
        verbs.set(key, signed(key, str(os.getpid())), 60.0)
        check_signed(key, verbs.get(key))
        verbs.delete(key)


class CloseCases(Cases):
    """After `close` and `aclose`."""

    @pytest.fixture
    def closed(self, verbs: Verbs) -> Verbs:
        """The verbs of a backend that was used, and closed twice."""
        need(verbs.backend, AsyncClosable if verbs.prefix else Closable)
        verbs.set(self.key(), b"value", 60.0)
        verbs.close()
        verbs.close()
        return verbs

    def test_after_close_every_verb_raises(self, closed: Verbs) -> None:
        """Use after close is a BackendClosedError, from each verb the backend has, not a new connection."""
        key = self.key()
        backend: Any = closed.backend
        calls: dict[str, tuple[Any, ...]] = {"get": (key,), "set": (key, b"value", 60.0), "delete": (key,), "exists": (key,)}
        if isinstance(closed.backend, AsyncBulkReads if closed.prefix else BulkReads):
            calls["get_many"] = ([key],)
        self._expect_closed({f"{closed.prefix}{verb}": self._calling(closed, verb, arguments) for verb, arguments in calls.items()})
        if closed.prefix:  # aclose does what close does: the plain verbs are closed too
            self._expect_closed({"get": lambda: backend.get(key), "set": lambda: backend.set(key, b"value", 60.0)})
        elif isinstance(closed.backend, AsyncBackend):
            self._expect_closed({"aget": lambda: asyncio.run(backend.aget(key))})

    def test_after_close_health_is_false(self, closed: Verbs) -> None:
        """Health never raises: a closed backend says that it is not healthy."""
        healthy, details = closed.health_check()
        assert healthy is False
        assert details is not None

    def _calling(self, verbs: Verbs, verb: str, arguments: tuple[Any, ...]) -> Callable[[], Any]:
        return lambda: verbs.call(verb, *arguments)

    def _expect_closed(self, calls: dict[str, Callable[[], Any]]) -> None:
        instead: dict[str, str] = {}
        for name, call in calls.items():
            try:
                call()
            except BackendClosedError:
                continue
            except Exception as error:  # noqa: BLE001 - told with the others
                instead[name] = f"raised {error!r}"
            else:
                instead[name] = "worked"
        assert not instead, f"after close a verb raises BackendClosedError; instead: {instead}"
