"""The hooks: what cachekit learns about Redis when it is imported. No driver is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cachekit import hookimpl
from cachekit.contracts import BackendSpec

if TYPE_CHECKING:
    from .backend import RedisBackend
    from .settings import RedisBackendConfig


def _settings() -> type[RedisBackendConfig]:
    from .settings import RedisBackendConfig

    return RedisBackendConfig


def _create(settings: RedisBackendConfig) -> RedisBackend:
    from .backend import RedisBackend

    return RedisBackend(settings)


@hookimpl
def cachekit_register_backends() -> Sequence[BackendSpec]:
    """Redis, chosen by its URL, and on localhost when nothing else is configured."""
    return [
        BackendSpec(
            name="redis",
            api_version=1,
            settings=_settings,
            factory=_create,
            variables=("CACHEKIT_REDIS_URL",),
            shared_variables=("REDIS_URL",),
            works_unconfigured=True,
        )
    ]
