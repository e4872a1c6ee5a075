"""LZ4, in its frame format: blocks alone have no checksum, and unfold to something else unnoticed."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import DecodeError
from ._gathered import PIECE, gathered
from ._level import checked_level
from ._optional import library

_RATIO = 255  # no LZ4 block unfolds further


class Lz4Compressor:
    """Fast to read, at the cost of size. Needs the extra ``cachekit-core[lz4]``.

    Parameters:
        level: 1 to 6 compress fast, with more care the higher; 7 to 9 take several times as
            long for smaller data, which is read just as fast.

    Raises:
        ConfigurationError: the level is none of these, or the library is not installed.

    Example:
        >>> from cachekit.compressors import Lz4Compressor
        >>> lz4 = Lz4Compressor(level=3)
        >>> lz4.decompress(lz4.compress(b"a" * 1000), 1000) == b"a" * 1000
        True
    """

    name = "lz4"
    reads_views = True

    def __init__(self, level: int = 6) -> None:
        self._frame = library("lz4.frame", "the compressor 'lz4'")
        # The library's own scale: below 0 it hurries, from 3 on it searches.
        above = checked_level(level) - 6
        self._level = 3 * above if above > 0 else above

    def compress(self, data: bytes) -> bytes:
        compressed: bytes = self._frame.compress(data, compression_level=self._level, content_checksum=True)
        return compressed

    def decompress(self, data: bytes | memoryview, size: int) -> bytes:
        try:
            return gathered(self._unfolded(memoryview(data)), size, most=_RATIO * len(data))
        except (RuntimeError, ValueError):
            raise DecodeError("corrupt", "lz4: not a sound frame") from None

    def _unfolded(self, data: memoryview) -> Iterator[bytes]:
        context = self._frame.create_decompression_context()
        ended = False
        while not ended:
            piece, read, ended = self._frame.decompress_chunk(context, data, max_length=PIECE)
            if not piece and not read and not ended:
                raise DecodeError("corrupt", "lz4: it ends too early")
            data = data[read:]
            yield piece
        if data:
            raise DecodeError("corrupt", "lz4: data after the end")
