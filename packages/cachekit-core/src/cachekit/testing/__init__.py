"""For the tests of whoever uses or extends cachekit: a reference backend, and the suite every backend passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend_suite import BackendSuite
    from .memory_backend import MemoryBackend

__all__ = ["BackendSuite", "MemoryBackend"]


def __getattr__(name: str) -> Any:
    # Apart, so that MemoryBackend needs no pytest.
    if name == "BackendSuite":
        from .backend_suite import BackendSuite

        return BackendSuite
    if name == "MemoryBackend":
        from .memory_backend import MemoryBackend

        return MemoryBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
