"""Settings (`CACHEKIT_…` variables, pydantic, read lazily) and the decorator's option groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .groups import L1CacheConfig

if TYPE_CHECKING:
    from .loading import load_settings
    from .settings import CachekitConfig

__all__ = ["CachekitConfig", "L1CacheConfig", "load_settings"]


def __getattr__(name: str) -> Any:
    # pydantic takes longer to import than all of cachekit, so it waits until a setting is read.
    if name == "CachekitConfig":
        from .settings import CachekitConfig

        return CachekitConfig
    if name == "load_settings":
        from .loading import load_settings

        return load_settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
