"""One decorated function: its policy made concrete, its keys, its entries, its counts."""

from __future__ import annotations

import hashlib
import logging
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _clock, _encoding, _fork, _resolve
from ._binding import PREFIX, Binder, Bound, CallKeyError
from ._broadcast import listen
from ._call import Call
from ._codec import Stamp
from ._encoding import Encoding
from ._identity import identity, opaque, private_token
from ._local import NO_VALUE, Local
from ._memory import NO_KEY, Memory
from ._pending import Pending
from ._proposed import Proposed
from ._report import CacheInfo
from ._short_keys import short_key
from ._store import Store
from ._ttl import parse_ttl
from ._writes import Writes
from .config.groups import L1CacheConfig
from .contracts import Backend
from .presets import UNSET, Policy, budget_of

if TYPE_CHECKING:
    from .config import CachekitConfig

_log = logging.getLogger("cachekit")

_MONTH = 30 * 86400.0

_memories: weakref.WeakKeyDictionary[L1CacheConfig, Memory] = weakref.WeakKeyDictionary()
_sites: weakref.WeakSet[Site] = weakref.WeakSet()


class Site(Local):
    """What the wrapper, the cold path and the verbs share.

    Parameters:
        function: the user's function.
        policy: what the decorator was told, presets applied.
        method: whether it stands in a class body.
        instance: whether its first argument is an instance of that class.
    """

    def __init__(self, function: Callable[..., Any], policy: Policy, *, method: bool, instance: bool = False) -> None:
        self.function = function
        self.namespace = policy.namespace
        self._policy = policy
        self._opaque = opaque(function, policy.key)
        # Who names a version vouches for what no key can tell apart; without a backend nothing can mix.
        self._is_private = bool(self._opaque) and policy.version is None and policy.backend is not None
        identified = identity(function, policy.namespace, policy.version, policy.key)
        if self._is_private:
            identified += private_token(function, policy.key, self._opaque)
        super().__init__(function.__qualname__, Binder(function, identified, policy.ignore, policy.key, method=method), instance=instance)
        self.marker = PREFIX + "m:f:" + hashlib.blake2b(identified, digest_size=32).hexdigest()
        self.writes = Writes()
        self.pending = Pending()
        self.proposed = Proposed(lambda: _clock.monotonic())
        self._resolved = False
        self._lock = threading.RLock()
        self.enabled = True
        self.broadcasts = False
        self._choice: Backend | str | None = None
        self._store: Store | None = None
        _sites.add(self)

    # -- resolved at the first call, then fixed ------------------------------------------

    def resolve(self) -> None:
        """Read the settings and choose the backend, once."""
        if self._resolved:
            return
        from .config import CachekitConfig, load_settings

        config = load_settings(CachekitConfig)
        if not config.enabled:
            self.enabled, self._resolved = False, True
            return
        # Foreign code (factories of plugins) runs without a lock; two threads may do it, and one of them sets.
        choice = _resolve.chosen_backend(self._policy.backend, config.backend)
        store = _resolve.store_of(choice)
        encoding = _encoding.encoding_of(self.function, self._policy, config)
        with self._lock:
            if not self._resolved:
                self._set(config, choice, store, encoding)

    def _set(self, config: CachekitConfig, choice: Backend | str | None, store: Store | None, encoding: Encoding) -> None:
        self._choice = choice
        self._store = None if isinstance(choice, str) else store
        self.codec, self.unresolved = encoding.codec, encoding.unresolved
        self.ttl = config.default_ttl if self._policy.ttl is UNSET else parse_ttl(self._policy.ttl)
        # A marker that expired is made anew, which costs each entry one miss.
        self.marker_ttl = None if self.ttl is None else max(_MONTH, 2 * self.ttl)
        # Nobody deletes the chunks of an entry that was replaced, so they always expire.
        self.chunk_ttl = _MONTH if self.ttl is None else self.ttl
        self._take_memory()
        self._resolved = True
        if self._is_private and choice is not None:
            # No warning: nothing is wrong, and with many a closure it is what is meant.
            _log.info(
                "%s holds %s, which no key can tell apart, so its entries are of use to this process only; "
                "pass that as an argument, or vouch for it with version=",
                self.name,
                ", ".join(self._opaque),
            )

    def _take_memory(self) -> None:
        config = self._policy.l1
        if config.swr_enabled and config.swr_threshold_ratio < 1.0:
            self.soft_ratio = config.swr_threshold_ratio
        enabled = config.enabled if self._policy.l1_enabled is None else self._policy.l1_enabled
        if enabled:
            budget = budget_of(config)
            memory = _memories.setdefault(budget, Memory(budget.max_size_mb << 20, namespace_index=budget.namespace_index))
            self.take(memory, config)
            store = self.store
            if config.invalidation_enabled and store is not None:
                self.broadcasts = True
                listen(store.backend, self)
        elif self._choice is None:
            self.warn("nothing", "no backend is configured and L1 is off, so nothing is cached")

    @property
    def has_backend(self) -> bool:
        """Whether values go to a backend, and so must encode."""
        return self._choice is not None

    @property
    def store(self) -> Store | None:
        """The backend; one that was made by name is made anew after `cache.close()`."""
        return self._store or _resolve.store_of(self._choice)

    def heard(self, key: str | None) -> None:
        """An invalidation was broadcast: what this process holds, or computes now, is not of that key any more."""
        self.flights.invalidate(key)
        if self.memory is None:
            return
        if key is None:
            self.memory.clear(self.shelf)
        else:
            self.memory.drop(self.shelf, key)

    # -- one call ----------------------------------------------------------------------

    def begin(self, values: tuple[Any, ...] | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Call, Any]:
        """The call with its key, and the value L1 has for it, or `NO_VALUE`. *values* are its bound arguments, if they are known."""
        if not self._resolved:
            self.resolve()
        if not self.enabled:
            return Call(), NO_VALUE
        bound = None
        if values is None:
            try:
                bound = self.binder.bind(args, kwargs)
            except TypeError:
                call = Call()
                call.fits = False
                return call, NO_VALUE  # the function itself says what is wrong with the call
            values = bound.values
        try:
            call = self._keyed(values, bound, args, kwargs)
        except CallKeyError as error:
            self.tally.count("uncacheable")
            self.warn("key", f"called without the cache: {error}", error.__cause__)
            return Call(), NO_VALUE
        value = self.held(call)
        if value is not NO_VALUE:
            self.tally.count("l1_hits")
        return call, value

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """The call with its keys; errors of the user's own key code are raised as they are."""
        try:
            bound = self.binder.bind(args, kwargs)
            return self._keyed(bound.values, bound, args, kwargs)
        except CallKeyError as error:
            raise (error.__cause__ or error) from None

    def _keyed(self, values: tuple[Any, ...], bound: Bound | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        arguments = self.front.arguments(values)
        if arguments is not None:
            front_key, classes, size = self.front.key(arguments)
            if self._choice is None:
                if front_key is not NO_KEY:
                    return Call((front_key, *map(id, classes)), front_key, classes, size)
                short = short_key(arguments)
                if short is not None:
                    return Call(short[0], size=short[1])
        else:
            front_key, classes, size = NO_KEY, (), 0
        return Call(self.binder.wire_key(bound or self.binder.bound(values), args, kwargs), front_key, classes, size)

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The wire key of a call; errors of the user's own key code are raised as they are."""
        try:
            return self.binder.wire_key(self.binder.bind(args, kwargs), args, kwargs)
        except CallKeyError as error:
            raise (error.__cause__ or error) from None

    def now(self) -> Stamp:
        """The moment, with this function's TTL."""
        return Stamp(_clock.wall(), self.ttl, self.fresh_for())

    def info(self) -> CacheInfo:
        return self.tally.info(int(self.front.hits), len(self.shelf.by_key), self.shelf.size)

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        self.tally.begin()
        self.front.begin_count()
        self.flights.after_fork()
        self.refreshing.clear()
        self.writes.begin_anew()
        self.pending.after_fork()
        self.proposed.after_fork()


def clear_l1(namespace: str | None) -> None:
    """Remove from this process's L1 what functions of *namespace*, or all of them, have there."""
    for site in list(_sites):
        if namespace in (None, site.namespace):
            site.flights.invalidate()  # what is being computed now must not come back
            if site.memory is not None:
                site.memory.clear(site.shelf)


def _begin_anew() -> None:
    for memory in list(_memories.values()):
        memory.after_fork()
    for site in list(_sites):
        site.after_fork()


_fork.in_child(_begin_anew)
