"""What `arrow` converts, refuses, and says."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cachekit.builtin.arrow import ArrowSerializer
from cachekit.contracts import BufferedSerializer
from cachekit.errors import ConfigurationError, DecodeError, SerializationError

arrow = ArrowSerializer()
_DATA = {"n": [1, 2, 3], "x": [0.5, 1.5, 2.5], "s": ["a", "b", "c"]}
SOURCES = {"pandas": pd.DataFrame(_DATA), "polars": pl.DataFrame(_DATA), "pyarrow": pa.table(_DATA)}
CLASSES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.Table}


@pytest.mark.parametrize("wanted", CLASSES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_table_comes_back_in_the_format_asked_for(source, wanted):
    """From each of the three libraries to each, with the same columns and values."""
    back = ArrowSerializer(return_format=wanted).loads(arrow.dumps(SOURCES[source]))
    assert type(back) is CLASSES[wanted]
    assert (
        back.to_pydict() if wanted == "pyarrow" else back.to_dict("list") if wanted == "pandas" else back.to_dict(as_series=False)
    ) == _DATA


def test_nulls_and_nested_columns_come_to_pandas():
    """As nullable and as Arrow dtypes, and such a frame can be written to."""
    frame = pl.DataFrame(
        {"i": [1, None], "b": [True, None], "f": [0.5, None], "l": [[1], None], "c": pl.Series(["x", None], dtype=pl.Categorical)}
    )
    back = ArrowSerializer(return_format="pandas").loads(arrow.dumps(frame))
    assert list(map(str, back.dtypes)) == ["Int64", "boolean", "float64", "large_list<item: int64>[pyarrow]", "category"]
    assert back["i"][0] == 1 and back["i"].isna()[1] and back["l"][0] == [1]
    back.iloc[0, 2] = 9.0
    back["i"] += 1
    assert (back.iloc[0, 2], back["i"][0]) == (9.0, 2)


def test_a_series_converts_to_a_series():
    """Of pandas and polars alike; pyarrow has tables only."""
    assert type(ArrowSerializer(return_format="polars").loads(arrow.dumps(pd.Series([1], name="n")))) is pl.Series
    assert type(ArrowSerializer(return_format="pandas").loads(arrow.dumps(pl.Series("n", [1])))) is pd.Series
    assert type(ArrowSerializer(return_format="pyarrow").loads(arrow.dumps(pd.Series([1], name="n")))) is pa.Table


@pytest.mark.parametrize("source", SOURCES)
def test_the_bytes_are_a_stream_that_anybody_reads(source):
    """pyarrow's own reader, without cachekit, finds the columns under their names."""
    assert pa.ipc.open_stream(arrow.dumps(SOURCES[source])).read_all().to_pydict() == _DATA


@pytest.mark.parametrize(
    "options", [{"return_format": "numpy"}, {"return_format": ""}, {"return_format": 1}, {"max_bytes": 0}, {"max_bytes": "1"}], ids=str
)
def test_a_wrong_option_is_refused_at_once(options):
    """By a text that names the option and what it takes."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))}=.*takes"):
        ArrowSerializer(**options)


_COMPLEX = pd.DataFrame({"n": [1], "z": [1j]})
REFUSED = {
    "complex": (_COMPLEX, "column 'z' of dtype complex128"),
    "period": (pd.DataFrame({"p": pd.period_range("2020", periods=2)}), r"column 'p' of dtype period.*to_timestamp"),
    "interval": (pd.DataFrame({"i": pd.interval_range(0, 2)}), "column 'i' of dtype interval.*two columns"),
    "sparse": (pd.DataFrame({"s": pd.array([0, 1], dtype="Sparse[int]")}), r"column 's' of dtype Sparse.*to_dense"),
    "objects": (pd.DataFrame({"o": [object()]}), r"column 'o' of dtype object.*astype"),
    "mixed": (pd.DataFrame({"o": np.array(["a", 1], object)}), "column 'o' of dtype object"),
    "NaN among text": (pd.Series(["a", np.nan], dtype=object, name="o"), "column 'o' of dtype object"),
    "NaN objects": (pd.DataFrame({"o": np.array([1.0, np.nan], object)}), "column 'o' of dtype object"),
    "str subclass": (pd.Series([np.str_("a")], dtype=object), "dtype object"),
    "large int": (pd.Series(np.array([2**70], object)), "dtype object"),
    "categories": (pd.Series(pd.cut([1, 2], 2)), "dtype interval"),
    "date labels": (pd.DataFrame([[1]], columns=pd.date_range("2020", periods=1)), "column labels of DatetimeIndex"),
    "label levels": (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([(1, 2)])), "column labels of MultiIndex"),
    "interval index": (pd.DataFrame({"a": [1]}, index=pd.interval_range(0, 1)), "index of type IntervalIndex.*reset_index"),
    "tuple name": (pd.Series([1], name=("a", 1)), "name <tuple object>.*rename"),
    "attrs": (pd.DataFrame({"a": [1]}).pipe(lambda f: f.attrs.update(a=(1,)) or f), "attrs"),
    "flags": (pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False), "duplicate labels"),
    "Object": (pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}), "column 'o' of dtype Object"),
    "Int128": (pl.DataFrame({"i": pl.Series([1], dtype=pl.Int128)}), "column 'i' of dtype Int128.*cast"),
    "extension": (pa.table({"u": pa.array([b"0" * 16], pa.uuid())}), "column 'u' has the Arrow type .*cast"),
    "view": (pa.table({"v": pa.array(["a"], pa.string_view())}), "column 'v' has the Arrow type string_view.*cast"),
    "runs": (pa.table({"r": pa.RunEndEncodedArray.from_arrays([2], [1])}), "column 'r' has the Arrow type run_end_encoded.*cast"),
    "rows without columns": (pa.table({"a": [1]}).select([]), "rows without columns"),
    "a subclass": (type("Mine", (pd.DataFrame,), {})(), "Mine is not a table.*return one of these"),
    "an array": (np.zeros(1), "numpy.ndarray is not a table.*serializer='auto'"),
    "a dict": ({"a": [1]}, "builtins.dict is not a table"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_come_back_as_it_was_is_refused(name):
    """By a text that names the column, its dtype, and what to do."""
    value, text = REFUSED[name]
    with pytest.raises(SerializationError, match=text):
        arrow.dumps(value)


def test_what_is_too_large_is_neither_written_nor_read():
    """The limit holds for the bytes, and for what objects, nulls and ranges unfold to."""
    small = ArrowSerializer(max_bytes=10_000)
    for value in (
        pd.Series(np.zeros(2_000)),
        pd.Series(["a"] * 300, dtype=object),
        pl.DataFrame({"n": [None] * 3_000}),
        pd.RangeIndex(3_000),
    ):
        with pytest.raises(SerializationError, match="max_bytes"):
            small.dumps(value)
        with pytest.raises(DecodeError, match="too large"):
            small.loads(arrow.dumps(value))
    same = small.loads(small.dumps(pd.Series(np.zeros(500))))
    assert len(same) == 500


def test_pieces_hold_the_columns_without_joining_them():
    """The serializer has the buffers capability: a view of the columns, and `dumps` is their concatenation."""
    assert isinstance(arrow, BufferedSerializer)
    pieces = arrow.dumps_buffers(SOURCES["pandas"])
    assert b"".join(pieces) == arrow.dumps(SOURCES["pandas"])
    assert any(type(piece) is memoryview for piece in pieces)


def test_numbers_are_written_without_a_copy():
    """A large column is a piece that views the frame's own memory."""
    frame = pd.DataFrame({"n": np.arange(100_000), "x": np.zeros(100_000)})
    pieces = [np.frombuffer(piece, "u1") for piece in arrow.dumps_buffers(frame) if type(piece) is memoryview]
    for name in frame:
        assert any(np.shares_memory(piece, frame[name].to_numpy().view("u1")) for piece in pieces)


def test_polars_and_pyarrow_read_without_a_copy():
    """Their numbers lie in the stored bytes."""
    table = pa.table({"n": np.arange(100_000)})
    data = arrow.dumps(table)
    start = pa.py_buffer(data).address
    assert start <= arrow.loads(data)["n"].chunk(0).buffers()[1].address < start + len(data)


def test_threads_share_one_serializer():
    """Each gets its own frame back."""
    frames = [pd.DataFrame({"n": np.full(1000, i), "s": [str(i)] * 1000}) for i in range(4)]
    wrong: list[int] = []

    def turn(i):
        for _ in range(30):
            if not arrow.loads(arrow.dumps(frames[i])).equals(frames[i]):
                wrong.append(i)

    threads = [threading.Thread(target=turn, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


_WITHOUT = """
import sys
from cachekit.builtin.arrow import ArrowSerializer
from cachekit.builtin.auto import AutoSerializer
assert not {"numpy", "pandas", "polars", "pyarrow"} & set(sys.modules), "imported too early"
data, nested = (bytes.fromhex(line) for line in sys.stdin.read().split())
sys.modules[sys.argv[1]] = None
try:
    print(ArrowSerializer().loads(data))
except Exception as error:
    print(type(error).__name__, error)
try:
    AutoSerializer().loads(nested)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("missing", "extra", "source"), [("pyarrow", "arrow", "polars"), ("pandas", "pandas", "pandas"), ("polars", "polars", "polars")]
)
def test_a_missing_library_is_named_with_the_line_that_installs_it(missing, extra, source):
    """Importing the serializers imports none of them; a frame of one that is missing says what to do."""
    from cachekit.builtin.auto import AutoSerializer

    stdin = f"{arrow.dumps(SOURCES[source]).hex()}\n{AutoSerializer().dumps([SOURCES[source]]).hex()}"
    done = subprocess.run([sys.executable, "-c", _WITHOUT, missing], input=stdin, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert f"pip install 'cachekit-core[{extra}]'" in lines[0]
    assert "BrokenPluginError" in lines[0] if missing == "pyarrow" else "DecodeError not installed" in lines[0]
    assert lines[1].startswith("DecodeError not installed: ") and f"cachekit-core[{extra}]" in lines[1]
