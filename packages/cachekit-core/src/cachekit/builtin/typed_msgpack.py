"""MessagePack by msgspec, which builds the classes that a return annotation names."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import ormsgpack

from ..errors import DecodeError, SerializationError
from ._exactly import difference
from ._msgspec_types import UNIT, cost, has_any, has_open_keys, known_types_of, types_of
from ._optional import library
from ._unfolding import fits

_TOO_LARGE = "could take more memory or time than is allowed when read"
_QUADRATIC = 64 << 10  # bytes within which even keys that all share a hash take little time


class MsgspecSerializer:
    """MessagePack by msgspec. Needs the extra ``cachekit-core[msgspec]``.

    With a return annotation it gives back what that says: msgspec structs, dataclasses, attrs
    classes, typed dicts, named tuples, enums, dates, sets, tuples, Decimal, UUID, and these in
    each other. Without one it takes what plain MessagePack gives back: None, bool, int from -2**63 to
    2**64-1, float, str, bytes, list, dict. Each value is read back and compared before it is
    stored; what would not come back as it was is refused. So is what is larger than 64 KiB
    and has keys other than text where nothing says of which type, or elements of a set or keys of
    a dict that are tuples, UUIDs, Decimals or instances: `std` takes those.

    Parameters:
        max_bytes: what a value may take, in bytes. What could unfold to more than twice of that
            in memory is refused, when it is written as when it is read.

    Raises:
        ConfigurationError: the library is not installed.

    Example:
        >>> from cachekit.serializers import MsgspecSerializer
        >>> serializer = MsgspecSerializer().for_annotation(dict[str, set[int]])
        >>> serializer.loads(serializer.dumps({"primes": {2, 3}}))
        {'primes': {2, 3}}
    """

    name = "msgspec"

    def __init__(self, *, max_bytes: int = 256 << 20) -> None:
        msgspec = library("msgspec", "the serializer 'msgspec'")
        self._max_bytes = max_bytes
        self._cost = cost([])
        self._is_open, self._has_open_keys = True, False
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = self._decode_plain = msgspec.msgpack.Decoder().decode

    def for_annotation(self, annotation: Any) -> MsgspecSerializer:
        """A serializer that gives back values of the evaluated *annotation*.

        Raises:
            ConfigurationError: msgspec cannot make such values out of bytes.
        """
        import msgspec

        types = types_of(annotation)
        made = copy.copy(self)
        made._decode = msgspec.msgpack.Decoder(annotation).decode
        made._cost = cost(types)
        made._is_open, made._has_open_keys = has_any(types), has_open_keys(types)
        return made

    @staticmethod
    def lossy(annotation: Any) -> None:
        """None: what msgspec knows may come back, and what it does not know is no annotation for it.

        Raises:
            ConfigurationError: msgspec cannot make such values out of bytes.
        """
        with suppress(ImportError, NameError, AttributeError):  # not installed, or not there yet: said at the first call
            known_types_of(annotation)

    def dumps(self, value: Any) -> bytes:
        kind = type(value).__qualname__
        try:
            data: bytes = self._encode(value)
        except TypeError as error:  # its text names the class that msgspec does not know
            raise SerializationError(f"msgspec: {error}; the serializer `std` may take it") from None
        # Too large an int, a lone surrogate, too deep; their texts may hold what the value holds.
        except Exception as error:  # noqa: BLE001
            raise SerializationError(f"msgspec cannot write this {kind}: {type(error).__name__}") from None
        if not self._fits(data):
            raise SerializationError(f"{len(data)} bytes of MessagePack {_TOO_LARGE}; raise CACHEKIT_MAX_VALUE_SIZE_MB, or return less")
        try:
            found = difference(value, self._decode(data))
        # What the annotation does not allow, or whatever a class's own code raises.
        except Exception as error:  # noqa: BLE001
            found = f"a {kind} that was written could not be read back and compared ({type(error).__name__})"
        if found:
            raise SerializationError(f"{found}; annotate the function with exactly what it returns, or use the serializer `std`")
        return data

    def loads(self, data: bytes) -> Any:
        return self._read(data, self._decode)

    def loads_plain(self, data: bytes) -> Any:
        """`loads` without the annotation: a dict for an instance, a list for a tuple or set, text for a date."""
        return self._read(data, self._decode_plain)

    def _read(self, data: bytes, decode: Any) -> Any:
        if not self._fits(data, plain=decode is self._decode_plain):
            raise DecodeError("too large", f"{len(data)} bytes of MessagePack {_TOO_LARGE}")
        try:
            return decode(data)
        # A class's own code runs here over hostile bytes, and may raise anything.
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"msgspec: {type(error).__name__}") from None

    def _fits(self, data: bytes, *, plain: bool = False) -> bool:
        if len(data) > self._max_bytes or not fits(data, 2 * self._max_bytes * UNIT // self._cost):
            return False
        if len(data) <= _QUADRATIC:
            return True
        return not self._has_open_keys and (not (plain or self._is_open) or _has_str_keys(data))


def _has_str_keys(data: bytes) -> bool:
    """Whether all keys in *data* are text: with arrays as keys, a stranger can make them share a hash."""
    try:
        ormsgpack.unpackb(data, ext_hook=lambda tag, payload: None)
    except ValueError:
        return False
    return True
