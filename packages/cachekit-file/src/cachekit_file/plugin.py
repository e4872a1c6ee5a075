"""The hook implementations, and nothing else: imported with cachekit, so it imports neither SQLite nor pydantic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cachekit import hookimpl
from cachekit.contracts import BackendSpec

if TYPE_CHECKING:
    from .backend import FileBackend
    from .settings import FileBackendConfig


def _settings() -> type[FileBackendConfig]:
    from .settings import FileBackendConfig

    return FileBackendConfig


def _create(settings: FileBackendConfig) -> FileBackend:
    from .backend import FileBackend

    return FileBackend(settings)


@hookimpl
def cachekit_register_backends() -> Sequence[BackendSpec]:
    """The backend named ``file``."""
    return [BackendSpec(name="file", api_version=1, settings=_settings, factory=_create, variables=("CACHEKIT_FILE_CACHE_DIR",))]
