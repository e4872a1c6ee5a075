"""The hit: a wrapper with the function's own signature, written and compiled for it, as dataclasses write `__init__`.

Python binds the arguments, at its own speed. A plain dict, the front, finds a slot by the bare
arguments; one test then tells that the entry holds and that the arguments are of its classes
(1, True and 1.0 are one key to a dict). Everything else goes the long way.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any

from ._binding import Binder, give_defaults, written
from ._keys import are_leaves
from ._memory import LARGEST_FRONT_KEY, NO_KEY, Shelf
from ._report import Count

_SOURCE = """\
{kind} cached({signature}):
    try:
        {own}{_}slot = {_}get({key}, {_}nothing)
    except {_}Exception:
        {_}slot = {_}nothing
    {_}value, {_}soft, {_}copier, {classes} = {_}slot.entry
    if {_}now() < {_}soft{same}:
        {_}slot.seen = True
        {_}hit()
        if {_}copier is None:
            return {_}value
        try:
            return {_}copier({_}value)
        except {_}Exception:
            pass
    return {wait}{_}missed(({values}), ({positional}), {{{keywords}}})
"""

_NOTHING: tuple[Any, tuple[type, ...], int] = (NO_KEY, (), 0)

Missed = Callable[[tuple[Any, ...] | None, tuple[Any, ...], dict[str, Any]], Any]
"""What a wrapper calls when it has no answer: with the bound arguments, if it knows them, and with those to call by."""


class Front:
    """What one function's wrapper looks into, counts with, and asks the time of.

    Parameters:
        binder: the function's.
        instance: whether its first argument is the object that it is a method of, which may have a key of its own.
    """

    def __init__(self, binder: Binder, *, instance: bool = False) -> None:
        self._parameters = binder.front
        self._keys_self = instance and bool(self._parameters) and 0 in binder.positions
        self._positions = [] if self._parameters is None else binder.positions
        names = [parameter.name for parameter in self._parameters or ()]
        # Before each name of ours, so that none is a parameter's.
        self._prefix = next(prefix for prefix in ("_" * n for n in count(1)) if not any(name.startswith(prefix) for name in names))
        self.classes = len(self._positions) + self._keys_self
        self._scope: dict[str, Any] = {}
        self._name(Exception=Exception, type=type)
        self.look_into(Shelf(self.classes), lambda: inf)
        self.begin_count()

    def look_into(self, shelf: Shelf, clock: Callable[[], float]) -> None:
        """From now on the wrapper finds entries there, by that clock."""
        self._name(get=shelf.front.get, nothing=shelf.nothing, now=clock)

    def begin_count(self) -> None:
        """Count from zero."""
        self.hits = Count()
        """Calls that the wrapper answered by itself."""
        self._name(hit=self.hits.up)

    def arguments(self, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Those of a call's bound *values* that are part of its key; None where the bare arguments are not the key."""
        if self._parameters is None or len(self._positions) == len(values):
            return None if self._parameters is None else values
        return tuple(values[i] for i in self._positions)

    def key(self, arguments: tuple[Any, ...]) -> tuple[Any, tuple[type, ...], int]:
        """The key in the front, the classes of the *arguments*, and their bytes; `NO_KEY` unless all are small immutable leaves."""
        owner: tuple[type, ...] = ()
        if self._keys_self:
            cls = type(arguments[0])
            if issubclass(cls, type):
                return _NOTHING
            try:
                owner, arguments = (cls,), (cls.__cache_key__(arguments[0]), *arguments[1:])
            except Exception:  # noqa: BLE001 - there is none, or it raises: said when the wire key is made
                return _NOTHING
        classes = tuple(map(type, arguments))
        if not are_leaves(arguments, classes):
            return _NOTHING
        size = sum(map(sys.getsizeof, arguments))
        if size > LARGEST_FRONT_KEY:
            return _NOTHING
        return arguments[0] if len(arguments) == 1 else arguments, owner + classes, size

    def wrapper(self, function: Callable[..., Any], missed: Missed, *, is_async: bool) -> Callable[..., Any]:
        """The wrapper of *function*."""
        if self._parameters is None:
            return functools.wraps(function)(_awaiting(missed) if is_async else _calling(missed))
        self._name(missed=missed)
        scope = self._scope
        # Compiled once, so its file is a name that says what it is; the function's own lines follow in a traceback.
        exec(compile(self._source(is_async=is_async), f"<cachekit: {function.__qualname__}>", "exec"), scope)  # noqa: S102
        cached = scope.pop("cached")
        give_defaults(cached, self._parameters)
        return functools.wraps(function)(cached)

    def _name(self, **things: Any) -> None:
        self._scope.update({self._prefix + name: thing for name, thing in things.items()})

    def _source(self, *, is_async: bool) -> str:
        parameters, _ = self._parameters or [], self._prefix
        keyed = [parameters[i].name for i in self._positions]
        told_apart = list(keyed)
        if self._keys_self:
            keyed[0] = f"{_}own_key"
            told_apart[:1] = [told_apart[0], keyed[0]]
        classes = [f"{_}class{i}" for i in range(len(told_apart))]
        keyword_only = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        return _SOURCE.format(
            _=_,
            kind="async def" if is_async else "def",
            wait="await " if is_async else "",
            signature=written(parameters),
            key=keyed[0] if len(keyed) == 1 else f"({', '.join(keyed)})",
            classes="".join(f"{name}, " for name in classes),
            own=f"{keyed[0]} = {_}type({told_apart[0]}).__cache_key__({told_apart[0]})\n        " if self._keys_self else "",
            same="".join(f" and {_}type({name}) is {cls}" for name, cls in zip(told_apart, classes, strict=True)),
            values="".join(f"{p.name}, " for p in parameters),
            positional="".join(f"{p.name}, " for p in parameters if p.name not in keyword_only),
            keywords=", ".join(f'"{name}": {name}' for name in keyword_only),
        )


def _calling(missed: Missed) -> Callable[..., Any]:
    def cached(*args: Any, **kwargs: Any) -> Any:
        return missed(None, args, kwargs)

    return cached


def _awaiting(missed: Missed) -> Callable[..., Any]:
    async def cached(*args: Any, **kwargs: Any) -> Any:
        return await missed(None, args, kwargs)

    return cached
