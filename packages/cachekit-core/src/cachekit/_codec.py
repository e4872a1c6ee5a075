"""Values to frames and back: serialize → compress → frame, and the mirror of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _frame, _making
from .contracts import Compressor, Serializer
from .errors import CachekitError, DecodeError, SerializationError

COMPRESS_FROM = 256
"""Bytes. Below about 200, every compressor makes data larger."""

MAX_VALUE_BYTES = 256 << 20
"""What a serialized value may take; a frame that claims more is refused before anything is allocated for it."""

_CLOCK_SKEW = 1_000_000  # microseconds by which another host's clock may be ahead


@dataclass(frozen=True, slots=True)
class Stamp:
    """When an entry was made and until when it holds, in seconds since 1970; None for no expiry."""

    created: float
    ttl: float | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A valid entry: the serialized value, the seconds it has left (None: no expiry), its scope tokens."""

    data: bytes
    remaining: float | None
    tokens: tuple[bytes, ...]


class Codec:
    """One function's way of writing its values.

    Parameters:
        serializer, compressor: what they are made with.
        integrity: whether frames carry a checksum, and are refused without one.
    """

    def __init__(self, serializer: Serializer, compressor: Compressor, *, integrity: bool) -> None:
        self._serializer = serializer
        self._compressor = compressor
        self._integrity = integrity

    def dumps(self, value: Any) -> bytes:
        """Serialize, or raise `SerializationError` whatever the serializer raised."""
        try:
            return _checked(self._serializer.dumps(value), f"serializer {self._serializer.name!r}")
        except SerializationError:
            raise
        # Anybody's serializer: what it raises is a value that was not encoded, never the caller's error.
        except Exception as error:
            raise SerializationError(f"serializer {self._serializer.name!r} raised {type(error).__name__}") from error

    def loads(self, data: bytes) -> Any:
        """Deserialize, or raise `DecodeError` whatever the serializer raised."""
        try:
            return self._serializer.loads(data)
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"serializer {self._serializer.name!r} raised {type(error).__name__}") from None

    def pack(self, data: bytes, key: str, stamp: Stamp, tokens: tuple[bytes, ...]) -> bytes:
        """The frame of serialized *data*, or `SerializationError`."""
        if len(data) > MAX_VALUE_BYTES:
            raise SerializationError(f"{len(data)} bytes, and a value may take {MAX_VALUE_BYTES} once serialized")
        created = _micros(stamp.created)
        hard = _frame.NEVER if stamp.ttl is None else created + _micros(stamp.ttl)
        compressor, payload = "none", data
        if len(data) >= COMPRESS_FROM:
            smaller = self._compressed(data)
            if len(smaller) < len(data):
                compressor, payload = self._compressor.name, smaller
        frame = _frame.Frame(created, hard, hard, self._serializer.name, compressor, len(data), tokens, payload)
        return _frame.pack(frame, key, integrity=self._integrity)

    def _compressed(self, data: bytes) -> bytes:
        named = f"compressor {self._compressor.name!r}"
        try:
            return _checked(self._compressor.compress(data), named)
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(f"{named} raised {type(error).__name__}") from error

    def unpack(self, raw: bytes, key: str, now: Stamp) -> Decoded:
        """The entry in *raw*, if it may be served *now* by a function of that TTL.

        Raises:
            DecodeError: with the reason it may not.
        """
        frame = _frame.unpack(raw, key, integrity=self._integrity)
        moment = _micros(now.created)
        if frame.serializer != self._serializer.name:
            raise DecodeError("serializer", f"written by {frame.serializer!r}, read by {self._serializer.name!r}")
        if frame.hard <= max(moment, frame.created):
            raise DecodeError("expired")
        if frame.created > moment + _CLOCK_SKEW:
            raise DecodeError("future", "made by a clock that is ahead of ours")
        if now.ttl is not None and frame.hard - frame.created > _micros(now.ttl):
            raise DecodeError("outlives", "made to live longer than this function's ttl")
        data = self._decompressed(frame)
        # A clock that went back must not stretch what is left beyond the TTL.
        left = None if frame.hard == _frame.NEVER else min(frame.hard - moment, frame.hard - frame.created) / 1e6
        return Decoded(data, left, frame.tokens)

    def _decompressed(self, frame: _frame.Frame) -> bytes:
        if frame.size > MAX_VALUE_BYTES:
            raise DecodeError("too large", f"it claims {frame.size} bytes")
        if frame.compressor == "none":
            if len(frame.payload) != frame.size:
                raise DecodeError("wrong size")
            return frame.payload
        compressor = self._compressor if frame.compressor == self._compressor.name else _found_compressor(frame.compressor)
        try:
            data = compressor.decompress(frame.payload, frame.size)
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001 - anybody's compressor, over hostile bytes
            raise DecodeError("corrupt", f"compressor {frame.compressor!r} raised {type(error).__name__}") from None
        if type(data) is not bytes or len(data) != frame.size:
            raise DecodeError("wrong size")
        return data


def _checked(data: Any, made_by: str) -> bytes:
    if type(data) is not bytes:
        raise SerializationError(f"{made_by} returned a {type(data).__qualname__}, not bytes")
    return data


def _micros(seconds: float) -> int:
    return max(0, round(seconds * 1_000_000))


def _found_compressor(name: str) -> Compressor:
    """The compressor another writer used; the bytes may name any of those installed."""
    try:
        compressor: Compressor = _making.made("compressor", name)
    except CachekitError:
        raise DecodeError("compressor", f"{name!r} is not installed") from None
    return compressor
