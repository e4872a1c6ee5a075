"""What tells one decorated function's entries from another's, the same in every process.

A function in a module is its module and qualified name. A lambda, or a function made inside
another, shares its name with its siblings, so its code and what it closed over when it was
decorated are part of it too. What cannot be told apart is refused: it would mix entries.
"""

from __future__ import annotations

import gc
import hashlib
import inspect
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from ._isolation import is_immutable
from ._keys import UnstableError, encode
from ._names import is_interactive, module_name, type_name
from .errors import CachekitError, ConfigurationError

_SHAPE = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_codes: dict[bytes, bytes] = {}  # identity of a module's function → the code that first had it
_Claim = tuple[bytes, object, tuple[int, ...]]  # an identity, the store, the addresses of what was closed over
_closures: weakref.WeakKeyDictionary[Callable[..., Any], _Claim] = weakref.WeakKeyDictionary()


def identity(function: Callable[..., Any], namespace: str, version: object, key: Callable[..., Any] | None = None) -> bytes:
    """The digest that begins each of *function*'s wire keys, made by *key* if there is one."""
    named = encode(("cachekit", namespace, version, module_name(function.__module__, _globals(function)), function.__qualname__))
    digest = hashlib.blake2b(named, digest_size=32)
    if key is not None:
        digest.update(_described(key))
    if not isinstance(function, types.FunctionType):
        return digest.digest()
    code = b"".join(_code(function.__code__))
    if not _is_addressed(function) or is_interactive(function.__module__, function.__globals__):
        digest.update(code)
        digest.update(b"".join(_closure(function)))
    elif _codes.setdefault(digest.digest(), code) != code:
        digest.update(code)  # a second function of one name in one module, as with `def _(…)`
    return digest.digest()


def refuse_shared(function: Callable[..., Any], identified: bytes, store: object) -> None:
    """Refuse *function* if a living one of the same identity closed over other objects.

    Parameters:
        function: the user's function.
        identified: its `identity`.
        store: what its entries go to; functions of different stores cannot mix.

    Raises:
        ConfigurationError: it names the variables and the remedies.
    """
    opaque = _opaque(function)
    if not opaque:
        return
    mine = (identified, store, tuple(map(id, opaque.values())))
    if _is_taken(function, mine):
        gc.collect()  # one that is only kept by a reference cycle is not living
    if _is_taken(function, mine):
        names = ", ".join(opaque)
        raise ConfigurationError(
            f"{function.__qualname__} is decorated twice, closing over different objects as {names}: "
            "their entries would mix in the backend. Pass what differs as an argument, or give each a namespace= or version= of its own"
        )
    _closures[function] = mine


def _is_taken(function: object, mine: _Claim) -> bool:
    return any(other is not function and claim[:2] == mine[:2] and claim[2] != mine[2] for other, claim in list(_closures.items()))


def _globals(function: Callable[..., Any]) -> dict[str, Any] | None:
    return getattr(function, "__globals__", None)


def _code(code: types.CodeType) -> Iterator[bytes]:
    """What the code does: not its file or lines, and nothing whose order differs between runs."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _SHAPE)
    yield encode((code.co_code, code.co_exceptiontable, names, arguments))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant)
        else:
            yield encode(constant)


def _is_addressed(function: types.FunctionType) -> bool:
    """Whether the name tells it from its siblings: it is neither local nor a lambda, nor called `_`, nor a closure.

    `__class__`, which `super()` needs, does not make a closure.
    """
    name = function.__qualname__.rpartition(".")[2]
    captures = any(variable != "__class__" for variable in function.__code__.co_freevars)
    return "<" not in function.__qualname__ and name.strip("_") != "" and not captures


def _described(key: Callable[..., Any]) -> bytes:
    """A key function by what it does, so that keys made by another one are not taken for its own."""
    if isinstance(key, types.FunctionType):
        return b"".join((*_code(key.__code__), *_closure(key)))
    try:
        return encode(key.__reduce__())  # operator.attrgetter("id") and its like
    except Exception:  # noqa: BLE001 - anybody's object; its type is what is left
        return encode(getattr(key, "__qualname__", None) or type_name(type(key)))


def _free(function: types.FunctionType, outer: tuple[types.FunctionType, ...] = ()) -> Iterator[tuple[str, object]]:
    """What *function* closed over, and what the functions among that hold in turn; not what is not bound yet, which is often itself."""
    outer = (*outer, function)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        if isinstance(value, types.FunctionType):
            value = inspect.unwrap(value)
        yield name, value
        if isinstance(value, types.FunctionType) and value not in outer:
            yield from ((f"{name}.{inner}", of_inner) for inner, of_inner in _free(value, outer))
            yield from ((f"{name}({i})", default) for i, default in enumerate(value.__defaults__ or ()))
            yield from ((f"{name}({parameter})", default) for parameter, default in (value.__kwdefaults__ or {}).items())


def _closure(function: types.FunctionType) -> Iterator[bytes]:
    for name, value in _free(function):
        yield encode(name)
        if isinstance(value, types.FunctionType):
            yield encode((value.__module__, value.__qualname__))
            yield from _code(value.__code__)
        elif isinstance(value, types.ModuleType):
            yield encode(value.__name__)
        else:
            yield _encoded(value)


def _encoded(value: object) -> bytes:
    try:
        return encode(value)
    except (UnstableError, CachekitError):
        return encode(type_name(type(value)))


def _opaque(function: Callable[..., Any]) -> dict[str, object]:
    """The free variables that no key can tell apart for good: what cannot be encoded, and what may change."""
    if not isinstance(function, types.FunctionType):
        return {}
    named = (types.FunctionType, types.ModuleType, type)
    return {
        name: value
        for name, value in _free(function)
        if not (isinstance(value, named) or is_immutable(value) or hasattr(type(value), "__cache_key__"))
    }
