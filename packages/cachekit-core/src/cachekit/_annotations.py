"""What a function says it returns: read, and told from any other."""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import sys
import types
from collections import ChainMap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ._schemas import Schema
from ._shapes import evaluated, led_to, shape
from ._walking import described, described_class, names_of, schemas_of
from .errors import CachekitError


class _NoAnnotation(enum.Enum):
    NO_ANNOTATION = "no annotation"


NO_ANNOTATION: Final = _NoAnnotation.NO_ANNOTATION
"""What a function without a return annotation says."""


class Unresolved(Exception):  # noqa: N818 - it is a state of the annotation; nobody made an error
    """The annotation cannot be evaluated now; the text is the reason."""


# -- reading -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Returned:
    """What a function says it returns.

    Parameters:
        annotation: evaluated, or `NO_ANNOTATION`.
        written: the same as it stands in the function.
        schemas: of the classes it leads to.
    """

    annotation: Any
    written: Any
    schemas: dict[int, Schema]

    @functools.cached_property
    def fingerprint(self) -> bytes:
        return _fingerprint(self.annotation, self.schemas)

    @property
    def is_settled(self) -> bool:
        """Whether all that it leads to means something already."""
        return not any(met.is_unresolved for met in led_to([self.annotation])) and all(each.is_settled for each in self.schemas.values())


_NOTHING: Final = Returned(NO_ANNOTATION, NO_ANNOTATION, {})
_KEPT: Final = "__cachekit_returned__"


def read(function: Callable[..., Any]) -> Returned:
    """What *function* returns; of a coroutine function, what it gives when awaited. It is evaluated once.

    Raises:
        Unresolved: it names what is not there (yet).
        ConfigurationError: two of its classes could not be told apart once they are stored.
    """
    try:
        return _read(function)
    except CachekitError:
        raise
    except Exception as error:  # noqa: BLE001 - it runs what the user wrote
        raise Unresolved(f"{type(error).__name__}: {error}") from None


def _read(function: Any) -> Returned:
    chain = [(each, _written(each)) for each in _layers(function)]
    for at, (written_in, written) in enumerate(chain):
        if written is NO_ANNOTATION:
            continue
        # Kept by the function, since it may lead back to it: a method that returns its class.
        kept = vars(written_in).get(_KEPT)
        if isinstance(kept, Returned) and kept.written is written:
            return kept
        # `functools.wraps` copies annotations, whose names mean what they mean where they were written.
        source = [each for each, same in chain[at:] if same is written or same == written]
        function = source[-1] if source else written_in
        annotation = evaluated(written, _names(function), function.__globals__)
        made = Returned(annotation, written, schemas_of(annotation))
        names_of(made.schemas)
        if made.is_settled:
            vars(written_in)[_KEPT] = made
        return made
    return _NOTHING


def returned(function: Callable[..., Any]) -> Any:
    """The return annotation of *function*, evaluated, or `NO_ANNOTATION`. Raises as `read` does."""
    return read(function).annotation


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


def _names(function: types.FunctionType) -> ChainMap[str, Any]:
    """What a name in the annotation may mean beside a global: a type parameter, what was closed over."""
    cells = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            cells[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return ChainMap({parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}, cells)


# -- telling apart -----------------------------------------------------------------------


def fingerprint(annotation: Any) -> bytes:
    """16 bytes that change when the shape of *annotation*, or the fields of a class it leads to, change.

    Empty for what says nothing: `NO_ANNOTATION`, `Any`, `object`.
    """
    return b"" if annotation is NO_ANNOTATION else _fingerprint(annotation, schemas_of(annotation))


def _fingerprint(annotation: Any, schemas: dict[int, Schema]) -> bytes:
    if annotation is NO_ANNOTATION or shape(annotation).label == "any":
        return b""
    names = names_of(schemas)
    classes = sorted(described_class(schema, names) for schema in schemas.values())
    text = "\n".join(("1", described(annotation, names), *classes))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
