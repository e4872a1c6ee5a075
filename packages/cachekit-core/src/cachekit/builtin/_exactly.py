"""Whether a value came back as it was: of the same classes and content, at every level.

`==` does not say: 1 equals True and 1.0, nan not even itself, and a class may answer what it likes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import struct
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any, cast

_EQUAL = frozenset({str, bytes, int, bool, type(None)})  # exact instances, so nobody's `__eq__` is asked

_Parts = Callable[[Any], Iterable[Any]]

_SETS = frozenset({set, frozenset})

_PARTS: dict[type, _Parts] = {
    **dict.fromkeys((list, tuple, *_SETS), lambda value: value),
    dict: lambda value: (*value, *value.values()),
}


def _moment(value: Any) -> tuple[Any, ...]:
    zone = value.tzinfo
    # Of any other zone's class, only itself is the same.
    named = _zone(zone) if type(zone) is dt.timezone else id(zone)
    return (value.replace(tzinfo=None).isoformat(), value.fold, named)


def _zone(value: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", value.__getinitargs__())


_CONTENT: dict[type, Callable[[Any], Any]] = {  # as what `==` compares exactly
    float: struct.Struct("d").pack,
    bytearray: bytes,
    decimal.Decimal: str,
    uuid.UUID: lambda value: value.int,
    dt.datetime: _moment,
    dt.time: _moment,
    dt.date: dt.date.isoformat,
    dt.timedelta: lambda value: (value.days, value.seconds, value.microseconds),
    dt.timezone: _zone,
}


def difference(value: Any, back: Any) -> str | None:
    """What tells *back* from *value*, in words without their contents, or None if nothing does.

    Knows plain data, what this module names, and members of enums, named tuples, dataclasses, attrs
    classes and msgspec structs. What it does not know is a difference. Neither may contain itself.
    May raise what the `__hash__` or `__eq__` of a set's elements raises.
    """
    values, backs = [value], [back]
    parts: dict[type, _Parts | None] = {}
    for left, right in zip(values, backs, strict=True):  # both lists grow while it goes
        cls = type(left)
        if cls is not type(right):
            return f"{_named(cls)} would come back as {_named(type(right))}"
        if cls in _EQUAL:
            if left != right:
                return f"{_named(cls)} would come back changed"
            continue
        if cls in _CONTENT:
            if _CONTENT[cls](left) != _CONTENT[cls](right):
                return f"{_named(cls)} would come back changed"
            continue
        if left is right and isinstance(left, enum.Enum):
            continue
        of = parts.get(cls) or parts.setdefault(cls, _PARTS.get(cls) or _parts_of_instances(cls))
        if of is None:
            return f"{_named(cls)} is of a kind that cannot be compared"
        lefts = list(of(left))
        rights = list(of(right)) if cls not in _SETS else _in_order_of(lefts, right)
        if len(lefts) != len(rights):
            return f"{_named(cls)} would come back with other contents"
        values += lefts
        backs += rights
    return None


def _in_order_of(elements: list[Any], others: Any) -> list[Any]:
    """The set *others* in the order in which *elements* has their equals; empty if any has none."""
    found = {other: other for other in others}
    ordered = [found.pop(element) for element in elements if element in found]
    return ordered if not found else []


def _parts_of_instances(cls: type) -> _Parts | None:
    """How to take apart the instances of a class that holds its state in attributes, or None for any other."""
    is_tuple = issubclass(cls, tuple) and hasattr(cls, "_fields")
    if not (is_tuple or dataclasses.is_dataclass(cls) or hasattr(cls, "__attrs_attrs__") or hasattr(cls, "__struct_fields__")):
        return None
    # A class written in C that is larger than `object` holds what no attribute shows.
    static = [base for base in cls.__mro__ if not base.__flags__ & 1 << 9 and base.__basicsize__ > object.__basicsize__]
    if issubclass(cls, enum.Enum) or static != [tuple] * is_tuple:
        return None
    slots = [slot for base in cls.__mro__ for slot in vars(base).values() if type(slot) is types.MemberDescriptorType]
    has_dict = cls.__dictoffset__ != 0
    derived = {name for base in cls.__mro__ for name, found in vars(base).items() if isinstance(found, functools.cached_property)}

    def parts(value: Any) -> list[Any]:
        state = [_read(slot, value) for slot in slots]
        if is_tuple:
            state += tuple.__iter__(value)
        if has_dict:
            held = object.__getattribute__(value, "__dict__")
            for name in sorted(held.keys() - derived):
                state += (name, held[name])
        return state

    return parts


def _read(slot: Any, value: Any) -> Any:
    try:
        return slot.__get__(value)
    except AttributeError:  # never set
        return _UNSET


class _Unset(enum.Enum):
    UNSET = enum.auto()


_UNSET = _Unset.UNSET


def _named(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
