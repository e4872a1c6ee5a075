"""One annotation, taken apart: what it is, and which annotations stand inside it."""

from __future__ import annotations

import collections
import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

_QUALIFIERS = frozenset({"Annotated", "ClassVar", "Final", "NotRequired", "ReadOnly", "Required"})
UNION = "union"
ALIAS = "alias"
_UNRESOLVED = "unresolved "


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

    @property
    def is_unresolved(self) -> bool:
        """Whether it is a name that means nothing (yet)."""
        return self.label.startswith(_UNRESOLVED)


def shape(annotation: Any) -> Shape:
    """The shape of an evaluated *annotation*, without what says nothing about the values (`Annotated`, `Final`…)."""
    if not is_class(annotation):
        annotation = bare(annotation)
    if annotation is None or annotation is type(None):
        return Shape("None", (), type(None))
    if annotation is Any or annotation is object:
        return Shape("any")
    if is_class(annotation):
        return Shape(class_label(annotation), (), annotation)
    if isinstance(annotation, str | typing.ForwardRef):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        return Shape(_UNRESOLVED + ascii(text))
    if isinstance(annotation, list):  # the parameters of a Callable
        return Shape("parameters", tuple(annotation))
    return _variable(annotation) or _generic(annotation)


def is_class(annotation: Any) -> bool:
    """Whether it is a class, and not `list[int]`, which says of itself that it is one."""
    return issubclass(type(annotation), type)


def met_within(annotations: Iterable[Any]) -> Iterator[Shape | types.ModuleType | types.FunctionType | types.BuiltinFunctionType]:
    """What stands in *annotations*, at any depth; a module or a function is given as it is."""
    followed: set[int] = set()
    pending = list(annotations)
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


def led_to(annotations: Iterable[Any]) -> Iterator[Shape]:
    """The classes that *annotations* name, and what cannot be evaluated, at any depth and in an order that is always the same."""
    followed: set[int] = set()
    pending = collections.deque(annotations)
    while pending:
        met = shape(pending.popleft())
        if met.knot is not None:
            if id(met.knot) in followed:
                pending.extend(met.of[1:] if met.label == ALIAS else ())
                continue
            followed.add(id(met.knot))
        if met.cls is not None or met.is_unresolved:
            yield met
        pending.extend(met.of)


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
    return value if value is None or module is None else evaluated_if_possible(value, {}, vars(module))


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


def evaluated(annotation: Any, names: Mapping[str, Any], module: dict[str, Any]) -> Any:
    """*annotation* with its strings evaluated among *names* and those of a *module*, or whatever that raises."""
    if not _holds_text(annotation):
        return type(None) if annotation is None else annotation
    holder = type("_", (), {"__annotations__": {"value": annotation}})
    return typing.get_type_hints(holder, module, names, include_extras=True)["value"]


def evaluated_if_possible(annotation: Any, names: Mapping[str, Any], module: dict[str, Any]) -> Any:
    """The same, or *annotation* as it is: then what it means is not known, and it leads to no class."""
    try:
        return evaluated(annotation, names, module)
    except Exception:  # noqa: BLE001 - it runs what the user wrote
        return annotation


def _holds_text(annotation: Any) -> bool:
    """Whether there is anything in it to be evaluated."""
    if is_class(annotation) or annotation is None:
        return False
    if isinstance(annotation, str | typing.ForwardRef):
        return True
    inside = annotation if isinstance(annotation, list | tuple) else getattr(annotation, "__args__", ())
    return isinstance(inside, list | tuple) and _special(typing.get_origin(annotation)) != "Literal" and any(map(_holds_text, inside))
