"""Single flight for threads and tasks: one computation for all who ask for one key at once.

A flight knows which flights its leader waits for, so that a function that calls itself, or
two that call each other, compute instead of waiting for themselves.
"""

from __future__ import annotations

import sys
import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Any

from . import _fork
from ._isolation import Held

Epoch = tuple[int, int]
STRIPES = 1 << 16
"""Keys share an epoch by this many; few enough to bound the counters, many enough that one key's invalidations leave others alone."""


class Role(Enum):
    """What a caller is to do about a key that is not cached."""

    LEAD = auto()  # compute for everybody
    FOLLOW = auto()  # wait for the leader
    ALONE = auto()  # compute, telling nobody: waiting would be waiting for oneself


@dataclass(frozen=True, slots=True)
class Landed:
    """How a flight ended. *held* is the value to share.

    Without it: *error* is what the function raised; neither means that there is nothing to
    share, and *gone* that the leader was cancelled or died, so that another should lead.
    """

    held: Held | None = None
    error: Exception | None = None
    traceback: TracebackType | None = None
    gone: bool = False


class Flight:
    """One computation in progress."""

    __slots__ = ("epoch", "future", "key", "loop", "owner", "waits_for")

    def __init__(self, key: str, epoch: Epoch) -> None:
        self.key = key
        self.epoch = epoch
        self.owner, self.loop = _current()
        self.future: Future[Landed] = Future()
        self.future.set_running_or_notify_cancel()  # so that a follower's cancellation cannot cancel it
        self.waits_for: list[Flight] = []

    @property
    def is_lost(self) -> bool:
        """Whether its leader was a task of a loop that is closed: it will never land."""
        return self.loop is not None and self.loop.is_closed()


def _current() -> tuple[tuple[int, object], Any]:
    """Who runs: the thread and, in a loop, the task; and the loop."""
    asyncio = sys.modules.get("asyncio")  # not imported for programs without coroutines
    loop = asyncio._get_running_loop() if asyncio is not None else None
    task = asyncio.current_task(loop) if asyncio is not None and loop is not None else None
    # Weakly: a task that nobody else keeps is destroyed, and lets its followers go.
    return (threading.get_ident(), None if task is None else weakref.ref(task)), loop


_led: ContextVar[tuple[Flight, ...]] = ContextVar("cachekit_led", default=())
_graph = threading.RLock()  # who waits for whom, over all functions


class Flights:
    """One function's flights, and its epochs: counters that each invalidation moves on.

    A call joins only a flight of its own epoch, so one that begins after an invalidation never
    gets the value of a computation that began before it.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._open: dict[str, Flight] = {}
        self._all = 0
        self._stripes: dict[int, int] = {}

    def epoch(self, key: str) -> Epoch:
        """The epoch of *key*; equal at two moments if nothing was invalidated between."""
        return self._all, self._stripes.get(hash(key) % STRIPES, 0)

    def invalidate(self, key: str | None = None) -> None:
        """Begin a new epoch for *key*, or for all keys; flights of the old one are joined no more."""
        with _graph:
            if key is None:
                self._all += 1
            else:
                self._move(key)

    def advance(self, key: str, epoch: Epoch) -> Epoch | None:
        """Begin a new epoch for *key* if it is still *epoch*; None if something was invalidated since."""
        with _graph:
            if self.epoch(key) != epoch:
                return None
            self._move(key)
            return self.epoch(key)

    def _move(self, key: str) -> None:
        stripe = hash(key) % STRIPES
        self._stripes[stripe] = self._stripes.get(stripe, 0) + 1

    def board(self, mine: Flight) -> tuple[Role, Flight]:
        """Make *mine* the flight of its key, or join the one there is: what to do, and the flight it is about."""
        with _graph:
            flight = self._open.get(mine.key)
            if flight is None or flight.epoch != mine.epoch or flight.is_lost:
                self._open[mine.key] = mine
                return Role.LEAD, mine
            # Its leader may be this very caller, deeper in: in the function, a backend, a log handler, a signal's.
            if flight.owner == mine.owner or _leads_to(flight, _led.get()):
                return Role.ALONE, flight
            for led in _led.get():
                led.waits_for.append(flight)
            return Role.FOLLOW, flight

    def leave(self, flight: Flight) -> None:
        """A follower no longer waits."""
        with _graph:
            for led in _led.get():
                if flight in led.waits_for:
                    led.waits_for.remove(flight)

    def forget(self, flight: Flight) -> None:
        """Nobody joins *flight* from now on; its followers may wait on."""
        with _graph:
            if self._open.get(flight.key) is flight:
                del self._open[flight.key]

    def land(self, flight: Flight, landed: Landed) -> None:
        """The leader is done; every follower goes on. A second landing changes nothing."""
        self.forget(flight)
        if not flight.future.done():
            flight.future.set_result(landed)

    def after_fork(self) -> None:
        """Start anew in a child, where no leader lives."""
        self._begin()


class leading:  # noqa: N801 - used as a statement, `with leading(flight):`
    """While the function runs: calls it makes, and tasks it starts, know that they are part of *flight*."""

    # A class, not a generator: a generator's frame would show in the tracebacks of the user's function.
    __slots__ = ("_flight", "_token")
    _token: Token[tuple[Flight, ...]] | None

    def __init__(self, flight: Flight | None) -> None:
        self._flight = flight

    def __enter__(self) -> None:
        if self._flight is None:
            self._token = None
            return
        # Without those that have landed: a chain of tasks, each begun by the last, would keep them all.
        self._token = _led.set((*(led for led in _led.get() if not led.future.done()), self._flight))

    def __exit__(self, *exc_info: object) -> None:
        if self._token is not None:
            with suppress(ValueError):  # a coroutine may be closed in another context than it ran in
                _led.reset(self._token)


def _begin_anew() -> None:
    global _graph
    _graph = threading.RLock()


_fork.in_child(_begin_anew)


def _leads_to(flight: Flight, targets: tuple[Any, ...]) -> bool:
    """Whether *flight* is, or waits for, one of *targets*."""
    todo, seen = [flight], set()
    while todo:
        reached = todo.pop()
        if reached in targets:
            return True
        if reached not in seen:
            seen.add(reached)
            todo += reached.waits_for
    return False
