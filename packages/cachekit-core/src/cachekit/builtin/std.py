"""The default serializer: MessagePack that gives back exactly the Python type it got.

What MessagePack has no type for is an extension type; docs/reference/serializers.md lists
them for readers in other languages. A value that could not come back as it was is refused.
"""

from __future__ import annotations

import copy
import re
import struct
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import ormsgpack
from ormsgpack import packb, unpackb

from ..errors import DecodeError, SerializationError
from ._unfolding import WORST, fits
from .extension import Decoder, Extension
from .reading import Reader
from .writing import Writer, holds_flattened

_OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_PASSTHROUGH_BIG_INT
)
# Matches what the library wrote if it surely holds no bytes and no extension. A number or a length is stepped over with
# its content, unless it might be a letter of two bytes in a text (one that begins so, and goes on with 80 to bf): then
# nothing is sure. All other bytes of texts can be stepped over one by one.
_HOLDS_NONE = re.compile(
    rb"(?s:[\x00-\xc3\xe0-\xff]*+(?:(?:\xcb[^\x80-\xbf].{7})++|[\xcc\xd0\xd9].|[\xcd\xd1\xda\xdc\xde][^\x80-\xbf]."
    rb"|[\xca\xce\xd2\xdb\xdd\xdf][^\x80-\xbf].{3}|[\xcf\xd3][^\x80-\xbf].{7}))*+[\x00-\xc3\xe0-\xff]*+"
).fullmatch
# What begins bytes or an extension. For a few bytes one translation is the cheapest look, for more one `memchr` each.
_MARKERS = (0xC6, 0xC4, 0xC5, 0xC7, 0xC8, 0xC9, *range(0xD4, 0xD9))
_MARKERS_ALIKE = bytes(0xC6 if byte in _MARKERS else 0 for byte in range(256))
_SHORT = 256
"""Bytes below which a value goes the way on which nothing is done but what has to be."""
_LARGE = 64 << 10
"""Bytes from which a value that is `bytes` is not copied into a buffer of its own."""


class StdSerializer:
    """Exact round trips for None, bool, int of any size, float, complex, str, bytes, bytearray, list,
    tuple, dict with any keys, set, frozenset, range, Decimal, UUID, Path, datetime, date, time,
    timedelta, time zones, and members of importable enums, nested up to some 250 levels.

    Parameters:
        max_bytes: what a value may take once serialized, in bytes. Reading takes at most twice
            that in all, whatever the bytes unfold to, or is refused; so is what could not be read.
        extensions: more types, asked in this order.

    Example:
        >>> from cachekit.builtin.std import StdSerializer
        >>> std = StdSerializer()
        >>> std.loads(std.dumps({1: (2, {3})}))
        {1: (2, {3})}
    """

    name = "std"

    def __init__(self, *, max_bytes: int = 256 << 20, extensions: tuple[Extension, ...] = ()) -> None:
        self._max_bytes = max_bytes
        self._unscanned = 2 * max_bytes // (WORST + 1)
        self._short = min(_SHORT, self._unscanned + 1)
        self._take(extensions)

    def _take(self, extensions: tuple[Extension, ...]) -> None:
        self._extensions = extensions
        self._writer = Writer(extensions)
        self._extended = self._writer.extended  # bound once, which is dear on each call
        self._reader = Reader(_decoders(extensions))

    def dumps(self, value: Any) -> bytes:
        """The bytes of *value*, or `SerializationError` if it could not come back as it was."""
        if self._extensions:
            return self._dumped(value)
        try:
            data = packb(value, self._extended, _OPTIONS)
        except ormsgpack.MsgpackEncodeError:
            return self._dumped(value)
        if len(data) < self._short and 0xC6 not in data.translate(_MARKERS_ALIKE):
            return data
        return self._fitting(self._exact(data, [value]))

    def loads(self, data: bytes) -> Any:
        """The value in hostile *data*, or `DecodeError`."""
        try:
            if len(data) < self._short and 0xC7 not in data:  # and so without a mark
                return unpackb(data)
        except Exception:  # noqa: BLE001, S110 - another extension; or said below
            pass
        return self._loaded(self._reader, data)

    def dumps_buffers(self, value: Any) -> Sequence[bytes | memoryview]:
        """`dumps` in pieces: large `bytes` are a piece of their own, and not copied."""
        if type(value) is not bytes or len(value) < _LARGE:
            return (self.dumps(value),)
        if len(value) + 5 > min(self._max_bytes, 2**32 - 1):
            self._refuse_size(len(value) + 5)
        return (struct.pack(">BI", 0xC6, len(value)), value)

    def loads_buffer(self, data: memoryview) -> Any:
        """`loads` of a view of contiguous bytes. The value holds copies, never the view."""
        return self._loaded(self._reader, data)

    def loads_plain(self, data: bytes) -> Any:
        """`loads`, with a dict of its fields for every instance of an annotated class."""
        from .typed import PLAIN_DECODERS

        return self._loaded(Reader({**_decoders(self._extensions), **PLAIN_DECODERS}), data)

    def for_annotation(self, annotation: Any) -> Self:
        """A serializer of the same name that gives back the classes *annotation* names too."""
        from .typed import extension_for

        extension = extension_for(annotation)
        if extension is None:
            return self
        made = copy.copy(self)  # of a subclass too, whatever its constructor takes
        made._take((*self._extensions, extension))
        return made

    @staticmethod
    def lossy(annotation: Any) -> str | None:
        """Why values of *annotation* could not come back as they were, and what to do; or None."""
        from .._lossy import lossy

        return lossy(annotation)

    def _loaded(self, reader: Reader, data: bytes | memoryview) -> Any:
        try:
            if len(data) > self._unscanned and not self._fits(data):
                raise DecodeError("too large", f"std: {len(data)} bytes that would take more than {2 * self._max_bytes}")
            return reader.read(data)
        except DecodeError:
            raise
        # Hostile bytes reach constructors of a dozen types; whatever they raise is one thing here.
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"std: {type(error).__name__}") from None

    def _fits(self, data: bytes | memoryview) -> bool:
        size, room = len(data), 2 * self._max_bytes - len(data)
        if size > self._max_bytes:
            return False
        # One buffer that is all there is, the commonest large value, needs neither a scan nor the copy for it.
        if data[0] == 0xC6 and size - 5 == int.from_bytes(data[1:5], "big"):
            return True
        return fits(bytes(data), room)

    def _fitting(self, data: bytes) -> bytes:
        if len(data) > self._unscanned and not self._fits(data):
            self._refuse_size(len(data))
        return data

    def _refuse_size(self, size: int) -> None:
        raise SerializationError(
            f"{size} bytes serialized, which would take more than twice {self._max_bytes} bytes to read back; "
            "store less, or raise CACHEKIT_MAX_VALUE_SIZE_MB"
        )

    def _dumped(self, value: Any) -> bytes:
        """`dumps` with extensions, or of what the library refused."""
        values = [value]  # and what is written for instances, which nobody sees who looks through the value
        try:
            data = packb(value, partial(self._writer.extended_too, values), _OPTIONS)
        except ormsgpack.MsgpackEncodeError:
            # A dict with other keys than str, a lone surrogate; or what is refused, which is then said exactly.
            data = self._prepared(value)
        else:
            data = self._exact(data, values)
        return self._fitting(data)

    def _exact(self, data: bytes, values: list[Any]) -> bytes:
        """*data* of the first of *values*, unless something in one of them would come back as another type."""
        if type(values[0]) is bytes or not any(map(data.__contains__, _MARKERS)) or _HOLDS_NONE(data) or not holds_flattened(values):
            return data
        return self._prepared(values[0])

    def _prepared(self, value: Any) -> bytes:
        try:
            return packb(self._writer.prepared(value), None, _OPTIONS)
        except RecursionError:
            raise SerializationError("it nests too deep, or contains itself") from None
        except (TypeError, ValueError) as error:
            raise SerializationError(str(error)) from None


def _decoders(extensions: tuple[Extension, ...]) -> Mapping[int, Decoder]:
    return {tag: decoder for extension in extensions for tag, decoder in extension.decoders.items()}
