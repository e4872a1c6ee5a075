"""Values to frames and back: serialize → compress → seal → frame, and the mirror of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import _frame, _making
from ._chunks import Buffer, Manifest
from .contracts import BufferedSerializer, Compressor, Encryptor, PlainReads, Serializer, ViewReads
from .errors import CachekitError, DecodeError, SerializationError

_CLOCK_SKEW = 1_000_000  # microseconds by which another host's clock may be ahead
_SEAL = 65_536  # bytes that an encryptor may add
_VIEWED_FROM = 65_536  # bytes; less is cut out, since a view of little keeps much alive


class Stamp(NamedTuple):
    """When an entry was made and until when it holds, in seconds since 1970; None for no expiry."""

    created: float
    ttl: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """In bytes.

    Parameters:
        value: what a serialized value may take; a frame that claims more is refused before anything is allocated for it.
        compress_from: what is smaller is stored as it is.
        piece: what a backend is given at once; a larger frame goes in chunks.
    """

    value: int = 256 << 20
    compress_from: int = 256
    piece: int = 50 << 20


class Packed(NamedTuple):
    """What to write: first the *chunks*, each with its key, then the *entry*."""

    entry: bytes
    size: int
    chunks: Iterable[tuple[str, bytes]] = ()


class Decoded(NamedTuple):
    """A valid entry: the serialized value, the seconds it has left (None: no expiry), and its schema."""

    data: Buffer
    remaining: float | None
    schema: bytes


class Codec:
    """One function's way of writing its values.

    Parameters:
        serializer, compressor, encryptor: what they are made with; without an encryptor they are not sealed.
        integrity: whether frames carry a checksum, and are refused without one.
        schema: the fingerprint of what the function returns; entries of another are refused, unless
        migrate: makes a value of the plain data of an entry of another schema.
        limits: what values, and pieces of them, may take.
    """

    def __init__(
        self,
        serializer: Serializer,
        compressor: Compressor,
        encryptor: Encryptor | None = None,
        *,
        integrity: bool,
        schema: bytes = b"",
        migrate: Callable[[Any], Any] | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._serializer = serializer
        self._buffered = serializer if isinstance(serializer, BufferedSerializer) and _is_whole(type(serializer)) else None
        self._compressor = compressor
        self._encryptor = encryptor
        self._sealed_by = "" if encryptor is None else encryptor.name
        self._integrity = integrity
        self._schema = schema
        self._migrate = migrate
        self.limits = limits

    # -- values ------------------------------------------------------------------------

    def dumps(self, value: Any) -> Sequence[Buffer]:
        """Serialize, in pieces that are joined only once; or raise `SerializationError` whatever the serializer raised."""
        named = f"serializer {self._serializer.name!r}"
        try:
            if self._buffered is None:
                data: Sequence[Buffer] = (_checked(self._serializer.dumps(value), named),)
            else:
                data = self._buffered.dumps_buffers(value)
            size = sum(map(_size, data))
        except SerializationError:
            raise
        except CachekitError as error:  # a library is missing: it says which
            raise SerializationError(str(error)) from None
        # Anybody's serializer: what it raises is a value that was not encoded, never the caller's error.
        except Exception as error:
            raise SerializationError(f"{named} raised {type(error).__name__}") from error
        if size > self.limits.value:
            raise SerializationError(
                f"{size} bytes once serialized, and a value may take {self.limits.value}; see CACHEKIT_MAX_VALUE_SIZE_MB"
            )
        return data

    def loads(self, data: Buffer) -> Any:
        """Deserialize, or raise `DecodeError` whatever the serializer raised."""
        if type(data) is bytes:
            return self._read(self._serializer.loads, data)
        if self._buffered is None:
            return self._read(self._serializer.loads, bytes(data))
        return self._read(self._buffered.loads_buffer, data)

    def value_of(self, entry: Decoded) -> tuple[Any, Sequence[Buffer]]:
        """The value of *entry*, and the data that L1 may hold for it. Raises `DecodeError`."""
        if entry.schema == self._schema or self._migrate is None:
            return self.loads(entry.data), (entry.data,)
        loads_plain = self._serializer.loads_plain if isinstance(self._serializer, PlainReads) else self._serializer.loads
        plain = self._read(loads_plain, bytes(entry.data))
        try:
            value = self._migrate(plain)
            return value, self.dumps(value)
        except Exception as error:  # noqa: BLE001 - a user's function, over data of a program that is gone
            # Its traceback helps, unless its text may tell what was sealed.
            cause = error if self._encryptor is None else None
            raise DecodeError("migrate", f"migrate= raised {type(error).__name__} over an entry of another schema") from cause

    def _read(self, loads: Callable[[Any], Any], data: Buffer) -> Any:
        try:
            return loads(data)
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001
            raise DecodeError("corrupt", f"serializer {self._serializer.name!r} raised {type(error).__name__}") from None

    # -- entries -----------------------------------------------------------------------

    def pack(self, data: Sequence[Buffer], key: str, stamp: Stamp, tokens: tuple[bytes, ...], piece: int | None = None) -> Packed:
        """What to write for serialized *data*; in chunks if it is more than *piece* bytes. Or `SerializationError`."""
        created = _micros(stamp.created)
        hard = _frame.NEVER if stamp.ttl is None else created + _micros(stamp.ttl)
        size = sum(map(_size, data))
        compressor, payload = self._compressed(data, size)
        header = _frame.Header(
            created, hard, hard, self._serializer.name, compressor, size, tokens, self._schema, encryptor=self._sealed_by
        )
        if self._encryptor is not None:
            payload = (self._sealed(self._encryptor, payload, _frame.associated(header, key, integrity=self._integrity)),)
        return self._framed(header, key, payload, min(piece or self.limits.piece, self.limits.piece))

    def _framed(self, header: _frame.Header, key: str, payload: Sequence[Buffer], piece: int) -> Packed:
        total = sum(map(_size, payload))
        head = _frame.pack(header, key, payload, integrity=self._integrity)
        if len(head) + total <= piece:
            entry = b"".join((head, *payload))
            return Packed(entry, len(entry))
        manifest = Manifest.of(total, piece)
        header = header._replace(chunks=manifest)
        head = _frame.pack(header, key, payload, integrity=self._integrity)
        if len(head) > piece:
            raise SerializationError(f"the backend takes {piece} bytes at once, and what says where the chunks are is {len(head)}")
        chunks = zip(manifest.keys(key), manifest.cut(memoryview(_joined(payload))), strict=True)
        return Packed(head, len(head) + total, chunks)

    def _compressed(self, data: Sequence[Buffer], size: int) -> tuple[str, Sequence[Buffer]]:
        named = f"compressor {self._compressor.name!r}"
        if size < self.limits.compress_from or self._compressor.name == "none":
            return "none", data
        try:
            smaller = _checked(self._compressor.compress(_joined(data)), named)
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(f"{named} raised {type(error).__name__}") from error
        return (self._compressor.name, (smaller,)) if len(smaller) < size else ("none", data)

    def _sealed(self, encryptor: Encryptor, payload: Sequence[Buffer], associated: bytes) -> bytes:
        named = f"encryptor {encryptor.name!r}"
        try:
            return _checked(encryptor.encrypt(_joined(payload), associated), named)
        except SerializationError:
            raise
        except Exception as error:  # noqa: BLE001 - its text and its frames may hold what is to be sealed
            raise SerializationError(f"{named} raised {type(error).__name__}") from None

    def open(self, raw: bytes, key: str, now: Stamp) -> _frame.Opened:
        """The frame in *raw*, if it may be served *now* by a function of that TTL.

        Raises:
            DecodeError: with the reason it may not.
        """
        opened = _frame.unpack(raw, key, integrity=self._integrity)
        header = opened.header
        moment = _micros(now.created)
        if header.serializer != self._serializer.name:
            raise DecodeError("serializer", f"written by {header.serializer!r}, read by {self._serializer.name!r}")
        if header.encryptor != self._sealed_by:
            raise DecodeError("encryptor", f"sealed by {header.encryptor or None!r}, read by {self._sealed_by or None!r}")
        if header.hard <= max(moment, header.created):
            raise DecodeError("expired")
        if header.created > moment + _CLOCK_SKEW:
            raise DecodeError("future", "made by a clock that is ahead of ours")
        if now.ttl is not None and header.hard - header.created > _micros(now.ttl):
            raise DecodeError("outlives", "made to live longer than this function's ttl")
        if header.schema != self._schema and self._migrate is None:
            raise DecodeError("schema", "what the function returns was of another form")
        if header.size > self.limits.value:
            raise DecodeError("too large", f"it claims {header.size} bytes; see CACHEKIT_MAX_VALUE_SIZE_MB")
        if header.chunks is not None and header.chunks.total > header.size + _SEAL:
            raise DecodeError("malformed", "more in its chunks than they unfold to")
        return opened

    def unpack(self, opened: _frame.Opened, key: str, now: Stamp, joined: bytes = b"") -> Decoded:
        """The entry that was opened, with the payload that was *joined* from its chunks if it has some.

        Raises:
            DecodeError: with the reason it may not be served.
        """
        header, payload = opened.header, opened.payload
        if header.chunks is not None:
            payload = memoryview(joined)
            opened.verify(key, payload)
        if self._encryptor is not None:
            payload = memoryview(self._unsealed(self._encryptor, payload, _frame.associated(header, key, integrity=self._integrity)))
        # A clock that went back must not stretch what is left beyond the TTL.
        left = None if header.hard == _frame.NEVER else min(header.hard - _micros(now.created), header.hard - header.created) / 1e6
        return Decoded(self._decompressed(header, payload), left, header.schema)

    def _unsealed(self, encryptor: Encryptor, payload: memoryview, associated: bytes) -> bytes:
        try:
            return _checked(encryptor.decrypt(bytes(payload), associated), f"encryptor {encryptor.name!r}")
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001 - anybody's encryptor, over hostile bytes
            raise DecodeError("sealed", f"encryptor {encryptor.name!r} raised {type(error).__name__}") from None

    def _decompressed(self, header: _frame.Header, payload: memoryview) -> Buffer:
        if header.compressor == "none":
            if len(payload) != header.size:
                raise DecodeError("wrong size")
            return bytes(payload) if header.size < _VIEWED_FROM else payload
        compressor = self._compressor if header.compressor == self._compressor.name else _found_compressor(header.compressor)
        try:
            given: Any = payload if isinstance(compressor, ViewReads) else bytes(payload)
            data = compressor.decompress(given, header.size)
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001 - anybody's compressor, over hostile bytes
            raise DecodeError("corrupt", f"compressor {header.compressor!r} raised {type(error).__name__}") from None
        if type(data) is not bytes or len(data) != header.size:
            raise DecodeError("wrong size")
        return data


def _is_whole(cls: type) -> bool:
    """Whether *cls* reads and writes buffers as it reads and writes bytes: a subclass may have changed one way and inherited the other."""

    def depth(name: str) -> int:
        return next(i for i, base in enumerate(cls.__mro__) if name in vars(base))

    return depth("dumps_buffers") <= depth("dumps") and depth("loads_buffer") <= depth("loads")


def _joined(buffers: Sequence[Buffer]) -> bytes:
    return buffers[0] if len(buffers) == 1 and type(buffers[0]) is bytes else b"".join(buffers)


def _size(buffer: Buffer) -> int:
    return buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)


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
