"""Pieces of decompressed data made one, without a second copy of them all."""

from __future__ import annotations

import io
from collections.abc import Iterable

from ..errors import DecodeError

PIECE = 256 << 10
"""Bytes that a decompressor is asked for at once."""


def gathered(pieces: Iterable[bytes], size: int, most: int) -> bytes:
    """The *pieces* joined, if they make exactly *size* bytes; no more are taken, and none if they cannot make more than *most*."""
    if size > most:
        raise DecodeError("wrong size", f"it cannot unfold to the frame's {size} bytes")
    buffer = io.BytesIO()
    left = size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise DecodeError("wrong size", f"it unfolds to more than the frame's {size} bytes")
        if buffer.tell() == 0 and left > 0:
            # The whole buffer at once: its content is then handed out as it is, where `join` would copy it.
            buffer.seek(size - 1)
            buffer.write(b"\0")
            buffer.seek(0)
        buffer.write(piece)
    if left:
        raise DecodeError("wrong size", f"it unfolds to {size - left} bytes, the frame says {size}")
    return buffer.getvalue()
