"""A crashed or cancelled leader never hangs its followers, and a cancelled follower disturbs nobody."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from cachekit import _site, cache
from crowd import PATIENCE, Background, Followers, Gate, GatedBackend, NativeGatedBackend, in_threads, open_gates


@pytest.fixture
def followers(monkeypatch: pytest.MonkeyPatch) -> Followers:
    return Followers(monkeypatch)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    open_gates()
    cache.close()


def nothing_in_flight() -> bool:
    return not any(site.flights._open for site in list(_site._sites))


def bounded(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE))


class Gated:
    """An asynchronous function's body whose every run waits for a gate of its own: `gates[0]` holds the first run."""

    def __init__(self, runs: int) -> None:
        self.gates = [Gate() for _ in range(runs)]
        self.runs = 0

    async def __call__(self) -> int:
        gate, self.runs = self.gates[self.runs], self.runs + 1
        await gate.astop()
        return self.runs


def test_followers_of_a_cancelled_leader_get_a_new_one(followers: Followers) -> None:
    """When the leading task is cancelled in the function, one of its followers runs it, and all of them get that value."""
    body = Gated(2)

    @cache(backend=None)
    async def answer() -> int:
        return await body()

    async def scene() -> None:
        leader = asyncio.create_task(answer())
        await body.gates[0].areached()
        waiting = [asyncio.create_task(answer()) for _ in range(20)]
        await followers.auntil(20)
        leader.cancel()
        await body.gates[1].areached()
        body.gates[1].open()
        assert await asyncio.gather(*waiting) == [2] * 20
        assert leader.cancelled()

    bounded(scene())
    assert body.runs == 2
    assert nothing_in_flight()


def test_a_cancelled_follower_disturbs_nobody(followers: Followers) -> None:
    """When followers are cancelled, the leader and the other followers go on to their one value."""
    body = Gated(1)

    @cache(backend=None)
    async def answer() -> int:
        return await body()

    async def scene() -> None:
        leader = asyncio.create_task(answer())
        await body.gates[0].areached()
        waiting = [asyncio.create_task(answer()) for _ in range(10)]
        await followers.auntil(10)
        for task in waiting[::2]:
            task.cancel()
        await asyncio.wait(waiting[::2])
        body.gates[0].open()
        assert await asyncio.gather(leader, *waiting[1::2]) == [1] * 6
        assert all(task.cancelled() for task in waiting[::2])

    bounded(scene())
    assert body.runs == 1


@pytest.mark.parametrize("turns", range(8))
def test_a_cancellation_is_never_swallowed(turns: int, followers: Followers) -> None:
    """A follower whose cancellation was accepted is cancelled, at whatever moment of its leader's landing it came."""
    body = Gated(1)
    went_on = []

    @cache(backend=None)
    async def answer() -> int:
        return await body()

    async def follow() -> None:
        await answer()
        await asyncio.sleep(0)
        went_on.append(True)

    async def scene() -> None:
        leader = asyncio.create_task(answer())
        await body.gates[0].areached()
        follower = asyncio.create_task(follow())
        await followers.auntil(1)
        leader.add_done_callback(lambda _: landed.set())
        landed = asyncio.Event()
        body.gates[0].open()
        await landed.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        accepted = follower.cancel()
        await asyncio.wait([follower])
        assert follower.cancelled() is accepted
        assert bool(went_on) is not accepted

    bounded(scene())


def test_a_closed_leader_is_a_gone_one(followers: Followers) -> None:
    """A leading coroutine that is closed, as by a loop that is thrown away, leaves its followers a new leader."""
    runs: list[int] = []

    @cache(backend=None)
    async def answer() -> int:
        runs.append(1)
        if len(runs) == 1:
            await forever()
        return len(runs)

    leader = answer()
    leader.send(None)
    follower = Background(asyncio.run, answer())
    followers.until(1)
    leader.close()

    assert follower.result() == 2
    assert nothing_in_flight()


class forever:
    """Awaited, it never comes back."""

    def __await__(self) -> Any:
        while True:
            yield


@pytest.mark.parametrize("death", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_followers_of_a_killed_leader_get_a_new_one(kind: str, death: type[BaseException], followers: Followers) -> None:
    """When KeyboardInterrupt or SystemExit ends the leader, only the leader dies of it."""
    runs: list[int] = []

    def live_or_die(n: int) -> int:
        runs.append(n)
        if len(runs) == 1:
            followers.until(9)
            raise death(7)
        return n

    @cache(backend=None)
    def answer(n: int) -> int:
        return live_or_die(n)

    @cache(backend=None)
    async def aanswer(n: int) -> int:
        return live_or_die(n)

    outcomes = in_threads(10, (lambda: answer(42)) if kind == "sync" else lambda: asyncio.run(aanswer(42)))

    assert sorted(map(repr, outcomes)) == sorted(["42"] * 9 + [repr(death(7))])
    assert runs == [42, 42]
    assert nothing_in_flight()


# -- a backend that hangs ----------------------------------------------------------------------


@pytest.mark.parametrize("make", [GatedBackend, NativeGatedBackend])
@pytest.mark.parametrize("place", ["before get", "after get", "before set", "after set"])
def test_a_leader_cancelled_in_a_hanging_backend_frees_its_followers(
    place: str, make: Callable[[], GatedBackend], followers: Followers
) -> None:
    """A leader that is cancelled while the backend hangs in a read or a write leaves no follower waiting."""
    backend = make()
    gate = backend.hold(place)

    @cache(backend=backend)
    async def answer(n: int) -> int:
        return n

    async def scene() -> None:
        leader = asyncio.create_task(answer(1))
        await gate.areached()
        waiting = [asyncio.create_task(answer(1)) for _ in range(5)]
        await followers.auntil(5)
        leader.cancel()
        assert await asyncio.gather(*waiting) == [1] * 5
        assert (await asyncio.wait([leader])) and leader.cancelled()

    bounded(scene())
    assert nothing_in_flight()


# -- at random ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: None, GatedBackend, NativeGatedBackend])
def test_random_cancellations_hang_nobody(make: Callable[[], GatedBackend | None]) -> None:
    """Over 200 rounds of tasks cancelled at any moment, every other task gets its value and no flight stays open."""
    choice = random.Random(7)

    @cache(backend=make())
    async def answer(n: int) -> int:
        for _ in range(n % 5):
            await asyncio.sleep(0)
        return n

    async def one_round(n: int) -> None:
        tasks = [asyncio.create_task(answer(n)) for _ in range(8)]
        doomed = choice.sample(tasks, choice.randrange(8))
        for task in doomed:
            for _ in range(choice.randrange(4)):
                await asyncio.sleep(0)
            task.cancel()
        done, late = await asyncio.wait(tasks, timeout=PATIENCE)
        assert not late
        assert {task.result() for task in done if not task.cancelled()} <= {n}
        assert all(task in doomed for task in done if task.cancelled())

    async def rounds() -> None:
        for n in range(200):
            await one_round(n)

    asyncio.run(rounds())
    cache.close()
    assert nothing_in_flight()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cachekit")]
