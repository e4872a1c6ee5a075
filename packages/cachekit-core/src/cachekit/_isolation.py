"""How L1 holds a value, so that no two callers are ever handed one mutable object.

Immutable values are shared; a flat list, dict, set or bytearray of them is copied; anything
else is held encoded, or, where nothing but L1 keeps it and it does not encode, deep-copied.
"""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import fractions
import gc
import pathlib
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ._chunks import Buffer
from .errors import SerializationError

_IMMUTABLE = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented)}
    | {decimal.Decimal, fractions.Fraction, uuid.UUID, dt.date, dt.time, dt.timedelta, dt.timezone, dt.datetime, zoneinfo.ZoneInfo}
    | {pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath}
)
_COPIERS: dict[type, Callable[[Any], Any]] = {list: list.copy, set: set.copy, bytearray: bytearray.copy, dict: dict.copy}
_CODE = frozenset({type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType})
_MAX_DEPTH = 32


class Held(Protocol):
    """A value as L1 holds it."""

    @property
    def size(self) -> int:
        """Bytes, without the cache's own bookkeeping."""
        ...

    def value(self) -> Any:
        """What a caller may keep and change."""
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """An immutable value, or one whose function vouches for it."""

    held: Any
    size: int

    def value(self) -> Any:
        return self.held


@dataclass(frozen=True, slots=True)
class Copied:
    """A flat container of immutable values; each caller gets a copy."""

    held: Any
    size: int
    copier: Callable[[Any], Any]

    def value(self) -> Any:
        return self.copier(self.held)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value as its serializer wrote it; each caller gets a decoded one."""

    held: Buffer
    size: int
    loads: Callable[[Buffer], Any]

    def value(self) -> Any:
        return self.loads(self.held)


def hold(value: Any, data: Sequence[Buffer], loads: Callable[[Buffer], Any]) -> Held:
    """Hold a *value* that was serialized as *data*, in one piece or several."""
    return _held_plain(value) or _held_encoded(data, loads)


def hold_any(value: Any, dumps: Callable[[Any], Sequence[Buffer]], loads: Callable[[Buffer], Any]) -> Held:
    """Hold any Python value, for a function without a backend.

    Raises:
        SerializationError: it is neither immutable, nor does it encode, nor can it be copied.
    """
    plain = _held_plain(value)
    if plain is not None:
        return plain
    try:
        data = dumps(value)
    except SerializationError:
        return _held_deep(value)
    return _held_encoded(data, loads)


def _held_encoded(data: Sequence[Buffer], loads: Callable[[Buffer], Any]) -> Held:
    # A view of anything but bytes may be of the value itself, which its owner can change.
    whole = len(data) == 1 and type(data[0].obj if isinstance(data[0], memoryview) else data[0]) is bytes
    held = data[0] if whole else memoryview(b"".join(data))
    return Encoded(held, held.nbytes if isinstance(held, memoryview) else len(held), loads)


def is_immutable(value: Any, depth: int = 0) -> bool:
    """Whether *value* and everything in it can be shared."""
    cls = type(value)
    if cls is tuple or cls is frozenset:
        return depth < _MAX_DEPTH and all(is_immutable(item, depth + 1) for item in value)
    return cls in _IMMUTABLE or issubclass(cls, enum.Enum)


def _held_plain(value: Any) -> Held | None:
    if is_immutable(value):
        return Shared(value, _size_of_immutable(value))
    copier = _COPIERS.get(type(value))
    if copier is None:
        return None
    items = () if type(value) is bytearray else [*value, *value.values()] if type(value) is dict else value
    if all(map(is_immutable, items)):
        return Copied(copier(value), sys.getsizeof(value) + sum(map(_size_of_immutable, items)), copier)
    return None


def _held_deep(value: Any) -> Held:
    if type(value) is object:
        return Shared(value, sys.getsizeof(value))  # a sentinel, known by its identity
    try:
        held = copy.deepcopy(value)
    except Exception as error:  # noqa: BLE001 - copying runs the value's own code, which may raise anything
        raise SerializationError(
            f"{type(value).__qualname__} can neither be encoded nor copied ({type(error).__name__}: {error})"
        ) from None
    if held is value and type(value) not in _CODE:
        # An object that copies as itself (a singleton) says that sharing it is meant.
        return Shared(value, _bytes_of(value))
    return Copied(held, _size_of(held), copy.deepcopy)


def _bytes_of(item: Any) -> int:
    try:
        return sys.getsizeof(item, 64)
    except Exception:  # noqa: BLE001 - anybody's __sizeof__
        return 64


def _size_of_immutable(value: Any) -> int:
    """The bytes of an immutable value. What stands in it twice counts twice: too much rather than too little."""
    inner = sum(map(_size_of_immutable, value)) if type(value) in (tuple, frozenset) else 0
    return sys.getsizeof(value) + inner


def _size_of(value: Any) -> int:
    """The bytes any *value* keeps alive, counting each object once; code, classes and modules are not its own."""
    total, seen, todo = 0, set[int](), [value]
    while todo:
        item = todo.pop()
        if id(item) in seen or type(item) in _CODE or issubclass(type(item), type | enum.Enum):
            continue
        if type(item) is object:
            raise SerializationError(f"{type(value).__qualname__} holds a bare object(), whose copy would be another one")
        seen.add(id(item))
        total += _bytes_of(item)
        todo += gc.get_referents(item)
    return total
