"""One decorated function: its policy made concrete, its keys, its entries, its counts."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import _encoding, _fork, _resolve
from ._binding import PREFIX, Binder, CallKeyError
from ._codec import Stamp
from ._encoding import Encoding
from ._flight import Epoch, Flight, Flights
from ._identity import identity, opaque, private_token
from ._isolation import Held
from ._memory import Index, LocalKey, Memory
from ._pending import Pending
from ._proposed import Proposed
from ._report import CacheInfo, Tally
from ._store import Store
from ._ttl import parse_ttl
from ._writes import Writes
from .config.groups import L1CacheConfig
from .contracts import Backend
from .errors import BackendError, CachekitError, DecodeError
from .presets import UNSET, Policy

if TYPE_CHECKING:
    from .config import CachekitConfig

_log = logging.getLogger("cachekit")

NO_VALUE: Final = object()
"""Stands where there is no value; a cached None is a value."""

_MONTH = 30 * 86400.0

_DEFAULT_L1 = L1CacheConfig()
_memories: weakref.WeakKeyDictionary[L1CacheConfig, Memory] = weakref.WeakKeyDictionary()
_sites: weakref.WeakSet[Site] = weakref.WeakSet()
monotonic: Callable[[], float] = time.monotonic
wall: Callable[[], float] = time.time
"""The clocks, for intervals and for stored stamps; tests put their own here."""


@dataclass(slots=True)
class Call:
    """One call on its way. A call without a key goes to the function, and nothing is stored."""

    key: str | None = None
    local: LocalKey | None = None
    flight: Flight | None = None
    epoch: Epoch = (0, 0)
    tokens: tuple[bytes, ...] | None = None  # None: the backend is not to be written in this call
    store: Store | None = None  # the backend the tokens are of


class Site:
    """What the wrapper, the cold path and the verbs share.

    Parameters:
        function: the user's function.
        policy: what the decorator was told, presets applied.
        method: whether it stands in a class body.
    """

    def __init__(self, function: Callable[..., Any], policy: Policy, *, method: bool) -> None:
        self.function = function
        self.name = function.__qualname__
        self._policy = policy
        self._opaque = opaque(function, policy.key)
        # Who names a version vouches for what no key can tell apart; without a backend nothing can mix.
        self._is_private = bool(self._opaque) and policy.version is None and policy.backend is not None
        identified = identity(function, policy.namespace, policy.version, policy.key)
        if self._is_private:
            identified += private_token(function, policy.key, self._opaque)
        self.binder = Binder(function, identified, policy.ignore, policy.key, method=method)
        self.marker = PREFIX + "m:f:" + hashlib.blake2b(identified, digest_size=32).hexdigest()
        self.tally = Tally()
        self.flights = Flights()
        self.writes = Writes()
        self.pending = Pending()
        self.proposed = Proposed(lambda: monotonic())
        self._warned: set[str] = set()
        self._unresolved = ""
        self._resolved = False
        self._lock = threading.RLock()
        self.enabled = True
        self._choice: Backend | str | None = None
        self._store: Store | None = None
        self.memory: Memory | None = None
        self.index = Index()
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
        self.codec, self._unresolved = encoding.codec, encoding.unresolved
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
        config = self._policy.l1 or _DEFAULT_L1
        enabled = config.enabled if self._policy.l1_enabled is None else self._policy.l1_enabled
        if enabled:
            self.memory = _memories.setdefault(config, Memory(config.max_size_mb << 20, lambda: monotonic()))
            self.index = self.memory.index(self)
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

    # -- one call ----------------------------------------------------------------------

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Call, Any]:
        """The call with its key, and the value L1 has for it, or `NO_VALUE`."""
        if not self._resolved:
            self.resolve()
        if not self.enabled:
            return Call(), NO_VALUE
        try:
            bound = self.binder.bind(args, kwargs)
        except TypeError:
            return Call(), NO_VALUE  # the function itself says what is wrong with the call
        local = self.binder.local_key(bound)
        if local is not None and self.memory is not None:
            value = self.taken(self.memory.get(self.index, None, local))
            if value is not NO_VALUE:
                self.tally.count("l1_hits")
                return Call(), value
        try:
            key = self.binder.wire_key(bound, args, kwargs)
        except CallKeyError as error:
            self.tally.count("uncacheable")
            self.warn("key", f"called without the cache: {error}", error.__cause__)
            return Call(), NO_VALUE
        call = Call(key, local)
        if local is None:
            value = self.held(call)
            if value is not NO_VALUE:
                self.tally.count("l1_hits")
            return call, value
        return call, NO_VALUE

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """The call with its keys; errors of the user's own key code are raised as they are."""
        bound = self.binder.bind(args, kwargs)
        return Call(self.key(args, kwargs), self.binder.local_key(bound))

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The wire key of a call; errors of the user's own key code are raised as they are."""
        try:
            return self.binder.wire_key(self.binder.bind(args, kwargs), args, kwargs)
        except CallKeyError as error:
            raise (error.__cause__ or error) from None

    def held(self, call: Call) -> Any:
        """What L1 has for *call*, or `NO_VALUE`."""
        if self.memory is None or call.key is None:
            return NO_VALUE
        return self.taken(self.memory.get(self.index, call.key, None))

    def taken(self, held: Held | None) -> Any:
        """A caller's own copy of what is held, or `NO_VALUE`."""
        if held is None:
            return NO_VALUE
        try:
            return held.value()
        except Exception as error:  # noqa: BLE001 - a deep copy runs the value's own code
            reason = error.reason if isinstance(error, DecodeError) else "not copied"
            self.tally.count_unread(reason)
            self.warn("copy", f"an entry of L1 could not be copied ({type(error).__name__}: {error})")
            return NO_VALUE

    def keep(self, call: Call, held: Held, ttl: float | None) -> None:
        """Put a value into L1, unless something was invalidated since the call began."""
        key = call.key
        if self.memory is None or key is None:
            return
        if not self.memory.put(self.index, key, call.local, held, ttl, lambda: self.flights.epoch(key) == call.epoch):
            self.tally.count("uncacheable")
            self.warn(
                "size", f"a value of {held.size} bytes is larger than L1's max_size_mb={self.memory.max_bytes >> 20} and is not kept there"
            )

    def now(self) -> Stamp:
        """The moment, with this function's TTL."""
        return Stamp(wall(), self.ttl)

    # -- what went wrong, counted and said once ------------------------------------------

    def failed(self, error: BackendError) -> None:
        """A backend operation failed."""
        self.tally.count("backend_errors")
        self.warn(f"backend {type(error).__name__}", f"the backend failed and the call went on without it: {error}")

    def misread(self, error: DecodeError) -> None:
        """An entry was there but is not served."""
        self.tally.count_unread(error.reason)
        if error.reason not in ("expired", "invalidated"):
            self.warn(f"read {error.reason}", f"an entry was not understood and counts as a miss: {error}", error.__cause__)

    def unencodable(self, value: Any, error: Exception) -> None:
        """The function's value cannot be cached."""
        self.tally.count("uncacheable")
        why = str(error) if isinstance(error, CachekitError) else f"its own code raised {type(error).__name__}"
        if type(value) is types.CoroutineType:
            why = "decorate the coroutine function itself, below what wraps it"
        self.warn(f"value {type(value).__qualname__}", f"returned a {type(value).__qualname__} that is not cached: {why}{self._unresolved}")

    def warn(self, about: str, text: str, cause: BaseException | None = None) -> None:
        """Log a WARNING, once a function for each *about*."""
        if about not in self._warned:
            self._warned.add(about)
            _log.warning("%s: %s", self.name, text, exc_info=cause)

    def info(self) -> CacheInfo:
        return self.tally.info(len(self.index.by_wire), self.index.size)

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        self.tally.begin()
        self.flights.after_fork()
        self.writes.begin_anew()
        self.pending.after_fork()
        self.proposed.after_fork()


def clear_l1() -> None:
    """Empty this process's L1."""
    for site in list(_sites):
        site.flights.invalidate()  # what is being computed now must not come back
    for memory in list(_memories.values()):
        memory.clear_all()


def _begin_anew() -> None:
    for memory in list(_memories.values()):
        memory.after_fork()
    for site in list(_sites):
        site.after_fork()


_fork.in_child(_begin_anew)
