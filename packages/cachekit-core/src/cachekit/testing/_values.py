"""Values that serializers are tried with: those that all promise, those that many mistake, those that none keeps."""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import enum
import sys
import threading
import uuid
from typing import Any, NamedTuple

PLAIN: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 127, 128, 255, -129, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)),
    *(0.0, -0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, 1.7976931348623157e308),
    *("", "a", "\x00", "null", "ü", "e\u0301", "钥匙", "🔑", "\u2028\x7f", "x" * 31, "x" * 32, "long " * 2000),
    *([], {}, [[]], [{}], {"": ""}, {"a": {}}, {"a": None}),
    [1, True, 1.0, "1", None],
    [False, 0, 0.0, -0.0, "", None],
    {"b": 1, "a": [2, {"c": [3.0, None, False]}], "钥": "匙"},
    {"1": 1, "01": 2, "true": True, "null": None},
    [[[[[[[[[["deep"]]]]]]]]]],
    list(range(1000)),
    {f"key {n}": n / 7 for n in range(300)},
)
"""What JSON has: the default of `SerializerSuite.values`."""


class Text(str):
    """A str with a type of its own, as those below."""

    __slots__ = ()


class Whole(int):
    pass


class Real(float):
    pass


class Octets(bytes):
    pass


class Items(list[Any]):
    pass


class Table(dict[Any, Any]):
    pass


class Row(tuple[Any, ...]):
    __slots__ = ()


class Bag(set[Any]):
    pass


class Point(NamedTuple):
    x: int
    y: int


class Level(enum.IntEnum):
    LOW = 1


class Shade(enum.StrEnum):
    DARK = "dark"


class Dated(dt.datetime):
    pass


class Plain:
    """An instance has attributes, and no equality of its own."""

    def __init__(self) -> None:
        self.x = 1


SUBCLASSED: dict[str, Any] = {
    "str": Text("text"),
    "int": Whole(1),
    "float": Real(1.5),
    "bytes": Octets(b"bytes"),
    "list": Items([1, 2]),
    "dict": Table(a=1),
    "tuple": Row((1, 2)),
    "set": Bag({1, 2}),
    "named tuple": Point(1, 2),
    "IntEnum": Level.LOW,
    "StrEnum": Shade.DARK,
    "OrderedDict": collections.OrderedDict(a=1),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "Counter": collections.Counter("aab"),
    "datetime": Dated(2024, 1, 2, 3, 4, 5),
}
"""Each looks like its base to a codec that asks `isinstance`."""

ODD: dict[str, Any] = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "big int": 2**64,
    "huge int": -(7**900),
    "tuple": (1, 2),
    "empty tuple": (),
    "tuple in tuple": ((1,), ((),)),
    "set": {1, 2},
    "frozenset": frozenset({1}),
    "bytes": b"bytes",
    "bytes that are no text": b"\xff\x00",
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abc"),
    "array": array.array("i", [1, 2]),
    "deque": collections.deque([1, 2]),
    "lone surrogate": "\ud800",
    "int keys": {1: "a", 2: "b"},
    "an int key beside its text": {1: "a", "1": "b"},
    "keys that are equal as text": {None: 1, "None": 2, "null": 3},
    "bool keys": {True: 1, False: 0},
    "float keys": {1.5: 1},
    "tuple keys": {(1, 2): 3},
    "bytes keys": {b"a": 1},
    "key with a lone surrogate": {"\udfff": 1},
    "complex": complex(1, -0.0),
    "Decimal": decimal.Decimal("1.10"),
    "UUID": uuid.UUID(int=5),
    "naive datetime": dt.datetime(2024, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 - naive it shall be
    "folded datetime": dt.datetime(2024, 10, 27, 2, 30, fold=1),  # noqa: DTZ001
    "zoned datetime": dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2), "X")),
    "UTC": dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    "date": dt.date(2024, 1, 2),
    "time": dt.time(1, 2, 3),
    "timedelta": dt.timedelta(days=-1, microseconds=1),
    "range": range(1, 9, 2),
    "Ellipsis": ...,
    "instance": Plain(),
    "class": Plain,
}
"""Ordinary Python that one format or another has no type for."""

REFUSED: tuple[Any, ...] = (object(), (n for n in [1]), threading.Lock(), lambda: None, sys, sys.stderr, iter([1]))
"""What no bytes give back: the default of `SerializerSuite.refused`."""


def endless() -> dict[str, Any]:
    """Values without an end, or nearly."""
    items: list[Any] = []
    items.append(items)
    table: dict[str, Any] = {}
    table["self"] = [table]
    deep_list: list[Any] = []
    deep_dict: dict[str, Any] = {}
    for _ in range(100_000):
        deep_list, deep_dict = [deep_list], {"a": deep_dict}
    return {"a list in itself": items, "a dict in itself": table, "deep lists": deep_list, "deep dicts": deep_dict}
