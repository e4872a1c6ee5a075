"""What MessagePack has no type for, as an extension or an array that begins with a mark."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import gc
import pathlib
import struct
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

from ormsgpack import Ext

from .._names import find_type, is_named_zone
from ..errors import SerializationError
from . import tags
from ._flags import named_bits
from ._unfolding import collides
from .extension import Extension, mark

_TUPLE, _SET, _FROZENSET, _DICT, _RANGE = map(mark, (tags.TUPLE, tags.SET, tags.FROZENSET, tags.DICT, tags.RANGE))
_DATETIME, _DATE, _TIME, _TIMEDELTA = map(mark, (tags.DATETIME, tags.DATE, tags.TIME, tags.TIMEDELTA))
_TIMEZONE, _PATH, _ENUM = map(mark, (tags.TIMEZONE, tags.PATH, tags.ENUM))
_UTC: list[Any] = [_TIMEZONE, [_TIMEDELTA, 0, 0, 0]]


def _refuse(value: Any) -> Any:
    """Raise for an instance of a class that nobody knows."""
    cls = type(value)
    raise SerializationError(
        f"{cls.__module__}.{cls.__qualname__} is not a type that `std` gives back as it was; "
        "return plain data, or pass a serializer= that knows the type"
    )


def _enum_member(value: enum.Enum) -> list[Any]:
    cls = type(value)
    if find_type(cls.__module__, cls.__qualname__) is not cls:
        raise SerializationError(
            f"the enum {cls.__qualname__} cannot be found by its name in another process; define it at the top of a module"
        )
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__  # a spawned child's name for it
    member, number = value._name_, value._value_
    if cls.__members__.get(member) is value:
        return [_ENUM, module, cls.__qualname__, member]
    # A Flag's combination has no name of its own, so it goes by its number, and with what the bits of that mean.
    return [_ENUM, module, cls.__qualname__, number, named_bits(cls, number)]


def _mapping(value: dict[Any, Any]) -> list[Any]:
    """A dict with other keys than text."""
    return [_DICT, *(item for pair in _spread(value).items() for item in pair)]


def _spread(value: Any) -> Any:
    if collides(value):
        raise SerializationError(f"a {type(value).__name__} of {len(value)} items too many of which have the same hash")
    return value


def _datetime(at: dt.datetime) -> list[Any]:
    return [_DATETIME, at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, at.fold, _zone(at.tzinfo)]


def _time(value: dt.time) -> list[Any]:
    return [_TIME, value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo)]


def _zone(zone: dt.tzinfo | None) -> Any:
    if zone is dt.UTC:
        return _UTC
    if zone is None or type(zone) is dt.timezone or type(zone) is zoneinfo.ZoneInfo:
        return zone
    raise SerializationError(
        f"the time zone {type(zone).__qualname__} has no name that holds elsewhere; use zoneinfo.ZoneInfo or datetime.timezone"
    )


def _zoneinfo(value: zoneinfo.ZoneInfo) -> Ext:
    if not is_named_zone(value):
        raise SerializationError("a ZoneInfo that its key does not lead back to; make it by ZoneInfo(key)")
    return Ext(tags.ZONEINFO, value.key.encode())


def _timezone(value: dt.timezone) -> list[Any]:
    offset, *name = value.__getinitargs__()  # type: ignore[attr-defined]
    return [_TIMEZONE, offset, *name]


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _path(value: pathlib.PurePath) -> list[Any]:
    if type(value)(str(value)).parts != value.parts:
        raise SerializationError("a path that its own text does not lead back to")
    return [_PATH, type(value).__name__, str(value)]


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    tuple: lambda value: [_TUPLE, *value],
    set: lambda value: [_SET, *_spread(value)],
    frozenset: lambda value: [_FROZENSET, *_spread(value)],
    int: lambda value: Ext(tags.INT, _integer(value)),
    complex: lambda value: Ext(tags.COMPLEX, struct.pack(">dd", value.real, value.imag)),
    decimal.Decimal: lambda value: Ext(tags.DECIMAL, str(value).encode()),
    uuid.UUID: lambda value: Ext(tags.UUID, value.bytes),
    dt.datetime: _datetime,
    dt.date: lambda value: [_DATE, value.year, value.month, value.day],
    dt.time: _time,
    dt.timedelta: lambda value: [_TIMEDELTA, value.days, value.seconds, value.microseconds],
    dt.timezone: _timezone,
    zoneinfo.ZoneInfo: _zoneinfo,
    range: lambda value: [_RANGE, value.start, value.stop, value.step],
    **dict.fromkeys(tags.PATHS.values(), _path),
}
"""Each class that `std` knows beyond MessagePack's own → how its instances are written."""

_MOST_CLASSES = 1024
_NATIVE = frozenset({type(None), bool, int, float, str, bytes})
_STR = frozenset({str})
_FLATTENED = frozenset({bytearray, memoryview, Ext})  # the library writes these without asking: as bytes, or as they are
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
_LOOKED_INTO = _CONTAINERS | _NATIVE | {complex, decimal.Decimal, dt.date, dt.datetime, dt.time, dt.timedelta}
"""What refers to nothing but its items, as far as the collector knows."""


class Writer:
    """Writes what the library does not, with the types of *extensions* too."""

    def __init__(self, extensions: tuple[Extension, ...]) -> None:
        self._extensions = extensions
        # By address: a metaclass may say that two classes are equal.
        self._encoders: dict[int, tuple[type, Callable[[Any], Any]]] = {}

    def extended(self, value: Any) -> Any:
        """An extension, or an array that begins with a mark. Asked by the library, which drops what this raises."""
        cls = type(value)
        if cls is tuple:
            return [_TUPLE, *value]
        return (_ENCODERS.get(cls) or self._encoder(cls))(value)

    def extended_too(self, written: list[Any], value: Any) -> Any:
        """`extended`, and *written* is given what an extension wrote: a walk of the value does not see that."""
        cls = type(value)
        known = self._encoders.get(id(cls))
        if known is not None:
            items = known[1](value)
        elif cls in _ENCODERS:
            return self.extended(value)
        else:
            items = self._encoder(cls)(value)
        if type(items[-1]) is not bytes:
            written += items[1:]
        elif holds_flattened(items[1:]):  # looked through at once, since bytes may be too many to keep
            return [items[0], *map(self.prepared, items[1:])]
        return items

    def _encoder(self, cls: type) -> Callable[[Any], Any]:
        known = self._encoders.get(id(cls))
        if known is None:
            if len(self._encoders) >= _MOST_CLASSES:
                self._encoders.clear()  # it holds classes, which a program may make without end
            known = self._encoders[id(cls)] = cls, self._found_encoder(cls)
        return known[1]

    def _found_encoder(self, cls: type) -> Callable[[Any], Any]:
        found = (extension.encoder(cls) for extension in self._extensions)
        own = _enum_member if issubclass(cls, enum.Enum) else _refuse
        return next((encoder for encoder in found if encoder is not None), own)

    def prepared(self, value: Any) -> Any:
        """*value* with everything extended that the library would _refuse, flatten or ask about."""
        cls = type(value)
        if cls is list:
            if value is _UTC:
                return value
            return [self.prepared(item) for item in value]
        if cls is dict:
            if _STR.issuperset(map(type, value)) and _is_encodable("".join(value)):
                return {key: self.prepared(item) for key, item in value.items()}
            first, *items = _mapping(value)
            return [first, *map(self.prepared, items)]
        if cls is str and not _is_encodable(value):
            return Ext(tags.TEXT, value.encode("utf-8", "surrogatepass"))
        if cls is bytearray:
            return Ext(tags.BYTEARRAY, bytes(value))
        if cls is memoryview:
            raise SerializationError("a memoryview is a view of something else; return bytes")
        if cls in _NATIVE and not (cls is int and not -(2**63) <= value < 2**64):
            return value
        extended = (_ENCODERS.get(cls) or self._encoder(cls))(value)
        return extended if type(extended) is Ext else [extended[0], *map(self.prepared, extended[1:])]


def holds_flattened(level: list[Any]) -> bool:
    """Whether a bytearray, a memoryview or an `Ext` lies among or within the items of *level*.

    A level at a time, since the collector takes one apart faster than a loop does. Instances are not
    looked into: what they are written as is looked through when they are.
    """
    while level:
        classes = set(map(type, level))
        if not classes.isdisjoint(_FLATTENED):
            return True
        if classes.isdisjoint(_CONTAINERS):
            return False
        if not classes <= _LOOKED_INTO:
            level = [item for item in level if type(item) in _CONTAINERS]
        level = gc.get_referents(*level)
    return False


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
