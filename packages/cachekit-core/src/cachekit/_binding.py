"""Arguments bound to a function's signature, and the two keys made of them."""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from ._keys import UnstableError, encode, is_leaf, refused
from ._names import type_name
from .errors import CachekitError, ConfigurationError, UnsupportedFunctionError

PREFIX = "ck:{0}:"
"""Begins every key. The braces hold the bucket that a Redis Cluster shards by; elsewhere it is constant."""


class CallKeyError(Exception):
    """The user's own `key=` or `__cache_key__` raised: the cache's failure, not the call's."""


class _Form:
    """One signature that calls may bind to."""

    def __init__(self, function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
        self.parameters = parameters
        self.bind = _compiled(function, parameters)
        # Two forms may have parameters of one name; a function has one form that is not tagged, its visible one.
        self.tag = b"" if parameters is not _ANYTHING else b"*"

    def leave_out(self, ignored: frozenset[str]) -> None:
        self.kept = [(i, p.name, encode(p.name), p.kind is p.VAR_KEYWORD) for i, p in enumerate(self.parameters) if p.name not in ignored]
        self.positions = [i for i, *_ in self.kept]


class Bound(NamedTuple):
    """A call's arguments in the order of the parameters of the form they fit."""

    form: _Form
    values: tuple[Any, ...]


class Binder:
    """Makes a call's arguments one canonical tuple, and keys of that.

    Parameters:
        function: the user's function.
        identity: its digest, from `_identity.identity`.
        ignore: names of parameters that are no part of the key.
        key: the user's own key function, called with the arguments as they were passed.

    Raises:
        ConfigurationError: *ignore* names no parameter, *key* cannot be called.
        UnsupportedFunctionError: the function has no signature that can be read.
    """

    def __init__(
        self, function: Callable[..., Any], identity: bytes, ignore: Iterable[str], key: Callable[..., Any] | None, *, method: bool
    ) -> None:
        self.name = function.__qualname__
        self._key = key
        self._method = method
        self._digest = hashlib.blake2b(identity, digest_size=32)
        forms = [_Form(function, parameters) for parameters in _signatures(function)]
        ignored = _checked_ignore(ignore, [parameter.name for parameter in forms[0].parameters], self.name)
        for form in forms:
            form.leave_out(ignored)
        self._forms = forms

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """The call's arguments by parameter, or the TypeError that the function would raise."""
        for form in self._forms[:-1]:
            try:
                return Bound(form, form.bind(*args, **kwargs))
            except TypeError:  # the wrapper takes what the function it wraps does not
                continue
        return Bound(self._forms[-1], self._forms[-1].bind(*args, **kwargs))

    def local_key(self, bound: Bound) -> tuple[Any, ...] | None:
        """The arguments as they are, told apart by class; None unless every one is an immutable leaf."""
        values = [bound.values[i] for i in bound.form.positions]
        if self._key is not None or len(self._forms) > 1 or not all(map(is_leaf, values)):
            return None
        return (*values, *map(type, values))

    def wire_key(self, bound: Bound, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The key that is the same in every process.

        Raises:
            UncacheableArgumentError: an argument has no stable identity.
            CallKeyError: the user's own key code raised; its exception is the cause.
        """
        digest = self._digest.copy()
        if self._key is not None:
            digest.update(b"k" + self._encoded("key=", self._custom(self._key, args, kwargs)))
        else:
            digest.update(bound.form.tag)
            for position, name, encoded_name, keywords in bound.form.kept:
                value = bound.values[position]
                # One call form, whatever the order in which keywords were written.
                content = self._encoded(name, tuple(sorted(value.items())) if keywords else value)
                digest.update(encoded_name + content)
        return PREFIX + digest.hexdigest()

    def _custom(self, key: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return key(*args, **kwargs)
        except Exception as error:
            raise CallKeyError(f"{self.name}: key= raised {type(error).__name__}") from error

    def _encoded(self, name: str, value: Any) -> bytes:
        try:
            return encode(value)
        except UnstableError as unstable:
            raise refused(self.name, name, unstable, method=self._method) from None
        except CachekitError:
            raise
        except Exception as error:
            raise CallKeyError(
                f"{self.name}: the key of argument {name!r} ({type_name(type(value))}) raised {type(error).__name__}"
            ) from error


_ANYTHING = [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL), inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)]


def _signatures(function: Callable[..., Any]) -> list[list[inspect.Parameter]]:
    """The signatures to try: the function's own; before it, where that takes anything, what it wraps and shows."""
    own = _parameters(_plain(function))
    if [parameter.kind for parameter in own] != [parameter.kind for parameter in _ANYTHING] or not hasattr(function, "__wrapped__"):
        return [own]
    return [_parameters(_plain(inspect.unwrap(function))), _ANYTHING]


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function* as its code has it: a `__signature__` is for readers, and calls do not go by it."""
    if not isinstance(function, types.FunctionType):
        return function
    plain = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    plain.__kwdefaults__ = function.__kwdefaults__
    return plain


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError) as error:
        raise UnsupportedFunctionError(f"{function!r}: its signature cannot be read ({error}); wrap it in a def of your own") from None


def _checked_ignore(ignore: Iterable[str], names: list[str], function: str) -> frozenset[str]:
    ignored = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    for name in ignored:
        if name not in names:
            near = get_close_matches(str(name), names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigurationError.of("ignore", name, f"{function}() has no such parameter (it has {', '.join(names) or 'none'}){hint}")
    return frozenset(ignored)


def _compiled(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> Callable[..., tuple[Any, ...]]:
    """A function of the same signature that returns its arguments: Python binds them, at its own speed."""
    written: list[str] = []
    star = False
    for i, parameter in enumerate(parameters):
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            written.append("*")
            star = True
        prefix = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        star = star or prefix == "*"
        written.append(prefix + parameter.name + ("" if parameter.default is parameter.empty else "=None"))
        last = i + 1 == len(parameters) or parameters[i + 1].kind is not parameter.POSITIONAL_ONLY
        if parameter.kind is parameter.POSITIONAL_ONLY and last:
            written.append("/")
    names = "".join(f"{parameter.name}, " for parameter in parameters)
    scope: dict[str, Any] = {}
    exec(f"def bind({', '.join(written)}): return ({names})", scope)  # noqa: S102 - names Python itself accepted
    bind = scope["bind"]
    defaults = [p for p in parameters if p.default is not p.empty]
    bind.__defaults__ = tuple(p.default for p in defaults if p.kind is not p.KEYWORD_ONLY) or None
    bind.__kwdefaults__ = {p.name: p.default for p in defaults if p.kind is p.KEYWORD_ONLY} or None
    bind.__name__, bind.__qualname__ = function.__name__, function.__qualname__
    return bind  # type: ignore[no-any-return]
