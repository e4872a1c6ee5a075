"""The in-memory reference: every capability, in the fewest lines that keep the contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cachekit.contracts import check_ttl
from cachekit.errors import BackendClosedError, ValueTooLargeError


class MemoryBackend:
    """A backend in a dict, for tests and docs: this process only, and without a bound.

    An expired entry is never served, but its memory is freed only when its key is next set or
    deleted, or at `close`. In a process that lives long, use a real backend: the layer in front
    of it (L1) is already in memory, and bounded.

    It takes no lock, so none can be held at a fork: each verb is one operation on a dict, which the
    interpreter makes atomic, and what it puts there is an immutable pair.

    Parameters:
        clock: returns seconds and never goes backwards; tests pass one that they move.
        max_value_bytes: the most it takes at once, as a memcached does; core splits what is larger.

    Example:
        >>> from cachekit.testing import MemoryBackend
        >>> now = 0.0
        >>> backend = MemoryBackend(clock=lambda: now)
        >>> backend.set("greeting", b"hello", ttl=60)
        >>> backend.get("greeting")
        b'hello'
        >>> now = 60.0
        >>> backend.get("greeting") is None
        True
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_value_bytes: int = 512 << 20) -> None:
        self._clock = clock
        self.max_value_bytes = max_value_bytes
        self._entries: dict[str, tuple[bytes, float]] = {}
        self._closed = False

    def get(self, key: str) -> bytes | None:
        """The bytes last set under *key*, or None when there are none or they expired.

        Raises:
            BackendClosedError: after `close`.
        """
        return self._alive(self._open().get(key))

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Store *value* for *ttl* seconds, a positive finite number, or without expiry when None.

        Raises:
            ValueError: *ttl* is zero, negative, NaN or infinite; nothing is stored.
            ValueTooLargeError: *value* is longer than `max_value_bytes`.
            BackendClosedError: after `close`.
        """
        ttl = check_ttl(ttl)
        if len(value) > self.max_value_bytes:
            raise ValueTooLargeError(f"{len(value)} bytes, and this MemoryBackend takes {self.max_value_bytes}")
        expires = float("inf") if ttl is None else self._clock() + ttl
        # bytes() is free for bytes, and a copy of anything that could still change.
        self._open()[key] = (bytes(value), expires)

    def delete(self, key: str) -> bool:
        """Remove the entry; True if there was one.

        Raises:
            BackendClosedError: after `close`.
        """
        return self._alive(self._open().pop(key, None)) is not None

    def exists(self, key: str) -> bool:
        """Whether `get` would return bytes.

        Raises:
            BackendClosedError: after `close`.
        """
        return self.get(key) is not None

    def health_check(self) -> tuple[bool, Mapping[str, Any]]:
        """True while open, and the number of entries held, expired ones included. Never raises."""
        return not self._closed, {"backend": "memory", "closed": self._closed, "entries": len(self._entries)}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """What `get` returns for each of *keys*, in their order.

        Raises:
            BackendClosedError: after `close`.
        """
        entries = self._open()
        return [self._alive(entries.get(key)) for key in keys]

    def close(self) -> None:
        """Forget everything; every verb but `health_check` raises from now on. Twice is once."""
        self._closed = True
        self._entries = {}

    async def aget(self, key: str) -> bytes | None:
        """`get`, awaited."""
        return self.get(key)

    async def aset(self, key: str, value: bytes, ttl: float | None) -> None:
        """`set`, awaited."""
        self.set(key, value, ttl)

    async def adelete(self, key: str) -> bool:
        """`delete`, awaited."""
        return self.delete(key)

    async def aexists(self, key: str) -> bool:
        """`exists`, awaited."""
        return self.exists(key)

    async def ahealth_check(self) -> tuple[bool, Mapping[str, Any]]:
        """`health_check`, awaited."""
        return self.health_check()

    async def aget_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """`get_many`, awaited."""
        return self.get_many(keys)

    async def aclose(self) -> None:
        """`close`, awaited."""
        self.close()

    def _open(self) -> dict[str, tuple[bytes, float]]:
        if self._closed:
            raise BackendClosedError("this MemoryBackend was closed; make a new one")
        return self._entries

    def _alive(self, entry: tuple[bytes, float] | None) -> bytes | None:
        if entry is None or self._clock() >= entry[1]:
            return None
        return entry[0]
