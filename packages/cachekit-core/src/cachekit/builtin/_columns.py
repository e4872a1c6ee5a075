"""Columns of pandas as Arrow arrays, each with a *form*: a JSON list that says which dtype it comes back as."""

from __future__ import annotations

import datetime as dt
import functools
import math
import re
from typing import Any

from ..errors import DecodeError, SerializationError, shown
from ._budget import Budget
from ._flat import Column, array_of
from ._optional import pandas, pyarrow

_PLAIN = re.compile(r"[<|](?:b1|[iu][1248]|f[248]|[mM]8\[(?:s|ms|us|ns)\])")
_MASKED = re.compile(r"U?Int(?:8|16|32|64)|Float(?:32|64)|boolean")
_ZONE = re.compile(r"(?!dateutil/)[A-Za-z0-9_+\-/:]{1,64}")  # never a file of the reader's choice
_OBJECTS = {str: "large_string", bytes: "large_binary", bool: "bool_", int: "int64", float: "float64", dt.date: "date32"}
_OBJECT_FORMS = {cls.__name__: arrow for cls, arrow in _OBJECTS.items()}
_LONGEST = 16  # characters; what is remembered of hostile bytes is small
_NOT_A_TIME = -(2**63)
_OBJECT_BYTES = 72
"""What a value takes at least once it is a Python object, with the pointer to it."""

_REMEDIES = {
    "PeriodDtype": "use .dt.to_timestamp()",
    "IntervalDtype": "keep its left and right ends as two columns",
    "SparseDtype": "use .sparse.to_dense()",
    "ObjectDType": "make it a column of one type with .astype(), or leave it out",
}


def encoded(values: Any, label: Any, budget: Budget) -> tuple[Any, list[Any]]:
    """The `Column` or the Arrow array of *values*, the array of a pandas column, and its form.

    Raises:
        SerializationError: it would not come back as it was; the text has its *label*, the dtype and a remedy.
    """
    pa, dtype = pyarrow(), values.dtype
    is_numpy = type(values).__name__ == "ndarray"
    if is_numpy and (types := _plain_form(dtype)):
        return _plain_column(values, types[0]), types[1]
    try:
        if type(dtype).__name__ == "CategoricalDtype":
            return _encoded_category(values, label, budget)
        form = _object_form(values) if is_numpy else _form(dtype)
        kind = getattr(pa, _OBJECT_FORMS[form[1]])() if form[0] == "object" else None
        array = pa.array(values, kind, from_pandas=False if kind else None)
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
        restored = _dtype(form, array, budget)
        if restored != dtype or getattr(restored, "tz", None) != getattr(dtype, "tz", None):
            raise ValueError("it has no such form")
    except SerializationError:
        raise
    except Exception as error:  # any way of two libraries to say no
        if getattr(error, "reason", None) == "too large":
            raise
        remedy = _REMEDIES.get(type(dtype).__name__, "convert it with .astype(), or leave it out")
        raise SerializationError(
            f"column {shown(label)} of dtype {dtype} would not come back as it was ({_said(error)}); {remedy}"
        ) from None
    return array, form


@functools.lru_cache(maxsize=64)
def _plain_types(text: str) -> tuple[Any, Any] | None:
    """The dtypes of NumPy and of Arrow whose values are the same bytes (of bools, bits), if NumPy's is such a one."""
    import numpy as np

    return (np.dtype(text), pyarrow().from_numpy_dtype(np.dtype(text))) if _PLAIN.fullmatch(text) else None


@functools.lru_cache(maxsize=64)
def _plain_form(dtype: Any) -> tuple[Any, list[Any]] | None:
    """The type of Arrow of plain values, and their form, which is given to many and not changed."""
    types = _plain_types(dtype.str)
    return None if types is None else (types[1], ["numpy", dtype.str])


def _plain_column(values: Any, kind: Any) -> Column:
    """Plain *values* as a column, without a copy of those that lie together."""
    import numpy as np

    validity: bytes | memoryview = b""
    nulls, of = 0, values.dtype.kind
    if of == "b":
        return Column(kind, len(values), 0, (validity, _octets(np.packbits(values, bitorder="little"))))
    if of in "mM" and len(values) and values.view(np.int64).min() == _NOT_A_TIME:
        present = ~np.isnat(values)
        nulls = len(values) - int(np.count_nonzero(present))
        validity = _octets(np.packbits(present, bitorder="little"))
    return Column(kind, len(values), nulls, (validity, _octets(np.ascontiguousarray(values).view(np.uint8))))


def _octets(array: Any) -> memoryview:
    return memoryview(array)


def _plain_values(data: Any, rows: int, dtype: Any) -> Any:
    import numpy as np

    if dtype.kind != "b":
        return np.frombuffer(data, dtype, rows)
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little", count=rows).view(bool)


def as_array(column: Any) -> Any:
    """An Arrow array, of a `Column` too."""
    return array_of(column) if type(column) is Column else column


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, DecodeError | ValueError) and type(error).__module__ != "pyarrow.lib" else type(error).__name__


def _encoded_category(values: Any, label: Any, budget: Budget) -> tuple[Any, list[Any]]:
    pa, dtype = pyarrow(), values.dtype
    categories, form = encoded(plain(dtype.categories), f"categories of {label}", budget)
    codes = pa.array(values.codes, mask=values.codes < 0)
    return pa.DictionaryArray.from_arrays(codes, as_array(categories), ordered=bool(dtype.ordered)), ["category", bool(dtype.ordered), form]


def plain(column: Any) -> Any:
    """The values of a Series, an Index or a pandas array: in NumPy's own array if the dtype is NumPy's."""
    import numpy as np

    return np.asarray(column) if isinstance(column.dtype, np.dtype) else getattr(column, "array", column)


def _object_form(values: Any) -> list[Any]:
    """Objects that all are of one plain type, or None."""
    classes = set(map(type, values)) - {type(None)}
    cls = classes.pop() if classes else str
    if classes or cls not in _OBJECTS:
        raise ValueError("objects other than all str, bytes, bool, int, float or date, with None")
    if cls is float and any(map(math.isnan, filter(None, values))):
        raise ValueError("NaN among objects")
    return ["object", cls.__name__]


def _form(dtype: Any) -> list[Any]:
    kind = type(dtype).__name__
    if kind == "StringDtype":
        return ["string", dtype.storage, "nan" if isinstance(dtype.na_value, float) else "NA"]
    if kind == "DatetimeTZDtype":
        return ["zoned", dtype.unit, pyarrow().lib.tzinfo_to_string(dtype.tz)]
    if kind == "ArrowDtype":
        return ["arrow"]
    return ["masked", str(dtype)] if _MASKED.fullmatch(str(dtype)) else ["numpy", getattr(dtype, "str", str(dtype))]


def _dtype(form: list[Any], array: Any, budget: Budget) -> Any:
    """The dtype that *form* means, if *array* is what holds such a column; else `DecodeError`."""
    import numpy as np

    pd = pandas()

    pa = pyarrow()
    made: Any = None
    match form:
        case ["object", str(text)] if text in _OBJECT_FORMS:
            made, held = np.dtype(object), array.type == getattr(pa, _OBJECT_FORMS[text])() and _afford(array, budget)
        case ["string", "python" | "pyarrow" as storage, "nan" | "NA" as missing]:
            made = _string_dtype(storage, missing)
            held = array.type in (pa.large_string(), pa.string()) and (storage == "pyarrow" or _afford(array, budget))
        case ["zoned", str(unit), str(zone)] if _ZONE.fullmatch(zone):
            made = pd.DatetimeTZDtype(unit, zone)
            held = array.type == pa.timestamp(unit, zone)
        case ["masked", str(text)] if _MASKED.fullmatch(text):
            made = pd.api.types.pandas_dtype(text)
            held = array.type == pa.from_numpy_dtype(made.numpy_dtype)
        case ["arrow"]:
            made, held = pd.ArrowDtype(array.type), True
        case _:
            raise DecodeError("not understood", f"a column of another form than {array.type}")
    if not held:
        raise DecodeError("corrupt", f"{made} does not come from {array.type}")
    return made


@functools.lru_cache(maxsize=4)
def _string_dtype(storage: str, missing: str) -> Any:
    import numpy as np

    return pandas().StringDtype(storage, na_value=np.nan if missing == "nan" else pandas().NA)


def _afford(array: Any, budget: Budget) -> bool:
    budget.take(len(array) * _OBJECT_BYTES + array.nbytes)
    return True


def decoded(column: Any, form: list[Any], budget: Budget) -> Any:
    """The values of a `Column` or array: NumPy arrays may be read-only, and views of what it views; others may be written to."""
    import numpy as np

    match form:
        case ["numpy", str(text)] if len(text) < _LONGEST and (types := _plain_types(text)):
            return _decoded_plain(column, *types)
        case ["category", ordered, inner]:
            array, pd = as_array(column), pandas()
            values = decoded(array.dictionary, inner, budget)
            categories = pd.Index(values, dtype=values.dtype, copy=True)
            return pd.Categorical.from_codes(codes_of(array), dtype=pd.CategoricalDtype(categories, bool(ordered)))
    array = as_array(column)
    dtype = _dtype(form, array, budget)
    if form[0] == "string" and form[1] == "pyarrow" and (texts := _texts()) is not None:
        return texts(array, dtype=dtype)
    if form[0] != "object":
        return dtype.__from_arrow__(array)
    if form[1] in ("str", "bytes"):
        return array.to_numpy(zero_copy_only=False)
    made = np.empty(len(array), object)
    made[:] = array.to_pylist()
    return made


@functools.cache
def _texts() -> Any:
    """What `__from_arrow__` comes to for texts of Arrow, in a third of its time; None before pandas 3."""
    pd = pandas()
    return pd.arrays.ArrowStringArray if pd.__version__.partition(".")[0] not in ("1", "2") else None


def _decoded_plain(column: Any, dtype: Any, kind: Any) -> Any:
    is_column = type(column) is Column
    nulls = column.nulls if is_column else column.null_count
    if kind != (column.kind if is_column else column.type) or (nulls and dtype.kind not in "mM"):
        raise DecodeError("corrupt", f"{dtype} does not come from this column")
    if not is_column or nulls:
        return as_array(column).to_numpy(zero_copy_only=False)
    return _plain_values(column.buffers[1], column.rows, dtype)


def plain_dtype(column: Any, form: list[Any]) -> Any:
    """NumPy's dtype of a `Column` that `fill` can do; or None."""
    if type(column) is not Column or column.nulls or form[0] != "numpy" or len(form[1]) >= _LONGEST:
        return None
    types = _plain_types(form[1])
    if types is None:
        return None
    if types[1] != column.kind:
        raise DecodeError("corrupt", f"{types[0]} does not come from this column")
    return types[0]


def fill(row: Any, column: Any) -> None:
    """Copy a `Column` of plain values, or an array, to a *row* of its dtype and length."""
    row[:] = _plain_values(column.buffers[1], column.rows, row.dtype) if type(column) is Column else column


def rows_of(column: Any) -> int:
    """How many values a `Column` or array has."""
    rows: int = column.rows if type(column) is Column else len(column)
    return rows


def codes_of(array: Any) -> Any:
    """The codes of a dictionary array, -1 for nulls."""
    codes = array.indices
    return (codes if str(codes.type).startswith("int") else codes.cast(pyarrow().int64())).fill_null(-1).to_numpy()


def adopted(array: Any) -> tuple[Any, list[Any]]:
    """An Arrow array that pandas did not make, and the form of the dtype nearest to its type. None of them holds Python objects."""
    pa, kind = pyarrow(), array.type
    types = pa.types
    text = ["string", "pyarrow", "nan"]
    if types.is_string(kind) or types.is_large_string(kind):
        return array.cast(pa.large_string()), text
    if types.is_dictionary(kind) and (types.is_string(kind.value_type) or types.is_large_string(kind.value_type)):
        return array, ["category", bool(kind.ordered), text]
    if types.is_timestamp(kind) and kind.tz is not None and _ZONE.fullmatch(kind.tz):
        return array, ["zoned", kind.unit, kind.tz]
    if types.is_boolean(kind) or types.is_integer(kind):
        name = "boolean" if types.is_boolean(kind) else str(kind).replace("uint", "UInt").replace("int", "Int")
        return array, ["masked", name] if array.null_count else ["numpy", _text(kind)]
    if types.is_floating(kind):
        return array.fill_null(float("nan")), ["numpy", _text(kind)]
    if types.is_timestamp(kind) or types.is_duration(kind):
        return array, ["numpy", _text(kind)] if kind == pa.from_numpy_dtype(kind.to_pandas_dtype()) else ["arrow"]
    return array, ["arrow"]


def _text(kind: Any) -> str:
    import numpy as np

    return str(np.dtype(kind.to_pandas_dtype()).str)
