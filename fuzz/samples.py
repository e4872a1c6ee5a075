"""Small sound values of each kind: where the fuzzer begins."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import uuid
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Colour(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Everything:
    """What `std` is asked to give back."""

    name: str
    at: Point | None = None
    colour: Colour = Colour.RED
    more: list[Everything] = field(default_factory=list)


_PLAIN: list[Any] = [None, 1, "text", [1, 2.5, None], {"a": {"b": [True, "c" * 40]}}]
_STD: list[Any] = [
    (1, (2,), {3}, frozenset({4})),
    {1: b"bytes", (2,): bytearray(b"more"), 2**70: 1j},
    [decimal.Decimal("1.5"), uuid.UUID(int=5), pathlib.PurePosixPath("a/b"), Colour.RED, range(3), "\ud800"],
    [
        dt.datetime(2026, 1, 2, 3, 4, 5, 6, zoneinfo.ZoneInfo("UTC"), fold=1),
        dt.date(2026, 1, 2),
        dt.timedelta(1),
        dt.timezone(dt.timedelta(hours=1)),
    ],
    Everything("a", more=[Everything("b", Point(3, 4))]),
]


_TYPED = 5


def values(place: int, serializer: str) -> Iterator[Any]:
    """Values that *serializer*, the one at *place* in the fuzzer's list, writes."""
    if serializer == "arrow":
        yield from _tables()
    elif serializer == "msgspec" and place == _TYPED:
        yield from ([Everything("a", more=[Everything("b", Point(3, 4))])], {"a": {1, 2}})
    else:
        yield from _PLAIN
    if serializer == "std":
        yield from _STD
    elif serializer == "auto":
        import numpy as np

        yield from _STD[:-1]
        yield from (np.arange(6, dtype="<i2").reshape(2, 3), np.float32(1), {"a": np.array(["x", "yz"])}, np.array(["2026"], "M8[D]"))
        yield from _tables()


def _tables() -> Iterator[Any]:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    columns = {"a": [1, 2], "b": ["x", None], "c": [True, False]}
    yield from (pd.DataFrame(columns), pl.DataFrame(columns), pa.table(columns))
