"""The `auto` serializer: `std`, and NumPy, pandas, polars and pyarrow at any nesting."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from ..errors import ConfigurationError, DecodeError, SerializationError
from . import _arrays, _frames, tags
from ._budget import Budget, ThreadsBudget
from .extension import Decoder, Encoder, Extension, mark
from .std import StdSerializer

_OWN = frozenset({tags.NDARRAY, tags.NUMPY_SCALAR, tags.ARROW})
# [mark, bytes]: a frame that is the whole value.
_FRAME = b"\x92\xc7\x00" + bytes([tags.ARROW])
_DATA = struct.Struct(">BI")
_BIN32 = 0xC6


class AutoSerializer(StdSerializer):
    """What `std` gives back, and arrays and scalars of NumPy, frames, series and indexes of pandas, frames
    and series of polars, tables and batches of pyarrow: exactly as they were, at any nesting.

    Parameters:
        max_bytes: what a value may take once serialized, in bytes. Reading allocates at most twice as much.
        extensions: more types, asked after these.

    Example:
        >>> import numpy
        >>> from cachekit.builtin.auto import AutoSerializer
        >>> auto = AutoSerializer()
        >>> auto.loads(auto.dumps({"x": numpy.arange(3, dtype="i2")}))
        {'x': array([0, 1, 2], dtype=int16)}
    """

    name = "auto"

    def __init__(self, *, max_bytes: int = 256 << 20, extensions: tuple[Extension, ...] = ()) -> None:
        self._budget = ThreadsBudget()
        # Those of another `auto`, as `for_annotation` passes them on, count against its budget.
        others = tuple(extension for extension in extensions if _OWN.isdisjoint(extension.decoders))
        own = tuple(map(_installed, (_arrays.extension(self._budget, max_bytes), _frames_extension(self._budget, max_bytes))))
        super().__init__(max_bytes=max_bytes, extensions=own + others)

    @staticmethod
    def lossy(annotation: Any) -> str | None:
        """Why values of *annotation* could not come back as they were, and what to do; or None."""
        from .._lossy import lossy

        return lossy(annotation, arrays=True)

    def dumps(self, value: Any) -> bytes:
        """The bytes of *value*, or `SerializationError` if it could not come back as it was."""
        pieces = self._pieces(value)
        return b"".join(pieces) if pieces else super().dumps(value)

    def dumps_buffers(self, value: Any) -> Sequence[bytes | memoryview]:
        """`dumps` in pieces: a large array, or a frame, that is the whole value is not copied into them."""
        return self._pieces(value) or super().dumps_buffers(value)

    def _pieces(self, value: Any) -> list[bytes | memoryview]:
        """Of a large array, or a frame, that is the whole value; else none."""
        pieces: list[bytes | memoryview] = []
        if _arrays.is_large(value):
            pieces = _arrays.pieces(value)
        elif (kind := _frames.kind_of(type(value))) is not None:
            stream = _frames.dumps_frame(value, kind, self._max_bytes)
            pieces = [_FRAME + _DATA.pack(_BIN32, sum(map(len, stream))), *stream]
        size = sum(map(len, pieces))
        if size > self._max_bytes:
            raise SerializationError(f"{size} bytes serialized, and a value may take {self._max_bytes}; store less, or raise max_bytes=")
        return pieces

    def _loaded(self, reader: Any, data: bytes | memoryview) -> Any:
        self._budget.left = 2 * self._max_bytes - len(data)
        try:
            whole = self._whole(memoryview(data))
        except DecodeError:
            raise
        except ConfigurationError as error:
            raise DecodeError("not installed", str(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever three libraries raise over hostile bytes
            raise DecodeError("corrupt", f"auto: {type(error).__name__}") from None
        return super()._loaded(reader, data) if whole is None else whole

    def _whole(self, data: memoryview) -> Any:
        """The array or frame that is all of *data*, read from where it lies; None if it is something else."""
        if len(data) > self._max_bytes:
            raise DecodeError("too large", f"auto: {len(data)} bytes")
        start = len(_FRAME) + _DATA.size
        if data[: len(_FRAME)] == _FRAME and len(data) >= start:
            form, size = _DATA.unpack_from(data, len(_FRAME))
            if form == _BIN32 and start + size == len(data):
                return _frames.loads_frame(data[start:], self._budget)
        return _arrays.whole(data, self._budget)


def _frames_extension(budget: Budget, max_bytes: int) -> Extension:
    def encoder(cls: type) -> Encoder | None:
        kind = _frames.kind_of(cls)
        if kind is None:
            return None
        return lambda value: [mark(tags.ARROW), b"".join(_frames.dumps_frame(value, kind, max_bytes))]

    def decode(items: list[Any]) -> Any:
        (data,) = items
        if type(data) is not bytes:
            raise DecodeError("corrupt", "a frame without its bytes")
        return _frames.loads_frame(memoryview(data), budget)

    return Extension(encoder, {tags.ARROW: decode})


def _installed(extension: Extension) -> Extension:
    """*extension*, for which a missing library is a reason of its own."""

    def named(decoder: Decoder) -> Decoder:
        def decode(items: list[Any]) -> Any:
            try:
                return decoder(items)
            except ConfigurationError as error:
                raise DecodeError("not installed", str(error)) from None

        return decode

    return Extension(extension.encoder, {tag: named(decoder) for tag, decoder in extension.decoders.items()})
