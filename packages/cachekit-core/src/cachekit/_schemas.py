"""The classes an annotation names, directly or through their fields, and what they hold.

Optional libraries are recognised by what they leave on a class, and never imported.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import inspect
import sys
import types
import typing
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ._names import module_name
from ._shapes import ALIAS, UNION, evaluated_if_possible, qualifiers, shape

DATACLASS: Final = "dataclass"
PYDANTIC: Final = "pydantic"
ATTRS: Final = "attrs"
STRUCT: Final = "struct"
NAMEDTUPLE: Final = "namedtuple"
TYPEDDICT: Final = "typeddict"
ENUM: Final = "enum"


@dataclass(frozen=True, slots=True)
class Field:
    """A field's annotation, evaluated as far as it can be, and whether making an instance demands it."""

    annotation: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """A class that an annotation names.

    Parameters:
        fields: by name, in order; none for an enum.
        of: other annotations that it depends on: the arguments of its generic bases.
    """

    cls: type
    kind: str
    fields: dict[str, Field]
    of: tuple[Any, ...]


def kind_of(cls: type) -> str | None:
    """What sort of class with known fields *cls* is, or None."""
    try:
        return _kind_of(cls)
    except Exception:  # noqa: BLE001 - a metaclass may answer anything with an error
        return None


def _kind_of(cls: type) -> str | None:
    if derives(cls, enum.Enum):
        return ENUM if getattr(cls, "__members__", None) else None
    if derives(cls, dict) and hasattr(cls, "__required_keys__"):
        return TYPEDDICT
    if derives(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        return NAMEDTUPLE
    if isinstance(getattr(cls, "__struct_fields__", None), tuple):
        return STRUCT if cls.__module__ != "msgspec" else None
    if derives(cls, getattr(sys.modules.get("pydantic.main"), "BaseModel", None)):
        return PYDANTIC if not str(cls.__module__).startswith("pydantic.") else None
    if isinstance(getattr(cls, "__attrs_attrs__", None), tuple):
        return ATTRS
    return DATACLASS if isinstance(getattr(cls, "__dataclass_fields__", None), dict) else None


def derives(cls: type, base: Any) -> bool:
    return any(each is base for each in cls.__mro__)  # a metaclass may say that two classes are equal


def unrebuildable(schema: Schema) -> str | None:
    """Why no instance can be made of its fields alone, or None."""
    if schema.kind not in (DATACLASS, PYDANTIC, ATTRS):
        return None
    for base in schema.cls.__mro__[:-1]:
        if isinstance(base.__dict__.get("__new__"), types.BuiltinFunctionType):  # written in C, with content of its own
            name = schema.cls.__qualname__
            return f"{name} derives from {base.__qualname__}, whose content is not one of its fields; hold it in a field instead"
    return None


def schemas_of(annotation: Any) -> dict[int, Schema]:
    """The schemas of all classes *annotation* leads to, by the class's address, in an order that is always the same."""
    known: list[type] = []
    while True:
        found = _walked(annotation, known)
        if len(found) == len(known):
            return found
        known = [schema.cls for schema in found.values()]  # a string may mean a class that was met after it


def _walked(annotation: Any, known: list[type]) -> dict[int, Schema]:
    found: dict[int, Schema] = {}
    followed: set[int] = set()
    pending = collections.deque([annotation])
    while pending:
        met = shape(pending.popleft())
        if met.knot is not None:
            if id(met.knot) in followed:
                pending.extend(met.of[1:] if met.label == ALIAS else ())
                continue
            followed.add(id(met.knot))
        pending.extend(met.of)
        kind = kind_of(met.cls) if met.cls is not None and id(met.cls) not in found else None
        if met.cls is not None and kind is not None:
            schema = found[id(met.cls)] = _schema(met.cls, kind, known)
            pending.extend(field.annotation for field in schema.fields.values())
            pending.extend(schema.of)
    return found


def _schema(cls: type, kind: str, known: list[type]) -> Schema:
    if kind == PYDANTIC and not getattr(cls, "__pydantic_complete__", True):
        with suppress(Exception):  # what pydantic itself does when the class is first used
            cls.model_rebuild(raise_errors=False)  # type: ignore[attr-defined]
    annotations = {name: (base, value) for base in reversed(cls.__mro__[:-1]) for name, value in _annotations(base).items()}
    names: dict[type, dict[str, Any]] = {}
    fields = {}
    for name, given, required in _fields(cls, kind):
        owner, written = annotations.get(name, (cls, Any))
        raw = written if given is None else given
        if owner not in names:
            names[owner] = _names(owner, cls, known)
        value = evaluated_if_possible(raw, names[owner])
        if kind == TYPEDDICT:
            around = set(qualifiers(value))
            required = "NotRequired" not in around and (required or "Required" in around)
        fields[name] = Field(value, required)
    return Schema(cls, kind, fields, tuple(_arguments(cls, known)))


def _annotations(cls: type) -> dict[str, Any]:
    """Those that stand in the class itself, unevaluated."""
    if sys.version_info >= (3, 14):
        import annotationlib

        with suppress(Exception):
            return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
        return {}
    with suppress(Exception):
        return inspect.get_annotations(cls)
    return {}


def _names(owner: type, cls: type, known: list[type]) -> dict[str, Any]:
    """What a name in *owner*'s annotations may mean. The module's names go before those in the class, as `typing` has it."""
    local = {c.__name__: c for c in (*known, owner, cls) if _scope(c) == _scope(owner) and "<locals>" in owner.__qualname__}
    parameters = {p.__name__: p for p in getattr(owner, "__type_params__", ())}
    others = {c.__name__: c for c in known}
    return {**others, **vars(owner), **vars(sys.modules.get(owner.__module__, typing)), **local, **parameters}


def _scope(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__.rpartition(".")[0]


def _fields(cls: Any, kind: str) -> Iterator[tuple[str, Any, bool]]:
    """Name, annotation (None: as written in the class) and whether it is required, of each field in order."""
    if kind == DATACLASS:
        missing = dataclasses.MISSING
        for field in dataclasses.fields(cls):
            yield field.name, None if isinstance(field.type, str) else field.type, field.default is field.default_factory is missing
    elif kind == PYDANTIC:
        for name, info in cls.__pydantic_fields__.items():
            yield name, info.annotation, info.is_required()
    elif kind == ATTRS:
        nothing = getattr(sys.modules.get("attr"), "NOTHING", None)
        for attribute in cls.__attrs_attrs__:
            written = None if isinstance(attribute.type, str) else attribute.type
            yield attribute.name, written, attribute.default is nothing
    elif kind == STRUCT:
        names, defaults = cls.__struct_fields__, cls.__struct_defaults__
        free = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        no_default = getattr(sys.modules.get("msgspec"), "NODEFAULT", None)
        yield from ((name, None, free.get(name, no_default) is no_default) for name in names)
    elif kind == NAMEDTUPLE:
        yield from ((name, None, name not in getattr(cls, "_field_defaults", {})) for name in cls._fields)
    elif kind == TYPEDDICT:
        yield from ((name, None, name in cls.__required_keys__) for name in _annotations(cls))


def _arguments(cls: type, known: list[type]) -> Iterator[Any]:
    """What the type variables of a class's bases stand for in it; and, of a pydantic `Page[User]`, the `Page` that may be made for it."""
    for base in cls.__mro__:
        for written in base.__dict__.get("__orig_bases__", ()):
            if typing.get_origin(written) not in (None, typing.Generic, typing.Protocol):
                names = _names(base, cls, known)
                yield from (evaluated_if_possible(argument, names) for argument in typing.get_args(written))
    if origin := _specialised(cls)[0]:
        yield origin


def _specialised(cls: type) -> tuple[type | None, tuple[Any, ...]]:
    metadata = cls.__dict__.get("__pydantic_generic_metadata__") or {}
    return metadata.get("origin"), metadata.get("args", ())


def names_of(schemas: dict[int, Schema]) -> dict[int, str]:
    """A name for each class, by its address: its qualified name, with its module or a number where two share one."""
    plain = {at: _qualname(schema.cls) for at, schema in schemas.items()}
    shared = Counter(plain.values())
    longer = {at: name if shared[name] == 1 else f"{module_name(schemas[at].cls.__module__)}:{name}" for at, name in plain.items()}
    met: Counter[str] = Counter()
    names = {}
    for at, name in longer.items():
        met[name] += 1
        names[at] = name if met[name] == 1 else f"{name}#{met[name]}"
    return names


def _qualname(cls: type) -> str:
    origin, arguments = _specialised(cls)
    if origin is None:
        return cls.__qualname__
    # pydantic's own name for it has the arguments as this version of Python writes them.
    return f"{origin.__qualname__}[{', '.join(described(argument, {}) for argument in arguments)}]"


def described(annotation: Any, names: dict[int, str], within: tuple[int, ...] = ()) -> str:
    """*annotation* in words that are the same in every process, and other for any other."""
    met = shape(annotation)
    if met.knot is not None:
        if id(met.knot) in within:
            arguments = met.of[1:] if met.label == ALIAS else ()
            return f"^{met.knot.__name__!a}[{','.join(described(each, names, within) for each in arguments)}]"
        within = (*within, id(met.knot))
    inner = [described(each, names, within) for each in met.of]
    if met.label == UNION:
        inner = sorted(set(inner))
    if len(inner) == 1 and met.label in (UNION, ALIAS):
        return inner[0]
    label = ascii(names[id(met.cls)]) if id(met.cls) in names else met.label
    return f"{label}[{','.join(inner)}]" if inner else label
