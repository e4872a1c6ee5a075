"""What `std` wrote, read back: every byte may come from an attacker."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import struct
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any, Final

import ormsgpack

from .._names import find_type
from ..errors import DecodeError
from . import tags
from ._flags import combination, named_bits
from ._unfolding import collides
from .extension import Decoder

# Only the last item of these can be a container; a constructor refuses one that stands before it.
_PLAIN_TO_THE_LAST: Final = frozenset({tags.DATETIME, tags.DATE, tags.TIME, tags.TIMEDELTA, tags.PATH, tags.ENUM, tags.RANGE})


class _Mark:
    """Stands first in an array that is to be something else."""

    __slots__ = ("decoder", "is_plain")

    def __init__(self, tag: int, decoder: Decoder) -> None:
        self.decoder = decoder
        self.is_plain = tag in _PLAIN_TO_THE_LAST


class Reader:
    """Reads values.

    Parameters:
        decoders: how arrays with marks of more tags are read.
    """

    def __init__(self, decoders: Mapping[int, Decoder]) -> None:
        self._marks = _MARKS | {tag: _Mark(tag, decoder) for tag, decoder in decoders.items()}

    def read(self, data: bytes | memoryview) -> Any:
        """The value in *data*, or any exception."""
        marks, is_marked, unknown = self._marks, False, list[int]()

        def extension(tag: int, data: bytes) -> Any:
            nonlocal is_marked
            if not data and tag in marks:
                is_marked = True
                return marks[tag]
            if tag not in _LEAVES:
                unknown.append(tag)
            return leaf(tag, data)

        try:
            value = ormsgpack.unpackb(data, ext_hook=extension)
        except ValueError:
            # The library drops what the hook raises, so the tag is asked for again.
            if unknown and unknown[-1] not in marks:
                raise DecodeError("not understood", f"std: extension type {unknown[-1]}") from None
            raise
        if not is_marked:
            return value
        if type(value) is list:
            return _restored(value)
        if type(value) is dict:
            _restore(value)
        elif type(value) is _Mark:
            raise _out_of_place()
        return value


def leaf(tag: int, data: bytes) -> Any:
    """The value of an extension that is none of the marks, or any exception."""
    read = _LEAVES.get(tag)
    if read is None:
        raise DecodeError("not understood", f"std: extension type {tag}")
    return read(data)


def _restored(value: list[Any]) -> Any:
    """*value*, made what its mark says. Lists and dicts are changed in place: nobody else has them."""
    if not value:
        return value
    mark = value[0]
    if type(mark) is _Mark:
        del value[0]
        if mark.is_plain and (type(value[-1]) not in _NESTED or value[-1] == _UTC):
            return mark.decoder(value)
    else:
        mark = None
    if len(value) <= _MANY or not _NESTED.isdisjoint(map(type, value)):
        for i, item in enumerate(value):
            cls = type(item)
            if cls is list:
                value[i] = _restored(item)
            elif cls is dict:
                _restore(item)
            elif cls is _Mark:
                raise _out_of_place()
    return value if mark is None else mark.decoder(value)


def _restore(value: dict[str, Any]) -> None:
    if len(value) > _MANY and _NESTED.isdisjoint(map(type, value.values())):
        return
    for key, item in value.items():
        cls = type(item)
        if cls is list:
            value[key] = _restored(item)
        elif cls is dict:
            _restore(item)
        elif cls is _Mark:
            raise _out_of_place()


def _out_of_place() -> DecodeError:
    return DecodeError("corrupt", "std: a mark out of place")


def _dict(flat: list[Any]) -> dict[Any, Any]:
    keys = _spread(flat[::2])
    made = dict(zip(keys, flat[1::2], strict=True))
    if len(made) != len(keys):
        raise DecodeError("corrupt", "std: a key stands twice")
    return made


def _set(items: list[Any], cls: Callable[[list[Any]], Any] = set) -> Any:
    made = cls(_spread(items))
    if len(made) != len(items):
        raise DecodeError("corrupt", "std: an element stands twice")
    return made


def _spread(items: list[Any]) -> list[Any]:
    if collides(items):
        raise DecodeError("too large", "std: too many items have the same hash")
    return items


def _enum(items: list[Any]) -> enum.Enum:
    module, qualname, member, *bits = items
    cls = find_type(module, qualname)  # never imports: bytes from outside must not choose what runs
    if isinstance(cls, type) and issubclass(cls, enum.Enum):
        if not bits and type(member) is str and member in cls.__members__:
            return cls.__members__[member]
        if len(bits) == 1 and issubclass(cls, enum.Flag) and type(member) is int:
            return _combination(cls, member, bits[0])
    raise DecodeError("unknown type", "std: an enum that this process does not know")


def _combination(cls: Any, number: int, bits: Any) -> enum.Enum:
    known = number in cls._value2member_map_
    # A class that keeps any bits keeps each such number for good.
    if not (known or 0 <= number < 2 ** max(64, len(cls.__members__))) or named_bits(cls, number) != bits:
        raise DecodeError("unknown type", "std: flags that are others in this process")
    made = combination(cls, number)
    if not isinstance(made, cls):
        raise DecodeError("unknown type", "std: more combinations of flags than Python should keep")
    return made  # type: ignore[no-any-return]


def _datetime(items: list[Any]) -> dt.datetime:
    year, month, day, hour, minute, second, micro, fold, zone = items
    if type(zone) is list:
        zone = dt.UTC
    if fold == 0:
        return dt.datetime(year, month, day, hour, minute, second, micro, zone)
    return dt.datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)


def _time(items: list[Any]) -> dt.time:
    hour, minute, second, micro, fold, zone = items
    if type(zone) is list:
        zone = dt.UTC
    return dt.time(hour, minute, second, micro, zone, fold=fold)


def _path(items: list[Any]) -> pathlib.PurePath:
    kind, path = items
    return tags.PATHS[kind](path)


def _plain_set(items: list[Any]) -> Any:
    try:
        return _set(items)
    except TypeError:  # an instance is a dict here
        return items


def _plain_frozenset(items: list[Any]) -> Any:
    try:
        return _set(items, frozenset)
    except TypeError:
        return items


def _plain_dict(flat: list[Any]) -> Any:
    try:
        return _dict(flat)
    except TypeError:
        return [list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)]


_LEAVES: dict[int, Callable[[bytes], Any]] = {
    tags.BYTEARRAY: bytearray,
    tags.INT: lambda data: int.from_bytes(data, "big", signed=True),
    tags.COMPLEX: lambda data: complex(*struct.unpack(">dd", data)),
    tags.DECIMAL: lambda data: decimal.Decimal(data.decode("ascii")),
    tags.UUID: lambda data: uuid.UUID(bytes=data),
    tags.ZONEINFO: lambda data: zoneinfo.ZoneInfo(data.decode("ascii")),
    tags.TEXT: lambda data: data.decode("utf-8", "surrogatepass"),
}

_DECODERS: dict[int, Decoder] = {
    tags.TUPLE: tuple,
    tags.SET: _set,
    tags.FROZENSET: lambda items: _set(items, frozenset),
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

PLAIN_DECODERS: Final[Mapping[int, Decoder]] = {tags.SET: _plain_set, tags.FROZENSET: _plain_frozenset, tags.DICT: _plain_dict}
"""Sets as lists, and dicts as lists of a key and a value each, where an item or a key cannot be hashed."""

_MARKS: Final = {tag: _Mark(tag, decoder) for tag, decoder in _DECODERS.items()}
_UTC: Final = [_MARKS[tags.TIMEZONE], [_MARKS[tags.TIMEDELTA], 0, 0, 0]]
"""The zone of most datetimes, left as it is for who makes them: the only list they are given."""
_NESTED: Final = frozenset({list, dict, _Mark})
_MANY: Final = 8
"""Items from which one look at the classes of all is cheaper than one at each."""
