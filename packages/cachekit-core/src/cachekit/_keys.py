"""Canonical bytes for arguments: the same for equal arguments in every process, never for two.

Every value is written as its type's tag, a length and its content, so that no value can
look like another's text, list or number. What has no stable identity is refused.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import struct
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

from ._names import is_named_zone, type_name
from .errors import UncacheableArgumentError

MAX_DEPTH = 64

LEAVES = frozenset({int, str, bytes, bool, type(None), float, uuid.UUID, dt.date})
"""Exact types a local key may hold; see `is_leaf`."""


_PLAIN_EQ = (object.__eq__, int.__eq__, str.__eq__)
_PLAIN_HASH = (enum.Enum.__hash__, int.__hash__, str.__hash__)


class UnstableError(Exception):
    """A value has no stable identity; *why* ends in the remedy that is special to it, if any."""

    def __init__(self, value: object, why: str) -> None:
        super().__init__(why)
        self.value = value
        self.why = why


def is_leaf(value: object) -> bool:
    """Whether a dict may look *value* up beside its class and find only its like.

    Not a zero (0.0 equals -0.0), not a NaN (unequal to itself), not a Decimal (1.0 equals 1.00),
    not a datetime (equal across time zones).
    """
    cls = type(value)  # not __class__, which a proxy may lie about
    if cls is float:
        return value == value and value != 0.0
    if cls in LEAVES:
        return True
    # Not an enum whose author made members equal, or unhashable, or keyed otherwise.
    return issubclass(cls, enum.Enum) and cls.__eq__ in _PLAIN_EQ and cls.__hash__ in _PLAIN_HASH and not hasattr(cls, "__cache_key__")


def encode(value: object, depth: int = 0) -> bytes:
    """The canonical bytes of *value*, or `UnstableError`."""
    if depth > MAX_DEPTH:
        raise UnstableError(value, f"it nests deeper than {MAX_DEPTH} levels, or contains itself")
    leaf = _LEAVES.get(type(value))
    if leaf is not None:
        return leaf(value)
    container = _CONTAINERS.get(type(value))
    if container is not None:
        return container(value, depth + 1)
    return _encode_instance(value, depth + 1)


def refused(function: str, parameter: str, unstable: UnstableError, *, method: bool) -> UncacheableArgumentError:
    """The error for an argument: which, of what type, why, and every remedy."""
    cls = type(unstable.value)
    if parameter == "key=":
        what, remedies = "what key= returned", "return plain data from it, such as text, a number or a tuple of them"
    else:
        what = f"argument {parameter!r}"
        remedies = (
            f"leave it out with ignore=({parameter!r},), name the key yourself with key=, "
            f"or give {cls.__qualname__} a __cache_key__() method"
        )
        if method and parameter in ("self", "cls"):
            remedies += " that returns what tells its instances apart"
    return UncacheableArgumentError(
        f"{function}(): {what} cannot be part of a key: a {cls.__module__}.{cls.__qualname__}: {unstable.why}; {remedies}"
    )


def _sized(tag: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(content), content)


def _joined(tag: bytes, parts: list[bytes]) -> bytes:
    return b"%b%d:%b" % (tag, len(parts), b"".join(parts))


def _of_type(tag: bytes, cls: type, content: bytes) -> bytes:
    return _joined(tag, [_sized(b"n", type_name(cls).encode("utf-8", "surrogatepass")), content])


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _encode_float(value: float) -> bytes:
    return b"f" + struct.pack(">d", value)


def _encode_zone(zone: dt.tzinfo | None, value: object) -> bytes:
    if zone is None:
        return b"N"
    if type(zone) is dt.timezone:
        return _sized(b"O", repr(zone).encode())
    if type(zone) is zoneinfo.ZoneInfo and is_named_zone(zone):
        return _sized(b"Z", zone.key.encode())
    raise UnstableError(
        value, f"its time zone {type(zone).__qualname__} has no name that holds elsewhere; use zoneinfo.ZoneInfo or datetime.timezone"
    )


def _encode_datetime(value: dt.datetime) -> bytes:
    if value.tzinfo is None:
        raise UnstableError(value, "a naive datetime is another instant on another machine; give it a tzinfo")
    stamp = b"%b.%d" % (value.replace(tzinfo=None).isoformat().encode(), value.fold)
    return _sized(b"D", stamp) + _encode_zone(value.tzinfo, value)


def _encode_time(value: dt.time) -> bytes:
    stamp = b"%b.%d" % (value.replace(tzinfo=None).isoformat().encode(), value.fold)
    return _sized(b"H", stamp) + _encode_zone(value.tzinfo, value)


def _encode_path(value: pathlib.PurePath) -> bytes:
    return _joined(b"p" + type(value).__name__.encode(), [_sized(b"s", _text(part)) for part in (value.drive, value.root, *value.parts)])


_LEAVES: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"N",
    type(...): lambda value: b"L",
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: _sized(b"i", b"%x" % value),
    float: _encode_float,
    complex: lambda value: b"c" + struct.pack(">dd", value.real, value.imag),
    str: lambda value: _sized(b"s", _text(value)),
    bytes: lambda value: _sized(b"b", value),
    bytearray: lambda value: _sized(b"B", bytes(value)),
    decimal.Decimal: lambda value: _sized(b"d", repr(value).encode()),
    fractions.Fraction: lambda value: _sized(b"q", b"%x/%x" % value.as_integer_ratio()),
    uuid.UUID: lambda value: b"u" + value.bytes,
    dt.date: lambda value: _sized(b"A", value.isoformat().encode()),
    dt.datetime: _encode_datetime,
    dt.time: _encode_time,
    dt.timedelta: lambda value: _sized(b"I", b"%d.%d.%d" % (value.days, value.seconds, value.microseconds)),
    dt.timezone: lambda value: _encode_zone(value, value),
    zoneinfo.ZoneInfo: lambda value: _encode_zone(value, value),
    range: lambda value: _sized(b"r", b"%x.%x.%x" % (value.start, value.stop, value.step)),
    **dict.fromkeys((pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath), _encode_path),
}


def _encode_dict(value: dict[Any, Any], depth: int) -> bytes:
    # In its own order: what a function makes of a dict may depend on it (json.dumps does).
    return _joined(b"m", [encode(item, depth) for pair in value.items() for item in pair])


_CONTAINERS: dict[type, Callable[[Any, int], bytes]] = {
    tuple: lambda value, depth: _joined(b"t", [encode(item, depth) for item in value]),
    list: lambda value, depth: _joined(b"l", [encode(item, depth) for item in value]),
    dict: _encode_dict,
    set: lambda value, depth: _joined(b"S", sorted(encode(item, depth) for item in value)),
    frozenset: lambda value, depth: _joined(b"R", sorted(encode(item, depth) for item in value)),
}


def _encode_instance(value: Any, depth: int) -> bytes:
    cls = type(value)
    if issubclass(cls, type):
        return _sized(b"C", type_name(value).encode("utf-8", "surrogatepass"))
    own_key = getattr(cls, "__cache_key__", None)
    if own_key is not None:
        return _of_type(b"k", cls, encode(own_key(value), depth))
    if issubclass(cls, enum.Enum):
        # A Flag's combinations have no name of their own; every other member does.
        member = encode(value.value, depth) if issubclass(cls, enum.Flag) else _sized(b"s", _text(value.name))
        return _of_type(b"e", cls, member)
    if "__dataclass_fields__" in vars(cls):
        names = _attributes(value, tuple(field.name for field in dataclasses.fields(value)))
        return _of_type(b"a", cls, _encode_fields(names, [getattr(value, name) for name in names], depth))
    names = getattr(cls, "_fields", ())  # a namedtuple's
    if isinstance(value, tuple) and len(names) == tuple.__len__(value) and not getattr(value, "__dict__", None):
        return _of_type(b"w", cls, _encode_fields(names, list(tuple.__iter__(value)), depth))
    raise UnstableError(value, "it has no identity that holds in another process")


def _attributes(value: object, fields: tuple[str, ...]) -> tuple[str, ...]:
    """A dataclass's fields, and what else this instance holds: two that differ in it may well be equal."""
    cls = type(value)
    slots = {slot for base in cls.__mro__ for slot in _slots(base)}
    # Beyond what Python's own classes take: the state of a builtin, an exception, a deque.
    if cls.__itemsize__ or cls.__basicsize__ > object.__basicsize__ + struct.calcsize("P") * (len(slots) + 2):
        raise UnstableError(value, "it holds more than its fields, since its class is also a builtin")
    held = {*getattr(value, "__dict__", ()), *(slot for slot in slots if hasattr(value, slot))}
    return (*fields, *sorted(held - set(fields)))


def _slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return tuple(slot for slot in ((slots,) if isinstance(slots, str) else slots) if slot not in ("__weakref__", "__dict__"))


def _encode_fields(names: tuple[str, ...], values: list[Any], depth: int) -> bytes:
    return _joined(
        b"m", [part for name, value in zip(names, values, strict=True) for part in (_sized(b"s", _text(name)), encode(value, depth))]
    )
