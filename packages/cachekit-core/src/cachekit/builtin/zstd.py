"""Zstandard. Contexts are reused, one a thread, since they may not be shared."""

from __future__ import annotations

import threading

import zstandard

from ..errors import DecodeError
from ._level import checked_level

_MAX_WINDOW = 8 << 20  # twice what level 9 uses; data that asks for more is refused before it gets it


class ZstdCompressor:
    """The default compressor.

    Parameters:
        level: 1 (fastest) to 9 (smallest).

    Raises:
        ConfigurationError: the level is none of these.

    Example:
        >>> from cachekit.compressors import ZstdCompressor
        >>> zstd = ZstdCompressor(level=3)
        >>> zstd.decompress(zstd.compress(b"a" * 1000), 1000) == b"a" * 1000
        True
    """

    name = "zstd"
    reads_views = True

    def __init__(self, level: int = 6) -> None:
        self._level = checked_level(level)
        self._local = threading.local()

    def compress(self, data: bytes) -> bytes:
        context: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
        if context is None:
            context = self._local.compressor = zstandard.ZstdCompressor(level=self._level)
        return context.compress(data)

    def decompress(self, data: bytes | memoryview, size: int) -> bytes:
        context: zstandard.ZstdDecompressor | None = getattr(self._local, "decompressor", None)
        if context is None:
            context = self._local.decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        try:
            # The library allocates what the data claims, so the claim is checked first.
            if zstandard.frame_content_size(data) != size:
                raise DecodeError("wrong size", f"the compressed data does not claim the frame's {size} bytes")
            return context.decompress(data, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise DecodeError("corrupt", f"zstd: {error}") from None
