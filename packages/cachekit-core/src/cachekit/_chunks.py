"""Payloads larger than a backend takes in one piece: cut into chunks under keys of their own, and put together again.

Each write has an id of its own in its keys and its chunks, so that two writers never mix, and
a reader of the older entry still finds the older chunks.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from .errors import DecodeError, SerializationError

Buffer = bytes | memoryview
"""Bytes that nobody changes any more; a view saves the copy of a large part of them."""

MAX_CHUNKS = 65_536
"""The most chunks a value may have, so that no manifest makes a reader ask for more."""

_BATCH = 16 << 20  # bytes that are read at once, beside the payload
_MOST_AT_ONCE = 256

_MAGIC = b"\xc5C"
_HEAD = struct.Struct(">2s16sI")  # magic, write id, position
_MANIFEST = struct.Struct(">16sQQ")  # write id, bytes in a chunk, bytes in all


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an entry says of its chunks.

    Parameters:
        write_id: 16 bytes, new for each write.
        size: bytes of the payload in each chunk but the last.
        total: bytes of the payload.
    """

    write_id: bytes
    size: int
    total: int

    @classmethod
    def of(cls, total: int, piece: int) -> Manifest:
        """For a payload of *total* bytes, in entries of at most *piece* bytes.

        Raises:
            SerializationError: these would be more than `MAX_CHUNKS`.
        """
        size = piece - _HEAD.size
        if size < 1 or total > size * MAX_CHUNKS:
            raise SerializationError(f"{total} bytes would need more than {MAX_CHUNKS} chunks of {piece} bytes")
        return cls(os.urandom(16), size, total)

    @classmethod
    def read(cls, data: bytes) -> Manifest:
        """The manifest in *data*.

        Raises:
            DecodeError: it is malformed, or asks for more than `MAX_CHUNKS` chunks.
        """
        if len(data) != _MANIFEST.size:
            raise DecodeError("malformed", "a chunk manifest of the wrong length")
        manifest = cls(*_MANIFEST.unpack(data))
        if not 0 < manifest.size < manifest.total <= manifest.size * MAX_CHUNKS:
            raise DecodeError("malformed", "a chunk manifest that no writer makes")
        return manifest

    def packed(self) -> bytes:
        """What `read` reads."""
        return _MANIFEST.pack(self.write_id, self.size, self.total)

    def keys(self, key: str) -> Iterator[str]:
        """Where the chunks of *key*'s entry are."""
        return (f"{key}:{self.write_id.hex()}:{position}" for position in range(-(-self.total // self.size)))

    def cut(self, payload: memoryview) -> Iterator[bytes]:
        """The chunks, one at a time, so that no second payload is in memory."""
        for position, start in enumerate(range(0, self.total, self.size)):
            yield b"".join((_HEAD.pack(_MAGIC, self.write_id, position), payload[start : start + self.size]))


class Joining:
    """A payload that is put together from its chunks, a batch at a time: each is let go of before the next is read.

    Parameters:
        manifest: what the entry says of them.
        key: the entry's.
    """

    def __init__(self, manifest: Manifest, key: str) -> None:
        self._manifest = manifest
        self._keys = manifest.keys(key)
        self._position = 0
        # The whole room at once: its content is then handed out as it is, where a join would copy it.
        self._room = io.BytesIO()
        self._room.seek(manifest.total - 1)
        self._room.write(b"\0")
        self._room.seek(0)

    def wanted(self) -> tuple[str, ...]:
        """The keys of the next batch; empty when there is none left."""
        return tuple(islice(self._keys, max(1, min(_MOST_AT_ONCE, _BATCH // self._manifest.size))))

    def add(self, chunks: Sequence[bytes | None]) -> None:
        """Take the chunks of a batch.

        Raises:
            DecodeError: one is missing, of another write, out of place, or of the wrong length.
        """
        for chunk in chunks:
            self._room.write(self._content(chunk))
            self._position += 1

    def payload(self) -> bytes:
        """All of it."""
        return self._room.getvalue()

    def _content(self, chunk: bytes | None) -> memoryview:
        manifest, position = self._manifest, self._position
        if chunk is None:
            raise DecodeError("chunk missing", "it was evicted, or never arrived")
        length = _HEAD.size + min(manifest.size, manifest.total - position * manifest.size)
        if type(chunk) is not bytes or len(chunk) != length or chunk[: _HEAD.size] != _HEAD.pack(_MAGIC, manifest.write_id, position):
            raise DecodeError("chunk", "of another write, out of place, or damaged")
        return memoryview(chunk)[_HEAD.size :]
