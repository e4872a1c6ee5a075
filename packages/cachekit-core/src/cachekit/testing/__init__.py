"""For the tests of whoever uses or extends cachekit: a reference backend, and the suites every plugin passes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend_suite import BackendSuite
    from .compressor_suite import CompressorSuite
    from .memory_backend import MemoryBackend
    from .serializer_suite import SerializerSuite

__all__ = ["BackendSuite", "CompressorSuite", "MemoryBackend", "SerializerSuite"]

# Imported when first asked for, so that MemoryBackend needs no pytest.
_ROOMS = {
    "BackendSuite": "backend_suite",
    "CompressorSuite": "compressor_suite",
    "MemoryBackend": "memory_backend",
    "SerializerSuite": "serializer_suite",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_ROOMS[name]}", __name__), name)
