"""Many callers at once, held at known places: nothing here sleeps, and a wait that should end fails the test if it does not."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from cachekit._effects import Wait
from cachekit._flow import FOLLOWER_PATIENCE
from cachekit.testing import MemoryBackend

PATIENCE = 30.0
"""Seconds after which a wait has failed."""


class Gate:
    """A place where code under test stops until the test opens it; from then on it is open."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened: Future[None] = Future()
        self._opened.set_running_or_notify_cancel()  # a task that is cancelled here does not cancel the gate
        _gates.add(self)

    def stop(self) -> None:
        self._reached.set()
        self._opened.result(PATIENCE)

    async def astop(self) -> None:
        self._reached.set()
        await asyncio.wait_for(asyncio.wrap_future(self._opened), PATIENCE)

    def pause(self, seconds: float = 1.0) -> None:
        """As `stop`, but go on after *seconds*: for a place where code under test may rightly make the opener wait."""
        self._reached.set()
        wait([self._opened], seconds)

    def open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def reached(self) -> None:
        """Wait until somebody stands at the gate."""
        assert self._reached.wait(PATIENCE), "nobody came to the gate"

    async def areached(self) -> None:
        await asyncio.to_thread(self.reached)


_gates: weakref.WeakSet[Gate] = weakref.WeakSet()


def open_gates() -> None:
    """Let everybody pass: a test that failed must not leave threads behind that wait."""
    for gate in list(_gates):
        gate.open()


class Followers:
    """Counts the callers that wait for a leader, so that a leader can be held until all of them do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._came = threading.Condition()
        self._count = 0
        perform, aperform = Wait.perform, Wait.aperform

        def counted(wait: Wait) -> Any:
            self._one_more(wait)
            return perform(wait)

        async def acounted(wait: Wait) -> Any:
            self._one_more(wait)
            return await aperform(wait)

        monkeypatch.setattr(Wait, "perform", counted)
        monkeypatch.setattr(Wait, "aperform", acounted)

    def _one_more(self, wait: Wait) -> None:
        with self._came:
            self._count += wait.patience == FOLLOWER_PATIENCE
            self._came.notify_all()

    @property
    def count(self) -> int:
        """How many times somebody began to wait."""
        return self._count

    def until(self, count: int) -> None:
        """Wait until *count* callers have begun to wait."""
        with self._came:
            assert self._came.wait_for(lambda: self._count >= count, PATIENCE), f"{self._count} of {count} callers wait for the leader"

    async def auntil(self, count: int) -> None:
        await asyncio.to_thread(self.until, count)


Outcome = Any
"""What a call returned, or the exception it raised."""


def outcome(call: Callable[[], Any]) -> Outcome:
    try:
        return call()
    except BaseException as error:
        return error


def in_threads(count: int, call: Callable[[], Any]) -> list[Outcome]:
    """The outcomes of *count* threads that call at once."""
    together = threading.Barrier(count)

    def one() -> Outcome:
        together.wait(PATIENCE)
        return outcome(call)

    with ThreadPoolExecutor(count, thread_name_prefix="crowd") as pool:
        return [future.result(2 * PATIENCE) for future in [pool.submit(one) for _ in range(count)]]


async def in_tasks(count: int, call: Callable[[], Awaitable[Any]]) -> list[Outcome]:
    """The outcomes of *count* tasks of this loop."""

    async def one() -> Any:
        return await call()

    return await asyncio.wait_for(asyncio.gather(*(one() for _ in range(count)), return_exceptions=True), 2 * PATIENCE)


def in_loops(loops: int, tasks: int, call: Callable[[], Awaitable[Any]]) -> list[Outcome]:
    """The outcomes of *tasks* tasks in each of *loops* event loops, a thread to each."""
    return [found for each in in_threads(loops, lambda: asyncio.run(in_tasks(tasks, call))) for found in each]


async def through_to_thread(count: int, call: Callable[[], Any]) -> list[Outcome]:
    """The outcomes of *count* tasks that call a plain function by `asyncio.to_thread`, each with a thread to have."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(count + 1, thread_name_prefix="crowd"))
    return await in_tasks(count, lambda: asyncio.to_thread(call))


class Background:
    """One call in a thread of its own: `Background(f, 1).result()`."""

    def __init__(self, call: Callable[..., Any], *args: Any) -> None:
        self._future: Future[Any] = Future()
        threading.Thread(target=self._run, args=(call, *args), name="crowd", daemon=True).start()

    def _run(self, call: Callable[..., Any], *args: Any) -> None:
        try:
            self._future.set_result(call(*args))
        except BaseException as error:
            self._future.set_exception(error)

    def result(self) -> Any:
        return self._future.result(PATIENCE)


class GatedBackend:
    """Five plain verbs over a dict, with places to be held at: ``before get``, ``after get``, ``before set``…

    A gate holds the first who comes there. Markers are stored at once; ``after get`` is after entry and marker were read.
    """

    def __init__(self) -> None:
        self._memory = MemoryBackend()
        self._gates: dict[str, Gate] = {}

    def hold(self, place: str) -> Gate:
        """The next to come to *place* waits there."""
        gate = self._gates[place] = Gate()
        return gate

    def _at(self, moment: str, verb: str, key: str) -> Gate | None:
        is_marker = ":m:" in key
        wanted = is_marker if (moment, verb) == ("after", "get") else not is_marker
        return self._gates.pop(f"{moment} {verb}", None) if wanted else None

    def _do(self, verb: str, key: str, *args: Any) -> Any:
        for moment in ("before", "after"):
            gate = self._at(moment, verb, key)
            if gate is not None:
                gate.stop()
            if moment == "before":
                answer = getattr(self._memory, verb)(key, *args)
        return answer

    def get(self, key: str) -> bytes | None:
        return self._do("get", key)

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        self._do("set", key, value, ttl)

    def delete(self, key: str) -> bool:
        return self._do("delete", key)

    def exists(self, key: str) -> bool:
        return self._memory.exists(key)

    def health_check(self) -> tuple[bool, Mapping[str, Any]]:
        return self._memory.health_check()


class NativeGatedBackend(GatedBackend):
    """The same with native coroutines."""

    async def _ado(self, verb: str, key: str, *args: Any) -> Any:
        for moment in ("before", "after"):
            gate = self._at(moment, verb, key)
            if gate is not None:
                await gate.astop()
            if moment == "before":
                answer = getattr(self._memory, verb)(key, *args)
        return answer

    async def aget(self, key: str) -> bytes | None:
        return await self._ado("get", key)

    async def aset(self, key: str, value: bytes, ttl: float | None) -> None:
        await self._ado("set", key, value, ttl)

    async def adelete(self, key: str) -> bool:
        return await self._ado("delete", key)

    async def aexists(self, key: str) -> bool:
        return self._memory.exists(key)

    async def ahealth_check(self) -> tuple[bool, Mapping[str, Any]]:
        return self._memory.health_check()
