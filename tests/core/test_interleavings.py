"""Never stale after done, in every order of steps of two callers and one invalidation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from cachekit import _flight, _l2, _proposed, _site
from cachekit._flight import Flights
from interleavings import Actor, Stale, World, caller, clearer, explore, invalidator, refresher, run


@pytest.fixture(params=[True, False], ids=["L1+L2", "L2"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(l1=request.param)
    for module in (_l2, _proposed):
        monkeypatch.setattr(module, "os", SimpleNamespace(urandom=world.urandom))
    monkeypatch.setattr(_flight, "_current", lambda: ((world.running, None), None))  # each actor is a caller of its own
    monkeypatch.setattr(_site, "wall", lambda: 1e9)
    yield world


def cold(world: World) -> None:
    """Nothing is cached, and there is no marker."""


def in_l2(world: World) -> None:
    """The backend has the value."""
    run(caller(world, []))
    world.clear_l1()


def only_a_marker(world: World) -> None:
    """The backend has a marker and no value."""
    in_l2(world)
    world.store.delete(world.site.key((0,), {}))


STARTS = pytest.mark.parametrize("start", [cold, only_a_marker, in_l2])
Start = Callable[[World], None]


def cast(*makes: Any) -> Callable[[World], list[Actor]]:
    return lambda world: [Actor(f"{i} {make.__name__}", world, make) for i, make in enumerate(makes)]


@STARTS
@pytest.mark.parametrize("change", [invalidator, clearer])
def test_two_callers_and_an_invalidation(change: Any, start: Start, world: World) -> None:
    """No call that begins after the invalidation is done returns the old version, in any order of steps."""
    assert explore(world, start, cast(caller, caller, change)) > 100


@pytest.mark.parametrize("start", [only_a_marker, in_l2])
def test_two_callers_and_a_refresh(start: Start, world: World) -> None:
    """No call that begins after the refresh returned gets an older version, in any order of steps."""
    assert explore(world, start, cast(caller, caller, refresher)) > 100


@pytest.mark.parametrize(("change", "other"), [(invalidator, caller), (clearer, partial(caller, n=1))], ids=["invalidator", "clearer"])
def test_an_invalidation_the_backend_does_not_take(change: Any, other: Any, world: World) -> None:
    """When an invalidation is pending, and one before it still is, no call of this process is served the old version."""

    def pending(world: World) -> None:
        in_l2(world)
        refused = Actor("before", world, change, refused=True)
        while not refused.over:
            refused.step()

    def actors(world: World) -> list[Actor]:
        return [Actor("caller of 0", world, caller), Actor("other caller", world, other), Actor("refused", world, change, refused=True)]

    assert explore(world, pending, actors) > 100


@pytest.mark.parametrize("world", [True], indirect=True)
def test_the_explorer_sees_a_fill_that_ignores_the_epoch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were L1 filled whatever was invalidated meanwhile, the explorer would find the stale read."""
    monkeypatch.setattr(Flights, "epoch", lambda flights, key: (0, 0))

    with pytest.raises(Stale):
        explore(world, in_l2, cast(caller, caller, clearer))


def test_the_explorer_sees_a_caller_that_joins_an_older_flight(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a flight of an older epoch joined, the explorer would find the stale read."""
    board = Flights.board

    def careless(flights: Flights, mine: Any) -> Any:
        flight = flights._open.get(mine.key)
        mine.epoch = flight.epoch if flight is not None else mine.epoch
        return board(flights, mine)

    monkeypatch.setattr(Flights, "board", careless)

    with pytest.raises(Stale):
        explore(world, cold, cast(caller, caller, clearer))
