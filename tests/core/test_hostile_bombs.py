"""Entries of at most two megabytes that unfold, or claim to unfold, to half a gigabyte: a miss, in bounded memory."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pyarrow as pa
import pytest
import zstandard

from cachekit.builtin import tags
from hostile import LIMIT

PATHS = os.pathsep.join(str(Path(__file__).parents[level]) for level in (1, 0))
MIB = 1 << 20
HALF_A_GIGABYTE = 500 * 10**6
LARGEST_ENTRY = 2_200_000
SLACK = 12 * MIB
"""What the interpreter and the libraries take beside values: arenas, lazily made tables, pools."""

# Stores each bomb in place of a function's own entry, its checksum right, and calls the function.
PROGRAM = """
import json, sys
import hostile, pyarrow
from cachekit import cache
from forms import BulkVerbs
from measured import peak, reset_peak, resident

serializer, compressor = sys.argv[1:]
if serializer in ("arrow", "auto"):
    import pandas, polars
value = pyarrow.table({"a": [1]}) if serializer == "arrow" else list(range(300))
backend = BulkVerbs()

@cache(ttl=60, backend=backend, l1_enabled=False, serializer=serializer, compressor=compressor)
def function():
    return value

assert function() == function() == value
assert function.cache_info().l2_hits == 1
key = function.key()
own, start, said = backend.entries[key], resident(), {}
for name, (path, size) in json.load(sys.stdin).items():
    reset_peak()
    backend.entries[key] = hostile.repacked(own, key, open(path, "rb").read(), size=size, compressor=compressor)
    entry, before = len(backend.entries[key]), function.cache_info().unread
    assert function() == value
    after = function.cache_info().unread
    (reason,) = [reason for reason in after if after[reason] > before.get(reason, 0)]
    said[name] = {"reason": reason, "more": peak() - start - entry}
print(json.dumps(said))
"""


def unread(tmp_path: Path, bombs: dict[str, tuple[bytes, int]], *, serializer: str = "std", compressor: str = "zstd") -> dict[str, str]:
    """Why an entry was a miss, for each of *bombs*: a payload, and the bytes that it claims to be. None may take much memory."""
    written = {}
    for number, (name, (payload, size)) in enumerate(bombs.items()):
        assert len(payload) < LARGEST_ENTRY
        (tmp_path / str(number)).write_bytes(payload)
        written[name] = str(tmp_path / str(number)), size
    settings = {"PYTHONPATH": PATHS, "CACHEKIT_MAX_VALUE_SIZE_MB": str(LIMIT // MIB)}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, serializer, compressor]
    ended = subprocess.run(
        command, input=json.dumps(written), capture_output=True, text=True, timeout=100, env=os.environ | settings, check=False
    )
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    said = json.loads(ended.stdout)
    assert {name: each["more"] for name, each in said.items() if each["more"] >= 2 * LIMIT + SLACK} == {}
    return {name: each["reason"] for name, each in said.items()}


# -- compressors -----------------------------------------------------------------------


def zeros(compressor: str) -> bytes:
    """Half a gigabyte of zeros, compressed."""
    made: Any
    if compressor == "gzip":
        made = zlib.compressobj(6, wbits=31)
    elif compressor == "zstd":
        made = zstandard.ZstdCompressor().compressobj(size=HALF_A_GIGABYTE)
    else:
        made = lz4.frame.LZ4FrameCompressor()
    begin = made.begin() if compressor == "lz4" else b""
    return begin + b"".join(made.compress(bytes(10**6)) for _ in range(HALF_A_GIGABYTE // 10**6)) + made.flush()


@pytest.mark.parametrize("compressor", ["zstd", "lz4", "gzip"])
def test_a_compressed_bomb_is_a_miss(tmp_path, compressor):
    """Whether the header tells the truth, or lies within the limit or far beyond it."""
    claims = {"the truth": HALF_A_GIGABYTE, "the limit": LIMIT, "little": 1000, "more than there is": 2**62}
    payload = zeros(compressor)
    reasons = unread(tmp_path, {name: (payload, claim) for name, claim in claims.items()}, compressor=compressor)
    assert reasons == {name: "too large" if claim > LIMIT else "wrong size" for name, claim in claims.items()}


@pytest.mark.parametrize("compressor", ["zstd", "none"])
def test_a_claim_without_the_bytes_is_a_miss(tmp_path, compressor):
    """Half a gigabyte, or all that is allowed, of which a kilobyte is there."""
    payload = bytes(1000)
    if compressor == "zstd":
        began = zstandard.ZstdCompressor().compressobj(size=LIMIT)
        payload = began.compress(payload) + began.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        assert zstandard.frame_content_size(payload) == LIMIT
    reasons = unread(tmp_path, {"too much": (payload, HALF_A_GIGABYTE), "allowed": (payload, LIMIT)}, compressor=compressor)
    assert reasons["too much"] == "too large"
    assert reasons["allowed"] in ("corrupt", "wrong size")


# -- serializers -----------------------------------------------------------------------


def array(unit: bytes, size: int) -> bytes:
    count = (size - 5) // len(unit)
    return b"\xdd" + struct.pack(">I", count) + unit * count


def json_array(unit: bytes, size: int) -> bytes:
    return b"[" + b",".join([unit] * ((size - 2) // (len(unit) + 1))) + b"]"


DENSE: dict[str, tuple[list[str], Callable[[int], bytes]]] = {
    "maps": (["std", "auto", "msgspec"], lambda size: array(b"\x80", size)),
    "arrays": (["std", "auto", "msgspec"], lambda size: array(b"\x90", size)),
    "maps in maps": (["std", "msgspec"], lambda size: array(b"\x81\xa0\x80", size)),
    "deep arrays": (["std", "msgspec"], lambda size: array(b"\x91" * 200 + b"\xc0", size)),
    "array headers": (["std", "msgspec"], lambda size: b"\xdd\x7f\xff\xff\xff" * (size // 5)),
    "sets": (["std", "auto"], lambda size: array(b"\x91\xc7\x00\x02", size)),
    "tuples": (["std", "auto"], lambda size: array(b"\x91\xc7\x00\x01", size)),
    "dicts of pairs": (["std"], lambda size: array(b"\x93\xc7\x00\x05\x01\x02", size)),
    "wide texts": (["std", "msgspec"], lambda size: array(b"\xa5a\xf0\x9f\x98\x80", size)),
    "JSON arrays": (["orjson"], lambda size: json_array(b"[]", size)),
    "JSON objects": (["orjson"], lambda size: json_array(b"{}", size)),
    "deep JSON": (["orjson"], lambda size: json_array(b"[" * 200 + b"]" * 200, size)),
    "JSON texts": (["orjson"], lambda size: json_array(b'""', size)),
}


def packed(data: bytes) -> tuple[bytes, int]:
    return zstandard.ZstdCompressor().compress(data), len(data)


@pytest.mark.parametrize("serializer", ["std", "auto", "msgspec", "orjson"])
def test_dense_forms_are_a_miss(tmp_path, serializer):
    """Data within the limit, packed to some kilobytes, of hundreds of megabytes of objects; and two megabytes of it as they are."""
    forms = {name: make for name, (serializers, make) in DENSE.items() if serializer in serializers}
    assert all(LIMIT - 2000 < len(make(LIMIT)) <= LIMIT for make in forms.values())
    reasons = unread(tmp_path, {name: packed(make(LIMIT)) for name, make in forms.items()}, serializer=serializer)
    plain = {name: (make(2 * 10**6), len(make(2 * 10**6))) for name, make in forms.items() if name in _DENSEST}
    reasons |= unread(tmp_path, plain, serializer=serializer, compressor="none")
    assert set(reasons.values()) <= {"too large", "corrupt"}, reasons


_DENSEST = ("maps", "sets", "JSON objects", "JSON arrays")


def stream(table: Any, **options: Any) -> bytes:
    """A stream by pyarrow's own writer, which does as it is told."""
    metadata = {b"cachekit": b'{"kind":"pyarrow.Table"}'}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.with_metadata(metadata), options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table.replace_schema_metadata(metadata))
    return sink.getvalue().to_pybytes()


def nulls(count: int) -> Any:
    """As `pa.nulls`, which takes a byte for each."""
    return pa.Array.from_buffers(pa.null(), count, [None])


def stored_zeros() -> Any:
    return pa.table({"x": pa.Array.from_buffers(pa.int64(), HALF_A_GIGABYTE // 8, [None, pa.py_buffer(bytes(HALF_A_GIGABYTE))])})


ARROW: dict[str, Callable[[], bytes]] = {
    "a body in lz4": lambda: stream(stored_zeros(), compression="lz4"),
    "a body in zstd": lambda: stream(stored_zeros(), compression="zstd"),
    "nulls": lambda: stream(pa.table({"x": nulls(HALF_A_GIGABYTE)})),
    "a list of nulls": lambda: stream(pa.table({"x": pa.ListArray.from_arrays([0, HALF_A_GIGABYTE], nulls(HALF_A_GIGABYTE))})),
    "2**31 structs": lambda: stream(pa.table({"x": pa.StructArray.from_buffers(pa.struct([]), 2**31 - 1, [None])})),
}


def test_arrow_bombs_are_a_miss(tmp_path):
    """Compressed within, or of rows without bytes; alone, and in what `auto` writes."""
    streams = {name: make() for name, make in ARROW.items()}
    reasons = unread(tmp_path, {name: packed(data) for name, data in streams.items()}, serializer="arrow")
    assert set(reasons.values()) <= {"too large", "not understood"}, reasons
    start = b"\x92\xc7\x00" + bytes([tags.ARROW]) + b"\xc6"
    wrapped = {name: packed(start + struct.pack(">I", len(data)) + data) for name, data in streams.items()}
    assert unread(tmp_path, wrapped, serializer="auto") == reasons
