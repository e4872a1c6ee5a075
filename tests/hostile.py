"""Values for each serializer, small entries of them, and everything that may be done to these."""

from __future__ import annotations

import datetime as dt
import json
import os
import pickle
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cachekit import _frame
from cachekit.errors import DecodeError
from cachekit.serializers import (
    ArrowSerializer,
    AutoSerializer,
    MsgspecSerializer,
    OrjsonSerializer,
    PickleSerializer,
    StdSerializer,
)
from cachekit.testing._likeness import same

LIMIT = 16 << 20
"""Bytes that a value may take; reading may take twice that."""


class Sealing:
    """AES-256-GCM as somebody's plugin would do it."""

    name = "sealing"

    def encrypt(self, data: bytes, associated: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + AESGCM(bytes(32)).encrypt(nonce, data, associated)

    def decrypt(self, data: bytes, associated: bytes) -> bytes:
        try:
            return AESGCM(bytes(32)).decrypt(data[:12], data[12:], associated)
        except (InvalidTag, ValueError):
            raise DecodeError("sealed") from None


@dataclass
class Order:
    id: int
    items: list[str] = field(default_factory=list)
    parent: Order | None = None


class Struct(msgspec.Struct):
    id: int
    items: set[int]
    text: str = ""


@dataclass(frozen=True)
class Case:
    """What a function returns, by which serializer it is cached, and its annotation and further options."""

    value: Any
    serializer: Any
    returns: Any = Any
    options: dict[str, Any] = field(default_factory=dict)

    def same(self, value: Any) -> bool:
        return same(self.value, value)

    def has_form(self, value: Any) -> bool:
        """Whether bytes that are not the function's own may have given *value*: its serializer makes such."""
        if self.returns is Struct:
            return isinstance(value, Struct)
        return type(value).__module__ in _MADE[self.serializer.name]


_OF_STD = ("builtins", "datetime", "decimal", "uuid", "pathlib", "zoneinfo", __name__)
_TABLES = ("pyarrow.lib", "pandas", "polars.dataframe.frame", "polars.series.series")
_MADE = {"std": _OF_STD, "auto": ("numpy", *_OF_STD, *_TABLES), "arrow": _TABLES, "orjson": ("builtins",)}

CASES = {
    "std": Case([(1, {2}), {3: b"bytes", (): 2**70}, dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "a" * 40], StdSerializer(max_bytes=LIMIT)),
    "std, annotated": Case(Order(1, ["text" * 8], Order(2)), StdSerializer(max_bytes=LIMIT), Order),
    "auto": Case({"x": np.arange(6, dtype="i2").reshape(2, 3), "t": (1,), "s": "a" * 40}, AutoSerializer(max_bytes=LIMIT)),
    "arrow": Case(pa.table({"n": [1, None]}), ArrowSerializer(max_bytes=LIMIT)),
    "orjson": Case({"a": [1, 2.5, None, {"b": True}], "c": "a" * 40}, OrjsonSerializer(max_bytes=LIMIT)),
    "msgspec": Case(Struct(1, {2, 3}, "a" * 40), MsgspecSerializer(max_bytes=LIMIT), Struct),
    "pickle": Case([1, (2,), "a" * 40], PickleSerializer(), Any, {"encryptor": Sealing()}),
}
COMPRESSORS = ("zstd", "lz4", "gzip", "none")


def cached(way: Any, backend: Any, case: Case, **options: Any) -> Any:
    """A function that returns the case's value and has no L1."""
    options = {"ttl": 60, "l1_enabled": False, "serializer": case.serializer} | case.options | options
    return way.cached(lambda _: case.value, returns=case.returns, backend=backend, **options)


# -- what may be done to bytes ---------------------------------------------------------


def bits(data: bytes) -> Iterator[bytes]:
    """Each with one bit turned."""
    for at in range(len(data)):
        for bit in range(8):
            yield data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def cuts(data: bytes) -> Iterator[bytes]:
    """Each beginning but the whole."""
    yield from (data[:end] for end in range(len(data)))


def windows(data: bytes) -> Iterator[bytes]:
    """One, two, four or eight bytes overwritten, wherever that changes them."""
    for size in (1, 2, 4, 8):
        for at in range(len(data) - size + 1):
            for filling in (b"\x00", b"\xff"):
                if data[at : at + size] != filling * size:
                    yield data[:at] + filling * size + data[at + size :]


DAMAGE: dict[str, Callable[[bytes], Iterator[bytes]]] = {"bits": bits, "cuts": cuts, "windows": windows}


def damaged(data: bytes) -> Iterator[bytes]:
    for kind in DAMAGE.values():
        yield from kind(data)


def sample(data: bytes, count: int, seed: int = 1) -> list[bytes]:
    """So many of all that `damaged` makes, the same in each run."""
    every = list(damaged(data))
    return random.Random(seed).sample(every, min(count, len(every)))


class Trap:
    """What runs code when it is unpickled."""

    sprung = 0

    def __reduce__(self) -> Any:
        return (spring, ())


def spring() -> None:
    Trap.sprung += 1


DEPTH = 1_000_000
FOREIGN = {
    "nothing": b"",
    "text": b"hello, world",
    "JSON": json.dumps({"a": [1, 2.5, None]}).encode(),
    "MessagePack": b"\x82\xa1a\x93\x01\x02\x03\xa1b\xc0",
    "a pickle that runs code": pickle.dumps(Trap()),
    "zeros": bytes(200),
    "ones": b"\xff" * 200,
}
DEEP = {
    "nested MessagePack": b"\x91" * DEPTH + b"\xc0",
    "nested maps": b"\x81\xa1a" * DEPTH + b"\xc0",
    "nested tuples": b"\x92\xc7\x00\x01" * DEPTH + b"\xc0",
    "nested extensions": b"\xc9\x7f\xff\xff\xff\x01" * DEPTH,
    "nested JSON": b"[" * DEPTH + b"]" * DEPTH,
    "nested JSON objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "nested pickle": b"\x80\x05" + b"(" * DEPTH + b"t" * DEPTH + b".",
}


def of_version(raw: bytes, key: str, version: int) -> bytes:
    """The entry with another version, and a checksum that is right."""
    fixed = raw[:2] + bytes([version]) + raw[3:]
    return checked(fixed, key)


def checked(raw: bytes, key: str) -> bytes:
    """The entry with the checksum that it should have: what whoever can write to the backend can make."""
    end = 40 + int.from_bytes(raw[36:40], "big")
    zeroed = raw[:3] + b"\x01" + bytes(8) + raw[12:]
    return zeroed[:4] + _frame._checksum(zeroed[:end], key, (zeroed[end:],)) + zeroed[12:]


def repacked(raw: bytes, key: str, payload: bytes, **fields: Any) -> bytes:
    """The entry with another payload, and a checksum that is right."""
    opened = _frame.unpack(raw, key, integrity=False)
    header = opened.header._replace(**fields)
    return _frame.pack(header, key, (payload,), integrity=True) + payload


def payload_of(raw: bytes, key: str) -> bytes:
    return bytes(_frame.unpack(raw, key, integrity=False).payload)
