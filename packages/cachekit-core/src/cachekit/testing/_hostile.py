"""Bytes that nobody honest wrote: damaged ones, those of other formats, and those that are to run code."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from collections.abc import Iterator

DEPTH = 1_000_000
_WHOLE, _EDGE, _BETWEEN = 192, 48, 32


def damaged(data: bytes) -> Iterator[tuple[str, bytes]]:
    """*data* with one thing wrong, each with what it is.

    Every offset of up to 192 bytes; of more, the first and last 48 and 32 between.
    """
    size = len(data)
    for at in _offsets(size):
        before, after = data[:at], data[at + 1 :]
        yield f"cut to {at} of {size} bytes", before
        yield f"without byte {at} of {size}", before + after
        for byte in dict.fromkeys([0x00, 0xFF, *(data[at] ^ (1 << bit) for bit in range(8))]):
            yield f"with byte {at} of {size} as {byte:#04x}", before + bytes([byte]) + after
    for name, more in (("a zero byte", b"\x00"), ("a byte 0xff", b"\xff"), ("itself", data), ("a long tail", b"\x00" * 100_000)):
        yield f"with {name} appended", data + more


def _offsets(size: int) -> list[int]:
    if size <= _WHOLE:
        return list(range(size))
    middle = range(_EDGE, size - _EDGE, max(1, (size - 2 * _EDGE) // _BETWEEN))
    return [*range(_EDGE), *middle, *range(size - _EDGE, size)]


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that look random and are the same in each run."""
    return hashlib.shake_256(b"%d" % seed).digest(size)


def foreign() -> Iterator[tuple[str, bytes]]:
    """What other programs write, each with its name."""
    yield from _FOREIGN.items()
    for seed in range(300):
        yield f"noise {seed}", noise(1 + seed % 64, seed)


_FOREIGN = {
    "nothing": b"",
    "a zero byte": b"\x00",
    "text": b"hello",
    "half a JSON text": b'{"a": [1, 2',
    "a JSON number beyond every float": b"1e999",
    "a JSON number of 100,000 digits": b"9" * 100_000,
    "a JSON surrogate": b'"\\ud800"',
    "JSON constants": b"[NaN, Infinity, -Infinity]",
    "JSON in UTF-16": '{"a": 1}'.encode("utf-16"),
    "text that is no UTF-8": b'"\xff\xfe\xfd"',
    "MessagePack of four billion items": b"\xdd\xff\xff\xff\xff\x01",
    "MessagePack of four billion pairs": b"\xdf\xff\xff\xff\xff\xa1a\x01",
    "MessagePack of four billion bytes": b"\xc6\xff\xff\xff\xff\x01",
    "a MessagePack map with a list as key": b"\x81\x91\x01\x02",
    "CBOR of 2**63 items": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
    "gzip": gzip.compress(b"hello", mtime=0),
    "zstd, cut": b"\x28\xb5\x2f\xfd\x20\x05",
    "an Arrow stream, cut": b"\xff\xff\xff\xff\x80\x00\x00\x00",
    "an Arrow file, cut": b"ARROW1\x00\x00\xff\xff\xff\xff",
    "a NumPy file, cut": b"\x93NUMPY\x01\x00v\x00{'descr': '|O'",
    "a pickle of a plain dict": pickle.dumps({"a": 1}),
    "a megabyte of zeros": b"\x00" * (1 << 20),
    "a megabyte of ones": b"\xff" * (1 << 20),
}


def nested() -> Iterator[tuple[str, bytes]]:
    """A million levels, in the formats that nest by a byte or a few."""
    for name, opened, closed in (
        ("JSON lists", b"[", b"]"),
        ("JSON objects", b'{"a":', b"}"),
        ("MessagePack lists", b"\x91", b""),
        ("MessagePack maps", b"\x81\xa1a", b""),
        ("CBOR lists", b"\x81", b""),
        ("CBOR tags", b"\xc1", b""),
        ("TOML or Python lists", b"a = [", b"]"),
        ("YAML lists", b"- ", b""),
    ):
        yield f"{name}, never closed", opened * DEPTH
        yield f"{name}", opened * DEPTH + b"1" + closed * DEPTH
        yield f"{name}, in MessagePack", opened * DEPTH + b"\xc0"


sprung: list[str] = []
"""Grows when bytes made by `baits` have run code."""


def spring(*arguments: object) -> str:
    """What the baits call."""
    sprung.append("ran")
    return "sprung"


class _Bait:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return spring, ()


def baits() -> Iterator[tuple[str, bytes]]:
    """Bytes that call `spring` where somebody reads them by a format that runs code."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"a pickle of protocol {protocol}", pickle.dumps(_Bait(), protocol)
        yield f"a pickle of protocol {protocol} in a list", pickle.dumps([_Bait()], protocol)
    called = f"{spring.__module__}.{spring.__qualname__}"
    yield "YAML", f"!!python/object/apply:{called} []".encode()
    yield "jsonpickle", f'{{"py/reduce": [{{"py/function": "{called}"}}, {{"py/tuple": []}}]}}'.encode()
    yield "Python", f"__import__({spring.__module__!r}, fromlist=['spring']).spring()".encode()
