"""Bytes made to harm `arrow`: a `DecodeError` or a table that is safe to use; never a crash, nor more memory than the limit."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cachekit.builtin._flat import Column, message_of
from cachekit.builtin.arrow import ArrowSerializer
from cachekit.errors import DecodeError

arrow = ArrowSerializer()

SMALL = {
    "pandas": pd.DataFrame(
        {"n": [1, 2], "s": ["a", None], "b": [True, False], "c": pd.Categorical(["x", "y"]), "o": np.array(["u", None], object)},
        index=pd.date_range("2020", periods=2),
    ),
    "polars": pl.DataFrame(
        {"n": [1, None], "s": ["a", None], "l": [[1], []], "c": pl.Series(["x", "y"], dtype=pl.Categorical), "z": [None, None]}
    ),
    "pyarrow": pa.table(
        {"n": [1, None], "s": ["a", "b"], "m": pa.array([[(1, "x")], []], pa.map_(pa.int8(), pa.string())), "z": [None, None]}
    ),
}

# The least that goes each of the ways in which a stream is read, of which every bit is turned.
LEAST = {
    "pandas": pd.DataFrame({"n": pd.Series([1, None], dtype="Int8"), "s": ["a", None]}),
    "polars": pl.DataFrame({"l": [["a"]]}),
    "pyarrow": pa.table({"c": pa.array(["x"]).dictionary_encode()}),
}

# Damages each line's bytes in one way, reads them, and uses all of what comes back. A crash ends the process.
_DAMAGE = """
import sys
from cachekit.builtin.arrow import ArrowSerializer
from cachekit.errors import DecodeError
arrow = ArrowSerializer(max_bytes=1 << 20)
def damaged(data, way):
    if way == "bits":
        for at in range(len(data)):
            for bit in range(8):
                yield data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1:]
    elif way == "cuts":
        for at in range(len(data)):
            yield data[:at]
            yield data[at:]
    else:
        for at in range(0, len(data), 8):
            for window in (slice(at, at + 4), slice(at + 4, at + 8), slice(at, at + 8)):
                for filling in (b"\\0", b"\\xff", b"\\x7f"):
                    yield data[:window.start] + filling * len(data[window]) + data[window.stop:]
for line in sys.stdin:
    way, hexed = line.split()
    read = refused = 0
    for bytes_ in damaged(bytes.fromhex(hexed), way):
        try:
            value = arrow.loads_buffer(memoryview(bytes_))
        except DecodeError:
            refused += 1
            continue
        read += 1
        kind = type(value).__module__.partition(".")[0]
        try:
            if kind == "pandas":
                value.to_dict("list"), value.index.tolist(), value.copy().sort_index()
            elif kind == "polars":
                value.to_dicts()
            else:
                value.to_pylist()
        except Exception:
            pass  # a value out of range for Python, as in any table
    print(read, refused, flush=True)
"""


def test_damaged_bytes_never_crash():
    """Every bit turned, every cut, every length overwritten: read in a process of its own, which ends as it should."""
    streams = [("bits", arrow.dumps(value)) for value in LEAST.values()]
    streams += [(way, arrow.dumps(value)) for way in ("cuts", "lengths") for value in SMALL.values()]
    lines = "\n".join(f"{way} {data.hex()}" for way, data in streams)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _DAMAGE], input=lines, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr[-2000:])
    for (way, data), counts in zip(streams, done.stdout.splitlines(), strict=True):
        read, refused = map(int, counts.split())
        assert read + refused == {"bits": 8 * len(data), "cuts": 2 * len(data), "lengths": -(-len(data) // 8) * 9}[way]
        assert refused > 0
        assert way != "cuts" or read == 1  # data[0:], which is whole


def nulls(count):
    """As `pa.nulls`, which takes a byte for each."""
    return pa.Array.from_buffers(pa.null(), count, [None])


def stream(table, about=None, **options):
    """A stream by pyarrow's own writer, which does as it is told."""
    metadata = {b"cachekit": json.dumps({"kind": "pyarrow.Table"} if about is None else about).encode()}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.with_metadata(metadata), options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch.replace_schema_metadata(metadata))
    return sink.getvalue().to_pybytes()


def frame(form, **more):
    return {
        "kind": "pandas.DataFrame",
        "attrs": {},
        "labels": {"name": None, "dtype": "str"},
        "columns": [form],
        "index": {"name": None, "range": [0, 1, 1]},
    } | more


def lying(kind, rows, nulls, *buffers, about=None):
    """A stream of one column, whose header says what its buffers do not hold."""
    metadata = {"cachekit": json.dumps({"kind": "pyarrow.Table"} if about is None else about)}
    head = pa.schema([("x", kind)], metadata=metadata).serialize().to_pybytes()
    return b"".join([head, *message_of(rows, [Column(kind, rows, nulls, buffers)]), b"\xff" * 4 + b"\0" * 4])


_FILE = "dateutil//etc/localtime"
_MOMENT = pa.array([1], pa.timestamp("us"))
_NEVER = {"name": None, "form": ["numpy", "<M8[us]"], "freq": "0D"}
_GROWN = pa.array(["a", "b"]).dictionary_encode()
_MARKED = pa.field("x", pa.int64(), metadata={"ARROW:extension:name": "x"})
_NINE = {"name": None, "range": [0, 9, 1]}
_ONE = pa.table({"x": [1]})
_WORD = pa.array(["a"]).dictionary_encode()
_REPLACED = pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])
_RANGE = {"name": None, "range": [0, 2**62, 1]}
HOSTILE = {
    "compressed by lz4": stream(_ONE, compression="lz4"),
    "compressed by zstd": stream(_ONE, compression="zstd"),
    "of another version": stream(_ONE, metadata_version=pa.ipc.MetadataVersion.V4),
    "a dictionary replaced": stream(pa.table({"x": _REPLACED})),
    "a dictionary that grows": stream(pa.table({"x": pa.chunked_array([_WORD, _GROWN])}), emit_dictionary_deltas=True),
    "an extension": stream(pa.table({"x": pa.array([b"0" * 16], pa.uuid())})),
    "an unknown extension": stream(pa.table([pa.array([1])], schema=pa.schema([_MARKED]))),
    "runs": stream(pa.table({"x": pa.RunEndEncodedArray.from_arrays([2**31 - 1], [1])})),
    "views": stream(pa.table({"x": pa.array(["a"], pa.string_view())})),
    "lists of nothing": stream(pa.table({"x": pa.array([[]], pa.list_(pa.int8(), 0))})),
    "2**31 nulls": stream(pa.table({"x": nulls(2**31 - 1)})),
    "2**31 empty structs": stream(pa.table({"x": pa.StructArray.from_buffers(pa.struct([]), 2**31 - 1, [None])})),
    "no text": stream(pa.table({"x": pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff"))})),
    "indices outside": stream(pa.table({"x": pa.DictionaryArray.from_arrays(pa.array([5]), pa.array(["a"]), safe=False)})),
    "fewer values than rows": lying(pa.int64(), 3, 0, b"", b"\0" * 16),
    "fewer bools than rows": lying(pa.bool_(), 9, 0, b"", b"\1", about=frame(["numpy", "|b1"], index=_NINE)),
    "a bitmap too short": lying(pa.int64(), 9, 1, b"\0", b"\0" * 72),
    "nulls without a bitmap": lying(pa.string(), 1, 1, b"", b"\0" * 8, b""),
    "more buffers than a type has": lying(pa.int64(), 1, 0, b"", b"\0" * 8, b"\0" * 8),
    "offsets that fall": lying(pa.large_string(), 2, 0, b"", struct.pack("<3q", 0, 5, 2), b"abcde"),
    "offsets that fall, of bytes": lying(pa.binary(), 2, 0, b"", struct.pack("<3i", 0, 5, 2), b"abcde"),
    "offsets past the end": lying(pa.large_string(), 1, 0, b"", struct.pack("<2q", 0, 99), b"abc"),
    "offsets below zero": lying(pa.string(), 1, 0, b"", struct.pack("<2i", -9, 3), b"abc"),
    "half a character": lying(pa.large_string(), 2, 0, b"", struct.pack("<3q", 0, 1, 2), "é".encode()),
    "a decimal of more digits": lying(pa.decimal128(3), 1, 0, b"", b"\x7f" * 16),
    "a time after midnight": lying(pa.time32("s"), 1, 0, b"", struct.pack("<i", 90_000)),
    "no kind": stream(_ONE, {"a": 1}),
    "an unknown kind": stream(_ONE, {"kind": "os.system"}),
    "no description": stream(_ONE, []),
    "another dtype": stream(_ONE, frame(["numpy", "<f8"])),
    "objects by name": stream(_ONE, frame(["numpy", "|O"])),
    "a dtype by name": stream(_ONE, frame(["masked", "category"])),
    "a form of no kind": stream(_ONE, frame({"a": 1})),
    "a zone from a file": stream(pa.table({"x": pa.array([1], pa.timestamp("us", _FILE))}), frame(["zoned", "us", _FILE])),
    "too many forms": stream(_ONE, frame(["numpy", "<i8"], columns=[["numpy", "<i8"]] * 2)),
    "an index too long": stream(_ONE, frame(["numpy", "<i8"], index={"name": None, "range": [0, 2, 1]})),
    "a range of 2**62": stream(pa.table({}), frame([], columns=[], index=_RANGE)),
    "labels of 2**62": stream(_ONE, frame(["numpy", "<i8"], labels=_RANGE)),
    "a level of 2**62": stream(pa.table({"x": [1], "i": _WORD}), frame(["numpy", "<i8"], index={"levels": [_RANGE], "names": [None]})),
    "a frequency of none": stream(pa.table({"x": [1], "i": _MOMENT}), frame(["numpy", "<i8"], index=_NEVER)),
    "a list for a name": stream(_ONE, frame(["numpy", "<i8"], index={"name": [1], "range": [0, 1, 1]})),
    "nested metadata": stream(_ONE, {"kind": json.loads("[" * 500 + "]" * 500)}),
    "more after the end": stream(_ONE) + stream(_ONE),
    "no end": stream(_ONE)[:-8],
    "a file": b"ARROW1\0\0" + stream(_ONE),
    "empty": b"",
}  # fmt: skip


@pytest.mark.parametrize("wanted", [None, "pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_streams_are_refused(name, wanted):
    """With a `DecodeError`, whatever they are to come back as (pandas' own description is read for pandas only)."""
    about_pandas = b"pandas.DataFrame" in HOSTILE[name]
    if about_pandas and wanted in ("polars", "pyarrow"):
        wanted = None
    with pytest.raises(DecodeError):
        ArrowSerializer(return_format=wanted).loads(HOSTILE[name])


def test_columns_that_share_one_buffer_are_refused():
    """A thousand columns that are all one buffer would unfold to a thousand."""
    data = arrow.dumps(pa.table({"a": np.full(8, 0xAA), "b": np.full(8, 0xBB)}))
    first, second = struct.pack("<qq", 0, 64), struct.pack("<qq", 64, 64)
    at = data.rindex(second)
    with pytest.raises(DecodeError, match="overlap"):
        arrow.loads(data[:at] + first + data[at + 16 :])


def test_fields_that_share_their_texts_are_refused():
    """A schema whose fields all lead to one long name would unfold to a copy each."""
    long = "n" * 4000
    data = bytearray(arrow.dumps(pa.table({long: [1], "b" * 40: [2], **{f"c{i}": [1] for i in range(30)}})))
    text = data.index(long.encode()) - 4
    led = 0
    for i in range(30):
        name = data.index(f"c{i}\0".encode()) - 4
        for at in range(0, text + 5000, 4):
            if at != name and at + struct.unpack_from("<I", data, at)[0] == name:
                struct.pack_into("<I", data, at, (text - at) % 2**32)
                led += 1
    assert led >= 10
    with pytest.raises(DecodeError):
        arrow.loads(bytes(data))


_GROWTH = """
import sys
from pathlib import Path
import numpy, pandas, polars, pyarrow
from cachekit.builtin.arrow import ArrowSerializer
from cachekit.errors import DecodeError
def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
for path in sys.argv[1:]:
    data = Path(path).read_bytes()
    for wanted in ("pandas", "polars", "pyarrow"):
        before = peak()
        try:
            ArrowSerializer(max_bytes=16 << 20, return_format=wanted).loads(data)
        except DecodeError as error:
            print(Path(path).name, wanted, (peak() - before) >> 10, error.reason)
"""
BOMBS = {
    "zstd": (lambda: stream(pa.table({"x": np.zeros(30 << 20)}), compression="zstd"), "not understood"),
    "lz4": (lambda: stream(pa.table({"x": np.zeros(30 << 20)}), compression="lz4"), "not understood"),
    "nulls": (lambda: stream(pa.table({"x": nulls(500 << 20)})), "too large"),
    "lists": (lambda: stream(pa.table({"x": pa.ListArray.from_arrays([0, 500 << 20], nulls(500 << 20))})), "too large"),
    "bools": (lambda: stream(pa.table({"x": np.zeros(60 << 20, bool)})), "too large"),
}


def test_a_bomb_is_refused_before_it_unfolds(tmp_path):
    """Bodies that claim 240 MB, 500 million nulls: refused, in a process whose memory grows by less than twice the limit."""
    for name, (bomb, _) in BOMBS.items():
        data = bomb()
        assert len(data) < 16 << 20
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in BOMBS]
    done = subprocess.run([sys.executable, "-c", _GROWTH, *paths], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    wanted = ("pandas", "polars", "pyarrow")
    assert [(name, kind, reason) for name, kind, _, reason in lines] == [(n, kind, BOMBS[n][1]) for n in BOMBS for kind in wanted]
    assert max(int(growth) for _, _, growth, _ in lines) < 32
