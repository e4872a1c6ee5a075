"""Never stale after done: a call that begins after an invalidation returned gets nothing that was computed before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cachekit import _l2, cache
from cachekit._memory import Memory
from crowd import PATIENCE, Background, Gate, GatedBackend, NativeGatedBackend, open_gates

WAYS: dict[str, Callable[[], GatedBackend]] = {
    "sync": GatedBackend,
    "async": NativeGatedBackend,
    "async-in-threads": GatedBackend,
}


class World:
    """A source with a version, and a cached function that reads it, plain or a coroutine function, with gates on its way."""

    def __init__(self, way: str, *, l1: bool = True, l2: bool = True) -> None:
        self.version = 1
        self._asynchronous = way != "sync"
        self._in_function: list[Gate] = []
        self.backend = WAYS[way]()
        options: Any = {"backend": self.backend if l2 else None, "l1_enabled": l1}

        @cache(**options)
        def read() -> int:
            version = self.version
            if self._in_function:
                self._in_function.pop().stop()
            return version

        @cache(**options)
        async def aread() -> int:
            version = self.version
            if self._in_function:
                await self._in_function.pop().astop()
            return version

        self.function: Any = aread if self._asynchronous else read

    def hold(self, place: str) -> Gate:
        if place != "in function":
            return self.backend.hold(place)
        self._in_function.append(Gate())
        return self._in_function[-1]

    def do(self, verb: Callable[[], Any]) -> Any:
        return asyncio.run(asyncio.wait_for(verb(), PATIENCE)) if self._asynchronous else verb()

    def read(self) -> int:
        return self.do(self.function)

    def read_l2(self) -> int:
        cache.clear_l1()
        return self.read()

    def read_later(self) -> Background:
        return Background(self.read)

    def change(self, verb: str) -> None:
        """The source changes, and the cache is told."""
        self.version += 1
        assert self.do(getattr(self.function, verb)).status in ("done", "pending")

    def refresh(self) -> int:
        return self.do(self.function.refresh)


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No thread stays behind, and no invalidation waits long for a write that the test itself is holding."""
    monkeypatch.setattr(_l2, "WRITE_PATIENCE", 0.01)
    yield
    open_gates()
    cache.close()


way = pytest.mark.parametrize("way", WAYS)
verb = pytest.mark.parametrize("verb", ["invalidate_cache", "cache_clear"])
PLACES = ["before get", "after get", "in function", "before set", "after set"]


@way
@verb
@pytest.mark.parametrize("l1", [True, False], ids=["L1+L2", "L2"])
@pytest.mark.parametrize("place", PLACES)
def test_an_older_computation_is_never_served(place: str, l1: bool, verb: str, way: str) -> None:
    """Wherever an older call is held, a call that begins after the invalidation gets the new version, then and ever after."""
    world = World(way, l1=l1)
    gate = world.hold(place)
    older = world.read_later()
    gate.reached()

    world.change(verb)
    assert world.read() == 2, "while the older call was held"
    gate.open()

    assert older.result() in (1, 2)
    assert world.read() == 2, "after the older call ended"
    assert world.read_l2() == 2, "from the backend"


@way
@verb
@pytest.mark.parametrize("place", ["before get", "after get"])
def test_an_older_read_is_never_served(place: str, verb: str, way: str) -> None:
    """A value that was read from the backend before the invalidation is not put into L1 after it."""
    world = World(way)
    world.read()
    cache.clear_l1()
    gate = world.hold(place)
    older = world.read_later()
    gate.reached()

    world.change(verb)
    gate.open()

    assert older.result() in (1, 2)
    assert (world.read(), world.read_l2()) == (2, 2)


@way
@verb
@pytest.mark.parametrize("l1", [True, False], ids=["L1+L2", "L2"])
def test_a_write_that_comes_late_is_never_read(l1: bool, verb: str, way: str) -> None:
    """A write sent before the invalidation that reaches the backend after it is served to nobody, at no moment."""
    world = World(way, l1=l1)
    sent, landed = world.hold("before set"), world.hold("after set")
    older = world.read_later()
    sent.reached()

    world.change(verb)
    sent.open()
    landed.reached()

    assert world.read() == 2, "while the writer was held"
    landed.open()
    older.result()
    assert (world.read(), world.read_l2()) == (2, 2)


@verb
@pytest.mark.parametrize("computed", [True, False], ids=["computed-anew", "not-yet"])
def test_a_cancelled_callers_write_is_never_read(computed: bool, verb: str) -> None:
    """A write in a thread outlives the task that was cancelled over it; landing after an invalidation, it is served to nobody."""
    world = World("async-in-threads")
    sent = world.hold("before set")

    async def cancelled() -> None:
        task = asyncio.create_task(world.function())
        await sent.areached()
        task.cancel()
        assert await asyncio.gather(task, return_exceptions=True) != [1]

    world.do(cancelled)
    world.change(verb)
    if computed:
        assert world.read() == 2
    landed = world.hold("after set")
    sent.open()
    landed.reached()
    landed.open()

    assert world.read_l2() == 2


@way
@verb
@pytest.mark.parametrize("l2", [True, False], ids=["L1+L2", "L1"])
def test_a_fill_of_l1_that_was_decided_before_is_not_done_after(l2: bool, verb: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalidation between an older call's last look at the epoch and its putting the value into L1 still wins."""
    world = World(way, l2=l2)
    gate, put, first = Gate(), Memory.put, [True]

    def late_put(*args: Any, **kwargs: Any) -> bool:
        if first:
            first.clear()
            gate.pause()
        return put(*args, **kwargs)

    monkeypatch.setattr(Memory, "put", late_put)
    older = world.read_later()
    gate.reached()

    world.change(verb)
    gate.open()

    assert older.result() == 1
    assert world.read() == 2


@way
def test_clear_l1_stands_against_a_computation_that_began_before(way: str) -> None:
    """What was being computed when L1 was cleared does not come back into it; the backend keeps what it has."""
    world = World(way, l2=False)
    gate = world.hold("in function")
    older = world.read_later()
    gate.reached()

    world.version = 2
    cache.clear_l1()
    gate.open()

    assert older.result() == 1
    assert world.read() == 2


@way
def test_clear_l1_leaves_the_backend_alone(way: str) -> None:
    """After clear_l1 the value is found in the backend, and the function is not run."""
    world = World(way)
    world.read()
    world.version = 2

    assert world.read_l2() == 1
    assert world.function.cache_info().l2_hits == 1


@way
@pytest.mark.parametrize("l1", [True, False], ids=["L1+L2", "L2"])
@pytest.mark.parametrize("place", PLACES)
def test_a_refresh_stands_against_an_older_computation(place: str, l1: bool, way: str) -> None:
    """Wherever a slow older call is held, it does not take the place of what a refresh stored meanwhile."""
    world = World(way, l1=l1)
    gate = world.hold(place)
    older = world.read_later()
    gate.reached()

    world.version = 2
    assert world.refresh() == 2
    gate.open()

    assert older.result() in (1, 2)
    assert (world.read(), world.read_l2()) == (2, 2)


@way
def test_a_refresh_stands_against_a_read_that_began_during_it(way: str) -> None:
    """What a call read from the backend while a refresh ran does not take the place of the refreshed value."""
    world = World(way)
    world.read()
    cache.clear_l1()
    world.version = 2
    in_function = world.hold("in function")
    refreshing = Background(world.refresh)
    in_function.reached()
    after_get = world.hold("after get")
    reading = world.read_later()
    after_get.reached()

    in_function.open()
    assert refreshing.result() == 2
    after_get.open()

    assert reading.result() in (1, 2)
    assert (world.read(), world.read_l2()) == (2, 2)


@way
def test_a_computation_of_the_new_epoch_is_shared(way: str) -> None:
    """Calls that begin after the invalidation join each other, so that it costs one run."""
    world = World(way)
    world.read()
    world.change("invalidate_cache")
    gate = world.hold("in function")
    first = world.read_later()
    gate.reached()
    second = world.read_later()
    gate.open()

    assert (first.result(), second.result()) == (2, 2)
    assert world.function.cache_info().misses == 2
