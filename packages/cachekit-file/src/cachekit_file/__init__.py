"""The file backend of cachekit: one SQLite store in a directory of its own, for any number of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend import FileBackend
    from .settings import FileBackendConfig

__all__ = ["FileBackend", "FileBackendConfig"]


def __getattr__(name: str) -> Any:
    # The plugin is imported with cachekit; SQLite and pydantic wait until a backend is made.
    if name == "FileBackend":
        from .backend import FileBackend

        return FileBackend
    if name == "FileBackendConfig":
        from .settings import FileBackendConfig

        return FileBackendConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
