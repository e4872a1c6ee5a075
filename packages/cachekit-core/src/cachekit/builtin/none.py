"""The compressor that does not."""

from __future__ import annotations

from ..errors import DecodeError


class NoCompressor:
    """Stores bytes as they are. Example: ``@cache(compressor="none")``."""

    name = "none"

    def compress(self, data: bytes) -> bytes:
        return data

    def decompress(self, data: bytes, size: int) -> bytes:
        if len(data) != size:
            raise DecodeError("wrong size", f"{len(data)} bytes, the frame says {size}")
        return data
