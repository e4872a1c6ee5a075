"""The verbs."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr, ValidationError

from cachekit.config import load_settings
from cachekit.errors import BackendError, ConfigurationError, PermanentBackendError

from . import _commands
from ._address import parse
from ._clients import Clients
from ._commands import Answer, Command
from ._errors import translated
from .settings import RedisBackendConfig


class RedisBackend:
    """A Redis or Valkey server as a cachekit backend, for threads and natively for event loops.

    It connects at its first use, with at most ``connection_pool_size`` connections for all threads of
    a process and as many for each event loop; a call that finds none free waits ``socket_timeout``
    seconds for one. An event loop's connections are closed with the loop. It may be made before a fork
    and used on both sides.

    Parameters:
        config: the settings; None reads them from the environment.

    Raises:
        ConfigurationError: a variable is wrong. The verbs raise `cachekit.errors.BackendError`s only.

    Example:
        >>> from cachekit_redis import RedisBackend
        >>> backend = RedisBackend()
        >>> backend.set("greeting", b"hello", ttl=60)
        >>> backend.get("greeting")
        b'hello'
        >>> backend.close()
    """

    max_value_bytes = _commands.MAX_VALUE_BYTES

    def __init__(self, config: RedisBackendConfig | None = None) -> None:
        if not isinstance(config, RedisBackendConfig | None):
            raise ConfigurationError("RedisBackend() takes a RedisBackendConfig; for a URL there is RedisBackend.from_url(url)")
        self._config = config or load_settings(RedisBackendConfig)
        self._address = parse(self._config.url.get_secret_value())
        self._clients = Clients(self._config, self._address)
        _backends.add(self)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> RedisBackend:
        """A backend for *url*.

        Parameters:
            url: ``redis://``, ``rediss://`` or ``unix://``, as in `RedisBackendConfig`.
            options: that class's other fields; what is left out comes from the environment.

        Raises:
            ConfigurationError: the URL or an option is wrong.

        Example:
            >>> from cachekit_redis import RedisBackend
            >>> RedisBackend.from_url("redis://localhost/2", socket_timeout=0.5)
            RedisBackend('localhost:6379 (database 2)')
        """
        try:
            return cls(RedisBackendConfig(url=SecretStr(url), **options))
        except ValidationError as error:
            wrong = (f"{_argument(e['loc'])}: {e['msg'].replace('Value error, ', 'takes ')}" for e in error.errors(include_url=False))
            raise ConfigurationError(f"RedisBackend.from_url: {'; '.join(wrong)}") from None

    def __repr__(self) -> str:
        return f"RedisBackend({str(self._address)!r})"

    def get(self, key: str) -> bytes | None:
        """The bytes last set, or None."""
        return self._run(_commands.get(key))

    async def aget(self, key: str) -> bytes | None:
        """`get`, natively."""
        return await self._arun(_commands.get(key))

    def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """The values of *keys* in their order, in one round trip."""
        self._clients.check_open()
        return self._run(_commands.get_many(keys)) if keys else []

    async def aget_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """`get_many`, natively."""
        self._clients.check_open()
        return await self._arun(_commands.get_many(keys)) if keys else []

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Store *value* for *ttl* seconds, to the millisecond and at least one, or without expiry when None."""
        self._run(_commands.set(key, value, ttl))

    async def aset(self, key: str, value: bytes, ttl: float | None) -> None:
        """`set`, natively."""
        await self._arun(_commands.set(key, value, ttl))

    def delete(self, key: str) -> bool:
        """Remove the entry; True if there was one."""
        return self._run(_commands.delete(key))

    async def adelete(self, key: str) -> bool:
        """`delete`, natively."""
        return await self._arun(_commands.delete(key))

    def exists(self, key: str) -> bool:
        """Whether `get` would return bytes."""
        return self._run(_commands.exists(key))

    async def aexists(self, key: str) -> bool:
        """`exists`, natively."""
        return await self._arun(_commands.exists(key))

    def health_check(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether the server answers, with ``latency_ms`` and ``version``, or ``error``. Never raises."""
        began = time.perf_counter()
        try:
            self._run(_commands.ping())
            latency = time.perf_counter() - began
            try:
                version = self._run(_commands.version())
            except PermanentBackendError:  # a user may be without the right to INFO
                version = "unknown"
        except BackendError as error:
            return False, {"error": str(error)}
        return True, _healthy(latency, version)

    async def ahealth_check(self) -> tuple[bool, Mapping[str, Any]]:
        """`health_check`, natively."""
        began = time.perf_counter()
        try:
            await self._arun(_commands.ping())
            latency = time.perf_counter() - began
            try:
                version = await self._arun(_commands.version())
            except PermanentBackendError:
                version = "unknown"
        except BackendError as error:
            return False, {"error": str(error)}
        return True, _healthy(latency, version)

    def close(self) -> None:
        """End all connections; those of other event loops soon, each in its loop. Once more does nothing."""
        self._clients.close()

    async def aclose(self) -> None:
        """`close`, and wait for the running loop's connections to end."""
        await self._clients.aclose()

    def _run(self, command: Command[Answer]) -> Answer:
        with translated(command.verb, self._address):
            return self._clients.of_threads().execute(command)

    async def _arun(self, command: Command[Answer]) -> Answer:
        with translated(command.verb, self._address):
            client = await self._clients.of_running_loop()
            return await client.execute(command)


def _argument(location: tuple[int | str, ...]) -> str:
    return {"CACHEKIT_REDIS_URL": "url", "REDIS_URL": "url"}.get(str(location[0]), str(location[0])) if location else "options"


def _healthy(latency: float, version: str) -> Mapping[str, Any]:
    return {"latency_ms": round(latency * 1000, 3), "version": version}


_backends: weakref.WeakSet[RedisBackend] = weakref.WeakSet()
_inherited: list[Clients] = []


def _start_anew_in_a_child() -> None:
    for backend in _backends:
        inherited, backend._clients = backend._clients, backend._clients.for_child()
        # Kept, never finalised: to close an inherited asyncio transport would take the parent's socket
        # out of the parent's epoll set, which the child shares.
        _inherited.append(inherited)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_a_child)
