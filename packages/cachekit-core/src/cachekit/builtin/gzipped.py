"""gzip, from the standard library: for readers that know nothing else."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

from ..errors import DecodeError
from ._gathered import PIECE, gathered
from ._level import checked_level

_GZIP = 31  # zlib's number for: a gzip header, the largest window, and a CRC that is checked
_RATIO = 1032  # no deflate stream unfolds further


class GzipCompressor:
    """The standard gzip format, one member, the same bytes for the same data.

    Parameters:
        level: 1 (fastest) to 9 (smallest).

    Raises:
        ConfigurationError: the level is none of these.

    Example:
        >>> from cachekit.compressors import GzipCompressor
        >>> gzip = GzipCompressor(level=3)
        >>> gzip.decompress(gzip.compress(b"a" * 1000), 1000) == b"a" * 1000
        True
    """

    name = "gzip"
    reads_views = True

    def __init__(self, level: int = 6) -> None:
        self._level = checked_level(level)

    def compress(self, data: bytes) -> bytes:
        return gzip.compress(data, self._level, mtime=0)

    def decompress(self, data: bytes | memoryview, size: int) -> bytes:
        try:
            return gathered(_unfolded(data), size, most=_RATIO * len(data))
        except zlib.error as error:
            raise DecodeError("corrupt", f"gzip: {error}") from None


def _unfolded(data: bytes | memoryview) -> Iterator[bytes]:
    stream = zlib.decompressobj(_GZIP)
    rest = memoryview(data)
    while not stream.eof:
        # In slices: what is not consumed is copied each time.
        given: bytes | memoryview = stream.unconsumed_tail
        if not given:
            given, rest = rest[:PIECE], rest[PIECE:]
        piece = stream.decompress(given, PIECE)
        if not given and not piece:
            raise DecodeError("corrupt", "gzip: it ends too early")
        yield piece
    if stream.unused_data or rest:
        raise DecodeError("corrupt", "gzip: data after the end")
