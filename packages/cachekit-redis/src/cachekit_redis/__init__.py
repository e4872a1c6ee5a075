"""Redis and Valkey as a cachekit backend, sync and native async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend import RedisBackend
    from .settings import RedisBackendConfig

__all__ = ["RedisBackend", "RedisBackendConfig"]


def __getattr__(name: str) -> Any:
    # The driver and pydantic wait until somebody needs them: discovering the plugin imports this package.
    if name == "RedisBackend":
        from .backend import RedisBackend

        return RedisBackend
    if name == "RedisBackendConfig":
        from .settings import RedisBackendConfig

        return RedisBackendConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
