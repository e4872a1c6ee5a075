"""Instances of annotated classes, taken apart and put together again.

No `__init__`, validator, property or `__setattr__` of the class runs, in either direction: what
is written is the state, as `copy` would see it, and it is put back where it was.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .._schemas import ATTRS, ENUM, NAMEDTUPLE, PYDANTIC, STRUCT, Schema, keeps_extra
from ..errors import DecodeError, SerializationError
from ._flags import combination
from ._structs import constructor

State = Mapping[str, Any]
"""What there is beside the fields: ``unset`` fields, and of pydantic ``set``, ``extra`` and ``private``."""

_UNSET = "unset"
_MISSING = object()
_getattribute = object.__getattribute__  # past that of the class


class Form(Protocol):
    """How instances of one class are written."""

    def apart(self, value: Any) -> list[Any]:
        """The fields of *value*, and what else there is, if there is anything."""
        ...

    def together(self, fields: Any, state: State) -> Any:
        """The instance, or any exception."""


def form_of(schema: Schema) -> Form:
    """The form of a class of any kind but TypedDict."""
    forms: dict[str, Callable[[Schema], Form]] = {PYDANTIC: _Model, STRUCT: _Struct, NAMEDTUPLE: _NamedTuple, ENUM: _Enum}
    return forms.get(schema.kind, _Object)(schema)


class _Object:
    """A dataclass, or one of attrs: slots, and a dict."""

    def __init__(self, schema: Schema) -> None:
        self._cls = schema.cls
        self._names = dict.fromkeys(schema.fields)
        self._ordered = list(self._names)
        self._slots = _slots(schema.cls)
        self._has_dict = schema.cls.__dictoffset__ != 0
        self._derived = _derived(schema)
        self._caches_hash = schema.kind == ATTRS and _caches_hash(schema.cls)
        self._only_dict = self._has_dict and not self._slots
        only_slots = not self._has_dict and self._slots.keys() == self._names.keys()
        self._only = [(name, self._slots[name].__get__, self._slots[name].__set__) for name in self._names] if only_slots else []

    def apart(self, value: Any) -> list[Any]:
        if self._only_dict:
            fields = _getattribute(value, "__dict__")
            if list(fields) == self._ordered:
                return [fields]
        fields = self._held(value)
        if list(fields) == self._ordered or fields.keys() == self._names.keys():
            return [fields]
        return [fields, {_UNSET: [name for name in self._names if name not in fields]}]

    def _held(self, value: Any) -> dict[Any, Any]:
        """The fields that are set; what is set and is no field would be lost, unless it is computed from them."""
        if self._only:
            try:
                return {name: get(value) for name, get, _ in self._only}
            except AttributeError:  # a field that was never set
                pass
        held = _getattribute(value, "__dict__") if self._has_dict else {}
        if not self._slots and held.keys() == self._names.keys():
            return held
        found = {name: _get(slot, value, _MISSING) for name, slot in self._slots.items()} | held
        found = {name: item for name, item in found.items() if item is not _MISSING}
        for name in found.keys() - self._names.keys():
            if name not in self._derived:
                raise SerializationError(f"this {self._cls.__qualname__} holds {name!r}, which is none of its fields and would be lost")
        return {name: found[name] for name in self._names if name in found}

    def together(self, fields: Any, state: State) -> Any:
        if state or type(fields) is not dict or list(fields) != self._ordered:
            _check(self._cls, self._names, fields, state, {_UNSET})
        made: Any = object.__new__(self._cls)
        if self._only_dict:
            _getattribute(made, "__dict__").update(fields)
        elif self._only and not state:
            for name, _, put in self._only:
                put(made, fields[name])
        else:
            self._fill(made, fields)
        if self._caches_hash:
            self._fill(made, {"_attrs_cached_hash": None})
        return made

    def _fill(self, made: Any, fields: dict[str, Any]) -> None:
        for name, item in fields.items():
            if name in self._slots:
                self._slots[name].__set__(made, item)
            else:
                _getattribute(made, "__dict__")[name] = item


class _Model(_Object):
    """A pydantic model: the four places where it keeps its state."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        own = sys.modules["pydantic.main"].BaseModel.__dict__
        places = {name: own[f"__pydantic_{name}__"] for name in ("fields_set", "extra", "private")}
        self._fields_set, self._extra, self._private = places.values()
        for name in places:
            self._slots.pop(f"__pydantic_{name}__", None)
        self._has_extra, self._has_private = keeps_extra(schema.cls), bool(schema.private)

    def apart(self, value: Any) -> list[Any]:
        fields = self._held(value)
        given = _get(self._fields_set, value)
        extra, private = _get(self._extra, value), _get(self._private, value)
        if given is None or self._is_half_made(extra, private):
            raise SerializationError(f"this {self._cls.__qualname__} was never initialised")
        if given == self._names.keys() == fields.keys() and extra is None is private:
            return [fields]
        unset = [name for name in self._names if name not in fields] if fields.keys() != self._names.keys() else None
        others = sorted(given ^ self._names.keys())  # most often just these were given
        state = {_UNSET: unset, "set": others or None, "extra": extra, "private": private}
        state = {name: content for name, content in state.items() if content is not None}
        return [fields, state] if state else [fields]

    def together(self, fields: Any, state: State) -> Any:
        if not state and type(fields) is dict and list(fields) == self._ordered:
            return self._filled(fields, set(self._ordered), None, None)
        _check(self._cls, self._names, fields, state, {_UNSET, "set", "extra", "private"})
        extra, private = state.get("extra"), state.get("private")
        if not all(more is None or (type(more) is dict and all(type(name) is str for name in more)) for more in (extra, private)):
            raise DecodeError("schema", f"std: what {self._cls.__qualname__} holds beside its fields is of another form")
        return self._filled(fields, set(self._names) ^ set(_texts(state.get("set", []))), extra, private)

    def _is_half_made(self, extra: Any, private: Any) -> bool:
        """Whether pydantic's own code would fail over an instance that holds these."""
        return (extra is None and self._has_extra) or (private is None and self._has_private)

    def _filled(self, fields: dict[str, Any], given: set[str], extra: Any, private: Any) -> Any:
        if self._is_half_made(extra, private):
            raise DecodeError("schema", f"std: a {self._cls.__qualname__} without its extra or private attributes")
        made: Any = object.__new__(self._cls)
        _getattribute(made, "__dict__").update(fields)
        self._fields_set.__set__(made, given)
        self._extra.__set__(made, extra)
        self._private.__set__(made, private)
        return made


class _Struct(_Object):
    """A msgspec.Struct, which only its constructor can make; that one checks nothing."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self._unset = sys.modules["msgspec"].UNSET
        self._make = constructor(schema.cls)

    def apart(self, value: Any) -> list[Any]:
        fields = self._held(value)
        if fields.keys() != self._names.keys():
            raise SerializationError(f"a field of this {self._cls.__qualname__} was deleted")
        unset = [name for name, item in fields.items() if item is self._unset]
        if not unset:
            return [fields]
        return [{name: item for name, item in fields.items() if item is not self._unset}, {_UNSET: unset}]

    def together(self, fields: Any, state: State) -> Any:
        _check(self._cls, self._names, fields, state, {_UNSET})
        return self._make(fields | dict.fromkeys(state.get(_UNSET, []), self._unset))


class _NamedTuple:
    """A named tuple, of either kind."""

    def __init__(self, schema: Schema) -> None:
        self._cls: Any = schema.cls
        self._names = dict.fromkeys(schema.fields)
        self._ordered = list(self._names)
        self._has_dict = schema.cls.__dictoffset__ != 0

    def apart(self, value: Any) -> list[Any]:
        items = tuple.__iter__(value)
        if tuple.__len__(value) != len(self._names) or (self._has_dict and _getattribute(value, "__dict__")):
            raise SerializationError(f"this {self._cls.__qualname__} does not hold just its {len(self._names)} fields")
        return [dict(zip(self._names, items, strict=True))]

    def together(self, fields: Any, state: State) -> Any:
        if not state and type(fields) is dict and list(fields) == self._ordered:
            return tuple.__new__(self._cls, fields.values())
        _check(self._cls, self._names, fields, state, set())
        return tuple.__new__(self._cls, [fields[name] for name in self._names])


class _Enum:
    """A member by its name; a combination of flags by its number. The value goes along for readers without the class."""

    def __init__(self, schema: Schema) -> None:
        cls: Any = schema.cls
        self._cls = cls
        self._members: Mapping[str, Any] = cls.__members__
        self._bits: int = getattr(cls, "_flag_mask_", -1)

    def apart(self, value: Any) -> list[Any]:
        plain = [value._value_] if type(value._value_) in (str, int) else []
        name = value._name_
        if self._members.get(name) is value:
            return [name, *plain]
        if self._bits == -1 or value._value_ & ~self._bits:
            raise SerializationError(f"this {self._cls.__qualname__} has bits that no member names")
        return [value._value_]

    def together(self, fields: Any, state: Any) -> Any:
        if type(fields) is str and fields in self._members:
            return self._members[fields]
        if type(fields) is not int or self._bits == -1 or fields < 0 or fields & ~self._bits:
            raise DecodeError("schema", f"std: a member that {self._cls.__qualname__} does not have")
        made = combination(self._cls, fields)
        if made is None:
            raise DecodeError("corrupt", f"std: more combinations of {self._cls.__qualname__} than Python should keep")
        return made


def _check(cls: type, names: Mapping[str, Any], fields: Any, state: Any, allowed: set[str]) -> None:
    """Refuse what is not each field once, either set or said to be unset."""
    if not state and type(fields) is dict and fields.keys() == names.keys():
        return
    if type(fields) is dict and type(state) is dict and state.keys() <= allowed:
        unset = _texts(state.get(_UNSET, []))
        if len(fields) + len(unset) == len(names) and fields.keys() | set(unset) == names.keys():
            return
    raise DecodeError("schema", f"std: the fields of {cls.__qualname__} are others")


def _texts(given: Any) -> list[str]:
    if type(given) is list and all(type(each) is str for each in given):
        return given
    raise DecodeError("corrupt", "std: not a list of names")


def _slots(cls: type) -> dict[str, types.MemberDescriptorType]:
    """The slots of instances by name, where nothing in a subclass hides them."""
    met: dict[str, Any] = {}
    for base in cls.__mro__:
        for name, attribute in base.__dict__.items():
            met.setdefault(name, attribute)
    return {name: slot for name, slot in met.items() if isinstance(slot, types.MemberDescriptorType)}


def _get(slot: types.MemberDescriptorType, value: Any, default: Any = None) -> Any:
    try:
        return slot.__get__(value)
    except AttributeError:
        return default


def _derived(schema: Schema) -> set[str]:
    """What an instance may hold beside its fields, because it is computed from them or says nothing about the value."""
    names = {"__orig_class__", "_attrs_cached_hash", "__msgspec_cached_hash__"}
    for base in schema.cls.__mro__:
        names |= {name for name, attribute in base.__dict__.items() if isinstance(attribute, functools.cached_property)}
        if "__attrs_attrs__" in base.__dict__:  # attrs makes slots of cached properties
            slots = base.__dict__.get("__slots__", ())
            names |= {slots} if isinstance(slots, str) else set(slots)
    return names - schema.fields.keys()


def _caches_hash(cls: type) -> bool:
    """Whether the `__hash__` that attrs made looks for what its `__init__` left."""
    return "_attrs_cached_hash" in getattr(getattr(cls.__hash__, "__code__", None), "co_names", ())
