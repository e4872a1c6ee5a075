"""What `std` wrote, read back: every byte may come from an attacker."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import struct
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any, Final

import ormsgpack

from .._names import find_type
from ..errors import DecodeError
from . import tags


class _Mark:
    """Stands first in an array that is to be something else."""

    __slots__ = ("tag",)

    def __init__(self, tag: int) -> None:
        self.tag = tag


_MARKS: Final = {tag: _Mark(tag) for tag in tags.MARKS}


class Reader:
    """Reads one value."""

    def __init__(self) -> None:
        self._marked = False

    def read(self, data: bytes) -> Any:
        """The value in *data*, or any exception."""
        value = ormsgpack.unpackb(data, ext_hook=self._extension)
        return _restored(value) if self._marked else value

    def _extension(self, tag: int, data: bytes) -> Any:
        leaf = _LEAVES.get(tag)
        if leaf is not None:
            return leaf(data)
        if tag not in _MARKS or data:
            raise DecodeError("not understood", f"std: extension type {tag}")
        self._marked = True
        return _MARKS[tag]


def _restored(value: Any) -> Any:
    """*value* with its marked arrays made what they are. Lists and dicts are changed in place: nobody else has them."""
    cls = type(value)
    if cls is list:
        first = value[0] if value else None
        mark = first.tag if type(first) is _Mark else 0
        for i in range(1 if mark else 0, len(value)):
            value[i] = _restored(value[i])
        return _MADE[mark](value[1:]) if mark else value
    if cls is dict:
        for key in value:
            value[key] = _restored(value[key])
    elif cls is _Mark:
        raise DecodeError("corrupt", "std: a mark out of place")
    return value


def _dict(flat: list[Any]) -> dict[Any, Any]:
    made = dict(zip(flat[::2], flat[1::2], strict=True))
    if len(made) * 2 != len(flat):
        raise DecodeError("corrupt", "std: a key stands twice")
    return made


def _set(items: list[Any]) -> set[Any]:
    made = set(items)
    if len(made) != len(items):
        raise DecodeError("corrupt", "std: an element stands twice")
    return made


def _enum(items: list[Any]) -> enum.Enum:
    module, qualname, member = items
    cls = find_type(module, qualname)  # never imports: bytes from outside must not choose what runs
    if isinstance(cls, type) and issubclass(cls, enum.Enum) and member in cls.__members__:
        return cls.__members__[member]
    if isinstance(cls, type) and issubclass(cls, enum.Flag) and type(member) is int:
        return cls(member)
    raise DecodeError("unknown type", "std: an enum that this process does not know")


def _datetime(items: list[Any]) -> dt.datetime:
    year, month, day, hour, minute, second, micro, fold, zone = items
    return dt.datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)


def _time(items: list[Any]) -> dt.time:
    hour, minute, second, micro, fold, zone = items
    return dt.time(hour, minute, second, micro, zone, fold=fold)


def _path(items: list[Any]) -> pathlib.PurePath:
    kind, path = items
    return tags.PATHS[kind](path)


_LEAVES: dict[int, Callable[[bytes], Any]] = {
    tags.BYTEARRAY: bytearray,
    tags.INT: lambda data: int.from_bytes(data, "big", signed=True),
    tags.COMPLEX: lambda data: complex(*struct.unpack(">dd", data)),
    tags.DECIMAL: lambda data: decimal.Decimal(data.decode("ascii")),
    tags.UUID: lambda data: uuid.UUID(bytes=data),
    tags.ZONEINFO: lambda data: zoneinfo.ZoneInfo(data.decode("ascii")),
    tags.TEXT: lambda data: data.decode("utf-8", "surrogatepass"),
}

_MADE: dict[int, Callable[[list[Any]], Any]] = {
    tags.TUPLE: tuple,
    tags.SET: _set,
    tags.FROZENSET: lambda items: frozenset(_set(items)),
    tags.DICT: _dict,
    tags.DATETIME: _datetime,
    tags.DATE: lambda items: dt.date(*items),
    tags.TIME: _time,
    tags.TIMEDELTA: lambda items: dt.timedelta(*items),
    tags.TIMEZONE: lambda items: dt.timezone(*items),
    tags.PATH: _path,
    tags.ENUM: _enum,
    tags.RANGE: lambda items: range(*items),
}
