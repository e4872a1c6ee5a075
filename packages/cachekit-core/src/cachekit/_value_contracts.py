"""What turns values into bytes: the protocols, and the optional capabilities. `cachekit.contracts` is where they are imported from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable


class Named(Protocol):
    """Has a name of lower-case letters, digits, ``_`` and ``-``, up to 64."""

    @property
    def name(self) -> str: ...


class Serializer(Named, Protocol):
    """Values to bytes and back. `name` is written into each frame."""

    def dumps(self, value: Any) -> bytes:
        """Encode *value*, or raise `SerializationError` if it could not come back as it was."""
        ...

    def loads(self, data: bytes) -> Any:
        """Decode hostile *data*, or raise `DecodeError`."""


@runtime_checkable
class BufferedSerializer(Protocol):
    """Capability of a serializer: large buffers (arrays, bytes) are neither joined nor cut out, which saves a copy of each."""

    def dumps_buffers(self, value: Any) -> Sequence[bytes | memoryview]:
        """`dumps` in pieces, whose concatenation it returns. A view stays as it is until the frame is made."""
        ...

    def loads_buffer(self, data: memoryview) -> Any:
        """`loads` of a view of contiguous, read-only bytes. The value may keep the view."""


@runtime_checkable
class AnnotatedSerializer(Protocol):
    """Capability of a serializer: a function's return annotation tells it which types to give back."""

    def for_annotation(self, annotation: Any) -> Serializer:
        """A serializer, of the same name, for values of the evaluated *annotation*; or `ConfigurationError`."""
        ...


@runtime_checkable
class LossyAnnotations(Protocol):
    """Capability of a serializer: it is asked when a function is decorated, and may raise `ConfigurationError`."""

    def lossy(self, annotation: Any) -> str | None:
        """Why no value of the evaluated *annotation* could be cached, and what to do instead; or None."""


@runtime_checkable
class PlainReads(Protocol):
    """Capability of a serializer: data of an older schema, as plain values, for ``migrate=``."""

    def loads_plain(self, data: bytes) -> Any:
        """`loads` with a dict of its fields for every instance of an annotated class."""


class Compressor(Named, Protocol):
    """Bytes to fewer bytes and back. `name` is written into each frame."""

    def compress(self, data: bytes) -> bytes:
        """Compress *data*; the result may be larger, and is then not used."""
        ...

    def decompress(self, data: bytes, size: int) -> bytes:
        """Restore exactly *size* bytes, allocating no more, or raise `DecodeError`."""
        ...


@runtime_checkable
class ViewReads(Protocol):
    """Capability of a compressor: `decompress` takes a view of bytes too, which saves a copy of them."""

    @property
    def reads_views(self) -> bool:
        """True."""
        ...


class Encryptor(Named, Protocol):
    """Bytes to sealed bytes and back. `name` is written into each frame."""

    def encrypt(self, data: bytes, associated: bytes) -> bytes:
        """Seal *data*, bound to *associated*."""
        ...

    def decrypt(self, data: bytes, associated: bytes) -> bytes:
        """Open what `encrypt` sealed, or raise `DecodeError`."""
        ...
