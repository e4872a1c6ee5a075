"""One annotation, taken apart: what it is, and which annotations stand inside it."""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

_QUALIFIERS = frozenset({"Annotated", "ClassVar", "Final", "NotRequired", "ReadOnly", "Required"})
UNION = "union"
ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class Shape:
    """An annotation.

    Parameters:
        label: what it is, in words that hold in every process and version of Python.
        of: the annotations inside it.
        cls: the class it names, if it names one.
        knot: what may contain itself (an alias, a type variable), to be followed once.
    """

    label: str
    of: tuple[Any, ...] = ()
    cls: type | None = None
    knot: Any = None


def shape(annotation: Any) -> Shape:
    """The shape of an evaluated *annotation*, without what says nothing about the values (`Annotated`, `Final`…)."""
    annotation = bare(annotation)
    if annotation is None or annotation is type(None):
        return Shape("None", (), type(None))
    if annotation is Any or annotation is object:
        return Shape("any")
    if isinstance(annotation, str | typing.ForwardRef):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        return Shape(f"unresolved {text!a}")
    if isinstance(annotation, list):  # the parameters of a Callable
        return Shape("parameters", tuple(annotation))
    return _variable(annotation) or _generic(annotation)


def bare(annotation: Any) -> Any:
    """*annotation* without qualifiers, and a NewType as what it is new for."""
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, dataclasses.InitVar):
            annotation = annotation.type
        elif _special(typing.get_origin(annotation)) in _QUALIFIERS:
            annotation = typing.get_args(annotation)[0]
        elif _special(annotation) in ("ClassVar", "Final"):
            return Any
        else:
            return annotation


def qualifiers(annotation: Any) -> Iterator[str]:
    """The names of those around *annotation*."""
    while (name := _special(typing.get_origin(annotation))) in _QUALIFIERS:
        yield name
        annotation = typing.get_args(annotation)[0]


def _special(form: Any) -> str:
    """What `typing` or `typing_extensions` call a special form; a class of that name is none."""
    if form is Annotated:
        return "Annotated"
    return "" if isinstance(form, type) else str(getattr(form, "_name", None) or getattr(form, "__name__", ""))


def _variable(annotation: Any) -> Shape | None:
    """The shape of a type alias or a type variable."""
    origin = typing.get_origin(annotation)
    for alias, arguments in ((annotation, ()), (origin, typing.get_args(annotation))):
        if type(alias).__name__ == "TypeAliasType":
            return Shape(ALIAS, (_value(alias, "__value__"), *arguments), knot=alias)
    if not isinstance(annotation, typing.TypeVar):
        return None
    bounds = [_value(annotation, "__bound__"), *annotation.__constraints__, _value(annotation, "__default__")]
    given = tuple(bound for bound in bounds if bound is not None and type(bound).__name__ != "NoDefaultType")
    return Shape(f"~{annotation.__name__!a}", given, knot=annotation)


def _value(holder: Any, name: str) -> Any:
    """What an alias or a variable stands for, evaluated where it was made if it can be."""
    try:
        value = getattr(holder, name, None)
    except Exception:  # noqa: BLE001 - an alias is evaluated only now, and runs what the user wrote
        return str(holder)
    module = sys.modules.get(str(holder.__module__))
    return value if value is None or module is None else evaluated_if_possible(value, dict(vars(module)))


def _generic(annotation: Any) -> Shape:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union or origin is types.UnionType:
        return Shape(UNION, tuple(_flat(arguments)))
    if _special(origin) == "Literal":
        enums = {id(type(value)): type(value) for value in arguments if isinstance(value, enum.Enum)}
        return Shape(f"literal {sorted(map(constant, arguments))}", tuple(enums.values()))
    if origin is tuple and not arguments and annotation is not typing.Tuple:  # noqa: UP006 - `tuple[()]`, and not the bare alias
        return Shape("empty tuple", (), tuple)
    cls = annotation if origin is None else origin
    if isinstance(cls, type):
        return Shape(class_label(cls), arguments, cls)
    return Shape(ascii(_special(cls) or type(cls).__qualname__), arguments)


def _flat(members: Iterable[Any]) -> Iterator[Any]:
    for member in members:
        inner = shape(member)
        yield from inner.of if inner.label == UNION else (member,)


def class_label(cls: type) -> str:
    """The package and name of a class; the module within may be another in the next version."""
    package = str(cls.__module__).partition(".")[0].strip("_")
    return ascii(f"{package}:{cls.__qualname__}")


def constant(value: Any) -> str:
    """A value of an enum or a literal, in words that hold in every process."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__!a}.{value.name}"
    if type(value) is tuple:
        return f"({','.join(map(constant, value))})"
    plain = value is None or type(value) in (bool, int, float, complex, str, bytes)
    return f"{type(value).__name__} {ascii(value) if plain else ''}"


def evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    """*annotation* with its strings evaluated among *names*, or whatever that raises."""
    holder = type("_", (), {"__annotations__": {"value": annotation}})
    return typing.get_type_hints(holder, names, names, include_extras=True)["value"]


def evaluated_if_possible(annotation: Any, names: dict[str, Any]) -> Any:
    """The same, or *annotation* as it is: then what it means is not known, and it leads to no class."""
    try:
        return evaluated(annotation, names)
    except Exception:  # noqa: BLE001 - it runs what the user wrote
        return annotation
