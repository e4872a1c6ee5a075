"""pandas' DataFrame, Series and Index as Arrow tables and back, exactly or not at all.

The column names and the index are described beside the table, in JSON, and read strictly:
pandas' own metadata would name dtypes and evaluate texts from the stored bytes.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

from ..errors import DecodeError, SerializationError, shown
from ._budget import Budget
from ._columns import adopted, as_array, codes_of, decoded, encoded, fill, plain, plain_dtype, rows_of
from ._optional import pandas, pyarrow

_MOST_KEPT = 4 << 10  # characters of labels that are remembered
_SCALARS = (str, int, float, bool, type(None))


INDEXES = ("Index", "DatetimeIndex", "TimedeltaIndex", "CategoricalIndex")


def to_columns(value: Any, budget: Budget) -> tuple[list[Any], tuple[str, ...], dict[str, Any]]:
    """The columns of a pandas object, their names, and what these do not say of it; or `SerializationError`."""
    kind = type(value).__name__ if type(value).__name__ in ("DataFrame", "Series") else "Index"
    about: dict[str, Any] = {"kind": f"pandas.{kind}"}
    labels: list[Any] = []
    arrays: list[Any] = []
    if kind != "Index":
        about["attrs"] = _attrs(value)
    if kind == "DataFrame":
        about["labels"], labels = _labels(value.columns)
        arrays = _arrays(value)
    elif kind == "Series":
        about["name"] = _name(value.name)
        labels, arrays = [value.name], [plain(value)]
    pairs = [encoded(array, label, budget) for label, array in zip(labels, arrays, strict=True)]
    about["columns"] = [form for _, form in pairs]
    names = ["" if label is None else str(label) for label in labels]
    columns = [column for column, _ in pairs]
    about["index"] = _index_form(value if kind == "Index" else value.index, columns, budget)
    names += [f"__index_level_{i}__" for i in range(len(columns) - len(names))]
    return columns, tuple(names), about


def _arrays(frame: Any) -> list[Any]:
    # Without a Series for each, where this pandas has the way: half the time of writing a small frame.
    get = getattr(frame, "_get_column_array", None)
    return [plain(column) for _, column in frame.items()] if get is None else [plain(get(i)) for i in range(frame.shape[1])]


def from_columns(found: list[Any], names: tuple[str, ...], about: dict[str, Any], budget: Budget) -> Any:
    """What `to_columns` was given, from columns and arrays that are sound; or any exception."""
    forms, kind = about["columns"], about["kind"]
    columns = found[: len(forms)]
    if len(columns) != len(forms):
        raise DecodeError("corrupt", "fewer columns than are described")
    index = _index(about["index"], found[len(forms) :], budget)
    if kind == "pandas.Index":
        return index
    rows = len(index)
    if any(rows_of(column) != rows for column in columns):
        raise DecodeError("corrupt", "an index of another length")
    if kind == "pandas.Series":
        ((column, form),) = zip(columns, forms, strict=True)
        values = decoded(column, form, budget)
        made = pandas().Series(values, index=index, name=_name(about["name"]), dtype=values.dtype, copy=True)
    else:
        labels = _columns_index(about["labels"], names[: len(forms)], budget)
        if len(labels) != len(columns):
            raise DecodeError("corrupt", "other labels than columns")
        made = _frame(columns, forms, index, labels, budget)
    if about["attrs"]:
        made.attrs = copy.deepcopy(about["attrs"])  # the description may be remembered
    return made


def from_foreign(arrays: list[Any], names: tuple[str, ...], rows: int, budget: Budget, *, series: bool) -> Any:
    """Arrays that pandas did not make: with nullable dtypes where there are nulls, and Arrow's where pandas has none of its own."""
    pairs = list(map(adopted, arrays))
    about = {"columns": [form for _, form in pairs], "attrs": {}, "index": {"name": None, "range": [0, rows, 1]}}
    if series:
        about |= {"kind": "pandas.Series", "name": names[0]}
    else:
        about |= {"kind": "pandas.DataFrame", "labels": {"name": None, "dtype": "str"}}
    return from_columns([array for array, _ in pairs], names, about, budget)


def _frame(columns: list[Any], forms: list[Any], index: Any, labels: Any, budget: Budget) -> Any:
    """A frame that owns its columns, those of one NumPy dtype side by side, as pandas' own constructors lay them."""
    create = _constructor()
    if create is None:
        values = [decoded(column, form, budget) for column, form in zip(columns, forms, strict=True)]
        frame = pandas().DataFrame(dict(enumerate(values)), index=index, copy=True)
        frame.columns = labels
        return frame
    import numpy as np

    places: dict[Any, list[int]] = {}
    laid = []
    for i, (column, form) in enumerate(zip(columns, forms, strict=True)):
        dtype = plain_dtype(column, form)
        if dtype is None:
            column = decoded(column, form, budget)
            dtype = column.dtype if type(column) is np.ndarray else i
        laid.append(column)
        places.setdefault(dtype, []).append(i)
    blocks: list[tuple[Any, Any]] = []
    unfilled: list[tuple[Any, Any]] = []
    for dtype, where in places.items():
        if type(dtype) is int:
            block = laid[dtype]
        else:
            rows = np.empty((len(where), len(index)), dtype)
            unfilled += zip(rows, [laid[i] for i in where], strict=True)
            block = _wrapped(rows)
        blocks.append((block, np.array(where, np.intp)))
    frame = create(blocks, index, labels)
    # Last, since so many values drive what pandas runs on out of the processor's cache: a third of the time of reading a frame.
    for row, column in unfilled:
        fill(row, column)
    return frame


@functools.cache
def _constructor() -> Any:
    """What makes a frame of blocks; None before pandas 3."""
    try:
        from pandas.api.internals import create_dataframe_from_blocks  # type: ignore[import-untyped]
    except ImportError:
        return None
    return create_dataframe_from_blocks


def _wrapped(block: Any) -> Any:
    """*block*, as pandas has times and durations: else it would look at each of them, before there are any."""
    kind = block.dtype.kind
    wrap = _wraps()[kind == "m"] if kind in "mM" else None
    return block if wrap is None else wrap(block, dtype=block.dtype)


@functools.cache
def _wraps() -> tuple[Any, Any]:
    arrays = pandas().arrays
    return getattr(arrays.DatetimeArray, "_simple_new", None), getattr(arrays.TimedeltaArray, "_simple_new", None)


# -- names -----------------------------------------------------------------------------


def _name(name: Any) -> Any:
    if type(name) not in _SCALARS:
        raise SerializationError(f"the name {shown(name)} is not a str, int, float, bool or None; rename it")
    return name


def _attrs(value: Any) -> dict[str, Any]:
    if not value.flags.allows_duplicate_labels:
        raise SerializationError("a pandas object that refuses duplicate labels; use .set_flags(allows_duplicate_labels=True)")
    if not _is_json(value.attrs):
        raise SerializationError("attrs hold more than str, int, float, bool, None, lists and dicts of them by str; clear .attrs")
    return dict(value.attrs)


def _is_json(value: Any) -> bool:
    if type(value) is list:
        return all(map(_is_json, value))
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(_is_json, value.values()))
    return type(value) in _SCALARS


def _labels(columns: Any) -> tuple[dict[str, Any], list[Any]]:
    """What the labels are, and they themselves."""
    kind = type(columns).__name__
    about: dict[str, Any] = {"name": _name(columns.name) if columns.nlevels == 1 else None}
    if kind == "RangeIndex":
        return about | {"range": [columns.start, columns.stop, columns.step]}, columns.tolist()
    if kind == "Index":
        dtype = str(columns.dtype)
        if dtype == "str" and columns.dtype.storage == "pyarrow" and not columns.hasnans:
            return about | {"dtype": "str"}, pyarrow().array(columns.array).to_pylist()  # tolist() takes ten times as long
        if dtype == "int64" or (dtype == "object" and all(type(label) in _SCALARS for label in columns)):
            labels = columns.tolist()
            return about | {"dtype": dtype, "values": labels}, labels
    raise SerializationError(
        f"column labels of {kind}, dtype {getattr(columns, 'dtype', None)}, would not come back as they were; "
        "use df.columns = df.columns.map(str), or reset_index()"
    )


def _columns_index(about: dict[str, Any], names: tuple[str, ...], budget: Budget) -> Any:
    pd = pandas()

    name = _name(about["name"])
    if "range" in about:
        return _range(about["range"], name, budget)
    if about["dtype"] not in ("str", "int64", "object"):
        raise DecodeError("not understood", "labels of another dtype")
    if about["dtype"] == "str":
        # A view, since a name may be given to it; the labels themselves never change.
        known = (_texts if sum(map(len, names)) > _MOST_KEPT else _texts_once)(names).view()
        known.name = name
        return known
    return pd.Index(about["values"], dtype=about["dtype"], name=name)


def _texts(names: tuple[str, ...]) -> Any:
    pd = pandas()

    return pd.Index(names, dtype="str")


# A function's frames have the same labels, and to make their Index is a fifth of reading a small one.
_texts_once = functools.lru_cache(maxsize=64)(_texts)


# -- indexes ---------------------------------------------------------------------------


def _index_form(index: Any, arrays: list[Any], budget: Budget) -> dict[str, Any]:
    """What *index* is; what it holds is added to *arrays*."""
    pa, kind = pyarrow(), type(index).__name__
    if kind == "RangeIndex":
        budget.take(len(index) * 8)  # as `_range` will
        return {"name": _name(index.name), "range": [index.start, index.stop, index.step]}
    if kind == "MultiIndex":
        levels = []
        for level, codes in zip(index.levels, index.codes, strict=True):
            values: list[Any] = []
            levels.append(_index_form(level, values, budget) | {"name": None})
            if not values:  # a RangeIndex brings none
                values.append(pa.array(level.to_numpy()))
            arrays.append(pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), as_array(values[0])))
        return {"levels": levels, "names": list(map(_name, index.names))}
    if kind not in INDEXES:
        raise SerializationError(f"an index of type {kind} would not come back as it was; use .reset_index()")
    array, form = encoded(plain(index), f"the index {index.name}", budget)
    arrays.append(array)
    freq = getattr(index, "freqstr", None)
    if freq is not None and (_offset(freq) != index.freq):
        raise SerializationError(f"the frequency {freq} of the index would not come back as it was; set its .freq to None")
    return {"name": _name(index.name), "form": form, "freq": freq}


def _offset(freq: str) -> Any:
    return pandas().tseries.frequencies.to_offset(freq)


def _range(bounds: list[int], name: Any, budget: Budget) -> Any:
    pd = pandas()

    budget.take(len(range(*bounds)) * 8)  # it has no bytes of its own, and pandas may make it an array
    return pd.RangeIndex(*bounds, name=name)


def _index(about: dict[str, Any], arrays: list[Any], budget: Budget) -> Any:
    pd = pandas()

    if "levels" in about:
        levels = [_index(level, [array.dictionary], budget) for level, array in zip(about["levels"], arrays, strict=True)]
        if any(len(level) != len(array.dictionary) for level, array in zip(levels, arrays, strict=True)):
            raise DecodeError("corrupt", "a level of another length")
        codes = [codes_of(array) for array in arrays]
        return pd.MultiIndex(levels, codes, names=list(map(_name, about["names"])))
    name = _name(about["name"])
    if "range" in about:
        return _range(about["range"], name, budget)
    (array,) = arrays
    values = decoded(array, about["form"], budget)
    index = pd.Index(values, dtype=values.dtype, name=name, copy=True)
    if about["freq"] is not None:
        index.freq = _offset(about["freq"])
    return index
