"""cachekit: one decorator over an in-process L1 and a pluggable L2.

>>> from cachekit import cache
>>> @cache(ttl="5m", backend=None)
... def double(n: int) -> int:
...     return 2 * n
>>> double(4)
8
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _plugins
from .decorator import cache
from .hookspecs import hookimpl

if TYPE_CHECKING:
    from ._report import CacheInfo, Invalidation
    from ._resolve import set_default_backend
    from .signatures import CachedFunction

__all__ = ["CacheInfo", "CachedFunction", "Invalidation", "cache", "hookimpl", "plugin_failures", "set_default_backend"]


def plugin_failures() -> tuple[str, ...]:
    """What installed plugins offered that cannot be used, and why; empty when all is well.

    Example:
        >>> import cachekit
        >>> cachekit.plugin_failures()
        ()
    """
    return tuple(str(failure) for failure in _plugins.registry.failures)


def __getattr__(name: str) -> Any:
    if name in ("CacheInfo", "Invalidation"):
        from . import _report

        return getattr(_report, name)
    if name == "CachedFunction":
        from .signatures import CachedFunction

        return CachedFunction
    if name == "set_default_backend":
        from ._resolve import set_default_backend

        return set_default_backend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_plugins.discover()
