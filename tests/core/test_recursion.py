"""Functions that call themselves or each other compute; they never wait for themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from crowd import PATIENCE, Background, Gate

BACKENDS = pytest.mark.parametrize("backend", [lambda: None, MemoryBackend], ids=["L1", "L2"])
MakeBackend = Callable[[], Any]


class Meeting:
    """Tasks come here, and go on when *count* of them have."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._complete = asyncio.Event()

    async def come(self, invited: bool = True) -> None:
        if invited:
            self._missing -= 1
            if not self._missing:
                self._complete.set()
            await self._complete.wait()


def ring(count: int, backend: Any, meet: Callable[[], None] = lambda: None) -> list[Any]:
    """*count* cached functions; each calls the next with the same key until *depth*, which is no part of the key, is used up."""
    functions: list[Any] = []

    def member(place: int) -> Any:
        @cache(backend=backend, ignore=("depth",), version=place)
        def call(x: int, depth: int) -> tuple[int, int]:
            if depth == count:
                meet()
            if depth:
                assert functions[(place + 1) % count](x, depth - 1) == ((place + 1) % count, x)
            return place, x

        return call

    functions += [member(place) for place in range(count)]
    return functions


def aring(count: int, backend: Any, meet: Callable[[], Any] = lambda: asyncio.sleep(0)) -> list[Any]:
    """As `ring`, of coroutine functions."""
    functions: list[Any] = []

    def member(place: int) -> Any:
        @cache(backend=backend, ignore=("depth",), version=place)
        async def call(x: int, depth: int) -> tuple[int, int]:
            if depth == count:
                await meet()
            if depth:
                assert await functions[(place + 1) % count](x, depth - 1) == ((place + 1) % count, x)
            return place, x

        return call

    functions += [member(place) for place in range(count)]
    return functions


@BACKENDS
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_circle_of_calls_with_one_key_computes(kind: str, count: int, backend: MakeBackend) -> None:
    """A function that calls itself with its own key, or two or three that call each other, finish with the right values."""
    if kind == "sync":
        assert Background(ring(count, backend())[0], 5, 2 * count).result() == (0, 5)
    else:
        assert Background(asyncio.run, aring(count, backend())[0](5, 2 * count)).result() == (0, 5)


@BACKENDS
@pytest.mark.parametrize("count", [2, 3])
def test_threads_in_opposite_order_do_not_deadlock(count: int, backend: MakeBackend) -> None:
    """Threads that each lead one function of a circle, and then need the next one's value, all finish."""
    functions = ring(count, backend(), threading.Barrier(count, timeout=PATIENCE).wait)

    callers = [Background(functions[place], 5, count) for place in range(count)]

    assert [caller.result() for caller in callers] == [(place, 5) for place in range(count)]


@BACKENDS
@pytest.mark.parametrize("count", [2, 3])
def test_tasks_in_opposite_order_do_not_deadlock(count: int, backend: MakeBackend) -> None:
    """Tasks that each lead one function of a circle, and then need the next one's value, all finish."""
    functions = aring(count, backend(), Meeting(count).come)

    async def scene() -> list[Any]:
        return await asyncio.gather(*(functions[place](5, count) for place in range(count)))

    assert asyncio.run(asyncio.wait_for(scene(), PATIENCE)) == [(place, 5) for place in range(count)]


def test_a_circle_through_gather() -> None:
    """A coroutine function that gathers calls of itself, with its own key and with another, finishes."""

    @cache(backend=None, ignore=("depth",))
    async def tree(x: int, depth: int) -> int:
        if depth:
            assert (
                await asyncio.gather(*(tree(x, depth - 1) for _ in range(3)), *(tree(-x, depth - 1) for _ in range(3)))
                == [x] * 3 + [-x] * 3
            )
        return x

    assert asyncio.run(asyncio.wait_for(tree(5, 3), PATIENCE)) == 5


def test_two_gathering_functions_that_need_each_others_children() -> None:
    """Two leaders whose children wait for each other's children finish: waiting is known through tasks."""
    meeting = Meeting(2)

    @cache(backend=None, ignore=("depth",))
    async def left(x: int, depth: int) -> str:
        if depth:
            await meeting.come(depth == 2)
            assert await asyncio.gather(right(x, depth - 1), left(x, depth - 1)) == ["right", "left"]
        return "left"

    @cache(backend=None, ignore=("depth",))
    async def right(x: int, depth: int) -> str:
        if depth:
            await meeting.come(depth == 2)
            assert await asyncio.gather(left(x, depth - 1), right(x, depth - 1)) == ["left", "right"]
        return "right"

    async def scene() -> list[str]:
        return await asyncio.gather(left(1, 2), right(1, 2))

    assert asyncio.run(asyncio.wait_for(scene(), PATIENCE)) == ["left", "right"]


@BACKENDS
def test_a_circle_through_to_thread(backend: MakeBackend) -> None:
    """A coroutine function that calls a plain one in a thread, which calls the first in a loop of its own, finishes."""
    layer = backend()

    @cache(backend=layer, ignore=("depth",))
    def plain(x: int, depth: int) -> str:
        if depth:
            assert asyncio.run(coroutine(x, depth - 1)) == f"coroutine {x}"
        return f"plain {x}"

    @cache(backend=layer, ignore=("depth",))
    async def coroutine(x: int, depth: int) -> str:
        if depth:
            assert await asyncio.to_thread(plain, x, depth - 1) == f"plain {x}"
        return f"coroutine {x}"

    assert Background(asyncio.run, coroutine(5, 4)).result() == "coroutine 5"


def test_recursion_on_smaller_arguments_is_cached() -> None:
    """A recursive function computes each of its arguments once, from two threads at once as well."""
    runs: list[int] = []

    @cache(backend=None)
    def fibonacci(n: int) -> int:
        runs.append(n)
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    callers = [Background(fibonacci, 30), Background(fibonacci, 29)]

    assert [caller.result() for caller in callers] == [832040, 514229]
    assert sorted(runs) == list(range(31))


def test_who_calls_oneself_still_serves_one_s_followers() -> None:
    """A leader that computes its own key again on the way lands its flight: who waited for it has the value."""
    gate = Gate()

    @cache(backend=None, ignore=("depth",))
    def answer(x: int, depth: int) -> int:
        if depth:
            gate.stop()
            assert answer(x, depth - 1) == x
        return x

    leader = Background(answer, 5, 1)
    gate.reached()
    follower = Background(answer, 5, 1)
    gate.open()

    assert (leader.result(), follower.result()) == (5, 5)


def test_a_task_that_outlives_its_leader_does_not_count_as_it() -> None:
    """A task started by a leader and still running after it waits for later computations like anybody."""
    runs: list[int] = []
    later: list[asyncio.Task[int]] = []

    @cache(backend=None)
    async def slow(x: int) -> int:
        runs.append(x)
        for _ in range(20):
            await asyncio.sleep(0)
        return x

    @cache(backend=None)
    async def spawning(x: int) -> int:
        later.append(asyncio.create_task(after(x)))
        return x

    async def after(x: int) -> int:
        await asyncio.sleep(0)
        return sum(await asyncio.gather(slow(x), slow(x)))

    async def scene() -> int:
        await spawning(3)
        return await later[0] + await slow(3)

    assert asyncio.run(asyncio.wait_for(scene(), PATIENCE)) == 9
    assert runs == [3]
