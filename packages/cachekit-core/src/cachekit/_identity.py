"""What tells one decorated function's entries from another's, the same in every process.

A function in a module is its module and qualified name. A lambda, or a function made inside
another, shares its name with its siblings, so its code and what it closed over when it was
decorated are part of it too. Where that has no identity, its entries are its own: they would mix.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ._isolation import is_immutable
from ._keys import UnstableError, encode
from ._names import is_interactive, module_name, type_name
from .errors import CachekitError

_SHAPE = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_codes: dict[bytes, bytes] = {}  # identity of a module's function → the code that first had it
# By address, since what can be called may say that it equals another: (the function, its key, what they hold, their token).
_private: dict[int, tuple[weakref.ref[Any], Callable[[], object], tuple[int, ...], bytes]] = {}


def identity(function: Callable[..., Any], namespace: str, version: object, key: Callable[..., Any] | None = None) -> bytes:
    """The digest that begins each of *function*'s wire keys, made by *key* if there is one."""
    named = encode(("cachekit", namespace, version, module_name(function.__module__, _globals(function)), function.__qualname__))
    digest = hashlib.blake2b(named, digest_size=32)
    if key is not None:
        digest.update(b"".join(_described(_held("key=", key))))
    if not isinstance(function, types.FunctionType):  # a partial, an object that can be called
        digest.update(b"".join(_described(_held("function", function))))
        return digest.digest()
    code = b"".join(_code(function.__code__))
    if not _is_addressed(function) or is_interactive(function.__module__, function.__globals__):
        digest.update(code)
        digest.update(b"".join(_described(_free(function))))
    elif _codes.setdefault(digest.digest(), code) != code:
        digest.update(code)  # a second function of one name in one module, as with `def _(…)`
    return digest.digest()


def opaque(function: Callable[..., Any], key: Callable[..., Any] | None) -> dict[str, object]:
    """What *function* and *key* hold that no key can tell apart for good: what cannot be encoded, and what may change."""
    variables = _free(function) if isinstance(function, types.FunctionType) else _held("function", function)
    found = _opaque(variables)
    return found if key is None else found | _opaque(_held("key=", key))


def private_token(function: Callable[..., Any], key: Callable[..., Any] | None, held: dict[str, object]) -> bytes:
    """A token that sets *function*'s entries apart from those of all who hold other objects, here and in other processes."""
    addresses = tuple(map(id, held.values()))
    # The same objects, kept alive by a function and a key that live: decorated twice, or made twice over the same.
    known = next((token for _, keyed, others, token in list(_private.values()) if others == addresses and keyed() is key), None)
    token = known or os.urandom(16)
    at = id(function)
    with suppress(TypeError):  # not everything that can be called can be referred to weakly
        keyed = _no_key if key is None else weakref.ref(key)
        _private[at] = (weakref.ref(function, lambda _: _private.pop(at, None)), keyed, addresses, token)
    return token


def _no_key() -> None:
    """Stands for a reference to the key function where there is none."""


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


Variables = Iterator[tuple[str, object]]


def _free(function: types.FunctionType, outer: tuple[object, ...] = ()) -> Variables:
    """What *function* closed over, and what that holds in turn; not what is not bound yet, which is often itself."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        yield from _held(name, value, (*outer, function))


def _held(name: str, value: object, outer: tuple[object, ...] = ()) -> Variables:
    """*value*, and if it is code that holds values, those too."""
    if isinstance(value, types.FunctionType):
        value = inspect.unwrap(value)
    yield name, value
    if value in outer:
        return
    if isinstance(value, types.FunctionType):
        yield from ((f"{name}.{inner}", of_inner) for inner, of_inner in _free(value, outer))
        defaults = (*enumerate(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).items())
        for parameter, default in defaults:
            yield from _held(f"{name}({parameter})", default, (*outer, value))
    elif isinstance(value, functools.partial):
        for part, held in (("func", value.func), ("args", value.args), *value.keywords.items()):
            yield from _held(f"{name}.{part}", held, (*outer, value))
    elif isinstance(value, types.MethodType):
        yield from _held(f"{name}.__func__", value.__func__, (*outer, value))
        yield from _held(f"{name}.__self__", value.__self__, (*outer, value))
    elif isinstance(value, types.BuiltinFunctionType):
        yield from _held(f"{name}.__self__", value.__self__, (*outer, value))


# What is described by its name and by what it holds.
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.MethodType, functools.partial, type)


def _described(variables: Variables) -> Iterator[bytes]:
    for name, value in variables:
        yield encode(name)
        if isinstance(value, types.FunctionType):
            yield encode((value.__module__, value.__qualname__))
            yield from _code(value.__code__)
        elif isinstance(value, types.ModuleType):
            yield encode(value.__name__)
        elif isinstance(value, types.BuiltinFunctionType):
            yield encode(value.__qualname__)
        else:
            yield _encoded(value)


def _encoded(value: object) -> bytes:
    try:
        return encode(value)
    except (UnstableError, CachekitError):
        return encode(type_name(type(value)))


def _opaque(variables: Variables) -> dict[str, object]:
    """The variables that no key can tell apart for good: what cannot be encoded, and what may change."""
    return {
        name: value
        for name, value in variables
        if not (isinstance(value, _CODE) or is_immutable(value) or hasattr(type(value), "__cache_key__"))
    }
