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

from .._names import find_type, is_named_zone
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
            return Reader().read(data)
        except DecodeError:
            raise
        # Hostile bytes reach constructors of a dozen types; whatever they raise is one thing here.
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"std: {type(error).__name__}") from None


def _pack(value: Any) -> bytes:
    refused: list[Exception] = []  # the library drops what `default` raises, so it is kept here

    def extend(item: Any) -> Any:
        try:
            return _extended(item)
        except SerializationError as error:
            refused.append(error)
            raise

    try:
        packed = ormsgpack.packb(value, default=extend, option=_OPTIONS)
        # The library writes a bytearray as bytes, and its own Ext, without asking. Both are rare, and so are their markers.
        if type(value) is bytes or not any(marker in packed for marker in _MARKERS) or not _holds_flattened(value):
            return packed
    except ormsgpack.MsgpackEncodeError:
        if refused:
            # Without its traceback, whose frames would hold the value, and be held by it.
            raise refused.pop().with_traceback(None) from None
    # A dict with other keys than str, a lone surrogate, a bytearray.
    return ormsgpack.packb(_prepared(value), option=_OPTIONS)


def _holds_flattened(value: Any) -> bool:
    cls = type(value)
    if cls is list or cls in _CONTAINERS:
        return any(map(_holds_flattened, value))
    if cls is dict:
        return any(map(_holds_flattened, value)) or any(map(_holds_flattened, value.values()))
    return cls is bytearray or cls is memoryview or cls is Ext


def _prepared(value: Any) -> Any:
    """*value* with everything extended that the library would refuse, flatten or ask about."""
    cls = type(value)
    if cls is list:
        return [_prepared(item) for item in value]
    if cls is dict:
        if all(type(key) is str and _is_encodable(key) for key in value):
            return {key: _prepared(item) for key, item in value.items()}
        return [_mark(tags.DICT), *(_prepared(item) for pair in value.items() for item in pair)]
    if cls is str and not _is_encodable(value):
        return Ext(tags.TEXT, value.encode("utf-8", "surrogatepass"))
    if cls is bytearray:
        return Ext(tags.BYTEARRAY, bytes(value))
    if cls is memoryview:
        raise SerializationError("a memoryview is a view of something else; return bytes")
    if cls in _NATIVE and not (cls is int and not -(2**63) <= value < 2**64):
        return value
    extended = _extended(value)
    return extended if type(extended) is Ext else [extended[0], *map(_prepared, extended[1:])]


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mark(tag: int) -> Ext:
    return Ext(tag, b"")


def _extended(value: Any) -> Any:
    """An extension, or an array that begins with a mark."""
    cls = type(value)
    extend = _EXTENDED.get(cls)
    if extend is not None:
        return extend(value)
    if issubclass(cls, enum.Enum):
        return _extended_enum(value)
    raise SerializationError(
        f"{cls.__module__}.{cls.__qualname__} is not a type that `std` gives back as it was; "
        "return plain data, or pass a serializer= that knows the type"
    )


def _extended_enum(value: enum.Enum) -> list[Any]:
    cls = type(value)
    if find_type(cls.__module__, cls.__qualname__) is not cls:
        raise SerializationError(
            f"the enum {cls.__qualname__} cannot be found by its name in another process; define it at the top of a module"
        )
    # A Flag's combination has no name of its own, so it goes by its number.
    member = value.name if value.name in cls.__members__ else value.value
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__  # a spawned child's name for it
    return [_mark(tags.ENUM), module, cls.__qualname__, member]


def _extended_datetime(value: dt.datetime) -> list[Any]:
    plain = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.fold)
    return [_mark(tags.DATETIME), *plain, _zone(value.tzinfo)]


def _extended_time(value: dt.time) -> list[Any]:
    return [_mark(tags.TIME), value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo)]


def _zone(zone: dt.tzinfo | None) -> dt.tzinfo | None:
    if zone is None or type(zone) is dt.timezone or type(zone) is zoneinfo.ZoneInfo:
        return zone
    raise SerializationError(
        f"the time zone {type(zone).__qualname__} has no name that holds elsewhere; use zoneinfo.ZoneInfo or datetime.timezone"
    )


def _extended_zoneinfo(value: zoneinfo.ZoneInfo) -> Ext:
    if not is_named_zone(value):
        raise SerializationError("a ZoneInfo that its key does not lead back to; make it by ZoneInfo(key)")
    return Ext(tags.ZONEINFO, value.key.encode())


def _extended_timezone(value: dt.timezone) -> list[Any]:
    offset, *name = value.__getinitargs__()  # type: ignore[attr-defined]
    return [_mark(tags.TIMEZONE), offset, *name]


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _extended_path(value: pathlib.PurePath) -> list[Any]:
    if type(value)(str(value)).parts != value.parts:
        raise SerializationError("a path that its own text does not lead back to")
    return [_mark(tags.PATH), type(value).__name__, str(value)]


_CONTAINERS: dict[type, int] = {tuple: tags.TUPLE, set: tags.SET, frozenset: tags.FROZENSET}

_EXTENDED: dict[type, Callable[[Any], Any]] = {
    tuple: lambda value: [_mark(tags.TUPLE), *value],
    set: lambda value: [_mark(tags.SET), *value],
    frozenset: lambda value: [_mark(tags.FROZENSET), *value],
    int: lambda value: Ext(tags.INT, _integer(value)),
    complex: lambda value: Ext(tags.COMPLEX, struct.pack(">dd", value.real, value.imag)),
    decimal.Decimal: lambda value: Ext(tags.DECIMAL, str(value).encode()),
    uuid.UUID: lambda value: Ext(tags.UUID, value.bytes),
    dt.datetime: _extended_datetime,
    dt.date: lambda value: [_mark(tags.DATE), value.year, value.month, value.day],
    dt.time: _extended_time,
    dt.timedelta: lambda value: [_mark(tags.TIMEDELTA), value.days, value.seconds, value.microseconds],
    dt.timezone: _extended_timezone,
    zoneinfo.ZoneInfo: _extended_zoneinfo,
    range: lambda value: [_mark(tags.RANGE), value.start, value.stop, value.step],
    **dict.fromkeys(tags.PATHS.values(), _extended_path),
}
