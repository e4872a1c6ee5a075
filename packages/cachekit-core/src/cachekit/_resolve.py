"""Which backend a function gets, and the backends this process has made."""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import _fork, _making, _plugins
from ._store import Store, aclose_pool, close_pool
from .contracts import BACKEND_VERBS, Backend, BackendSpec
from .errors import ConfigurationError
from .presets import UNSET, Unset

_log = logging.getLogger("cachekit")
_lock = threading.RLock()  # re-entered when a plugin's factory calls a cached function
_stores: dict[str, Store] = {}
_default: Backend | str | Unset | None = UNSET


def checked_backend(backend: Any, argument: str = "backend") -> None:
    """Raise unless *backend* is None, the name of an installed backend, or an object with the five verbs."""
    if backend is None or backend is UNSET:
        return
    if isinstance(backend, str):
        _plugins.registry.resolve("backend", backend)
        return
    if isinstance(backend, type):
        raise ConfigurationError.of(argument, backend, f"takes an object, not its class; did you mean {backend.__qualname__}()?")
    missing = _making.lacking("backend", backend)
    if missing:
        near = {verb: difflib.get_close_matches(verb, dir(backend), n=1, cutoff=0.75) for verb in missing}
        hints = "".join(f"; did you mean {verb} by {found[0]}?" for verb, found in near.items() if found)
        raise ConfigurationError.of(
            argument,
            backend,
            f"a backend has the methods {', '.join(BACKEND_VERBS)}; this {type(backend).__qualname__} lacks {', '.join(missing)}{hints}",
        )
    awaitable = [verb for verb in BACKEND_VERBS if inspect.iscoroutinefunction(getattr(backend, verb))]
    if awaitable:
        raise ConfigurationError.of(
            argument,
            backend,
            f"{', '.join(awaitable)} must be plain methods; coroutines are called {', '.join('a' + verb for verb in awaitable)}",
        )


def set_default_backend(backend: Backend | str | None) -> None:
    """Choose the backend of every function that names none.

    Functions that were already called keep the one they have.

    Parameters:
        backend: a backend object, the name of an installed one, or None for L1 only.

    Raises:
        ConfigurationError: the name is not installed, or the object lacks a verb.

    Example:
        >>> import cachekit
        >>> from cachekit.testing import MemoryBackend
        >>> cachekit.set_default_backend(MemoryBackend())
        >>> cachekit.set_default_backend(None)
    """
    global _default
    checked_backend(backend)
    _default = backend


def chosen_backend(backend: Backend | str | Unset | None, named: str | None) -> Backend | str | None:
    """The name or object that *backend* comes to: the call's, the default, ``CACHEKIT_BACKEND``, or the environment's.

    Parameters:
        backend: the decorator's argument.
        named: the value of ``CACHEKIT_BACKEND``.
    """
    if backend is not UNSET:
        return backend
    if _default is not UNSET:
        return _default
    if named is not None:
        try:
            checked_backend(named, "CACHEKIT_BACKEND")
        except ConfigurationError as error:
            raise type(error)(f"CACHEKIT_BACKEND: {error}") from None
        return named
    return _of_environment()


def store_of(choice: Backend | str | None) -> Store | None:
    """The store of a chosen backend; a named one is made once a process, and anew after `close`."""
    if choice is None:
        return None
    if not isinstance(choice, str):
        return Store(choice, type(choice).__qualname__)
    store = _stores.get(choice)
    if store is None:
        with _lock:
            store = _stores.get(choice)
            if store is None:
                store = _stores[choice] = Store(_making.make("backend", choice), choice)
    return store


def close_stores() -> None:
    """Close the backends that were made by name; those a user passed are the user's to close."""
    for store in _taken():
        with _closing(store):
            store.close()
    close_pool()


async def aclose_stores() -> None:
    """As `close_stores`, awaiting the running loop's clients."""
    for store in _taken():
        with _closing(store):
            await store.aclose()
    await aclose_pool()


@contextmanager
def _closing(store: Store) -> Iterator[None]:
    """A backend that cannot be closed is said, and keeps no other open."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - anybody's backend
        _log.warning("the backend %s could not be closed: %s", store.name, type(error).__name__)


def _begin_anew() -> None:
    global _lock
    _lock = threading.RLock()


_fork.in_child(_begin_anew)


def _taken() -> list[Store]:
    with _lock:
        stores = list(_stores.values())
        _stores.clear()
    return stores


def _of_environment() -> str | None:
    specs: list[BackendSpec] = _plugins.registry.specs("backend")
    for variables in ("variables", "shared_variables"):
        claims = [(spec.name, variable) for spec in specs for variable in getattr(spec, variables) if os.environ.get(variable)]
        names = sorted({name for name, _ in claims})
        if len(names) > 1:
            raise ConfigurationError(
                f"{' and '.join(variable for _, variable in claims)} are set, so the environment names "
                f"{len(names)} backends ({', '.join(names)}); "
                f"unset all but one, or choose with CACHEKIT_BACKEND={names[0]}"
            )
        if names:
            return names[0]
    unconfigured = [spec.name for spec in specs if spec.works_unconfigured]
    if len(unconfigured) > 1:
        raise ConfigurationError(
            f"the backends {', '.join(unconfigured)} are installed and none is configured; choose with CACHEKIT_BACKEND={unconfigured[0]}"
        )
    if not unconfigured:
        _refuse_unusable()
        _say_l1_only()
    return unconfigured[0] if unconfigured else None


def _refuse_unusable() -> None:
    """Raise for a backend whose variables are set, and whose plugin is not there or cannot be used: why, and the remedy."""
    for name in _plugins.registry.unusable():
        prefix = f"CACHEKIT_{name.upper().replace('-', '_')}_"
        variable = next((variable for variable in os.environ if variable.startswith(prefix)), None)
        if variable is not None:
            try:
                _plugins.registry.resolve("backend", name)
            except ConfigurationError as error:
                raise type(error)(f"{variable} is set, and nothing reads it: {error}") from error.__cause__


_said_l1_only = False


def _say_l1_only() -> None:
    global _said_l1_only
    if not _said_l1_only:
        _said_l1_only = True
        _log.info("no backend is installed or configured: values are cached in this process only (backend=None says so without this line)")
