"""The compressors that come with cachekit, to make and pass as ``compressor=``; each also goes by its name.

Example:
    >>> from cachekit import cache
    >>> from cachekit.compressors import GzipCompressor
    >>> @cache(ttl=60, backend=None, compressor=GzipCompressor(level=9))
    ... def double(n: int) -> int:
    ...     return 2 * n
    >>> double(21)
    42
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builtin.gzipped import GzipCompressor
    from .builtin.lz4_frame import Lz4Compressor
    from .builtin.none import NoCompressor
    from .builtin.zstd import ZstdCompressor

__all__ = ["GzipCompressor", "Lz4Compressor", "NoCompressor", "ZstdCompressor"]

_ROOMS = {"GzipCompressor": "gzipped", "Lz4Compressor": "lz4_frame", "NoCompressor": "none", "ZstdCompressor": "zstd"}


def __getattr__(name: str) -> Any:
    # Each brings its library with it, so it waits until it is asked for.
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".builtin.{_ROOMS[name]}", __package__), name)
