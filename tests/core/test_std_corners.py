"""What `std` is most easily wrong about: widths, folds, subclasses of all it knows, and bytes that look like others."""

from __future__ import annotations

import datetime as dt
import decimal
import pathlib
import random
import types
import uuid
import zoneinfo

import pytest

from cachekit.builtin.std import StdSerializer
from cachekit.errors import SerializationError
from corpus import exactly

std = StdSerializer()

WAYS = {
    "whole": lambda value: std.loads(std.dumps(value)),
    "in pieces": lambda value: std.loads_buffer(memoryview(b"".join(std.dumps_buffers(value)))),
}


@pytest.mark.parametrize("way", WAYS)
def test_integers_of_any_width_come_back(way):
    """Of 1 to 10,000 bits and either sign: at each power of two, and on both of its sides."""
    for bits in range(1, 10_001):
        values = [sign * (2**bits + more) for sign in (1, -1) for more in (-1, 0, 1)]
        assert WAYS[way](values) == values
        assert all(type(value) is int for value in WAYS[way](values))


ZONES = [None, dt.UTC, dt.timezone(dt.timedelta(hours=-3)), zoneinfo.ZoneInfo("Europe/Paris"), zoneinfo.ZoneInfo("UTC")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("fold", [0, 1])
def test_the_second_of_two_equal_hours_comes_back(fold, zone, way):
    """`fold` tells them apart and equality does not; the zone is of the same class."""
    for value in (dt.datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold), dt.time(2, 30, tzinfo=zone, fold=fold)):
        for wrapped in (value, [value], (value,), {value: value}):
            back = WAYS[way](wrapped)
            assert exactly(back) == exactly(wrapped)
        found = WAYS[way](value)
        assert (found.fold, type(found.tzinfo)) == (fold, type(zone))


LISTED = [
    *(1, 1.5, 1j, "a", b"a", bytearray(b"a"), [1], (1,), {"a": 1}, {1}, frozenset({1}), decimal.Decimal("1.0"), uuid.UUID(int=1)),
    *(pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), pathlib.PosixPath("a")),
    *(dt.datetime(2024, 1, 1), dt.date(2024, 1, 1), dt.timedelta(1), dt.time(1), zoneinfo.ZoneInfo("Europe/Paris")),
]


def subclassed(value):
    """*value* as an instance of a subclass of its class."""
    cls = type(value)
    made = types.new_class("Derived", (cls,))
    if cls is uuid.UUID:
        return made(int=1)
    if cls is dt.datetime or cls is dt.date:
        return made(2024, 1, 1)
    if cls is dt.timedelta or cls is dt.time:
        return made(1)
    return made(str(value) if isinstance(value, pathlib.PurePath | zoneinfo.ZoneInfo) else value)


NESTINGS = {
    "top": lambda v: v,
    "list": lambda v: [v],
    "tuple": lambda v: (1, v),
    "text keys": lambda v: {"a": [v]},
    "other keys": lambda v: {1: v},
    "long": lambda v: ["x" * 300, v],
    "beside bytes": lambda v: [bytearray(b"a"), v],
}
KEYED = {
    "key": lambda v: {v: 1},
    "key among texts": lambda v: {"other": 1, v: 1},
    "key within": lambda v: {(1, v): 1},
    "element": lambda v: {v},
}


@pytest.mark.parametrize("value", LISTED, ids=lambda value: type(value).__name__)
def test_a_subclass_of_any_listed_type_is_refused(value):
    """At top, nested, and as a key: it would come back as its base."""
    derived = subclassed(value)
    assert type(derived).__mro__[1] is type(value)
    for wrap in (*NESTINGS.values(), *(KEYED.values() if type(value).__hash__ else ())):
        with pytest.raises(SerializationError, match="Derived"):
            std.dumps(wrap(derived))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [(64 << 10) - 1, 64 << 10, 100_000])
def test_large_values_come_back(size, way):
    """Bytes, text and containers of 64 KiB and more, at the top."""
    for value in (b"\xc4" * size, bytearray(b"\xc6" * size), "a" * size, "é" * size, [1.5] * size, (1,) * size, dict.fromkeys(range(size))):
        assert exactly(WAYS[way](value)) == exactly(value)


CHANCE = random.Random(7)
LOOK_ALIKES = {
    "floats": [CHANCE.random() for _ in range(400)],
    "floats below zero": [-CHANCE.random() for _ in range(400)],
    "integers": [0xC4C5C6C7 + n for n in range(0, 40_000, 100)],
    "wide integers": [-0x3C3B3A39C4C5C6C7 + n for n in range(300)],
    "letters": ["ńŌőƇ˕ˀ˿Ą" * 40, "ː", "Жд"],
    "a few": [1.1],
    "tuples": [(n, "a", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) for n in range(100)],
    "members": [uuid.UUID(int=n << 100) for n in range(100)],
}


@pytest.mark.parametrize("kind", LOOK_ALIKES)
@pytest.mark.parametrize("before", [True, False])
def test_a_bytearray_is_found_among_bytes_that_look_alike(kind, before):
    """Numbers, letters and marks contain what begins bytes; a bytearray beside or within them stays one, bytes stay bytes."""
    plain = LOOK_ALIKES[kind]
    assert exactly(std.loads(std.dumps(plain))) == exactly(plain)
    for one in (bytearray(b"1"), b"1"):
        for deep in (one, {"a": [(one,)]}, frozenset({(b"1", 1)}), ([{"b": {"c": one}}],)):
            value = [deep, *plain] if before else [*plain, deep]
            assert exactly(std.loads(std.dumps(value))) == exactly(value)
            assert exactly(std.loads(std.dumps({"k": value}))) == exactly({"k": value})
