"""What a function says it returns: read, told from any other, and judged."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import hashlib
import inspect
import pathlib
import sys
import types
import uuid
import zoneinfo
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from ._schemas import ENUM, Schema, derives, described, kind_of, names_of, schemas_of, unrebuildable
from ._shapes import ALIAS, Shape, bare, constant, evaluated, shape


class _NoAnnotation(enum.Enum):
    NO_ANNOTATION = "no annotation"


NO_ANNOTATION: Final = _NoAnnotation.NO_ANNOTATION
"""What a function without a return annotation says."""


class Unresolved(Exception):  # noqa: N818 - it is a state of the annotation; nobody made an error
    """The annotation cannot be evaluated now; the text is the reason."""


# -- reading -----------------------------------------------------------------------------


def returned(function: Callable[..., Any]) -> Any:
    """The return annotation of *function*, evaluated; of a coroutine function, of what it gives when awaited.

    Returns:
        The annotation, or `NO_ANNOTATION`.

    Raises:
        Unresolved: it names what is not there (yet).
    """
    try:
        chain = [(each, _written(each)) for each in _layers(function)]
        for at, (written_in, annotation) in enumerate(chain):
            if annotation is not NO_ANNOTATION:
                # `functools.wraps` copies annotations, whose names mean what they mean where they were written.
                source = [each for each, same in chain[at:] if same is annotation or same == annotation]
                value = evaluated(annotation, _names(source[-1] if source else written_in))
                fingerprint(value)  # what cannot be walked is no better than what cannot be evaluated
                return value
    except Exception as error:  # noqa: BLE001 - it runs what the user wrote
        raise Unresolved(f"{type(error).__name__}: {error}") from None
    return NO_ANNOTATION


def _layers(function: Any) -> Iterator[types.FunctionType]:
    """*function*, and the functions it wraps, from the outside in."""
    seen: set[int] = set()
    while id(function) not in seen:
        seen.add(id(function))
        if isinstance(function, types.FunctionType):
            yield function
        if isinstance(function, functools.partial | functools.partialmethod):
            function = function.func
        elif isinstance(function, types.MethodType | classmethod | staticmethod):
            function = function.__func__
        elif (wrapped := getattr(function, "__dict__", {}).get("__wrapped__")) is not None:
            function = wrapped
        elif not isinstance(function, types.FunctionType | type):
            function = inspect.getattr_static(type(function), "__call__", None)


def _written(function: types.FunctionType) -> Any:
    if sys.version_info >= (3, 14):
        import annotationlib

        # As a forward reference, so that a parameter that means nothing yet does not hide what is returned.
        found = annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)
        return found.get("return", NO_ANNOTATION)
    return function.__annotations__.get("return", NO_ANNOTATION)


def _names(function: types.FunctionType) -> dict[str, Any]:
    """What a name in the annotation may mean: a type parameter, what was closed over, a global."""
    names = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return names | {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}


# -- telling apart -----------------------------------------------------------------------


def fingerprint(annotation: Any) -> bytes:
    """16 bytes that change when the shape of *annotation*, or the fields of a class it leads to, change.

    Empty for what says nothing: `NO_ANNOTATION`, `Any`, `object`.
    """
    if annotation is NO_ANNOTATION or shape(annotation).label == "any":
        return b""
    schemas = schemas_of(annotation)
    names = names_of(schemas)
    classes = sorted(_described_class(schema, names) for schema in schemas.values())
    text = "\n".join(("1", described(annotation, names), *classes))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _described_class(schema: Schema, names: dict[int, str]) -> str:
    of = ",".join(described(each, names) for each in schema.of)
    if schema.kind == ENUM:
        members = getattr(schema.cls, "__members__", {}).items()
        content = ",".join(f"{name!a}={constant(member._value_)}" for name, member in members)
    else:
        fields = schema.fields.items()
        content = ",".join(f"{name!a}{':' if field.required else '?'}{described(field.annotation, names)}" for name, field in fields)
    return f"{schema.kind} {names[id(schema.cls)]!a}[{of}]({content})"


# -- judging -----------------------------------------------------------------------------

_EXACT: Final = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range),
    *(decimal.Decimal, uuid.UUID, dt.datetime, dt.date, dt.time, dt.timedelta, dt.timezone, zoneinfo.ZoneInfo),
    *(pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath),
)
_OPEN: Final = frozenset({"pydantic.main:BaseModel", "pydantic.root_model:RootModel", "msgspec:Struct", "msgspec:UnsetType"})
"""Bases of libraries, which say that something of their kind is returned; and what `std` gives back in a field."""


_ARRAYS = ("numpy", "pandas", "polars")


def lossy(annotation: Any, *, arrays: bool = False) -> str | None:
    """Why values of *annotation* cannot come back from `std` (with *arrays*: from `auto`) as they were, and what to do; or None."""
    if annotation is NO_ANNOTATION:
        return None
    schemas = schemas_of(annotation)
    followed: set[int] = set()
    starts = [("", annotation)]
    starts += [(f"{s.cls.__qualname__}.{name}: ", field.annotation) for s in schemas.values() for name, field in s.fields.items()]
    for where, start in starts:
        for met in _within(start, followed):
            if (reason := _reason(met, schemas)) and not (arrays and _is_of_arrays(met)):
                return where + reason
    return None


def _within(annotation: Any, followed: set[int]) -> Iterator[Shape | types.ModuleType]:
    pending = [annotation]
    while pending:
        annotation = bare(pending.pop())
        met = shape(annotation)
        if met.knot is not None:
            if id(met.knot) not in followed:
                followed.add(id(met.knot))
                pending.extend(met.of if met.label == ALIAS else ())  # what bounds a variable is not what stands for it
            continue
        yield annotation if isinstance(annotation, types.ModuleType) or _is_function(annotation) else met
        pending.extend(met.of)


def _is_function(annotation: Any) -> bool:
    """Whether it is a function, as `threading.Lock` is; `typing.NamedTuple` is one too, and means what is made with it."""
    return isinstance(annotation, types.FunctionType | types.BuiltinFunctionType) and annotation.__module__ != "typing"


def _reason(met: Any, schemas: dict[int, Schema]) -> str | None:
    if not isinstance(met, Shape):
        return f"{met.__name__} is not a class"
    cls = met.cls
    if cls is None:
        return None
    if schema := schemas.get(id(cls)):
        return unrebuildable(schema)
    named = any(derives(other.cls, cls) for other in schemas.values())
    is_open = cls.__module__ == "enum" or f"{cls.__module__}:{cls.__qualname__}" in _OPEN
    if named or is_open or any(_is_subclass(exact, cls) for exact in _EXACT):
        return None
    return f"{cls.__qualname__} {_remedy(cls)}"


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
    if known := [sub for sub in _subclasses(cls) if kind_of(sub)]:
        example = " | ".join(sub.__name__ for sub in known[:2])
        return f"does not say which of its subclasses are returned; name them: `-> {example}`"
    if cls.__dict__.get("_is_protocol"):
        return "is a protocol, and does not say which classes are returned; name them"
    return "is not a type that `std` gives back as it was; return plain data, a dataclass, or pass a serializer= that knows it"


def _is_subclass(cls: type, base: type) -> bool:
    try:
        return issubclass(cls, base)
    except Exception:  # noqa: BLE001 - a hook of the user's, or a protocol that cannot be asked
        return False


def _subclasses(cls: type) -> list[type]:
    return type.__subclasses__(cls)
