"""No two arguments that differ share an entry, however much they look, compare or hash alike."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import itertools
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from cachekit import cache
from cachekit.errors import UncacheableArgumentError
from forms import FORMS, Form


class Number(enum.IntEnum):
    ONE = 1


class Text(enum.StrEnum):
    ONE = "1"


class Bit(enum.IntFlag):
    ONE = 1


class Plain(enum.Enum):
    ONE = 1


class AllEqual(enum.Enum):
    """Members that equal everything."""

    ONE = 1
    TWO = 2

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(1)


class MyStr(str):
    """Text of its own class."""


class MyInt(int):
    """A whole number of its own class."""


class Liar:
    """Says that it is an int, and that it equals everything."""

    def __init__(self, content: int) -> None:
        self.content = content

    @property
    def __class__(self) -> Any:
        return int

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(1)


class Keyed(Liar):
    """The same, with a key."""

    def __cache_key__(self) -> int:
        return self.content


class Raising:
    """Raises whenever it is hashed or compared."""

    def __hash__(self) -> int:
        raise ValueError("unhashable")

    def __eq__(self, other: object) -> bool:
        raise ValueError("incomparable")


class Broken:
    """Hashes like 1, and cannot be compared."""

    def __hash__(self) -> int:
        return hash(1)

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError


@dataclass(frozen=True)
class Point:
    x: Any
    y: Any = 0


@dataclass(frozen=True)
class Pixel:
    x: Any
    y: Any = 0


NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
ALIKE: list[Any] = [
    *(1, True, 1.0, 1 + 0j, decimal.Decimal(1), decimal.Decimal("1.00"), fractions.Fraction(1), "1", b"1", bytearray(b"1")),
    *(0, False, 0.0, -0.0, decimal.Decimal("-0"), decimal.Decimal(0), None, "", b"", (), [], {}, frozenset(), set()),
    *(float("nan"), "nan", float("inf"), decimal.Decimal("NaN")),
    *(Number.ONE, Text.ONE, Bit.ONE, Plain.ONE, AllEqual.ONE, AllEqual.TWO),
    *((1,), (True,), (1.0,), [1], [True], [1.0], {1: 1}, {True: 1}, {1: True}, {1}, {True}, ((1,),), (0.0,), (-0.0,), [0.0], [-0.0]),
    *((1, 2), [1, 2], {1: 2}, ("1", 2), (Number.ONE, 2), ((1, 2), int), (1, (2,))),
    *(Point(1), Point(True), Point(1.0), Point(0.0), Point(-0.0), Pixel(1), Point((1,)), Point((True,))),
    *(NOON, NOON.astimezone(dt.timezone(dt.timedelta(hours=1))), NOON.date(), NOON.timetz()),
    *(uuid.UUID(int=1), str(uuid.UUID(int=1)), uuid.UUID(int=1).bytes, range(1), range(0), int, bool, "int"),
    *(Keyed(1), Keyed(2), MyStr("1"), MyInt(1), Liar(1), Liar(2), Raising(), Broken()),
]


@pytest.fixture(params=FORMS, ids=repr)
def form(request: pytest.FixtureRequest) -> Form:
    return request.param


def told(form: Form, cached: Any, *args: Any) -> Any:
    """What the call returns; what cannot be a key is refused, and so shares nothing."""
    try:
        return form.call(cached, *args)
    except UncacheableArgumentError:
        return None


def identified(value: Any) -> str:
    """What tells a value from all others of the list."""
    inner = (
        [identified(v) for v in value]
        if type(value) in (tuple, list, set, frozenset, dict)
        else vars(value)
        if hasattr(value, "__dict__")
        else ""
    )
    values = [identified(v) for v in value.values()] if type(value) is dict else ""
    return (
        f"{type(value).__qualname__} {value!r} {inner} {values}" if type(value) not in (Liar, Keyed) else f"{type(value)} {value.content}"
    )


@pytest.mark.parametrize("place", ["alone", "beside another", "by keyword-less default"])
def test_nothing_shares_an_entry_with_its_lookalikes(form: Form, place: str) -> None:
    """In any order of first calls, each argument gets the answer made for it, twice."""
    for values in (ALIKE, ALIKE[::-1]):

        def answer(value: Any, other: Any = 1) -> str:
            return identified(value)

        async def aanswer(value: Any, other: Any = 1) -> str:
            return identified(value)

        def single(value: Any) -> str:
            return identified(value)

        async def asingle(value: Any) -> str:
            return identified(value)

        plain, coroutine = (single, asingle) if place == "alone" else (answer, aanswer)
        cached = cache(backend=None)(coroutine if form.is_async else plain)
        rest = ("x",) if place == "beside another" else ()
        answered = 0
        for value, _ in itertools.product(values, range(2)):
            found = told(form, cached, value, *rest)
            assert found is None or found == identified(value)
            answered += found is not None
        assert answered > len(ALIKE)


def test_a_second_argument_is_no_part_of_the_first(form: Form) -> None:
    """Where an argument ends, and the next begins, is part of the key."""
    cached = cache(backend=None)(_pair(form))
    calls = [((1, 2), 3), (1, (2, 3)), ([1, 2], 3), (1, [2, 3]), ("a", "bc"), ("ab", "c"), (1, True), (True, 1), ((1, int), int)]
    for _ in range(2):
        for call in calls:
            found = told(form, cached, *call)
            assert found == repr(call)
    assert cached.cache_info().misses == len(calls)


def _pair(form: Form) -> Any:
    def pair(a: Any, b: Any) -> str:
        return repr((a, b))

    async def apair(a: Any, b: Any) -> str:
        return repr((a, b))

    return apair if form.is_async else pair


@pytest.mark.parametrize(
    "make", [list, dict, bytearray, lambda: Point([]), lambda: ([],)], ids=["list", "dict", "bytearray", "dataclass", "nested"]
)
def test_an_argument_that_is_changed_is_another(form: Form, make: Any) -> None:
    """A mutable argument is keyed by what is in it at the call."""

    def size(value: Any) -> str:
        return repr(value)

    async def asize(value: Any) -> str:
        return repr(value)

    cached = cache(backend=None)(asize if form.is_async else size)
    value = make()
    before = repr(value)
    assert [form.call(cached, value), form.call(cached, value)] == [before, before]
    inner = value.x if isinstance(value, Point) else value[0] if isinstance(value, tuple) else value
    inner.update({1: 1}) if isinstance(inner, dict) else inner.append(1)
    assert repr(value) != before
    assert [form.call(cached, value), form.call(cached, value)] == [repr(value)] * 2
    assert cached.cache_info().misses == 2


class AllAlike(type):
    """A metaclass whose classes all say that they are equal."""

    def __eq__(cls, other: object) -> bool:
        return isinstance(other, AllAlike)

    def __hash__(cls) -> int:
        return 1


class Shop(metaclass=AllAlike):
    def __cache_key__(self) -> int:
        return 1

    @cache(backend=None)
    def named(self, n: int = 0) -> str:
        return type(self).__qualname__

    @cache(backend=None)
    async def anamed(self, n: int = 0) -> str:
        return type(self).__qualname__


class Bakery(Shop):
    pass


class AlikeEnum(enum.EnumMeta, AllAlike):
    pass


class First(enum.IntEnum, metaclass=AlikeEnum):
    ONE = 1


class Second(enum.IntEnum, metaclass=AlikeEnum):
    ONE = 1


def test_classes_that_say_they_are_equal_are_told_apart(form: Form) -> None:
    """Instances of two classes never share, though a metaclass says that the classes are one."""
    named = Shop.anamed if form.is_async else Shop.named
    for _ in range(2):
        assert [form.call(named, shop) for shop in (Shop(), Bakery(), Shop())] == ["Shop", "Bakery", "Shop"]

    def class_of(value: Any) -> str:
        return type(value).__qualname__

    async def aclass_of(value: Any) -> str:
        return type(value).__qualname__

    cached = cache(backend=None)(aclass_of if form.is_async else class_of)
    for _ in range(2):
        assert [form.call(cached, member) for member in (First.ONE, Second.ONE, First.ONE)] == ["First", "Second", "First"]
