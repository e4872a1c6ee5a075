"""`auto` gives arrays, scalars and frames back exactly as they were, at any nesting, or refuses them; hostile bytes are a `DecodeError`."""

from __future__ import annotations

import dataclasses
import itertools
import math
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import ormsgpack
import pandas as pd
import polars as pl
import pytest

from cachekit.builtin import tags
from cachekit.builtin.auto import AutoSerializer
from cachekit.builtin.std import StdSerializer
from cachekit.errors import DecodeError, SerializationError

auto = AutoSerializer()

WAYS = {
    "whole": lambda value: auto.loads(auto.dumps(value)),
    "in pieces": lambda value: auto.loads_buffer(memoryview(b"".join(auto.dumps_buffers(value)))),
    "unaligned": lambda value: auto.loads_buffer(memoryview(b"." + b"".join(auto.dumps_buffers(value)))[1:]),
    "nested": lambda value: auto.loads(auto.dumps({1: [{"k": (value,)}]}))[1][0]["k"][0],
}
DTYPES = [
    f"{order}{kind}" for order in "<>" for kind in "i2 i4 i8 u2 u4 u8 f2 f4 f8 c8 c16 U1 U7 M8[D] M8[25s] M8[ns] m8[us] M8 m8".split()
]
DTYPES += ["?", "i1", "u1", "S1", "S5", np.longdouble, np.clongdouble]
SHAPES = [(), (0,), (1,), (7,), (2, 0, 3), (3, 4), (2, 3, 4), (300, 301)]


def filled(dtype, shape):
    """An array of many different values of *dtype*, "not a time" and NaN among them."""
    dtype, size = np.dtype(dtype), math.prod(shape)
    if dtype.kind in "SU":
        return np.array(["aé€😀"[i % 4] if dtype.kind == "U" else b"abcd"[i % 4 : i % 4 + 1] for i in range(size)], dtype).reshape(shape)
    values = (np.arange(size) % 1000).astype(dtype)
    if size and dtype.kind in "fcmM":
        values[-1] = "NaT" if dtype.kind in "mM" else np.nan
    return values.reshape(shape)


def same_array(back, value):
    assert type(back) is np.ndarray
    assert (back.dtype.str, back.shape, back.flags.writeable) == (value.dtype.str, value.shape, value.flags.writeable)
    assert back.tobytes() == value.tobytes()
    assert back.flags.aligned
    if value.flags.c_contiguous or value.flags.f_contiguous:
        assert (back.flags.c_contiguous, back.flags.f_contiguous) == (value.flags.c_contiguous, value.flags.f_contiguous)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_an_array_comes_back_as_it_was(dtype, way):
    """Dtype, byte order, shape, order, writability and bytes."""
    for shape, order, writeable in itertools.product(SHAPES, "CF", (True, False)):
        value = np.array(filled(dtype, shape), order=order)
        value.flags.writeable = writeable
        same_array(WAYS[way](value), value)


@pytest.mark.parametrize("way", WAYS)
def test_an_array_that_is_a_view_comes_back(way):
    """Strided, reversed, transposed and broadcast ones."""
    base = np.arange(60_000).reshape(200, 300)
    for value in (
        base[::2, ::3],
        base[::-1],
        base.T,
        base[:, 5],
        base.reshape(20, 10, 300).transpose(2, 0, 1),
        np.broadcast_to(np.int8(3), (4, 5)),
    ):
        back = WAYS[way](value)
        assert np.array_equal(back, value)
        assert (back.dtype, back.flags.writeable) == (value.dtype, value.flags.writeable)


SCALARS = [np.bool_(True), np.int8(-1), np.uint64(2**64 - 1), np.float16(0.1), np.float32(0.1), np.float64(-0.0), np.float64("nan")]
SCALARS += [np.longdouble(1) / 3, np.complex64(1j), np.complex128(2), np.datetime64("NaT"), np.datetime64("2020-01-01", "D")]
SCALARS += [np.datetime64("2020", "25s"), np.timedelta64(3, "ns")]
SCALARS += [np.str_("é\0"), np.str_(""), np.bytes_(b"a\0"), np.bytes_(b"")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_a_scalar_comes_back_as_it_was(value, way):
    """Its type, its unit, its bytes: never a plain Python number or text."""
    back = WAYS[way](value)
    assert type(back) is type(value)
    assert (repr(back), back.dtype.str, bytes(back.data if back.dtype.kind not in "SU" else back.tobytes())) == (
        repr(value), value.dtype.str, bytes(value.data if value.dtype.kind not in "SU" else value.tobytes()),
    )  # fmt: skip


@dataclasses.dataclass
class Result:
    name: str
    weights: np.ndarray
    table: pd.DataFrame


def test_arrays_and_frames_come_back_in_annotated_dataclasses():
    """Beside whatever else `std` and a return annotation know."""
    value = Result("r", np.arange(3, dtype="u1"), pd.DataFrame({"a": [1]}))
    typed = auto.for_annotation(dict[str, Result])
    back = typed.loads(typed.dumps({"k": value}))["k"]
    assert (typed.name, type(back), back.name) == ("auto", Result, "r")
    same_array(back.weights, value.weights)
    pd.testing.assert_frame_equal(back.table, value.table)


def test_what_std_writes_auto_writes_too():
    """The same bytes for plain values, and back."""
    for value in (None, 1, "a", [1, (2, {3})], {1: b"x" * 100_000}, b"x" * 100_000):
        assert auto.dumps(value) == StdSerializer().dumps(value) == b"".join(auto.dumps_buffers(value))
        assert auto.loads(auto.dumps(value)) == value


REFUSED = {
    "objects": (np.array([1, None]), "dtype object.*astype"),
    "records": (np.zeros(2, "i4,f8"), "dtype .*f0.*astype"),
    "void": (np.zeros(2, "V3"), "dtype .*V3.*astype"),
    "variable text": (np.array(["a"], np.dtypes.StringDType()), "dtype StringDType.*astype"),
    "dtype metadata": (np.zeros(1, np.dtype("f8", metadata={"a": 1})), "metadata"),
    "matrix": (np.zeros((1, 1)).view(np.matrix), r"numpy.matrix .*np.asarray"),
    "masked": (np.ma.array([1], mask=[1]), r"MaskedArray .*np.asarray"),
    "recarray": (np.recarray((1,), "i4,i4"), r"numpy.recarray .*np.asarray"),
    "own subclass": (np.zeros(1).view(type("Mine", (np.ndarray,), {})), "Mine"),
    "void scalar": (np.zeros(1, "i4,i4")[0], "numpy.void"),
    "longlong": (np.longlong(1), "numpy.longlong.*np.int64"),
    "a generator": (np.random.default_rng(), "Generator"),
    "a dtype": (np.dtype("i4"), "Int32DType"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("way", WAYS)
def test_what_would_not_come_back_as_it_was_is_refused(name, way):
    """By a text that names the type and what to do, alone and nested."""
    value, text = REFUSED[name]
    with pytest.raises(SerializationError, match=text):
        WAYS[way](value)


@pytest.mark.parametrize("dtype", ["f8", "M8[ns]", ">i4", "U4", "?"])
def test_a_large_array_is_copied_at_most_once(dtype):
    """No copy on its way out; one on its way in if it can be written to, none if it cannot."""
    for writeable in (True, False):
        value = filled(dtype, (1 << 18,))
        value.flags.writeable = writeable
        tracemalloc.start()
        try:
            header, data = auto.dumps_buffers(value)
            out = tracemalloc.get_traced_memory()[1]
            stored = memoryview(bytes(header) + bytes(data))
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            back = auto.loads_buffer(stored)
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        same_array(back, value)
        assert out < 20_000
        assert np.shares_memory(np.frombuffer(data, "u1"), value.view("u1"))
        assert peak < value.nbytes * writeable + 20_000
        assert np.shares_memory(back.view("u1"), np.frombuffer(stored, "u1")) is not writeable


def packed(tag, *items):
    return ormsgpack.packb([ormsgpack.Ext(tag, b""), *items])


HOSTILE = {
    "negative dimension": packed(tags.NDARRAY, "<i4 C rw -1", b""),
    "product that overflows": packed(tags.NDARRAY, "<i4 C rw 4611686018427387904,4", b""),
    "huge and empty": packed(tags.NDARRAY, "<i4 C rw 9999999999999999999,0", b""),
    "too many dimensions": packed(tags.NDARRAY, "<i1 C rw " + ",".join("1" * 65), b"\1"),
    "longer than its bytes": packed(tags.NDARRAY, "<i4 C rw 3", b"1234"),
    "shorter than its bytes": packed(tags.NDARRAY, "<i4 C rw 1", b"12345678"),
    "objects": packed(tags.NDARRAY, "|O C rw 1", b"12345678"),
    "records": packed(tags.NDARRAY, "i4,i4 C rw 1", b"12345678"),
    "a name": packed(tags.NDARRAY, "float64 C rw 1", b"12345678"),
    "nothing a value": packed(tags.NDARRAY, "<U0 C rw 1000000000", b""),
    "digits of another script": packed(tags.NDARRAY, "<i4 C rw \u0661", b"1234"),
    "a unit of none": packed(tags.NDARRAY, "<M8[0s] C rw 1", b"12345678"),
    "a bool of 2": packed(tags.NDARRAY, "|b1 C rw 2", b"\1\2"),
    "no character": packed(tags.NDARRAY, "<U1 C rw 1", b"\0\0\x11\0"),
    "no character, big-endian": packed(tags.NDARRAY, ">U1 C rw 1", b"\0\x11\0\0"),
    "text for bytes": packed(tags.NDARRAY, "<i4 C rw 1", "1234"),
    "no layout": packed(tags.NDARRAY, b"1234"),
    "bytes for layout": packed(tags.NDARRAY, b"<i4 C rw 1", b"1234"),
    "a scalar too short": packed(tags.NUMPY_SCALAR, "<i4", b"123"),
    "a scalar too long": packed(tags.NUMPY_SCALAR, "<i4", b"12345678"),
    "a bool scalar of 2": packed(tags.NUMPY_SCALAR, "|b1", b"\2"),
    "an object scalar": packed(tags.NUMPY_SCALAR, "|O", b"12345678"),
    "a text scalar of bytes": packed(tags.NUMPY_SCALAR, "U", b"a"),
    "no frame": packed(tags.ARROW, b"nothing"),
    "a frame of text": packed(tags.ARROW, "nothing"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_arrays_are_refused(name):
    """Alone and nested: a `DecodeError`, and nothing else."""
    for data in (HOSTILE[name], b"\x92\x01" + HOSTILE[name]):
        for load in (auto.loads, lambda data: auto.loads_buffer(memoryview(data))):
            with pytest.raises(DecodeError):
                load(data)


def test_every_damaged_byte_is_a_value_or_a_decode_error():
    """Each bit turned, each end cut off, of a value that holds all kinds."""
    data = auto.dumps([np.array([[1.5, 2]]), np.array(["é"]), np.array([True]), np.float32(1), np.str_("a"), pl.DataFrame({"a": [1]})])
    survived = 0
    for damaged in itertools.chain(
        (data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :] for i in range(len(data)) for bit in range(8)),
        (data[:end] for end in range(len(data))),
    ):
        try:
            repr(auto.loads(damaged))
            survived += 1
        except DecodeError:
            continue
    assert survived < len(data) * 8


def test_many_small_claims_do_not_add_up_beyond_the_limit():
    """What all the arrays and frames of one value take together is bounded."""
    small = AutoSerializer(max_bytes=100_000)
    frame = auto.dumps([pl.DataFrame({"n": [None] * 10_000})] * 5)
    with pytest.raises(DecodeError, match="too large"):
        small.loads(frame)
    assert len(small.loads(auto.dumps([pl.DataFrame({"n": [None] * 10_000})]))) == 1
    with pytest.raises(SerializationError, match="100000"):
        small.dumps_buffers(np.zeros(100_000))
    with pytest.raises(DecodeError, match="too large"):
        small.loads(auto.dumps(np.zeros(100_000)))


def test_threads_share_one_serializer():
    """Each gets its own value back, whatever the others read meanwhile."""
    small = AutoSerializer(max_bytes=100_000)
    wrong = []

    def turn(i):
        value = [np.full(5_000, i), np.full(3_000, i)]
        for _ in range(50):
            if not all(np.array_equal(*pair) for pair in zip(small.loads(small.dumps(value)), value, strict=True)):
                wrong.append(i)

    threads = [threading.Thread(target=turn, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nothing_is_imported_before_it_is_needed():
    """Plain values go through `auto` without NumPy; an array's bytes, where it is not installed, say so."""
    script = """if True:
        import sys
        from cachekit.builtin.auto import AutoSerializer
        auto = AutoSerializer()
        assert auto.loads(auto.dumps({1: [b"x" * 100_000]})) == {1: [b"x" * 100_000]}
        assert not {"numpy", "pandas", "polars", "pyarrow"} & set(sys.modules)
        sys.modules["numpy"] = None
        for line in sys.stdin:
            try:
                auto.loads(bytes.fromhex(line))
            except Exception as error:
                print(type(error).__name__, error)
        """
    stdin = "\n".join(auto.dumps(value).hex() for value in (np.zeros(3), [np.int8(1)], np.zeros(20_000)))
    done = subprocess.run([sys.executable, "-c", script], input=stdin, capture_output=True, text=True, check=True)
    said = "DecodeError not installed: this value needs the library numpy, which cannot be imported (ModuleNotFoundError); "
    assert done.stdout.splitlines() == [f"{said}pip install 'cachekit-core[numpy]'"] * 3


def test_an_array_that_only_seems_large_is_refused_before_it_is_copied():
    """Eight bytes broadcast to 320 MB: the size is looked at first, nested or not."""
    seeming = np.broadcast_to(np.zeros(1), (40_000_000,))
    small = AutoSerializer(max_bytes=1 << 20)
    for value in (seeming, [seeming]):
        tracemalloc.start()
        try:
            with pytest.raises(SerializationError, match="320000000 bytes"):
                small.dumps(value)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
