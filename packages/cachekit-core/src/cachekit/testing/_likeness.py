"""Whether one value is another again: the same types and contents throughout, and nothing mutable in common."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import types
from collections.abc import Iterator
from typing import Any

_ABSENT = object()
_NO_EQUALITY: Any = object.__eq__
_BY_IDENTITY: Any = object.__hash__
_TOLD_BY_REPR = (float, complex, decimal.Decimal, dt.date, dt.time, dt.tzinfo, range)
"""Types whose ``==`` takes different values for one: 0.0 and -0.0, 1.0 and 1.00, two zones of one offset."""
_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, enum.Enum, dt.tzinfo)


def same(left: Any, right: Any) -> bool:
    """Whether *right* is *left* again, in type and content at every level, however deep."""
    todo, met = [(left, right)], set()
    while todo:
        left, right = todo.pop()
        if left is right or (id(left), id(right)) in met:
            continue
        met.add((id(left), id(right)))
        if type(left) is not type(right):
            return False
        if _is_compound(left):
            pairs = _pairs(left, right)
            if pairs is None:
                return False
            todo += pairs
        elif not _equal(left, right):
            return False
    return True


def mutable_parts(value: Any) -> dict[int, Any]:
    """Everything in *value* that somebody could change, by its identity."""
    found, todo, met = {}, [value], set()
    while todo:
        item = todo.pop()
        if id(item) in met or isinstance(item, _SHARED):
            continue
        met.add(id(item))
        if _is_mutable(item):
            found[id(item)] = item
        todo += [part for part in _parts(item) if type(part) not in (str, int, float, bytes)]
    return found


def _is_compound(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | set | frozenset) or (
        type(value).__eq__ is _NO_EQUALITY and bool(_attributes(value)) and not isinstance(value, _SHARED)
    )


def _pairs(left: Any, right: Any) -> list[tuple[Any, Any]] | None:
    """What must be the same for the two to be, or None if they cannot."""
    if isinstance(left, set | frozenset):
        twins = {item: item for item in right}
        pairs = [(item, twins.get(item, _ABSENT)) for item in left]
        pairs += zip(_attributes(left), _attributes(right), strict=False)
        return pairs if len(left) == len(right) else None
    lefts, rights = list(_parts(left)), list(_parts(right))
    return list(zip(lefts, rights, strict=True)) if len(lefts) == len(rights) else None


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from pair
    yield from _attributes(value)


def _attributes(value: Any) -> list[Any]:
    """What an instance keeps in its ``__dict__`` and its slots, names included."""
    found = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__[:-1]:
        slots = vars(cls).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__") and (held := getattr(value, slot, _ABSENT)) is not _ABSENT:
                found[slot] = held
    return [part for pair in found.items() for part in pair]


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, _TOLD_BY_REPR):
        return repr(left) == repr(right)
    if hasattr(left, "dtype") and hasattr(left, "tobytes"):  # an array, or a scalar of one
        objects = left.dtype.hasobject
        alike = left.dtype == right.dtype and left.shape == right.shape
        return alike and (repr(left.tolist()) == repr(right.tolist()) if objects else left.tobytes() == right.tobytes())
    if callable(equals := getattr(left, "equals", None)):  # a data frame, a table
        return bool(equals(right))
    return bool(left == right)


def _is_mutable(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return False
    try:
        hash(value)
    except TypeError:
        return True
    return type(value).__hash__ is _BY_IDENTITY and hasattr(value, "__dict__")
