"""What a plugin provides: the protocols it implements and the specs it registers.

A whole plugin, to copy and fill in (`acme_cache/plugin.py`; the entry point is
``[project.entry-points.cachekit]`` → ``acme = "acme_cache.plugin"``)::

    from cachekit import hookimpl
    from cachekit.contracts import BackendSpec

    def create(settings):
        from .backend import AcmeBackend  # the driver is imported here, not above
        return AcmeBackend()

    @hookimpl
    def cachekit_register_backends():
        return [BackendSpec(name="acme", api_version=1, factory=create)]

A backend is any object with the five verbs of `Backend`; no inheritance. Everything else
is an optional capability with a protocol of its own, which core looks for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

API_VERSION = 1
"""The version of this module's protocols. A spec of another version is refused by name."""

FOREVER = 100 * 365 * 86400.0
"""A hundred years in seconds: backends may store a longer TTL as no expiry."""


# -- backends --------------------------------------------------------------------------


class Backend(Protocol):
    """An L2 store of bytes under short printable keys.

    The verbs may be called from any thread at once. Each raises a subclass of
    `cachekit.errors.BackendError` that says what the failure means; core treats any other
    exception as transient. Keys are printable ASCII of at most 250 bytes when core makes them.
    """

    def get(self, key: str) -> bytes | None:
        """The bytes last set, or None when there are none or they expired."""

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Store *value* for *ttl* seconds (see `check_ttl`), or without expiry when None."""

    def delete(self, key: str) -> bool:
        """Remove the entry; True if there was one."""
        ...

    def exists(self, key: str) -> bool:
        """Whether `get` would return bytes."""
        ...

    def health_check(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether the store answers, and details for people. Never raises, never shows a secret."""
        ...


@runtime_checkable
class AsyncBackend(Protocol):
    """Capability: the five verbs as native coroutines, usable from any running loop."""

    async def aget(self, key: str) -> bytes | None: ...
    async def aset(self, key: str, value: bytes, ttl: float | None) -> None: ...
    async def adelete(self, key: str) -> bool: ...
    async def aexists(self, key: str) -> bool: ...
    async def ahealth_check(self) -> tuple[bool, Mapping[str, Any]]: ...


@runtime_checkable
class BulkReads(Protocol):
    """Capability: read several keys in one round trip, in the order asked."""

    def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]: ...


@runtime_checkable
class AsyncBulkReads(Protocol):
    """Capability: `BulkReads` as a native coroutine."""

    async def aget_many(self, keys: Sequence[str]) -> Sequence[bytes | None]: ...


@runtime_checkable
class Closable(Protocol):
    """Capability: `close()` ends clients and pools, twice if need be.

    After it every verb raises `cachekit.errors.BackendClosedError`, and `health_check` is False.
    """

    def close(self) -> None: ...


@runtime_checkable
class AsyncClosable(Protocol):
    """Capability: `aclose()` does what `close()` does, and awaits the running loop's clients."""

    async def aclose(self) -> None: ...


@runtime_checkable
class LimitedValues(Protocol):
    """Capability: the backend takes values of at most so many bytes; core splits larger ones into chunks."""

    @property
    def max_value_bytes(self) -> int: ...


@runtime_checkable
class LimitedEntries(Protocol):
    """Capability: no value may take more than so many bytes, however it is split; core stores none that does."""

    @property
    def max_entry_bytes(self) -> int: ...


BACKEND_VERBS = ("get", "set", "delete", "exists", "health_check")


def check_ttl(ttl: float | None) -> float | None:
    """Return *ttl* if a backend can take it; every backend's `set` begins with this.

    Parameters:
        ttl: seconds, a positive finite number, or None for no expiry.

    Returns:
        The TTL in seconds, or None when it is None or beyond `FOREVER`.

    Raises:
        ValueError: zero, negative, NaN or infinite.

    Example:
        >>> check_ttl(1.5), check_ttl(None), check_ttl(1e300)
        (1.5, None, None)
    """
    if ttl is None:
        return None
    if not (math.isfinite(ttl) and ttl > 0):
        raise ValueError(f"ttl={ttl!r}: takes a positive number of seconds, or None for no expiry")
    return None if ttl > FOREVER else float(ttl)


# -- values ----------------------------------------------------------------------------


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


# -- specs -----------------------------------------------------------------------------


Made_co = TypeVar("Made_co", covariant=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Spec(Generic[Made_co]):
    """What every spec carries.

    Parameters:
        name: how users name it: lower-case letters, digits, ``_`` and ``-``, up to 64.
        api_version: the `API_VERSION` the plugin was written for, as a number: 1.
        factory: called with the loaded settings (None without a settings class); imports what
            it needs and returns the thing. It is called when the name is first used.
        settings: returns the pydantic-settings class the factory takes; called when the
            plugin is first used, so that importing cachekit imports no pydantic.
    """

    name: str
    api_version: int
    factory: Callable[[Any], Made_co]
    settings: Callable[[], type[Any]] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class BackendSpec(Spec[Backend]):
    """A backend by name. Its factory makes it; it connects at first use.

    Parameters:
        variables: environment variables of its own; any of them set means "configured".
        shared_variables: variables that other software reads too (``REDIS_URL``); they select
            this backend only if no backend's own variable is set.
        works_unconfigured: usable with nothing set (a server on localhost); chosen when
            nothing in the environment names a backend.
    """

    variables: tuple[str, ...] = ()
    shared_variables: tuple[str, ...] = ()
    works_unconfigured: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class SerializerSpec(Spec[Serializer]):
    """A serializer by name.

    Parameters:
        needs_authentication: reading bytes that anybody else wrote would let them run code; it is
            refused without an encryptor. A serializer object says so by an attribute of this name.
    """

    needs_authentication: bool = False


class CompressorSpec(Spec[Compressor]):
    """A compressor by name."""


class EncryptorSpec(Spec[Encryptor]):
    """An encryptor by name."""
