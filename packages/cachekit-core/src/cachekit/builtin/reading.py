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
from typing import Any

import ormsgpack

from .._names import find_type
from ..errors import DecodeError
from . import tags

_ALWAYS_ALLOWED = 16 << 20  # bytes that nested copies may take of any value, however small


class Reader:
    """Reads one value. Each level of extensions is a copy of all beneath it, so what lives at once is bounded."""

    def __init__(self, size: int) -> None:
        self._left = max(8 * size, _ALWAYS_ALLOWED)

    def unpack(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data, ext_hook=self._restored)

    def items(self, data: bytes) -> list[Any]:
        items = self.unpack(data)
        if type(items) is not list:
            raise DecodeError("corrupt", "std: an array was expected")
        return items

    def _restored(self, tag: int, data: bytes) -> Any:
        restore = _RESTORED.get(tag)
        if restore is None:
            raise DecodeError("not understood", f"std: extension type {tag}")
        self._left -= len(data)
        if self._left < 0:
            raise DecodeError("too large", "std: nested copies take too much memory")
        restored = restore(self, data)
        self._left += len(data)
        return restored


def _restore_dict(reader: Reader, data: bytes) -> dict[Any, Any]:
    flat = reader.items(data)
    restored = dict(zip(flat[::2], flat[1::2], strict=True))
    if len(restored) * 2 != len(flat):
        raise DecodeError("corrupt", "std: a key stands twice")
    return restored


def _restore_enum(reader: Reader, data: bytes) -> enum.Enum:
    module, qualname, member = reader.items(data)
    cls = find_type(module, qualname)  # never imports: bytes from outside must not choose what runs
    if isinstance(cls, type) and issubclass(cls, enum.Enum) and member in cls.__members__:
        return cls.__members__[member]
    if isinstance(cls, type) and issubclass(cls, enum.Flag) and type(member) is int:
        return cls(member)
    raise DecodeError("unknown type", "std: an enum that this process does not know")


def _restore_datetime(reader: Reader, data: bytes) -> dt.datetime:
    year, month, day, hour, minute, second, micro, fold, zone = reader.items(data)
    return dt.datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)


def _restore_time(reader: Reader, data: bytes) -> dt.time:
    hour, minute, second, micro, fold, zone = reader.items(data)
    return dt.time(hour, minute, second, micro, zone, fold=fold)


def _restore_path(reader: Reader, data: bytes) -> pathlib.PurePath:
    kind, path = reader.items(data)
    return tags.PATHS[kind](path)


_RESTORED: dict[int, Callable[[Reader, bytes], Any]] = {
    tags.TUPLE: lambda reader, data: tuple(reader.items(data)),
    tags.SET: lambda reader, data: set(reader.items(data)),
    tags.FROZENSET: lambda reader, data: frozenset(reader.items(data)),
    tags.BYTEARRAY: lambda reader, data: bytearray(data),
    tags.DICT: _restore_dict,
    tags.INT: lambda reader, data: int.from_bytes(data, "big", signed=True),
    tags.COMPLEX: lambda reader, data: complex(*struct.unpack(">dd", data)),
    tags.DECIMAL: lambda reader, data: decimal.Decimal(data.decode("ascii")),
    tags.UUID: lambda reader, data: uuid.UUID(bytes=data),
    tags.DATETIME: _restore_datetime,
    tags.DATE: lambda reader, data: dt.date(*reader.items(data)),
    tags.TIME: _restore_time,
    tags.TIMEDELTA: lambda reader, data: dt.timedelta(*reader.items(data)),
    tags.TIMEZONE: lambda reader, data: dt.timezone(*reader.items(data)),
    tags.ZONEINFO: lambda reader, data: zoneinfo.ZoneInfo(data.decode("ascii")),
    tags.PATH: _restore_path,
    tags.ENUM: _restore_enum,
    tags.TEXT: lambda reader, data: data.decode("utf-8", "surrogatepass"),
    tags.RANGE: lambda reader, data: range(*reader.items(data)),
}
