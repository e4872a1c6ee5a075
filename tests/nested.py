"""Hypothesis strategies for nested values, and the look-alikes of a value."""

from __future__ import annotations

import datetime as dt
import pathlib
import zoneinfo
from typing import Any

from hypothesis import strategies as st

from corpus import Access, Account, Color, Fruit, Level, Mode, Pair, Place, Point, Spot, Word

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
"""Lone surrogates too."""
ZONES = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=1)), *map(zoneinfo.ZoneInfo, ("UTC", "Europe/Paris", "Asia/Kolkata"))])
MEMBERS = st.sampled_from([*Color, *Fruit, *Level, *Word, *Access, *Mode, Access(0), Access(3), Mode(3), Mode(9)])
FOLDS = st.sampled_from([0, 1])

NATIVE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0]),
    TEXT,
    st.binary(max_size=8),
)
EXTENDED = st.one_of(
    st.integers(2**62, 2**66),
    st.complex_numbers(),
    st.decimals().filter(lambda number: not number.is_snan()),  # which cannot be hashed
    st.uuids(),
    st.dates(),
    st.timedeltas(),
    st.builds(lambda time, fold: time.replace(fold=fold), st.times(timezones=st.none() | ZONES), FOLDS),
    st.builds(lambda when, fold: when.replace(fold=fold), st.datetimes(timezones=ZONES), FOLDS),
    ZONES,
    MEMBERS,
    st.builds(range, st.integers(-3, 3), st.integers(-3, 3), st.sampled_from([-1, 1, 2])),
    st.builds(pathlib.Path, st.text("ab/.", max_size=5)),
    st.builds(pathlib.PureWindowsPath, st.sampled_from(["c:/", "a", "a b"]), st.text("ab.", max_size=5)),
)
LEAVES = NATIVE | EXTENDED


def _hashable(inner: Any) -> Any:
    return st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3)


HASHABLE = st.recursive(LEAVES, _hashable, max_leaves=6)


def _plain(inner: Any) -> Any:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(TEXT, inner, max_size=3),
        st.dictionaries(HASHABLE, inner, max_size=3),
        st.sets(HASHABLE, max_size=3),
        st.frozensets(HASHABLE, max_size=3),
        st.binary(max_size=4).map(bytearray),
    )


def _typed(inner: Any) -> Any:
    return _plain(inner) | st.one_of([st.builds(cls, inner, inner) for cls in (Point, Pair, Place, Spot)]) | st.builds(Account, inner)


VALUES = st.recursive(LEAVES, _plain, max_leaves=10)
"""What the default serializer gives back as it was."""
ARGUMENTS = st.recursive(LEAVES | st.fractions(), _typed, max_leaves=10)
"""What can be part of a key."""


def look_alikes(value: Any) -> list[Any]:
    """*value* in the forms that a careless key or codec makes of it."""
    found = [
        value,
        repr(value),
        [value],
        (value,),
        {"x": value},
        Point(value, None),
        Place(value, None),
        Account(value),
        [value, value],
        ((value,),),
    ]
    if isinstance(value, str):
        found += [value.encode("utf-8", "surrogatepass"), list(value), value + "\x00"]
    if isinstance(value, int | float):
        found += [-value, str(value), bool(value)]
    if isinstance(value, list | tuple | set | frozenset):
        found += [list(value), tuple(value), [*value, None], dict(enumerate(value))]
    if isinstance(value, dict):
        found += [list(value.items()), list(value), dict(reversed(value.items())), {repr(key): item for key, item in value.items()}]
    return found
