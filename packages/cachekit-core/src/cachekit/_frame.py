"""The wire frame, version 1: what a backend stores. See docs/reference/frame.md for the bytes.

Every byte read is hostile. Anything that is not understood is a `DecodeError`, never a guess.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import xxhash

from ._chunks import Buffer, Manifest
from .errors import DecodeError

MAGIC = b"\xc5K"
VERSION = 1
NEVER = 2**64 - 1

_FIXED = struct.Struct(">2sBB8sQQQI")  # magic, version, flags, checksum, created, soft, hard, length of fields
_FIELD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")
_SIZE_FIELD = struct.Struct(">BIQ")
_NUMBER = struct.Struct(">Q")
_NO_CHECKSUM = bytes(8)
_CHECKED = 0x01
_CHECKSUM = slice(4, 12)

# Field tags. Those without a name here are reserved for what the reference page says.
_SERIALIZER, _COMPRESSOR, _SIZE, _SCHEMA, _TOKENS, _ENCRYPTOR, _CHUNKS = 1, 2, 3, 4, 5, 8, 12
_UNDERSTOOD = frozenset({_SERIALIZER, _COMPRESSOR, _SIZE, _SCHEMA, _TOKENS, _ENCRYPTOR, _CHUNKS})


class Header(NamedTuple):
    """What a frame says of its payload.

    Parameters:
        created, soft, hard: microseconds since 1970; `NEVER` for no expiry.
        serializer, compressor: the names of what made the payload.
        size: the payload's length in bytes once decompressed.
        tokens: the scope tokens that held when the computation began.
        schema: the fingerprint of the return annotation; empty without one.
        encryptor: the name of what sealed the payload; empty if it is not sealed.
        chunks: where the payload is, if not behind the header.
    """

    created: int
    soft: int
    hard: int
    serializer: str
    compressor: str
    size: int
    tokens: tuple[bytes, ...] = ()
    schema: bytes = b""
    encryptor: str = ""
    chunks: Manifest | None = None


class Opened(NamedTuple):
    """A frame that was read. A payload in chunks is not here yet, and must pass `verify`."""

    header: Header
    payload: memoryview
    raw: bytes  # the header's bytes, with zeros for the checksum
    checksum: bytes | None

    def verify(self, key: str, payload: Buffer) -> None:
        """Raise `DecodeError` unless the checksum, where there is one, is that of *key* and *payload*."""
        if self.checksum is not None and _checksum(self.raw, key, (payload,)) != self.checksum:
            raise _damaged()


def pack(header: Header, key: str, payload: Sequence[Buffer], *, integrity: bool) -> bytes:
    """The frame's first bytes, bound to *key* and *payload* when *integrity* is on. The payload goes behind them, or into chunks."""
    raw = _rendered(header, integrity=integrity)
    if integrity:
        raw = raw[: _CHECKSUM.start] + _checksum(raw, key, payload) + raw[_CHECKSUM.stop :]
    return raw


def associated(header: Header, key: str, *, integrity: bool) -> bytes:
    """What a sealed payload is bound to: the key, and everything its header says but where the chunks are."""
    name = key.encode()
    return _LENGTH.pack(len(name)) + name + _rendered(header._replace(chunks=None), integrity=integrity)


def unpack(data: bytes, key: str, *, integrity: bool) -> Opened:
    """The frame in *data*.

    Raises:
        DecodeError: not a frame, of another version, damaged, written for another key, or
            without a checksum where *integrity* asks for one.
    """
    checked, checksum, times, start = _fixed(data, integrity=integrity)
    raw = data[: _CHECKSUM.start] + _NO_CHECKSUM + data[_CHECKSUM.stop : start]
    payload = memoryview(data)[start:]
    intact = not checked or _checksum(raw, key, (payload,)) == checksum
    try:
        header = _header(*times, _fields(data[_FIXED.size : start]))
    except DecodeError:
        if not intact:
            raise _damaged() from None
        raise
    if header.chunks is None and not intact:
        raise _damaged()
    if header.chunks is not None and payload:
        raise DecodeError("malformed", "a payload beside chunks")
    return Opened(header, payload, raw, checksum if checked else None)


def _fixed(data: bytes, *, integrity: bool) -> tuple[bool, bytes, tuple[int, int, int], int]:
    """Whether there is a checksum, it, the times, and where the payload begins; what stands before the fields."""
    if type(data) is not bytes or len(data) < _FIXED.size or data[:2] != MAGIC:
        raise DecodeError("foreign", "not a cachekit frame")
    _, version, flags, checksum, created, soft, hard, length = _FIXED.unpack_from(data)
    if version != VERSION:
        raise DecodeError("version", f"a frame of version {version}")
    if flags & ~_CHECKED:
        raise DecodeError("not understood", f"flags {flags:#x}")
    checked = bool(flags & _CHECKED)
    if integrity and not checked:
        raise DecodeError("unchecked", "written without a checksum")
    if not checked and any(checksum):
        raise DecodeError("malformed", "a checksum that is not flagged")
    if _FIXED.size + length > len(data):
        raise DecodeError("truncated")
    return checked, checksum, (created, soft, hard), _FIXED.size + length


def _damaged() -> DecodeError:
    return DecodeError("checksum", "damaged, or written for another key")


def _rendered(header: Header, *, integrity: bool) -> bytes:
    """The header's bytes, with zeros for the checksum."""
    fields = _names(header.serializer, header.compressor) + _SIZE_FIELD.pack(_SIZE, 8, header.size)
    if header.schema:
        fields += _field(_SCHEMA, header.schema)
    if header.tokens:
        fields += _field(_TOKENS, b"".join([_LENGTH.pack(len(token)) + token for token in header.tokens]))
    if header.encryptor:
        fields += _field(_ENCRYPTOR, header.encryptor.encode())
    if header.chunks is not None:
        fields += _field(_CHUNKS, header.chunks.packed())
    flags = _CHECKED if integrity else 0
    return _FIXED.pack(MAGIC, VERSION, flags, _NO_CHECKSUM, header.created, header.soft, header.hard, len(fields)) + fields


def _field(tag: int, content: bytes) -> bytes:
    return _FIELD.pack(tag, len(content)) + content


@lru_cache(256)
def _names(serializer: str, compressor: str) -> bytes:
    return _field(_SERIALIZER, serializer.encode()) + _field(_COMPRESSOR, compressor.encode())


def _checksum(raw: bytes, key: str, payload: Sequence[Buffer]) -> bytes:
    name = key.encode()
    digest = xxhash.xxh3_64(b"".join((_LENGTH.pack(len(name)), name, _LENGTH.pack(len(raw)), raw)))
    for buffer in payload:
        digest.update(buffer)
    return digest.digest()


def _header(created: int, soft: int, hard: int, fields: dict[int, bytes]) -> Header:
    try:
        (size,) = _NUMBER.unpack(fields[_SIZE])
        serializer, compressor = fields[_SERIALIZER].decode("ascii"), fields[_COMPRESSOR].decode("ascii")
        encryptor = fields.get(_ENCRYPTOR, b"").decode("ascii")
    except (KeyError, struct.error, UnicodeDecodeError):
        raise DecodeError("malformed", "a field is missing or of the wrong form") from None
    chunks = Manifest.read(fields[_CHUNKS]) if _CHUNKS in fields else None
    tokens = tuple(_tokens(fields.get(_TOKENS, b"")))
    return Header(created, soft, hard, serializer, compressor, size, tokens, fields.get(_SCHEMA, b""), encryptor, chunks)


def _fields(data: bytes) -> dict[int, bytes]:
    """The fields by tag. They come in ascending order, each once and none empty, so one frame has one form."""
    fields: dict[int, bytes] = {}
    offset, last, end = 0, 0, len(data)
    while offset < end:
        start = offset + _FIELD.size
        if start > end:
            raise DecodeError("malformed", "a field is cut short")
        tag, length = _FIELD.unpack_from(data, offset)
        offset = start + length
        if tag not in _UNDERSTOOD:
            raise DecodeError("not understood", f"field {tag}")
        if tag <= last or not length or offset > end:
            raise DecodeError("malformed", "fields out of order, empty or too long")
        fields[tag] = data[start:offset]
        last = tag
    return fields


def _tokens(data: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        if offset + _LENGTH.size > len(data):
            raise DecodeError("malformed", "a token is cut short")
        (length,) = _LENGTH.unpack_from(data, offset)
        offset += _LENGTH.size
        if offset + length > len(data):
            raise DecodeError("malformed", "a token is too long")
        yield data[offset : offset + length]
        offset += length
