"""The classes an annotation names, directly or through their fields, and what they hold.

Optional libraries are recognised by what they leave on a class, and never imported.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import inspect
import sys
import types
import typing
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ._scopes import Scope
from ._shapes import Shape, constant, led_to, met_within, qualifiers

DATACLASS: Final = "dataclass"
PYDANTIC: Final = "pydantic"
ATTRS: Final = "attrs"
STRUCT: Final = "struct"
NAMEDTUPLE: Final = "namedtuple"
TYPEDDICT: Final = "typeddict"
ENUM: Final = "enum"

_PRINTED: Final = frozenset({decimal.Decimal, uuid.UUID, dt.datetime, dt.date, dt.time, dt.timedelta})


@dataclass(frozen=True, slots=True)
class Field:
    """A field's annotation, evaluated as far as it can be, and whether making an instance demands it."""

    annotation: Any
    required: bool


@dataclass(frozen=True, eq=False)
class Schema:
    """A class that an annotation names.

    Parameters:
        fields: by name, in order; none for an enum.
        private: the annotations of pydantic's private attributes, by name.
        of: other annotations that it depends on: the arguments of its generic bases.
        traits: what else tells how instances are written, in words.
        asked: names in its annotations that may mean another class of the same annotation, where there is one so called.
    """

    cls: type
    kind: str
    fields: dict[str, Field]
    private: dict[str, Any]
    of: tuple[Any, ...]
    traits: tuple[str, ...]
    asked: frozenset[str]

    @functools.cached_property
    def leads(self) -> tuple[Shape, ...]:
        """What its annotations lead to, each class once, and what in them means nothing yet."""
        annotations = [*(field.annotation for field in self.fields.values()), *self.private.values(), *self.of]
        return tuple({id(met.cls) if met.cls else met.label: met for met in led_to(annotations)}.values())

    @functools.cached_property
    def met(self) -> tuple[tuple[str, Any], ...]:
        """What stands in its fields, each class once, with the field's name."""
        found: dict[Any, tuple[str, Any]] = {}
        for name, field in self.fields.items():
            for met in met_within([field.annotation]):
                if not isinstance(met, Shape) or met.cls is not None:
                    found.setdefault((id(met.cls), *map(id, met.of)) if isinstance(met, Shape) else id(met), (name, met))
        return tuple(found.values())

    @property
    def is_settled(self) -> bool:
        """Whether all of its annotations mean something."""
        return not any(met.is_unresolved for met in self.leads)


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


# By address: a metaclass may say that two classes are equal. Those who use a schema keep it, and it keeps its class.
_schemas: weakref.WeakValueDictionary[int, Schema] = weakref.WeakValueDictionary()


def schema_of(cls: type, kind: str, known: Mapping[str, list[type]]) -> Schema:
    """The schema of *cls*, in whose annotations a name may also mean one of the classes *known* by it."""
    schema = _schemas.get(id(cls))
    if schema is not None and known.keys().isdisjoint(schema.asked):
        return schema
    made = _made(cls, kind, [each for classes in known.values() for each in classes])
    if made.is_settled and schema is None and known.keys().isdisjoint(made.asked):
        _schemas[id(cls)] = made
    return made


def _made(cls: Any, kind: str, known: list[type]) -> Schema:
    if kind == PYDANTIC and not getattr(cls, "__pydantic_complete__", True):
        with suppress(Exception):  # what pydantic itself does when the class is first used
            cls.model_rebuild(raise_errors=False)
    annotations = {name: (base, value) for base in reversed(cls.__mro__[:-1]) for name, value in _annotations(base).items()}
    scopes: dict[type, Scope] = {}
    asked: set[str] = set()

    def meaning(name: str, given: Any = None) -> Any:
        owner, written = annotations.get(name, (cls, Any))
        if owner not in scopes:
            scopes[owner] = Scope(owner, cls, known, asked)
        return scopes[owner].meaning(written if given is None else given)

    fields = {}
    for name, given, required in _fields(cls, kind):
        value = meaning(name, given)
        if kind == TYPEDDICT:
            around = set(qualifiers(value))
            required = "NotRequired" not in around and (required or "Required" in around)
        fields[name] = Field(value, required)
    private = {name: meaning(name) for name in cls.__private_attributes__} if kind == PYDANTIC else {}
    of = tuple(_arguments(cls, known, asked))
    return Schema(cls, kind, fields, private, of, tuple(_traits(cls, kind)), frozenset(asked))


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


def _arguments(cls: type, known: list[type], asked: set[str]) -> Iterator[Any]:
    """What the type variables of a class's bases stand for in it; and, of a pydantic `Page[User]`, the `Page` that may be made for it."""
    for base, written in _generic_bases(cls):
        scope = Scope(base, cls, known, asked)
        yield from map(scope.meaning, typing.get_args(written))
    if origin := specialised(cls)[0]:
        yield origin


def _generic_bases(cls: type) -> Iterator[tuple[type, Any]]:
    for base in cls.__mro__:
        for written in base.__dict__.get("__orig_bases__", ()):
            if typing.get_origin(written) not in (None, typing.Generic, typing.Protocol):
                yield base, written


def specialised(cls: type) -> tuple[type | None, tuple[Any, ...]]:
    """What a pydantic `Page[User]` was made of: `Page` and its arguments."""
    metadata = cls.__dict__.get("__pydantic_generic_metadata__") or {}
    return metadata.get("origin"), metadata.get("args", ())


def _traits(cls: Any, kind: str) -> Iterator[str]:
    for generic in (cls, *(typing.get_origin(written) for _, written in _generic_bases(cls))):
        if parameters := getattr(generic, "__parameters__", ()):  # their order says which is given which argument
            yield ascii([parameter.__name__ for parameter in parameters])
    if kind == PYDANTIC and keeps_extra(cls):
        yield "extra"
    if kind == STRUCT:
        yield from _wire_traits(cls)


def keeps_extra(cls: Any) -> bool:
    """Whether instances of a pydantic model keep what they are given beside their fields."""
    return bool(cls.model_config.get("extra") == "allow")


def _wire_traits(cls: Any) -> Iterator[str]:
    """How msgspec writes a Struct, where it is not as a map of all fields by their names."""
    config = cls.__struct_config__
    if cls.__struct_encode_fields__ != cls.__struct_fields__:
        yield f"as {cls.__struct_encode_fields__!a}"
    if config.array_like:
        yield "array"
    if config.tag is not None:
        yield f"tag {config.tag_field!a} {config.tag!a}"
    if config.omit_defaults:
        yield f"omits {[*map(_default, cls.__struct_defaults__)]}"


def _default(value: Any) -> str:
    factory = getattr(value, "factory", None)
    if factory is not None:
        return f"made by {getattr(factory, '__qualname__', '')}"
    return ascii(value) if type(value) in _PRINTED else constant(value)
