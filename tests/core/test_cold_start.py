"""Many callers of a function that nobody has called, and callers of other keys, do not cost anybody an entry."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest

from cachekit import _flight, _store, cache
from crowd import PATIENCE, Background, Followers, Gate, in_threads
from forms import FiveVerbs


def test_invalidating_other_keys_starves_nobody() -> None:
    """A value that is computed while a thousand other keys are invalidated is kept."""
    runs: list[int] = []

    @cache(backend=None)
    def slow(n: int) -> int:
        runs.append(n)
        for other in others:
            slow.invalidate_cache(other)
        return n

    stripe = hash(slow.key(0)) % (1 << 16)
    others = [n for n in range(1, 1000) if hash(slow.key(n)) % (1 << 16) != stripe]  # one in 65,536 may disturb it
    assert (slow(0), slow(0), runs) == (0, 0, [0])


def test_a_chain_of_tasks_knows_one_flight() -> None:
    """Tasks that each begin the next, within their function, do not hand on the flights that have landed."""
    known: list[int] = []

    async def main() -> None:
        done = asyncio.Event()

        @cache(backend=None)
        async def step(n: int) -> int:
            known.append(len(_flight._led.get()))
            if n < 200:
                tasks.append(asyncio.create_task(step(n + 1)))
            else:
                done.set()
            return n

        tasks: list[asyncio.Task[int]] = []
        await step(0)
        await done.wait()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert len(known) == 201
    assert max(known) <= 2  # its own, and its parent's while that has not landed


def test_a_task_left_in_a_closed_loop_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose leader was left unfinished in a loop that is closed leads itself."""
    followers = Followers(monkeypatch)
    gates: list[asyncio.Event] = []

    @cache(backend=None)
    async def answer(n: int) -> int:
        if not gates:
            gates.append(asyncio.Event())
            await gates[0].wait()
        return n

    left: list[asyncio.Task[int]] = []

    async def begin() -> None:
        left.append(asyncio.create_task(answer(1)))
        while not gates:
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    left[0]._log_destroy_pending = False  # it is meant to be destroyed, and without a word
    assert asyncio.run(answer(1)) == 1
    assert followers.count == 0


def test_a_coroutine_may_end_in_another_context() -> None:
    """A coroutine that is driven in one context after another has its value: what ran it may have changed."""

    class Once:
        def __await__(self) -> Any:
            yield

    @cache(backend=None)
    async def answer(n: int) -> int:
        await Once()
        return n

    running = answer(1)
    contextvars.copy_context().run(running.send, None)
    with pytest.raises(StopIteration) as ended:
        contextvars.copy_context().run(running.send, None)
    assert ended.value.value == 1


def test_a_shared_exception_tells_nobody_of_another_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a follower was handling when it got the leader's exception is in its own copy of it, and in no other's."""
    followers = Followers(monkeypatch)

    @cache(backend=None)
    def failing(n: int) -> None:
        followers.until(2)
        raise ValueError("no such number")

    def call() -> Any:
        secret = f"the secret of {threading.get_ident()}"
        try:
            try:
                raise KeyError(secret)
            except KeyError:
                failing(1)
        except ValueError as error:
            return secret, error

    outcomes = in_threads(3, call)
    assert len({id(error) for _, error in outcomes}) == 3
    for own, error in outcomes:
        others = {secret for secret, _ in outcomes} - {own}
        if own in str(error.__context__):
            assert not any(other in str(error.__context__) for other in others)
    assert sum(own in str(error.__context__) for own, error in outcomes) == 3


@pytest.mark.parametrize("impatient", [False, True], ids=["patient", "impatient"])
def test_aclose_does_not_hold_up_the_loop(impatient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """While aclose waits for a backend's verb, the loop runs on; and it waits no longer than its patience."""
    gate = Gate()

    class Slow(FiveVerbs):
        def get(self, key: str) -> bytes | None:
            gate.stop()
            return super().get(key)

    @cache(backend=Slow(), l1_enabled=False)
    async def answer(n: int) -> int:
        return n

    async def main() -> None:
        if impatient:
            monkeypatch.setattr(_store, "CLOSE_PATIENCE", 0.0)
        call = asyncio.create_task(answer(1))
        await gate.areached()
        closing = asyncio.create_task(cache.aclose())
        if not impatient:
            for _ in range(10):
                await asyncio.sleep(0)
            assert not closing.done(), "a verb is under way"
            gate.open()
        await asyncio.wait_for(closing, PATIENCE)
        assert not impatient or not call.done(), "the verb hangs"
        gate.open()
        assert await call == 1

    asyncio.run(main())


def test_close_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A close while a backend's verb hangs ends when its patience does, with the verb still under way."""
    monkeypatch.setattr(_store, "CLOSE_PATIENCE", 0.0)
    gate = Gate()

    class Hanging(FiveVerbs):
        def get(self, key: str) -> bytes | None:
            gate.stop()
            return super().get(key)

    @cache(backend=Hanging(), l1_enabled=False)
    async def answer(n: int) -> int:
        return n

    call = Background(lambda: asyncio.run(answer(1)))
    gate.reached()
    cache.close()
    gate.open()
    assert call.result() == 1


def test_a_flight_that_landed_keeps_nothing() -> None:
    """The task that led is collected once it is done: nothing of the cache remembers it."""

    @cache(backend=None)
    async def answer(n: int) -> int:
        return n

    async def main() -> weakref.ref[Any]:
        task = asyncio.create_task(answer(1))
        await task
        return weakref.ref(task)

    led = asyncio.run(main())
    gc.collect()
    assert led() is None
