"""Explores every order in which the steps of concurrent calls can happen, by running the cold path's own generators.

A step is one stretch of code without I/O, or one operation of the backend: between any two
of an actor's steps, every other actor may take any number of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from cachekit import _changes, _flow
from cachekit._effects import Delete, Read, Wait, Write
from cachekit._flight import Flights
from cachekit._pending import Pending
from cachekit._proposed import Proposed
from cachekit._site import NO_VALUE, Call, Site
from cachekit._writes import Writes
from cachekit.errors import TransientBackendError
from cachekit.presets import Policy

Steps = Generator[Any, Any, int | None]
PAUSE = object()
"""Yielded where an actor may be held though it asks for nothing."""


class Store(dict[str, bytes]):
    """A backend of five verbs; it refuses the next *refusals* writes and deletions of an invalidation."""

    def get_many(self, keys: tuple[str, ...]) -> list[bytes | None]:
        return [dict.get(self, key) for key in keys]

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        self[key] = value

    def delete(self, key: str) -> bool:
        return self.pop(key, None) is not None

    def exists(self, key: str) -> bool:
        return key in self

    def health_check(self) -> tuple[bool, dict[str, Any]]:
        return True, {}


class World:
    """One cached function of one argument over a store, and the version that its source has now."""

    def __init__(self, *, l1: bool = True) -> None:
        self.store = Store()
        self.site = Site(lambda n: 0, Policy(backend=self.store, ttl=60, l1_enabled=l1), method=False)
        self.site.resolve()
        self.begin()

    def begin(self) -> None:
        self.store.clear()
        self.site.flights = Flights()
        self.site.writes = Writes()
        self.site.pending = Pending()
        self.site.proposed = Proposed(lambda: 0.0)
        self.running = ""  # the actor whose step it is
        self.clear_l1()
        self.version = 1  # of the source
        self.done = {0: 1, 1: 1}  # the least version that a call of a key may return from now on
        self.tokens = 0

    def clear_l1(self) -> None:
        if self.site.memory is not None:
            self.site.memory.clear(self.site.index)

    def urandom(self, size: int) -> bytes:
        self.tokens += 1
        return self.tokens.to_bytes(size, "big")


class Stale(AssertionError):
    """A call returned less than what was done when it began."""


def caller(world: World, call: list[Call], n: int = 0) -> Steps:
    """A call, as the wrapper makes it. *call* receives its state."""
    floor = world.done[n]
    made, value = world.site.begin((n,), {})
    call.append(made)
    if value is NO_VALUE:
        value = (yield from _flow.lookup(world.site, made)).value
    if value is NO_VALUE:
        value = world.version
        yield PAUSE  # the function has read its source, and works
        yield from _flow.complete(world.site, made, value)
    if value < floor:
        raise Stale(f"a call that began when version {floor} was done returned {value}")
    return int(value)


def _change(world: World, invalidation: Steps, keys: tuple[int, ...]) -> Steps:
    world.version += 1
    version = world.version
    yield from invalidation
    for n in keys:
        world.done[n] = max(world.done[n], version)  # or pending: this process never reads what it could not delete
    return None


def invalidator(world: World, call: list[Call]) -> Steps:
    """The source changes, and the cache is told of key 0."""
    return _change(world, _changes.invalidate(world.site, world.site.key((0,), {})), (0,))


def clearer(world: World, call: list[Call]) -> Steps:
    """The source changes, and the cache is told of the whole function."""
    return _change(world, _changes.clear(world.site), (0, 1))


def refresher(world: World, call: list[Call]) -> Steps:
    """`refresh`, as its verb does it; what it returned is done."""
    made = world.site.call((0,), {})
    call.append(made)
    yield from _changes.prepare_refresh(world.site, made)
    value = world.version = world.version + 1
    yield PAUSE
    yield from _changes.complete_refresh(world.site, made, value)
    world.done[0] = max(world.done[0], value)
    return value


class Actor:
    """One generator and what it waits for now."""

    def __init__(self, name: str, world: World, make: Callable[[World, list[Call]], Steps], *, refused: bool = False) -> None:
        self.name = name
        self.calls: list[Call] = []
        self.history: list[Any] = []
        self.over = False
        self._refused = refused
        self._world = world
        self._steps = make(world, self.calls)
        self._wanted: Any = None
        self._answer: Any = None

    @property
    def ready(self) -> bool:
        """A wait for a leader goes on when the leader landed; a shorter one may lose its patience at any moment."""
        waits = isinstance(self._wanted, Wait) and self._wanted.patience >= _flow.FOLLOWER_PATIENCE
        return not self.over and (not waits or self._wanted.future.done())

    def step(self) -> str:
        """Do what the generator asked for, or go on to where it asks for the next."""
        self._world.running = self.name
        wanted, self._wanted = self._wanted, None
        if isinstance(wanted, Read | Write | Delete):
            self._answer = TransientBackendError("down") if self._refused and not isinstance(wanted, Read) else wanted.perform()
            self.history.append((type(wanted).__name__, getattr(wanted, "value", None), repr(self._answer)))
            return f"{self.name}: {type(wanted).__name__}"
        if isinstance(wanted, Wait):
            self._answer = wanted.future.result() if wanted.future.done() else None
            self.history.append(repr(self._answer))
        try:
            answer, self._answer = self._answer, None
            self._wanted = self._steps.throw(answer) if isinstance(answer, Exception) else self._steps.send(answer)
        except StopIteration as end:
            self.over = True
            self.history.append(("end", end.value))
            return f"{self.name}: returns {end.value}"
        self.history.append(type(self._wanted).__name__)
        return f"{self.name}: goes on"

    def state(self) -> Any:
        calls = tuple((call.epoch, call.tokens, call.flight is not None and call.flight.future.done()) for call in self.calls)
        return tuple(self.history), calls


Cast = Callable[[World], list[Actor]]


def explore(world: World, prepare: Callable[[World], None], cast: Cast) -> int:
    """Run every schedule of *cast*, leaving out those that come to a state already seen. Returns how many states there are.

    Raises:
        Stale: with the steps that lead to it.
    """
    seen: set[Any] = set()
    schedules: list[tuple[int, ...]] = [()]
    while schedules:
        schedule = schedules.pop()
        actors, steps = _replayed(world, prepare, cast, schedule)
        if (state := _state(world, actors)) in seen:
            continue
        seen.add(state)
        ready = [i for i, actor in enumerate(actors) if actor.ready]
        if not ready:
            assert all(actor.over for actor in actors), ["somebody waits for ever", *steps]
            _probe(world, steps)
        schedules += [(*schedule, i) for i in ready]
    return len(seen)


def _replayed(world: World, prepare: Callable[[World], None], cast: Cast, schedule: tuple[int, ...]) -> tuple[list[Actor], list[str]]:
    world.begin()
    prepare(world)
    actors, steps = cast(world), []
    for i in schedule:
        try:
            steps.append(actors[i].step())
        except Stale as stale:
            raise Stale("\n".join([str(stale), *steps, f"{actors[i].name}: returns"])) from None
    return actors, steps


def _state(world: World, actors: list[Actor]) -> Any:
    entries = () if world.site.memory is None else tuple((wire, slot.held.value()) for wire, slot in world.site.index.by_wire.items())
    flights = world.site.flights
    epochs = (flights._all, tuple(flights._stripes), tuple((key, flight.epoch) for key, flight in flights._open.items()))
    pending = (frozenset(world.site.pending._keys.items()), world.site.pending._all)
    owners = tuple((actor.state(), actor._wanted is None) for actor in actors)
    proposed = world.site.proposed._made
    return (
        proposed,
        world.version,
        tuple(world.done.values()),
        world.tokens,
        frozenset(world.store.items()),
        entries,
        epochs,
        pending,
        owners,
    )


def _probe(world: World, steps: list[str]) -> None:
    """After all is over: calls from L1, and then from the backend, are not stale either."""
    for where in ("L1", "the backend"):
        for n in (0, 1):
            try:
                run(caller(world, [], n))
            except Stale as stale:
                raise Stale("\n".join([f"afterwards, from {where}: {stale}", *steps])) from None
        world.clear_l1()


def run(steps: Steps) -> int | None:
    """One actor, alone."""
    answer: Any = None
    try:
        while True:
            wanted = steps.send(answer)
            answer = None if wanted is PAUSE else wanted.perform()
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
