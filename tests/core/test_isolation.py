"""No two callers are ever handed one mutable object."""

from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend


@dataclasses.dataclass
class Order:
    """A mutable value with mutable parts."""

    number: int
    lines: list[dict[str, Any]]


class Plain:
    """An object of no special kind."""

    def __init__(self) -> None:
        self.parts = [1, {"two": [3]}]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and self.parts == other.parts


class Labels(list[str]):
    """A list that holds more than a list."""


def cyclic() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def labels() -> Labels:
    value = Labels(["a"])
    value.extra = [1]  # type: ignore[attr-defined]
    return value


PORTABLE: dict[str, Callable[[], Any]] = {
    "flat list": lambda: [1, 2],
    "flat dict": lambda: {"a": 1},
    "flat set": lambda: {1, 2},
    "bytearray": lambda: bytearray(b"ab"),
    "nested": lambda: {"a": [1, {"b": [2, {3}]}]},
    "list in a tuple": lambda: (1, [2]),
    "list in a tuple in a dict": lambda: {"a": (1, [2, (3, [4])])},
    "set of tuples": lambda: {(1, 2), (3, 4)},
    "dict of bytearrays": lambda: {1: bytearray(b"ab")},
    "empty": list,
}
LOCAL: dict[str, Callable[[], Any]] = {
    "dataclass": lambda: Order(1, [{"sku": "a"}]),
    "dataclass in a tuple": lambda: (Order(1, [{"sku": "a"}]),),
    "object": Plain,
    "list of objects": lambda: [Plain(), Plain()],
    "list of its own class": labels,
    "deque": lambda: collections.deque([[1], [2]]),
    "defaultdict": lambda: collections.defaultdict(list, a=[1]),
    "namespace": lambda: types.SimpleNamespace(a=[1]),
    "cyclic": cyclic,
}
UNCOPYABLE: dict[str, Callable[[], Any]] = {
    "generator": lambda: (n for n in [1]),
    "lock": threading.Lock,
    "lock in a list": lambda: [threading.Lock()],
    "coroutine's frame": lambda: {"iterator": iter(open(__file__, encoding="utf-8"))},
}


def mutable_parts(value: Any, found: dict[int, Any] | None = None) -> dict[int, Any]:
    """Every mutable object that *value* is or holds, by identity."""
    found = {} if found is None else found
    if id(value) in found or isinstance(value, str | bytes | int | float | type | None):
        return found
    if not isinstance(value, tuple | frozenset):
        found[id(value)] = value
    inner = (
        [*value, *value.values()]
        if isinstance(value, dict)
        else list(value)
        if isinstance(value, list | tuple | set | collections.deque)
        else []
    )
    for part in [*inner, *getattr(value, "__dict__", {}).values()]:
        mutable_parts(part, found)
    return found


def calls(make: Callable[[], Any], kind: str, options: dict[str, Any]) -> tuple[Callable[[], Any], Any]:
    """A call of a cached function that returns what *make* makes, and the function."""
    box: list[Any] = []  # the original is kept, so that nobody's identity is used twice

    @cache(**options)
    def value() -> Any:
        box.append(make())
        return box[-1]

    @cache(**options)
    async def avalue() -> Any:
        box.append(make())
        return box[-1]

    return (value, value) if kind == "sync" else (lambda: asyncio.run(avalue()), avalue)


LAYERS: dict[str, Callable[[], dict[str, Any]]] = {
    "L1": lambda: {"backend": None},
    "L2": lambda: {"backend": MemoryBackend(), "l1_enabled": False},
    "L1+L2": lambda: {"backend": MemoryBackend()},
}
KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


def check_apart(make: Callable[[], Any], kind: str, options: dict[str, Any]) -> Any:
    call, function = calls(make, kind, options)
    values = [call(), call(), call()]
    cache.clear_l1() if options["backend"] is not None else None
    values += [call(), call()]

    parts = [mutable_parts(value) for value in values]
    for i, some in enumerate(parts):
        for other in parts[i + 1 :]:
            assert not set(some) & set(other), "two callers hold one mutable object"
    assert len({type(value) for value in values}) == 1
    return function


@KINDS
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("name", PORTABLE)
def test_portable_values_are_never_shared(name: str, layers: str, kind: str) -> None:
    """Plain containers come back equal and apart, from every layer, and are computed once."""
    function = check_apart(PORTABLE[name], kind, LAYERS[layers]())
    info = function.cache_info()

    assert (info.misses, info.hits) == (1, 4)


@KINDS
@pytest.mark.parametrize("name", LOCAL)
def test_any_other_value_is_never_shared(name: str, kind: str) -> None:
    """Objects of any class come back apart and of their class, where only this process keeps them."""
    function = check_apart(LOCAL[name], kind, {"backend": None})

    assert function.cache_info().misses == 1


@pytest.mark.parametrize("name", LOCAL)
def test_any_other_value_is_right_or_not_cached_over_a_backend(name: str) -> None:
    """Over a backend, what does not encode is every caller's own, of the class the function made."""
    check_apart(LOCAL[name], "sync", {"backend": MemoryBackend()})


@pytest.mark.parametrize("name", [*PORTABLE, *(name for name in LOCAL if name != "cyclic")])
def test_a_change_reaches_nobody(name: str) -> None:
    """Whatever a caller changes in its value, later callers get the value as the function made it."""
    make = {**PORTABLE, **LOCAL}[name]
    call, _ = calls(make, "sync", {"backend": None})
    for _ in range(3):
        for part in mutable_parts(call()).values():
            ruin(part)
        assert call() == make()
        assert getattr(call(), "extra", None) == getattr(make(), "extra", None)


def ruin(part: Any) -> None:
    if isinstance(part, list | bytearray | set | dict | collections.deque):
        part.clear()
    for name in getattr(part, "__dict__", {}):
        setattr(part, name, "ruined")


@KINDS
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("name", UNCOPYABLE)
def test_what_cannot_be_copied_is_returned_uncached(name: str, layers: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A value that can be neither encoded nor copied is returned as it is, anew at each call, with one warning."""
    call, function = calls(UNCOPYABLE[name], kind, LAYERS[layers]())
    values = [call() for _ in range(3)]

    assert len({id(value) for value in values}) == 3
    info = function.cache_info()
    assert (info.misses, info.uncacheable, info.entries) == (3, 3, 0)
    assert len(caplog.records) == 1
    for value in values:
        if isinstance(value, dict):
            value["iterator"].close()


def test_a_copy_that_raises_is_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    """A value whose own copying code begins to fail is computed again, and the call does not fail."""

    class Fickle:
        copies = 0

        def __deepcopy__(self, memo: Any) -> Fickle:
            Fickle.copies += 1
            if Fickle.copies > 2:
                raise RuntimeError("no more copies")
            return copy.copy(self)

    call, function = calls(Fickle, "sync", {"backend": None})

    assert all(type(call()) is Fickle for _ in range(4))
    assert function.cache_info().misses >= 2
