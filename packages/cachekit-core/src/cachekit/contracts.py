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

from ._value_contracts import (
    AnnotatedSerializer as AnnotatedSerializer,
)
from ._value_contracts import (
    BufferedSerializer as BufferedSerializer,
)
from ._value_contracts import (
    Compressor as Compressor,
)
from ._value_contracts import (
    Encryptor as Encryptor,
)
from ._value_contracts import (
    LossyAnnotations as LossyAnnotations,
)
from ._value_contracts import (
    Named as Named,
)
from ._value_contracts import (
    PlainReads as PlainReads,
)
from ._value_contracts import (
    Serializer as Serializer,
)
from ._value_contracts import (
    ViewReads as ViewReads,
)

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
class Broadcasts(Protocol):
    """Capability: short messages that reach every process that uses the store, this one too."""

    def publish(self, message: bytes) -> None:
        """Send *message* to all who subscribed. It may be lost; raises as the verbs do."""

    def subscribe(self, receive: Callable[[bytes], None]) -> None:
        """Call *receive*, from any thread, with each message from now on, for as long as the backend is open."""


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
