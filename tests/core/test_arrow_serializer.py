"""`arrow` gives tables and frames back exactly as they were, to be used as they were, or refuses them."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cachekit.builtin.arrow import ArrowSerializer
from cachekit.builtin.auto import AutoSerializer

arrow = ArrowSerializer()

_INDEX = pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("a", 3)], names=["x", None])
_COLUMNS = {
    **{name: np.array([0, 1, 2], name) for name in ("bool", "i1", "u2", "i4", "u8", "f2", "f4", "f8")},
    "nan": [1.0, float("nan"), -0.0],
    "str": ["a", None, "é"],
    "python str": pd.array(["a", None, ""], dtype=pd.StringDtype("python")),
    "nullable str": pd.array(["a", None, ""], dtype=pd.StringDtype("pyarrow")),
    **{f"M8 {unit}": np.array(["2020-01-01", "NaT", "1969-12-31"], f"M8[{unit}]") for unit in ("s", "ms", "us", "ns")},
    "m8": np.array([1, "NaT", -1], "m8[ms]"),
    "zoned": pd.DatetimeIndex(["2020-01-01", None, "2020-07-01"]).tz_localize("Europe/Oslo"),
    "utc": pd.DatetimeIndex(["2020-01-01", None, "2020-07-01"]).tz_localize("UTC"),
    "offset": pd.DatetimeIndex(["2020-01-01", None, "2020-07-01"]).tz_localize(dt.timezone(dt.timedelta(hours=1))),
    "category": pd.Categorical(["b", None, "a"], categories=["b", "c", "a"], ordered=True),
    "category of int": pd.Categorical([3, 1, 3]),
    **{name: pd.array([1, None, 0], dtype=name) for name in ("Int8", "UInt64", "Float32", "boolean")},
    "arrow": pd.array([dt.date(2020, 1, 1), None, dt.date(1, 1, 1)], dtype=pd.ArrowDtype(pa.date32())),
    "object str": np.array(["a", None, "b"], object),
    "object bytes": np.array([b"a\0", None, b""], object),
    "object bool": np.array([True, None, False], object),
    "object int": np.array([1, None, -(2**63)], object),
    "object float": np.array([1.5, None, -0.0], object),
    "object date": np.array([dt.date(2020, 1, 1), None, dt.date(1, 1, 1)], object),
    "object none": np.array([None, None, None], object),
}
_FRAME = pd.DataFrame({"n": [1, 2, 3], "x": [0.5, 1.5, 2.5], "s": ["a", "b", "c"]})


def _with(**changes):
    frame = _FRAME.copy()
    for name, change in changes.items():
        setattr(frame, name, change)
    return frame


PANDAS = {
    **{name: pd.DataFrame({name: values, "n": [1, 2, 3]}) for name, values in _COLUMNS.items()},
    "lists": pd.DataFrame({"l": pd.array([[1], None, []], dtype=pd.ArrowDtype(pa.list_(pa.int8())))}),
    "all of them": pd.DataFrame(_COLUMNS),
    "no rows": pd.DataFrame(_COLUMNS).iloc[:0],
    "no columns": pd.DataFrame(index=[1, 2]),
    "nothing": pd.DataFrame(),
    "a slice": pd.DataFrame(_COLUMNS).iloc[1:, ::2],
    "reversed": _FRAME[::-1],
    "of one array": pd.DataFrame(np.arange(6.0).reshape(3, 2)),
    "int labels": _with(columns=[3, 1, 2]),
    "mixed labels": _with(columns=["a", 1, None]),
    "one label twice": _with(columns=["a", "a", "b"]),
    "named labels": _FRAME.rename_axis(columns="c"),
    "named index": _FRAME.rename_axis("i"),
    "text index": _with(index=["u", "v", "w"]),
    "object index": _with(index=pd.Index(["u", None, "w"], dtype=object)),
    "range index": _with(index=pd.RangeIndex(10, 4, -2, name="r")),
    "dates": _with(index=pd.date_range("2020-03-28", periods=3, freq="h", tz="Europe/Oslo", name="t")),
    "business days": _with(index=pd.date_range("2020-03-28", periods=3, freq="B")),
    "durations": _with(index=pd.timedelta_range("1h", periods=3)),
    "category index": _with(index=pd.CategoricalIndex(["a", "b", "a"])),
    "levels": _with(index=_INDEX),
    "unused levels": _with(index=_INDEX)[1:],
    "level of a range": _with(index=pd.MultiIndex.from_product([range(3), ["a"]])),
    "attrs": _with(attrs={"unit": "m", "list": [1, 1.5, None, {"a": True}]}),
    **{f"series of {name}": pd.Series(values, name=name) for name, values in _COLUMNS.items()},
    "series by levels": pd.Series([1, 2, 3], index=_INDEX, name=7),
    "index": pd.Index([1, 2], name="i"),
    "index of levels": _INDEX,
}
POLARS = pl.DataFrame({
    "int": pl.Series([1, 2, None], dtype=pl.Int8), "float": [1.0, float("nan"), None], "text": ["a", "é", None], "": [True, False, None],
    "category": pl.Series(["x", "y", None], dtype=pl.Categorical),
    "enum": pl.Series(["x", "y", None], dtype=pl.Enum(["y", "x", "z"])),
    "decimal": [decimal.Decimal("1.20"), None, None],
    "duration": [dt.timedelta(1), None, None], "bytes": [b"a", b"", None],
    "zoned": pl.Series([dt.datetime(2020, 1, 1)] * 3).dt.replace_time_zone("Europe/Oslo"),
    "ms": pl.Series([1, 2, 3]).cast(pl.Datetime("ms")),
    "list": [[1], [], None], "struct": [{"a": 1, "b": "x"}] * 3, "null": [None] * 3,
    "time": [dt.time(1, 2, 3)] * 3, "date": [dt.date(1, 1, 1)] * 3,
    "array": pl.Series([[1, 2], [3, 4], None], dtype=pl.Array(pl.Int8, 2)),
    "enums": pl.Series([["x"], [], None], dtype=pl.List(pl.Enum(["x"]))),
})  # fmt: skip
ARROW = pa.table(
    {
        "a": pa.array([1, None]),
        "c": pa.array(["x", "y"]).dictionary_encode(),
        "m": pa.array([[(1, 2)], None], pa.map_(pa.int8(), pa.int8())),
    },
    metadata={"k": "v"},
)


def ways(serializer):
    """How a value goes there and back."""
    return {
        "whole": lambda value: serializer.loads(serializer.dumps(value)),
        "in pieces": lambda value: serializer.loads_buffer(memoryview(b"".join(serializer.dumps_buffers(value)))),
        "unaligned": lambda value: serializer.loads_buffer(memoryview(b"." + serializer.dumps(value))[1:]),
        "nested": lambda value: AutoSerializer().loads(AutoSerializer().dumps({1: [(value,)]}))[1][0][0],
    }


def same(back, value):
    assert type(back) is type(value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back, value, check_exact=True, check_column_type="exact", check_index_type="exact", check_flags=True)
        assert [type(v) for v in back.columns] == [type(v) for v in value.columns]
        assert back.attrs == value.attrs
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(back, value, check_exact=True, check_index_type="exact")
        assert list(map(type, back)) == list(map(type, value))
    elif isinstance(value, pd.Index):
        pd.testing.assert_index_equal(back, value, exact=True)
    elif isinstance(value, pa.Table | pa.RecordBatch):
        assert back.equals(value, check_metadata=True)
    elif isinstance(value, pl.Series):
        assert back.name == value.name
        assert back.dtype == value.dtype
        assert back.equals(value, null_equal=True)
    else:
        assert back.schema == value.schema
        assert back.equals(value)


@pytest.mark.parametrize("way", ways(arrow))
@pytest.mark.parametrize("name", PANDAS)
def test_pandas_comes_back_as_it_was(name, way):
    """Values, dtypes, index, labels, frequency and attrs, however the bytes travel."""
    same(ways(arrow)[way](PANDAS[name]), PANDAS[name])


@pytest.mark.parametrize("way", ways(arrow))
@pytest.mark.parametrize(
    "value",
    [
        *(POLARS, POLARS[1:], POLARS.clear(), pl.DataFrame(), pl.concat([POLARS, POLARS], rechunk=False), *POLARS.get_columns()),
        *(ARROW, ARROW[1:], ARROW[:0], pa.concat_tables([ARROW, ARROW]), ARROW.to_batches()[0], pa.table({})),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'name', '')}",
)
def test_polars_and_pyarrow_come_back_as_they_were(value, way):
    """Values, dtypes and metadata, however the bytes travel."""
    same(ways(arrow)[way](value), value)


def _edits(frame):
    frame.iloc[0, 0] = 7
    frame["x"] += 1
    frame.loc[frame["n"] > 1, "s"] = "z"
    frame.loc[len(frame)] = [9, 9.5, "new"]
    frame["fresh"] = frame["n"] * 2
    return frame.sort_values("n", ascending=False)


@pytest.mark.parametrize("way", ways(arrow))
@pytest.mark.parametrize("columns", [["n", "x", "s"]])
def test_a_frame_from_the_cache_is_edited_as_any_other(way, columns):
    """What a user does to a frame works on a hit just as on a miss, and changes nothing that is stored."""
    frame = ways(arrow)[way](_FRAME[columns])
    pd.testing.assert_frame_equal(_edits(frame), _edits(_FRAME[columns].copy()))
    data = arrow.dumps(_FRAME)
    _edits(arrow.loads(data))
    assert data == arrow.dumps(_FRAME)


@pytest.mark.parametrize("name", [name for name in PANDAS if name.startswith("series of")])
def test_a_series_from_the_cache_can_be_written_to(name):
    """Of every dtype: the first value may be replaced by the last, and by nothing."""
    back, value = arrow.loads(arrow.dumps(PANDAS[name])), PANDAS[name].copy()
    for series in (back, value):
        series.iloc[0] = series.iloc[2]
        if not isinstance(series.dtype, np.dtype):
            series.iloc[1] = None
    same(back, value)
