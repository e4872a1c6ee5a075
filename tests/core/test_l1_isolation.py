"""Whatever a caller does to the value it got, and the function to the one it gave, later callers get the value as it was."""

from __future__ import annotations

import array
import collections
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from cachekit import cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend
from ways import Way
from ways import way as way


@dataclass
class Order:
    """A mutable value with mutable parts."""

    number: int
    lines: list[Any] = field(default_factory=lambda: [{"sku": "a"}])


class Row(NamedTuple):
    """An immutable one with a mutable part."""

    number: int
    cells: list[int]


@dataclass(frozen=True)
class Frozen:
    """One whose part is not frozen."""

    parts: dict[str, list[int]]


def frame() -> pd.DataFrame:
    return pd.DataFrame({"n": [1, 2, 3], "text": ["a", "b", "c"]})


MAKE: dict[str, Callable[[], Any]] = {
    "list": lambda: [1, 2],
    "dict": lambda: {"a": 1},
    "set": lambda: {1, 2},
    "bytearray": lambda: bytearray(b"ab"),
    "array.array": lambda: array.array("i", [1, 2]),
    "ordered dict": lambda: collections.OrderedDict(a=[1]),
    "counter": lambda: collections.Counter("aab"),
    "nested list": lambda: [[1], [2, [3]]],
    "nested dict": lambda: {"a": {"b": [1, {"c": {2}}]}},
    "tuple of lists": lambda: ([1], ({"a": [2]},)),
    "dict of bytearrays": lambda: {1: bytearray(b"a")},
    "NumPy": lambda: np.arange(6),
    "NumPy 2-D": lambda: np.ones((3, 4)),
    "NumPy view": lambda: np.arange(20)[::2],
    "NumPy objects": lambda: np.array([[1], {"a": 2}], dtype=object),
    "NumPy in a dict": lambda: {"a": np.arange(3), "b": [np.zeros(2)]},
    "Series": lambda: pd.Series([1.5, 2.5]),
    "DataFrame": frame,
    "DataFrame in a list": lambda: [frame(), {"a": frame()}],
    "dataclass": lambda: Order(1),
    "frozen dataclass": lambda: Frozen({"a": [1]}),
    "named tuple": lambda: Row(1, [2]),
    "list of dataclasses": lambda: [Order(1), Order(2)],
    "exception": lambda: ValueError([1], {"a": 2}),
}
RETURNS = {"dataclass": Order, "frozen dataclass": Frozen, "named tuple": Row, "list of dataclasses": list[Order]}
LAYERS: dict[str, Callable[[], dict[str, Any]]] = {
    "L1": lambda: {"backend": None},
    "L1+L2": lambda: {"backend": MemoryBackend()},
    "L2": lambda: {"backend": MemoryBackend(), "l1_enabled": False},
}


def shown(value: Any) -> Any:
    """All that is in a value, as text: arrays and frames have no one answer to `==`."""
    if isinstance(value, dict):
        return type(value), [(key, shown(inner)) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [shown(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, shown(value.tolist())
    if isinstance(value, pd.DataFrame | pd.Series):
        return type(value), value.to_csv()
    if hasattr(value, "__dict__") or isinstance(value, BaseException):
        return type(value), shown(vars(value)), shown(getattr(value, "args", ()))
    return type(value), repr(value)


def ruin(value: Any) -> None:
    """Change every mutable thing that a value is or holds."""
    for inner in parts(value):
        ruin(inner)
    if isinstance(value, np.ndarray):
        value[...] = 99
    elif isinstance(value, pd.DataFrame | pd.Series):
        value.iloc[0] = value.iloc[-1]
    elif isinstance(value, dict | list | set):
        value.clear()
    elif isinstance(value, bytearray | array.array):
        del value[:]


def parts(value: Any) -> list[Any]:
    """What a value holds that may itself be mutable."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, np.ndarray):
        return list(value.flat) if value.dtype == object else []
    if isinstance(value, BaseException | Order | Frozen):
        return [*getattr(value, "args", ()), *vars(value).values()]
    return []


@pytest.mark.parametrize("kind", MAKE)
def test_a_ruin_is_one(kind: str) -> None:
    """What these tests do to a value does change it."""
    value, before = MAKE[kind](), shown(MAKE[kind]())
    assert shown(value) == before
    ruin(value)
    assert shown(value) != before


@pytest.mark.parametrize("serializer", ["std", "auto"])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", MAKE)
def test_a_change_reaches_no_later_caller(way: Way, kind: str, layers: str, serializer: str) -> None:
    """Neither the first caller's, nor one of a hit's, nor the function's own to what it keeps."""
    kept: list[Any] = []
    before = shown(MAKE[kind]())

    def body(_: Any) -> Any:
        kept.append(MAKE[kind]())
        return kept[-1]

    function = way.cached(body, returns=RETURNS.get(kind, Any), serializer=serializer, **LAYERS[layers]())
    for _ in range(4):
        value = function()
        assert shown(value) == before
        ruin(value)
        for given in kept:
            ruin(given)
    cache.clear_l1()
    assert shown(function()) == before
    if layers == "L1":
        assert (function.info.l1_hits, function.info.misses) == (3, 2)
    elif serializer == "auto" and not kind.startswith(("NumPy objects", "exception", "counter", "ordered", "array")):
        assert function.info.misses == 1


SHARING: dict[str, tuple[Any, dict[str, Any]]] = {
    "copy=False": (cache, {"l1": L1CacheConfig(copy=False, swr_enabled=False)}),
    "cache.minimal": (cache.minimal, {}),
}


@pytest.mark.parametrize("backend", [lambda: None, MemoryBackend], ids=["L1", "L1+L2"])
@pytest.mark.parametrize("kind", ["list", "nested dict", "NumPy", "DataFrame"])
@pytest.mark.parametrize("case", SHARING)
def test_where_it_is_asked_for_one_object_is_shared(way: Way, case: str, kind: str, backend: Any) -> None:
    """All hits get the very object that the function returned."""
    decorate, options = SHARING[case]
    given: list[Any] = []

    def plain(n: int) -> Any:
        given.append(MAKE[kind]())
        return given[-1]

    async def coroutine(n: int) -> Any:
        given.append(MAKE[kind]())
        return given[-1]

    function = decorate(backend=backend(), serializer="auto", **options)(plain if way.name == "sync" else coroutine)
    values = [way.run(function(1)) for _ in range(3)]
    assert [id(value) for value in values] == [id(given[0])] * 3
    assert function.cache_info().l1_hits == 2


def test_sharing_is_of_a_function_not_of_a_budget(way: Way) -> None:
    """A function that shares takes nothing from the isolation of those in the same default budget."""
    shared = cache.minimal(backend=None)(lambda n: [n])
    own = way.cached(lambda n: [n], backend=None)
    assert shared(1) is shared(1)
    assert own(1) is not own(1)
