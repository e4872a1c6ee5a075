"""NumPy's arrays and scalars for `auto`.

An array is its bytes, and a text that says how they lie: dtype, order, whether it may be
written to, shape, and spaces that bring the bytes to an aligned address.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from ..errors import DecodeError, SerializationError
from . import tags
from ._budget import Budget
from ._optional import library
from .extension import Encoder, Extension, mark

_DTYPE = (
    r"[<>|](?:b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16|32)|[SU][1-9]\d{0,8}|[mM]8(?:\[(?:[1-9]\d{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)
_LAYOUT = re.compile(rf"({_DTYPE}) ([CF]) (r|rw) ((?:\d{{1,19}}(?:,\d{{1,19}})*)?) *", re.ASCII)
_SCALAR = re.compile(_DTYPE, re.ASCII)
_ALIGNED = 16
_LARGE = 64 << 10
"""Bytes from which an array that is the whole value is not copied on its way out."""

# [mark, text, bytes], as MessagePack of forms that std never writes for so little: the text's length in one byte, the bytes' in four.
_START = b"\x93\xc7\x00" + bytes([tags.NDARRAY]) + b"\xd9"
_DATA = struct.Struct(">BI")
_BIN32 = 0xC6


def extension(budget: Budget, max_bytes: int) -> Extension:
    """The extension for NumPy, which reads within *budget*, and writes arrays of at most *max_bytes*."""

    def encoder(cls: type) -> Encoder | None:
        encode = _encoder(cls)
        return _bounded(_encoded, max_bytes) if encode is _encoded else encode

    def decode(items: list[Any]) -> Any:
        text, data = items
        if type(text) is not str or type(data) is not bytes:
            raise DecodeError("corrupt", "an array without its bytes")
        return _decoded(text, memoryview(data), budget)

    return Extension(encoder, {tags.NDARRAY: decode, tags.NUMPY_SCALAR: _decoded_scalar})


def _bounded(encode: Encoder, max_bytes: int) -> Encoder:
    def bounded(value: Any) -> list[Any]:
        if value.nbytes > max_bytes:  # before it is copied: a broadcast array takes up next to nothing
            raise SerializationError(f"an array of {value.nbytes} bytes, and a value may take {max_bytes}; see CACHEKIT_MAX_VALUE_SIZE_MB")
        return encode(value)

    return bounded


def _encoder(cls: type) -> Encoder | None:
    if cls.__module__.partition(".")[0] != "numpy":
        # A subclass, as that of a library's unit or table, would come back as something else: `std` refuses it by name.
        return None
    import numpy as np

    if cls is np.ndarray:
        return _encoded
    if issubclass(cls, np.generic) and not issubclass(cls, np.void | np.object_):
        return _encoded_scalar
    if issubclass(cls, np.ndarray):
        return _refused_subclass
    return None


# -- arrays ----------------------------------------------------------------------------


def _encoded(value: Any) -> list[Any]:
    return [mark(tags.NDARRAY), layout(value), bytes(flat(value))]


def layout(value: Any) -> str:
    """The text of an array's dtype, order, writability and shape; or `SerializationError`."""
    dtype = value.dtype
    if not _SCALAR.fullmatch(dtype.str) or dtype.metadata:
        remedy = "metadata; use .astype() without it" if dtype.metadata else "convert it with .astype() to numbers, dates, 'S' or 'U'"
        raise SerializationError(f"an array of dtype {str(dtype)[:80]} would not come back as it was: {remedy}")
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    shape = ",".join(map(str, value.shape))
    return f"{dtype.str} {order} {'rw' if value.flags.writeable else 'r'} {shape}"


def flat(value: Any) -> memoryview:
    """The bytes of an array, without a copy if they lie together."""
    if value.flags.f_contiguous and not value.flags.c_contiguous:
        value = value.T
    elif not value.flags.c_contiguous:
        value = value.copy(order="C")
    # As bytes: dates have no buffer of their own.
    return memoryview(value.reshape(-1).view("u1"))


def _decoded(text: str, data: memoryview, budget: Budget) -> Any:
    """The array, of its own bytes if it may be written to, else a view of *data*; or any exception."""
    np = library("numpy")
    match = _LAYOUT.fullmatch(text)
    if match is None:
        raise DecodeError("not understood", "an array of another layout")
    dtype, shape = np.dtype(match[1]), tuple(map(int, match[4].split(","))) if match[4] else ()
    if math.prod(shape) * dtype.itemsize != len(data):
        raise DecodeError("corrupt", "an array of another shape than its bytes")
    octets = np.frombuffer(data, "u1") if len(data) else np.empty(0, "u1")
    _check(octets, dtype)
    array = octets.view(dtype).reshape(shape, order=match[2])
    # An array that is not aligned is refused by other libraries' compiled code.
    if match[3] == "r" and array.flags.aligned:
        array.flags.writeable = False
        return array
    budget.take(len(data))
    array = array.copy(order="K")
    array.flags.writeable = match[3] == "rw"
    return array


def _check(octets: Any, dtype: Any) -> None:
    """Refuse bytes that are no value of *dtype*, which compiled code takes on trust."""
    if dtype.kind == "b" and octets.size and octets.max() > 1:
        raise DecodeError("corrupt", "a bool that is neither")
    if dtype.kind == "U" and octets.size and octets.view(f"{dtype.byteorder}u4").max() > 0x10FFFF:
        raise DecodeError("corrupt", "a character that is none")


def _refused_subclass(value: Any) -> Any:
    raise SerializationError(
        f"numpy.{type(value).__qualname__} would not come back as it was; return np.asarray(...) of it, and a mask as an array of its own"
    )


# -- an array that is the whole value --------------------------------------------------


def is_large(value: Any) -> bool:
    """Whether *value* is an array worth a piece of its own."""
    cls = type(value)
    return cls.__name__ == "ndarray" and cls.__module__ == "numpy" and _LARGE <= value.nbytes < 2**32 and _is_contiguous(value)


def _is_contiguous(value: Any) -> bool:
    return bool(value.flags.c_contiguous or value.flags.f_contiguous)


def pieces(value: Any) -> list[bytes | memoryview]:
    """The serialized array as a header, which ends at an aligned address, and a view of its bytes."""
    text = layout(value).encode()
    if len(text) > 255 - _ALIGNED:
        return []
    text += b" " * (-(len(_START) + 1 + len(text) + _DATA.size) % _ALIGNED)
    return [_START + bytes([len(text)]) + text + _DATA.pack(_BIN32, value.nbytes), flat(value)]


def whole(data: memoryview, budget: Budget) -> Any:
    """The array that `pieces` wrote, read without copying its bytes first; None if *data* is something else."""
    if len(data) < _LARGE or data[: len(_START)] != _START:
        return None
    at = len(_START) + 1
    end = at + data[at - 1]
    form, size = _DATA.unpack_from(data, end)
    if form != _BIN32 or end + _DATA.size + size != len(data):
        return None
    return _decoded(str(data[at:end], "ascii"), data[end + _DATA.size :], budget)


# -- scalars ---------------------------------------------------------------------------


def _encoded_scalar(value: Any) -> list[Any]:
    import numpy as np

    cls, kind = type(value), value.dtype.str
    if cls is np.str_:
        return [mark(tags.NUMPY_SCALAR), "U", str.__str__(value)]  # its own way to text drops NULs at the end
    if cls is np.bytes_:
        return [mark(tags.NUMPY_SCALAR), "S", bytes(value)]
    if not _SCALAR.fullmatch(kind) or np.dtype(kind).type is not cls:
        raise SerializationError(f"numpy.{cls.__qualname__} would not come back as it was; convert it, as by np.int64(...)")
    return [mark(tags.NUMPY_SCALAR), kind, value.tobytes()]


def _decoded_scalar(items: list[Any]) -> Any:
    np = library("numpy")
    kind, data = items
    if kind == "U" and type(data) is str:
        return np.str_(data)
    if type(data) is not bytes or type(kind) is not str:
        raise DecodeError("corrupt", "a scalar without its bytes")
    if kind == "S":
        return np.bytes_(data)
    if not _SCALAR.fullmatch(kind) or kind[1] in "SU" or np.dtype(kind).itemsize != len(data):
        raise DecodeError("corrupt", "a scalar of another size")
    octets = np.frombuffer(data, "u1")
    _check(octets, np.dtype(kind))
    return octets.view(kind)[0]
