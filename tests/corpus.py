"""The values that caches mix up: look-alikes of one another, told apart by nothing but their type.

`ARGUMENTS` are pairwise different and each may be part of a key. `REFUSED` may not. `STORABLE`
comes back from any backend as it was; `PYTHON_ONLY` only from this process's memory.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import pathlib
import struct
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo


class Color(enum.Enum):
    RED = 1
    GREEN = "1"


class Fruit(enum.Enum):
    RED = 1
    GREEN = "1"


class Level(enum.IntEnum):
    ONE = 1
    ZERO = 0


class Word(enum.StrEnum):
    ONE = "1"
    NONE = "None"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Mode(enum.IntFlag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: Any
    y: Any


class Pair(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass(frozen=True)
class Place:
    x: Any
    y: Any


@dataclasses.dataclass
class Spot:
    x: Any
    y: Any


class Account:
    """A class of a user's own, with what tells its instances apart."""

    def __init__(self, number: Any) -> None:
        self.number = number

    def __cache_key__(self) -> Any:
        return self.number

    def __repr__(self) -> str:
        return f"Account({self.number!r})"


class Customer(Account):
    """The same key as an `Account`, of another class."""

    def __repr__(self) -> str:
        return f"Customer({self.number!r})"


class Plain:
    """A class of a user's own, without any identity but its address."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Plain({self.value!r})"


class Named(dt.tzinfo):
    """A time zone that no other process can find."""

    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1)

    def dst(self, when: dt.datetime | None) -> None:
        return None

    def tzname(self, when: dt.datetime | None) -> str:
        return "UTC"


class Text(str):
    pass


class Whole(int):
    pass


class Real(float):
    pass


class Octets(bytes):
    pass


class Items(list):
    pass


class Table(dict):
    pass


class Row(tuple):
    pass


NOON = dt.datetime(2024, 10, 27, 12, 0)
UID = uuid.UUID("12345678-1234-5678-1234-567812345678")
PARIS, BERLIN = ZoneInfo("Europe/Paris"), ZoneInfo("Europe/Berlin")
UTC_BY_NAME = ZoneInfo("UTC")
CET = dt.timezone(dt.timedelta(hours=1))
CET_NAMED = dt.timezone(dt.timedelta(hours=1), "CET")
INSTANT = dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC)  # 2:30 in Paris, where it comes twice

NUMBERS: list[Any] = [
    *(1, True, 1.0, 1 + 0j, Decimal("1.0"), Decimal("1.00"), Decimal(1), Fraction(1), Level.ONE, Color.RED, Fruit.RED),
    *(0, False, 0.0, -0.0, 0j, complex(0, -0.0), complex(-0.0, 0), Decimal(0), Decimal("-0"), Decimal("0.0"), Fraction(0), Level.ZERO),
    *(-1, -1.0, float("inf"), float("-inf"), float("nan"), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+3"), Decimal(1000), 1000),
    *(2**63, -(2**63), 2**64, float(2**64), 2**64 - 1, -(2**63) - 1, 10**40, 1e40, Decimal(10) ** 40, 255, 256, 5e-324),
]
TEXTS: list[Any] = [
    *("1", b"1", bytearray(b"1"), "True", "1.0", "None", b"None", None, "", b"", bytearray(), "0.0", "-0.0", "nan", "inf"),
    *(Word.ONE, Word.NONE, Color.GREEN, Fruit.GREEN, "Color.RED", "RED", "(1,)", "[1]", "{1}", "1,", "i1:1", "s1:1", "T", "N"),
    *("\ud800", "\udc80", "\u00e9", "e\u0301", "\x00", "a\x00", "b'1'", "...", ..., "𝒳", "\ufeff"),
]
FLAGS: list[Any] = [
    *(Access.READ, Access.WRITE, Access.READ | Access.WRITE, Access(0), Mode.READ, Mode.WRITE, Mode.READ | Mode.WRITE, Mode(0)),
    *(Mode(8), "Access.READ", "READ|WRITE", 3, 2, 8),
]
TIMES: list[Any] = [
    *(INSTANT, INSTANT.astimezone(UTC_BY_NAME), INSTANT.astimezone(PARIS), INSTANT.astimezone(BERLIN), INSTANT.astimezone(CET)),
    *(INSTANT.astimezone(CET_NAMED), INSTANT.astimezone(PARIS).replace(fold=1), INSTANT.isoformat(), repr(INSTANT), str(INSTANT)),
    *(INSTANT.timestamp(), INSTANT.date(), INSTANT.date().isoformat(), str(INSTANT.date()) + " ", repr(INSTANT.date())),
    *(dt.time(12), dt.time(12, fold=1), dt.time(12, tzinfo=dt.UTC), dt.time(12, tzinfo=CET), dt.time(12, tzinfo=PARIS)),
    *("12:00:00", "12:00", repr(dt.time(12)), dt.timedelta(1), dt.timedelta(-1), dt.timedelta(0, 1), dt.timedelta(0, 0, 1)),
    *(str(dt.timedelta(1)), 86400.0, 86400, dt.timedelta(), dt.UTC, UTC_BY_NAME, PARIS, CET, CET_NAMED, "UTC", "Europe/Paris"),
]
ADDRESSES: list[Any] = [
    *(UID, str(UID), UID.hex, UID.bytes, UID.int, repr(UID), pathlib.Path("a/b"), pathlib.PurePosixPath("a/b")),
    *(
        pathlib.PureWindowsPath("a/b"),
        pathlib.PureWindowsPath("c:/a"),
        "a/b",
        "a\\b",
        repr(pathlib.Path("a/b")),
        pathlib.Path("a", "\udc80"),
        pathlib.Path(),
        ".",
    ),
    *(range(1), range(0, 1, 2), range(2), range(0), range(1, 1), "range(0, 1)", Account(1), Account("1"), Account((1,)), Customer(1)),
    *(Account, Customer, int, bool, str, type(None), Color, "builtins:int", "<class 'int'>"),
]
NESTED: list[Any] = [
    *((1,), [1], (True,), (1.0,), [True], [1.0], {1}, {True}, frozenset({1}), frozenset({True}), ("1",), (b"1",), (None,), ((1,),), [[1]]),
    *((), [], {}, set(), frozenset(), ((),), [[]], [()], ([],), {(): ()}, {1: 1}, {1: True}, {True: 1}, {"1": 1}, {1: "1"}, {None: None}),
    *({1: 2, 3: 4}, {3: 4, 1: 2}, ((1, 2), (3, 4)), [1, 2, 3, 4], {"x": 1, "y": 2}, Point(1, 2), Pair(1, 2), (1, 2), [1, 2], {1, 2}),
    *(Place(1, 2), Spot(1, 2), Place(1.0, 2), Place("1", 2), Place([1], 2), Place((1,), 2), Point(True, 2), Point((1, 2), ())),
    *((1, 2, 3), ((1, 2), 3), (1, (2, 3)), ("a", "bc"), ("ab", "c"), ("abc",), ["a", "b"], ["ab"], ("", "a"), ("a", "")),
    *((0.0,), (-0.0,), [0.0], [-0.0], {"z": 0.0}, {"z": -0.0}, (Color.RED,), (Fruit.RED,), [Level.ONE], frozenset({Level.ONE})),
    *(
        {Color.RED: Fruit.RED},
        {Fruit.RED: Color.RED},
        (UID,),
        (str(UID),),
        [INSTANT],
        [INSTANT.astimezone(PARIS)],
        [INSTANT.isoformat()],
        [Decimal("sNaN")],
    ),
    *([bytearray(b"1")], [b"1"], ["1"], {"a": [1, {"b": (2, {3})}]}, {"a": [1, {"b": [2, {3}]}]}, {"a": [1, {"b": (2, frozenset({3}))}]}),
    *(
        frozenset({frozenset()}),
        frozenset({()}),
        {frozenset({1}), frozenset({2})},
        {frozenset({1, 2})},
        (Decimal("1.0"),),
        (Decimal("1.00"),),
    ),
    *(list(range(300)), tuple(range(300)), set(range(300)), ["x" * 1000], ["x" * 999, "x"]),
]
ARGUMENTS: list[Any] = [*NUMBERS, *TEXTS, *FLAGS, *TIMES, *ADDRESSES, *NESTED]


def recursive() -> list[Any]:
    """A list that contains itself."""
    within: list[Any] = []
    within.append(within)
    return within


def deep(levels: int, wrap: Callable[[Any], Any] = lambda inner: [inner]) -> Any:
    """A value *levels* deep."""
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


REFUSED: list[Any] = [
    *(NOON, [NOON], {"at": NOON}, NOON.replace(tzinfo=Named()), dt.time(12, tzinfo=Named())),
    *(object(), Plain(1), [Plain(1)], {Plain(1): 1}, (1, {"a": Plain(1)}), Place(Plain(1), 2), Account(Plain(1)), threading.Lock()),
    *(len, lambda: 1, iter([1]), (n for n in (1,)), memoryview(b"1"), recursive(), deep(100), ValueError("1")),
    *(Text("1"), Whole(1), Real(1.0), Octets(b"1"), Items([1]), Table({1: 1}), Row((1,))),
    *(collections.OrderedDict({1: 1}), collections.defaultdict(int, {1: 1}), collections.Counter("a"), collections.deque([1])),
]

STORABLE: list[Any] = [
    *(value for value in (*NUMBERS, *TEXTS, *FLAGS, *TIMES) if not isinstance(value, Fraction) and value is not ...),
    *(value for value in ADDRESSES if not isinstance(value, type | Account)),
    *(value for value in NESTED if not any(name in repr(value) for name in ("Point(", "Pair(", "Place(", "Spot("))),
    *(NOON, dt.datetime.min, dt.datetime.max, dt.date.min, dt.time.max, dt.timedelta.max, b"\xc4\xc5\xc6", {"\ud800": {"\udfff": 1}}),
    *([{}, [], [{}]], {1: bytearray(b"1"), "a": [b"1", bytearray(b"2")]}, {(1, 2): {3: 4}}, {b"1": 1, "1": 2, 1: 3, None: 4, (1,): 5}),
    *({"__type__": "tuple", "value": [1, 2]}, {"$set": [1]}, {"_ext": 1, "data": b"\x01"}, [1, b"\x91\x01"], {"tag": 1, "items": [1]}),
    *("x" * 100_000, b"\x00" * 100_000, list(range(10_000)), [float("nan"), -0.0], {"n": float("-inf")}),
]

PYTHON_ONLY: list[Any] = [
    *(Plain(1), [Plain([1])], Point(1, [2]), Place(1, [2]), Spot([1], {"a": 2}), Account(1), Fraction(1, 3), [Fraction(1, 3)], int, [int]),
    *(collections.OrderedDict({1: [1]}), collections.defaultdict(list, {1: [1]}), collections.Counter("aab"), collections.deque([[1]], 3)),
    *(Text("1"), Whole(1), Octets(b"1"), Items([[1]]), Table({1: [1]}), Row(([1],)), deep(400), NOON.replace(tzinfo=CET), ..., [...]),
]


def exactly(value: Any) -> str:
    """A text that two values share only if nothing tells them apart: type, content and order, where there is an order."""
    cls = type(value)
    if cls is float:
        return f"float {struct.pack('>d', value).hex()}"
    if cls is complex:
        return f"complex {struct.pack('>dd', value.real, value.imag).hex()}"
    if cls in (set, frozenset):
        return f"{cls.__name__}{{{', '.join(sorted(map(exactly, value)))}}}"
    if cls in (list, tuple, collections.deque, Items, Row):
        return f"{cls.__name__}[{', '.join(map(exactly, value))}]"
    if isinstance(value, dict):
        return f"{cls.__name__}({', '.join(f'{exactly(key)}: {exactly(item)}' for key, item in value.items())})"
    if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"):
        names = getattr(cls, "_fields", None) or [field.name for field in dataclasses.fields(cls)]
        return f"{cls.__qualname__}({', '.join(f'{name}={exactly(getattr(value, name))}' for name in names)})"
    return f"{cls.__module__}.{cls.__qualname__} {value!r}"


def identified(value: Any) -> str:
    """What a cached function of one argument returns in these tests: nobody else's value."""
    return exactly(value)


def closing() -> Callable[[Any], bool]:
    """A function that closed over things whose order and hash differ between processes, and has some in its code."""
    texts, colors, table = frozenset({"a", "b", "c"}), {Color.RED, Color.GREEN}, {"x": {"y", "z"}, Word.ONE: [Access.READ]}
    return lambda value: value in texts or value in colors or value in table or value in {"d", "e", "f"}
