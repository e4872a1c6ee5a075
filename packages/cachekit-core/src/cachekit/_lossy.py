"""Whether values of an annotation can be stored at all: said when a function is decorated, rather than at each call."""

from __future__ import annotations

import datetime as dt
import decimal
import inspect
import pathlib
import types
import uuid
import zoneinfo
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from ._annotations import NO_ANNOTATION
from ._schemas import TYPEDDICT, Schema, derives, kind_of, unrebuildable
from ._shapes import Shape, met_within, shape
from ._walking import schemas_of

_EXACT: Final = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range),
    *(decimal.Decimal, uuid.UUID, dt.datetime, dt.date, dt.time, dt.timedelta, dt.timezone, zoneinfo.ZoneInfo),
    *(pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath),
)
_OPEN: Final = frozenset({"pydantic.main:BaseModel", "pydantic.root_model:RootModel", "msgspec:Struct", "msgspec:UnsetType"})
"""Bases of libraries, which say that something of their kind is returned; and what `std` gives back in a field."""


_ARRAYS = ("numpy", "pandas", "polars")


_EXACTLY: Final = frozenset(map(id, _EXACT))
_JSON: Final = (type(None), bool, int, float, str, list, dict)


def lossy(annotation: Any, *, arrays: bool = False) -> str | None:
    """Why values of *annotation* cannot come back from `std` (with *arrays*: from `auto`) as they were, and what to do; or None."""
    schemas = schemas_of(annotation) if annotation is not NO_ANNOTATION else {}

    def reason(met: Any) -> str | None:
        return None if arrays and _is_of_arrays(met) else _reason(met, schemas)

    return _first(reason, annotation, schemas)


def lossy_json(annotation: Any) -> str | None:
    """The same of `orjson`."""
    return _first(_json_reason, annotation, schemas_of(annotation) if annotation is not NO_ANNOTATION else {})


def _first(reason: Callable[[Any], str | None], annotation: Any, schemas: dict[int, Schema]) -> str | None:
    """The first reason that anything gives which stands in *annotation* or in the fields of its classes."""
    if annotation is NO_ANNOTATION:
        return None
    told = (found for met in met_within([annotation]) if (found := reason(met)))
    fields = ((schema.cls, name, met) for schema in schemas.values() for name, met in schema.met)
    told_of_fields = (f"{cls.__qualname__}.{name}: {found}" for cls, name, met in fields if (found := reason(met)))
    return next(told, None) or next(told_of_fields, None)


def _json_reason(met: Any) -> str | None:
    if not isinstance(met, Shape):
        return f"{met.__name__} is not a class"
    if met.cls is None or (kind_of(met.cls) == TYPEDDICT):
        return None
    if not any(_is_subclass(exact, met.cls) for exact in _JSON):
        what = met.cls.__qualname__
    elif len(met.of) == 2 and _is_subclass(dict, met.cls) and (key := shape(met.of[0]).cls) is not None and not _is_subclass(str, key):
        what = f"a dict key of type {key.__qualname__}"
    else:
        return None
    return f"{what} has no form in JSON that comes back as it was; return plain data, or use the serializer `std`"


def _reason(met: Any, schemas: dict[int, Schema]) -> str | None:
    if not isinstance(met, Shape):
        return f"{met.__name__} is not a class"
    cls = met.cls
    if cls is None or id(cls) in _EXACTLY:
        return None
    if schema := schemas.get(id(cls)):
        return unrebuildable(schema) or _abstract(schema, schemas)
    is_open = cls.__module__ == "enum" or f"{cls.__module__}:{cls.__qualname__}" in _OPEN
    if _is_base(cls, schemas) or is_open or any(_is_subclass(exact, cls) for exact in _EXACT):
        return None
    return f"{cls.__qualname__} {_remedy(cls)}"


def _is_base(cls: type, schemas: dict[int, Schema]) -> bool:
    """Whether a subclass of *cls* is named."""
    return any(other.cls is not cls and derives(other.cls, cls) for other in schemas.values())


def _abstract(schema: Schema, schemas: dict[int, Schema]) -> str | None:
    cls = schema.cls
    if not inspect.isabstract(cls) or _is_base(cls, schemas):
        return None
    known = _known(cls)
    return f"{cls.__qualname__} is abstract, and does not say which of its subclasses are returned; name them{known}"


def _package(cls: type) -> str:
    return str(cls.__module__).partition(".")[0]


def _is_of_arrays(met: Shape | types.ModuleType) -> bool:
    return isinstance(met, Shape) and met.cls is not None and _package(met.cls) in (*_ARRAYS, "pyarrow")


def _remedy(cls: type) -> str:
    package = _package(cls)
    if package in _ARRAYS:
        return f'is a type of {package}; pass serializer="auto"'
    if package == "pyarrow":
        return 'is a type of pyarrow; pass serializer="arrow"'
    if any(_is_subclass(cls, consumed) for consumed in (Iterator, AsyncIterator, AsyncIterable, Awaitable)):
        return "is used up by the first who reads it; return a list"
    if known := _known(cls):
        return f"does not say which of its subclasses are returned; name them{known}"
    if cls.__dict__.get("_is_protocol"):
        return "is a protocol, and does not say which classes are returned; name them"
    return "is not a type that `std` gives back as it was; return plain data, a dataclass, or pass a serializer= that knows it"


def _is_subclass(cls: type, base: type) -> bool:
    try:
        return issubclass(cls, base)
    except Exception:  # noqa: BLE001 - a hook of the user's, or a protocol that cannot be asked
        return False


def _known(cls: type) -> str:
    """Subclasses that could be named, as an example."""
    subclasses: list[type] = type.__subclasses__(cls)
    known = [sub.__name__ for sub in subclasses if kind_of(sub)]
    return f": `-> {' | '.join(known[:2])}`" if known else ""
