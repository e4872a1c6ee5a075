"""Keys for within this process: small flat arguments as they are, told apart by class, which takes a fifth of encoding them.

As with canonical keys, no two different arguments have one, and one that is changed later never finds what it found before.
"""

from __future__ import annotations

import dataclasses
import sys
import weakref
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from ._keys import LEAVES, are_leaves

LARGEST = 1024
"""Bytes of what is kept as it is; more goes by its canonical form."""

_CONTAINER = object()
_MOST_ITEMS = LARGEST // 28

Key = tuple[Any, ...]

_fields: weakref.WeakKeyDictionary[type, tuple[int, Callable[[Any], Any]] | None] = weakref.WeakKeyDictionary()


def short_key(arguments: tuple[Any, ...]) -> tuple[Key, int] | None:
    """A key of *arguments*, and its bytes; None unless each is a leaf, or a flat container or dataclass of leaves, and all are small."""
    parts: list[Any] = []
    size = 0
    for argument in arguments:
        cls = type(argument)
        items = _items(argument, cls)
        if items is None:
            if not are_leaves((argument,), (cls,)):
                return None
            parts += (argument, id(cls))
            size += sys.getsizeof(argument)
            continue
        classes = tuple(map(type, items))
        if len(items) > _MOST_ITEMS or not are_leaves(items, classes):
            return None
        # Classes by their address, since a metaclass may say that two are equal; what is kept here keeps them alive. What
        # begins with a tag is no leaf, and no tag equals one.
        parts += (_CONTAINER, id(cls), items, tuple(map(id, classes)))
        size += sum(map(sys.getsizeof, items)) + 16 * len(items) + 96  # and two tuples
    return (tuple(parts), size) if size <= LARGEST else None


def _items(value: Any, cls: type) -> tuple[Any, ...] | None:
    """What makes *value* differ from others of its class, in an order that is part of it; None for other things than these."""
    if cls is tuple:
        return value  # type: ignore[no-any-return]
    if cls is list:
        return tuple(value)
    if cls is dict:
        return (*value, *value.values())
    if cls in LEAVES or type(cls) is not type:
        return None  # a metaclass may say that two classes are equal
    try:
        plan = _fields[cls]
    except KeyError:
        plan = _fields[cls] = _plan(cls)
    if plan is None or len(value.__dict__) != plan[0]:
        return None
    return plan[1](value)  # type: ignore[no-any-return]


def _plan(cls: type) -> tuple[int, Callable[[Any], Any]] | None:
    """How to take a plain dataclass apart: it has two fields or more, no slots, nothing of a builtin, no key of its own."""
    if "__dataclass_fields__" not in vars(cls) or hasattr(cls, "__cache_key__") or cls.__basicsize__ != _PLAIN_SIZE:
        return None
    if any("__slots__" in vars(base) for base in cls.__mro__):
        return None
    names = [field.name for field in dataclasses.fields(cls)]
    return (len(names), attrgetter(*names)) if len(names) > 1 else None


class _Plain:
    pass


_PLAIN_SIZE = _Plain.__basicsize__
