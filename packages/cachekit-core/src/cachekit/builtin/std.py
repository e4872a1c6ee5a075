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
from . import tags
from .reading import Reader

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
# The first bytes of what the library writes without asking: bytes (also for a bytearray), extensions.
_MARKERS = tuple(bytes([byte]) for byte in (*range(0xC4, 0xCA), *range(0xD4, 0xD9)))


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
            return Reader(len(data)).unpack(data)
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
    # The library writes a bytearray as bytes, and its own Ext, without asking. Both are rare, and so are their markers.
    if type(value) is not bytes and any(marker in packed for marker in _MARKERS) and _holds_flattened(value):
        return ormsgpack.packb(_prepared(value), option=_OPTIONS)
    return packed


def _holds_flattened(value: Any) -> bool:
    cls = type(value)
    if cls is list:
        return any(map(_holds_flattened, value))
    if cls is dict:
        return any(map(_holds_flattened, value.values()))
    return cls is bytearray or cls is memoryview or cls is Ext


def _prepared(value: Any) -> Any:
    """*value* with what the library refuses or flattens already made into extension types."""
    cls = type(value)
    if cls is list:
        return [_prepared(item) for item in value]
    if cls is dict:
        if all(type(key) is str and _is_encodable(key) for key in value):
            return {key: _prepared(item) for key, item in value.items()}
        return Ext(tags.DICT, _pack([item for pair in value.items() for item in pair]))
    if cls is str and not _is_encodable(value):
        return Ext(tags.TEXT, value.encode("utf-8", "surrogatepass"))
    if cls is bytearray:
        return Ext(tags.BYTEARRAY, bytes(value))
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
    return Ext(tags.ENUM, _pack([module, cls.__qualname__, member]))


def _extend_datetime(value: dt.datetime) -> Ext:
    plain = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo)]
    return Ext(tags.DATETIME, _pack(plain))


def _extend_time(value: dt.time) -> Ext:
    return Ext(tags.TIME, _pack([value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo)]))


def _zone(zone: dt.tzinfo | None) -> dt.tzinfo | None:
    if zone is None or type(zone) is dt.timezone or type(zone) is zoneinfo.ZoneInfo:
        return zone
    raise SerializationError(
        f"the time zone {type(zone).__qualname__} has no name that holds elsewhere; use zoneinfo.ZoneInfo or datetime.timezone"
    )


def _extend_zoneinfo(value: zoneinfo.ZoneInfo) -> Ext:
    if value.key is None:
        raise SerializationError("a ZoneInfo without a key cannot be found again; make it by name")
    return Ext(tags.ZONEINFO, value.key.encode())


def _extend_timezone(value: dt.timezone) -> Ext:
    offset, *name = value.__getinitargs__()  # type: ignore[attr-defined]
    return Ext(tags.TIMEZONE, _pack([offset, *name]))


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _extend_path(value: pathlib.PurePath) -> Ext:
    if type(value)(str(value)).parts != value.parts:
        raise SerializationError("a path that its own text does not lead back to")
    return Ext(tags.PATH, _pack([type(value).__name__, str(value)]))


_EXTENDED: dict[type, Callable[[Any], Ext]] = {
    tuple: lambda value: Ext(tags.TUPLE, _pack(list(value))),
    set: lambda value: Ext(tags.SET, _pack(list(value))),
    frozenset: lambda value: Ext(tags.FROZENSET, _pack(list(value))),
    int: lambda value: Ext(tags.INT, _integer(value)),
    complex: lambda value: Ext(tags.COMPLEX, struct.pack(">dd", value.real, value.imag)),
    decimal.Decimal: lambda value: Ext(tags.DECIMAL, str(value).encode()),
    uuid.UUID: lambda value: Ext(tags.UUID, value.bytes),
    dt.datetime: _extend_datetime,
    dt.date: lambda value: Ext(tags.DATE, _pack([value.year, value.month, value.day])),
    dt.time: _extend_time,
    dt.timedelta: lambda value: Ext(tags.TIMEDELTA, _pack([value.days, value.seconds, value.microseconds])),
    dt.timezone: _extend_timezone,
    zoneinfo.ZoneInfo: _extend_zoneinfo,
    range: lambda value: Ext(tags.RANGE, _pack([value.start, value.stop, value.step])),
    **dict.fromkeys(tags.PATHS.values(), _extend_path),
}
