"""A decorated function in a class body: bound to its object, it keeps the verbs, bound too."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, Literal

from ._calls import Verbs

Binding = Literal["instance", "class", "static"]
_WITH_ARGUMENTS = ("key", "invalidate_cache", "refresh")


class CachedMethod:
    """What `@cache` leaves in a class body.

    Parameters:
        wrapper: the wrapped function, carrying the verbs.
        binding: what access through an object or a class binds it to.
    """

    def __init__(self, wrapper: Callable[..., Any], binding: Binding) -> None:
        functools.update_wrapper(self, wrapper, updated=())
        self.__wrapped__ = wrapper.__wrapped__  # type: ignore[attr-defined]
        self._wrapper = wrapper
        self._binding = binding

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._wrapper(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if self._binding == "class":
            return BoundMethod(self, type(instance) if owner is None else owner)
        if self._binding == "static" or instance is None:
            return self
        return BoundMethod(self, instance)

    def __getattr__(self, name: str) -> Any:
        # The verbs, and what frameworks ask of a function: __code__, __defaults__, __isabstractmethod__…
        if name == "_wrapper":  # not yet set: a copy in the making
            raise AttributeError(name)
        return getattr(self._wrapper, name)

    def __reduce__(self) -> str:
        return str(self.__qualname__)  # found again by its name, as functions are

    def __repr__(self) -> str:
        return f"<cached {self.__wrapped__!r}>"


class BoundMethod:
    """A `CachedMethod` bound to an instance or a class."""

    __slots__ = ("__func__", "__self__", "__weakref__")

    def __init__(self, method: CachedMethod, to: object) -> None:
        self.__func__ = method
        self.__self__ = to

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.__func__.__doc__

    @property
    def __module__(self) -> str:  # type: ignore[override]
        return self.__func__.__module__

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.__func__._wrapper(self.__self__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__func__, name)
        if name in _WITH_ARGUMENTS:
            return functools.partial(found, self.__self__)
        if name == "__wrapped__":
            return types.MethodType(found, self.__self__)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundMethod) and self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__func__), id(self.__self__)))

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.__self__, self.__func__.__name__)

    def __repr__(self) -> str:
        return f"<cached bound {self.__func__.__wrapped__!r} of {self.__self__!r}>"


def attach(wrapper: Callable[..., Any], verbs: Verbs) -> None:
    """Give a wrapper its verbs."""
    for name in verbs.names:
        setattr(wrapper, name, getattr(verbs, name))
