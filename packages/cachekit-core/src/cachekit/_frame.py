"""The wire frame, version 1: what a backend stores. See docs/reference/frame.md for the bytes.

Every byte read is hostile. Anything that is not understood is a `DecodeError`, never a guess.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import xxhash

from .errors import DecodeError

MAGIC = b"\xc5K"
VERSION = 1
NEVER = 2**64 - 1

_FIXED = struct.Struct(">2sBB8sQQQI")  # magic, version, flags, checksum, created, soft, hard, length of fields
_FIELD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")
_CHECKED = 0x01
_CHECKSUM = slice(4, 12)

# Field tags. Those without a name here are reserved for what the reference page says.
_SERIALIZER, _COMPRESSOR, _SIZE, _TOKENS = 1, 2, 3, 5
_UNDERSTOOD = frozenset({_SERIALIZER, _COMPRESSOR, _SIZE, _TOKENS})


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry.

    Parameters:
        created, soft, hard: microseconds since 1970; `NEVER` for no expiry.
        serializer, compressor: the names of what made the payload.
        size: the payload's length in bytes once decompressed.
        tokens: the scope tokens that held when the computation began.
        payload: serialized, then compressed.
    """

    created: int
    soft: int
    hard: int
    serializer: str
    compressor: str
    size: int
    tokens: tuple[bytes, ...]
    payload: bytes


def pack(frame: Frame, key: str, *, integrity: bool) -> bytes:
    """The bytes of *frame*, bound to *key* when *integrity* is on."""
    fields = b"".join(
        _FIELD.pack(tag, len(content)) + content
        for tag, content in (
            (_SERIALIZER, frame.serializer.encode()),
            (_COMPRESSOR, frame.compressor.encode()),
            (_SIZE, struct.pack(">Q", frame.size)),
            (_TOKENS, b"".join(_LENGTH.pack(len(token)) + token for token in frame.tokens)),
        )
        if content
    )
    flags = _CHECKED if integrity else 0
    header = _FIXED.pack(MAGIC, VERSION, flags, bytes(8), frame.created, frame.soft, frame.hard, len(fields)) + fields
    if integrity:
        checksum = _checksum(header, key, frame.payload)
        header = header[: _CHECKSUM.start] + checksum + header[_CHECKSUM.stop :]
    return header + frame.payload


def unpack(data: bytes, key: str, *, integrity: bool) -> Frame:
    """The frame in *data*.

    Raises:
        DecodeError: not a frame, of another version, damaged, written for another key, or
            written without a checksum where *integrity* asks for one.
    """
    if type(data) is not bytes or len(data) < _FIXED.size or data[:2] != MAGIC:
        raise DecodeError("foreign", "not a cachekit frame")
    _, version, flags, checksum, created, soft, hard, length = _FIXED.unpack_from(data)
    if version != VERSION:
        raise DecodeError("version", f"a frame of version {version}")
    if flags & ~_CHECKED:
        raise DecodeError("not understood", f"flags {flags:#x}")
    start = _FIXED.size + length
    if start > len(data):
        raise DecodeError("truncated")
    if flags & _CHECKED:
        header = data[: _CHECKSUM.start] + bytes(8) + data[_CHECKSUM.stop : start]
        if _checksum(header, key, memoryview(data)[start:]) != checksum:
            raise DecodeError("checksum", "damaged, or written for another key")
    elif integrity:
        raise DecodeError("unchecked", "written without a checksum")
    fields = _fields(data[_FIXED.size : start])
    try:
        (size,) = struct.unpack(">Q", fields[_SIZE])
        serializer, compressor = fields[_SERIALIZER].decode("ascii"), fields[_COMPRESSOR].decode("ascii")
    except (KeyError, struct.error, UnicodeDecodeError):
        raise DecodeError("malformed", "a field is missing or of the wrong form") from None
    return Frame(created, soft, hard, serializer, compressor, size, _tokens(fields.get(_TOKENS, b"")), data[start:])


def _checksum(header: bytes, key: str, payload: bytes | memoryview) -> bytes:
    digest = xxhash.xxh3_64()
    for part in (key.encode(), header):
        digest.update(_LENGTH.pack(len(part)))
        digest.update(part)
    digest.update(payload)
    return digest.digest()


def _fields(data: bytes) -> dict[int, bytes]:
    """The fields by tag. They come in ascending order, each once, so one frame has one form."""
    fields: dict[int, bytes] = {}
    offset, last = 0, 0
    while offset < len(data):
        if offset + _FIELD.size > len(data):
            raise DecodeError("malformed", "a field is cut short")
        tag, length = _FIELD.unpack_from(data, offset)
        offset += _FIELD.size
        if tag not in _UNDERSTOOD:
            raise DecodeError("not understood", f"field {tag}")
        if tag <= last or offset + length > len(data):
            raise DecodeError("malformed", "fields out of order or too long")
        fields[tag] = data[offset : offset + length]
        offset, last = offset + length, tag
    return fields


def _tokens(data: bytes) -> tuple[bytes, ...]:
    tokens: list[bytes] = []
    offset = 0
    while offset < len(data):
        if offset + _LENGTH.size > len(data):
            raise DecodeError("malformed", "a token is cut short")
        (length,) = _LENGTH.unpack_from(data, offset)
        offset += _LENGTH.size
        if offset + length > len(data):
            raise DecodeError("malformed", "a token is too long")
        tokens.append(data[offset : offset + length])
        offset += length
    return tuple(tokens)
