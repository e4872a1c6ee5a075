"""`std` for one return annotation: instances of the classes it names come back as such.

An instance is an array of its mark, the name of its class, its fields, and what else it holds. The
annotation makes a closed table of names and classes, so bytes never choose what is made beyond it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

from .._names import find_type
from .._schemas import TYPEDDICT, kind_of, unrebuildable
from .._walking import names_of, schemas_of
from ..errors import DecodeError, SerializationError
from . import reading, tags
from ._instances import Form, State, form_of
from .extension import Decoder, Encoder, Extension, mark


def extension_for(annotation: Any) -> Extension | None:
    """What teaches `std` the classes that the evaluated *annotation* leads to; None if there are none."""
    table = _Table(annotation)
    return Extension(table.encoder, {tags.TYPED: table.read}) if table else None


_TYPED: Final = mark(tags.TYPED)
_NOTHING: Final[State] = {}


class _Table:
    """The classes of one annotation, by address and by name."""

    def __init__(self, annotation: Any) -> None:
        self._schemas = schemas = schemas_of(annotation)  # which keeps the classes, and so their addresses
        names = names_of(schemas)
        self._refused = {at: reason for at, schema in schemas.items() if (reason := unrebuildable(schema))}
        self._classes: dict[int, tuple[type, str, Form]] = {
            at: (schema.cls, names[at], form_of(schema))
            for at, schema in schemas.items()
            if schema.kind != TYPEDDICT and at not in self._refused
        }
        self._forms = {name: form for _, name, form in self._classes.values()}

    def __len__(self) -> int:
        return len(self._classes) + len(self._refused)

    def encoder(self, cls: type) -> Encoder | None:
        """How instances of exactly *cls* are written."""
        known = self._classes.get(id(cls))
        if _keeps_any_bits(cls):
            return None
        if known is None:
            reason = self._refused.get(id(cls)) or self._unnamed(cls)
            return _refusal(reason) if reason else None
        _, name, form = known
        apart = form.apart
        return lambda value: [_TYPED, name, *apart(value)]

    def _unnamed(self, cls: type) -> str | None:
        """Why a class that the annotation might have named is refused."""
        if issubclass(cls, enum.Enum):  # which `std` knows by its place
            return None
        base = next((base for base in cls.__mro__ if id(base) in self._classes), None)
        if base is not None:
            example = f"`-> {base.__name__} | {cls.__name__}`"
            return f"a {cls.__qualname__}, which the return annotation does not name, only its base; name both: {example}"
        if kind_of(cls) is None:
            return None
        return f"a {cls.__qualname__}, which the return annotation does not name; name it, as in `-> ... | {cls.__name__}`"

    def read(self, items: list[Any]) -> Any:
        """The instance of which *items* are the name, the fields, and what else there is."""
        name, fields, state = (*items, _NOTHING) if len(items) == 2 and type(items[0]) is str else _items(items)
        form = self._forms.get(name)
        if form is None:
            raise DecodeError("schema", "std: a class that the return annotation does not name")
        return form.together(fields, state)


def _keeps_any_bits(cls: type) -> bool:
    """Whether members have numbers without end, as of an IntFlag; `std` reads those, if they are where their name says."""
    boundary = getattr(cls, "_boundary_", None) if issubclass(cls, enum.Flag) else None
    return boundary is enum.KEEP and find_type(cls.__module__, cls.__qualname__) is cls


def _refusal(reason: str) -> Encoder:
    def refuse(value: Any) -> list[Any]:
        raise SerializationError(reason)

    return refuse


def _items(items: list[Any]) -> tuple[str, Any, Any]:
    if not 2 <= len(items) <= 3 or type(items[0]) is not str:
        raise DecodeError("corrupt", "std: an instance of another form")
    return items[0], items[1], items[2] if len(items) == 3 else {}


def _plain(items: list[Any]) -> Any:
    """The fields as a dict, with what pydantic calls extra; of an enum's member its value, or else its name."""
    _, fields, state = _items(items)
    if type(fields) is not dict:
        return fields if len(items) == 2 else state
    extra = state.get("extra", {}) if type(state) is dict else {}
    return fields | extra if type(extra) is dict else fields


PLAIN_DECODERS: Final[Mapping[int, Decoder]] = {**reading.PLAIN_DECODERS, tags.TYPED: _plain}
"""How `migrate=` reads instances of a class that has changed since."""
