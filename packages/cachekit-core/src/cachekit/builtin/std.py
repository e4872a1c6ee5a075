"""The default serializer: MessagePack that gives back exactly the Python type it got.

What MessagePack has no type for is an extension type; docs/reference/serializers.md lists
them for readers in other languages. A value that could not come back as it was is refused.
"""

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
from ormsgpack import Ext

from .._names import find_type
from ..errors import DecodeError, SerializationError

_OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_PASSTHROUGH_BIG_INT
)
_NATIVE = (type(None), bool, int, float, str, bytes)
_BIN_MARKERS = (b"\xc4", b"\xc5", b"\xc6")

_TUPLE, _SET, _FROZENSET, _BYTEARRAY, _DICT, _INT, _COMPLEX, _DECIMAL, _UUID = range(1, 10)
_DATETIME, _DATE, _TIME, _TIMEDELTA, _TIMEZONE, _ZONEINFO, _PATH, _ENUM, _TEXT, _RANGE = range(10, 20)


class StdSerializer:
    """Exact round trips for None, bool, int of any size, float, complex, str, bytes, bytearray, list,
    tuple, dict with any keys, set, frozenset, range, Decimal, UUID, Path, datetime, date, time,
    timedelta, time zones, and members of importable enums, nested up to some 250 levels.

    Example:
        >>> from cachekit.builtin.std import StdSerializer
        >>> std = StdSerializer()
        >>> std.loads(std.dumps({1: (2, {3})}))
        {1: (2, {3})}
    """

    name = "std"

    def dumps(self, value: Any) -> bytes:
        try:
            return _pack(value)
        except SerializationError:
            raise
        except RecursionError:
            raise SerializationError("it nests too deep, or contains itself") from None
        except (TypeError, ValueError) as error:
            raise SerializationError(str(error)) from None

    def loads(self, data: bytes) -> Any:
        try:
            return ormsgpack.unpackb(data, ext_hook=_restore)
        except DecodeError:
            raise
        # Hostile bytes reach constructors of a dozen types; whatever they raise is one thing here.
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"std: {type(error).__name__}") from None


def _pack(value: Any) -> bytes:
    refused: list[Exception] = []  # the library drops what `default` raises, so it is kept here

    def extend(item: Any) -> Ext:
        try:
            return _extend(item)
        except (SerializationError, RecursionError) as error:
            refused.append(error)
            raise

    try:
        packed = ormsgpack.packb(value, default=extend, option=_OPTIONS)
    except ormsgpack.MsgpackEncodeError:
        if refused:
            raise refused[0] from None
        # A dict with other keys than str, or a lone surrogate.
        return ormsgpack.packb(_prepared(value), option=_OPTIONS)
    # The library writes a bytearray as bytes without asking. Both are rare, and so is their marker.
    if type(value) is not bytes and any(marker in packed for marker in _BIN_MARKERS) and _holds_buffer(value):
        return ormsgpack.packb(_prepared(value), option=_OPTIONS)
    return packed


def _holds_buffer(value: Any) -> bool:
    cls = type(value)
    if cls is list:
        return any(map(_holds_buffer, value))
    if cls is dict:
        return any(map(_holds_buffer, value.values()))
    return cls is bytearray or cls is memoryview


def _prepared(value: Any) -> Any:
    """*value* with what the library refuses or flattens already made into extension types."""
    cls = type(value)
    if cls is list:
        return [_prepared(item) for item in value]
    if cls is dict:
        if all(type(key) is str and _is_encodable(key) for key in value):
            return {key: _prepared(item) for key, item in value.items()}
        return Ext(_DICT, _pack([item for pair in value.items() for item in pair]))
    if cls is str and not _is_encodable(value):
        return Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
    if cls is bytearray:
        return Ext(_BYTEARRAY, bytes(value))
    if cls is memoryview:
        raise SerializationError("a memoryview is a view of something else; return bytes")
    if cls in _NATIVE and not (cls is int and not -(2**63) <= value < 2**64):
        return value
    return _extend(value)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _extend(value: Any) -> Ext:
    pack = _EXTENDED.get(type(value))
    if pack is not None:
        return pack(value)
    if isinstance(value, enum.Enum):
        return _extend_enum(value)
    cls = type(value)
    raise SerializationError(
        f"{cls.__module__}.{cls.__qualname__} is not a type that `std` gives back as it was; "
        "return plain data, or pass a serializer= that knows the type"
    )


def _extend_enum(value: enum.Enum) -> Ext:
    cls = type(value)
    if find_type(cls.__module__, cls.__qualname__) is not cls:
        raise SerializationError(
            f"the enum {cls.__qualname__} cannot be found by its name in another process; define it at the top of a module"
        )
    # A Flag's combination has no name of its own, so it goes by its number.
    member = value.name if value.name in cls.__members__ else value.value
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__  # a spawned child's name for it
    return Ext(_ENUM, _pack([module, cls.__qualname__, member]))


def _extend_datetime(value: dt.datetime) -> Ext:
    plain = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo)]
    return Ext(_DATETIME, _pack(plain))


def _extend_time(value: dt.time) -> Ext:
    return Ext(_TIME, _pack([value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo)]))


def _zone(zone: dt.tzinfo | None) -> dt.tzinfo | None:
    if zone is None or type(zone) is dt.timezone or type(zone) is zoneinfo.ZoneInfo:
        return zone
    raise SerializationError(
        f"the time zone {type(zone).__qualname__} has no name that holds elsewhere; use zoneinfo.ZoneInfo or datetime.timezone"
    )


def _extend_zoneinfo(value: zoneinfo.ZoneInfo) -> Ext:
    if value.key is None:
        raise SerializationError("a ZoneInfo without a key cannot be found again; make it by name")
    return Ext(_ZONEINFO, value.key.encode())


def _extend_timezone(value: dt.timezone) -> Ext:
    offset, *name = value.__getinitargs__()  # type: ignore[attr-defined]
    return Ext(_TIMEZONE, _pack([offset, *name]))


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


_PATHS: dict[str, type[pathlib.PurePath]] = {
    cls.__name__: cls for cls in (pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath)
}

_EXTENDED: dict[type, Callable[[Any], Ext]] = {
    tuple: lambda value: Ext(_TUPLE, _pack(list(value))),
    set: lambda value: Ext(_SET, _pack(list(value))),
    frozenset: lambda value: Ext(_FROZENSET, _pack(list(value))),
    int: lambda value: Ext(_INT, _integer(value)),
    complex: lambda value: Ext(_COMPLEX, struct.pack(">dd", value.real, value.imag)),
    decimal.Decimal: lambda value: Ext(_DECIMAL, str(value).encode()),
    uuid.UUID: lambda value: Ext(_UUID, value.bytes),
    dt.datetime: _extend_datetime,
    dt.date: lambda value: Ext(_DATE, _pack([value.year, value.month, value.day])),
    dt.time: _extend_time,
    dt.timedelta: lambda value: Ext(_TIMEDELTA, _pack([value.days, value.seconds, value.microseconds])),
    dt.timezone: _extend_timezone,
    zoneinfo.ZoneInfo: _extend_zoneinfo,
    range: lambda value: Ext(_RANGE, _pack([value.start, value.stop, value.step])),
    **dict.fromkeys(_PATHS.values(), lambda value: Ext(_PATH, _pack([type(value).__name__, str(value)]))),
}


def _unpack(data: bytes) -> Any:
    return ormsgpack.unpackb(data, ext_hook=_restore)


def _restore(tag: int, data: bytes) -> Any:
    restore = _RESTORED.get(tag)
    if restore is None:
        raise DecodeError("not understood", f"std: extension type {tag}")
    return restore(data)


def _restore_list(data: bytes) -> list[Any]:
    items = _unpack(data)
    if type(items) is not list:
        raise DecodeError("corrupt", "std: an array was expected")
    return items


def _restore_dict(data: bytes) -> dict[Any, Any]:
    flat = _restore_list(data)
    restored = dict(zip(flat[::2], flat[1::2], strict=True))
    if len(restored) * 2 != len(flat):
        raise DecodeError("corrupt", "std: a key stands twice")
    return restored


def _restore_enum(data: bytes) -> enum.Enum:
    module, qualname, member = _restore_list(data)
    cls = find_type(module, qualname)  # never imports: bytes from outside must not choose what runs
    if isinstance(cls, type) and issubclass(cls, enum.Enum) and member in cls.__members__:
        return cls.__members__[member]
    if isinstance(cls, type) and issubclass(cls, enum.Flag) and type(member) is int:
        return cls(member)
    raise DecodeError("unknown type", "std: an enum that this process does not know")


def _restore_datetime(data: bytes) -> dt.datetime:
    year, month, day, hour, minute, second, micro, fold, zone = _restore_list(data)
    return dt.datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)


def _restore_time(data: bytes) -> dt.time:
    hour, minute, second, micro, fold, zone = _restore_list(data)
    return dt.time(hour, minute, second, micro, zone, fold=fold)


def _restore_path(data: bytes) -> pathlib.PurePath:
    kind, path = _restore_list(data)
    return _PATHS[kind](path)


_RESTORED: dict[int, Callable[[bytes], Any]] = {
    _TUPLE: lambda data: tuple(_restore_list(data)),
    _SET: lambda data: set(_restore_list(data)),
    _FROZENSET: lambda data: frozenset(_restore_list(data)),
    _BYTEARRAY: bytearray,
    _DICT: _restore_dict,
    _INT: lambda data: int.from_bytes(data, "big", signed=True),
    _COMPLEX: lambda data: complex(*struct.unpack(">dd", data)),
    _DECIMAL: lambda data: decimal.Decimal(data.decode("ascii")),
    _UUID: lambda data: uuid.UUID(bytes=data),
    _DATETIME: _restore_datetime,
    _DATE: lambda data: dt.date(*_restore_list(data)),
    _TIME: _restore_time,
    _TIMEDELTA: lambda data: dt.timedelta(*_restore_list(data)),
    _TIMEZONE: lambda data: dt.timezone(*_restore_list(data)),
    _ZONEINFO: lambda data: zoneinfo.ZoneInfo(data.decode("ascii")),
    _PATH: _restore_path,
    _ENUM: _restore_enum,
    _TEXT: lambda data: data.decode("utf-8", "surrogatepass"),
    _RANGE: lambda data: range(*_restore_list(data)),
}
