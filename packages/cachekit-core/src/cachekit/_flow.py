"""The cold path: what happens on a miss, written once. It does no I/O; it yields effects.

`lookup` decides what the wrapper does; the wrapper calls the user's function; `complete`
stores what came of it, or `abandon` lets the followers go.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from . import _l2
from ._codec import Decoded, Packed
from ._effects import Steps, Wait
from ._flight import Flight, Landed, Role
from ._isolation import Held, hold, hold_any
from ._site import NO_VALUE, Call, Site
from .errors import BackendError, DecodeError

FOLLOWER_PATIENCE = 60.0
"""Seconds a caller waits for another's computation before it computes for itself.

Only a leader that waits for its own followers, through threads we cannot see, takes so long for nothing.
"""

PENDING_RETRY = 1.0
"""Seconds L1 keeps a value whose older one the backend could not be told to drop: then it is told again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What `lookup` came to: a *value*, or another caller's *error* to raise, or neither: run the function."""

    value: Any = NO_VALUE
    error: Exception | None = None
    traceback: TracebackType | None = None


RUN = Found()


def lookup(site: Site, call: Call) -> Steps[Found]:
    """Find a value, or lead, or wait for who leads."""
    while (key := call.key) is not None:
        call.epoch = site.flights.epoch(key)
        call.flight = Flight(key, call.epoch)  # the call's before it is anybody's, so that it always lands
        role, flight = site.flights.board(call.flight)
        if role is Role.LEAD:
            return (yield from _lead(site, call, key))
        call.flight = None
        if role is Role.FOLLOW:
            try:
                landed = yield Wait(flight.future, FOLLOWER_PATIENCE)
            finally:
                site.flights.leave(flight)
            if landed is None:
                site.flights.forget(flight)  # too slow to wait for: one of those who waited leads now
            elif not landed.gone:
                return _shared(site, landed)
            continue
        break
    site.tally.count("misses")
    return RUN


def complete(site: Site, call: Call, value: Any) -> Steps[None]:
    """Store what the function returned, and let the followers have it."""
    if call.key is None:
        return
    landed = Landed()
    try:
        try:
            held, packed = encoded(site, call, value)
        except Exception as error:  # noqa: BLE001 - encoding and copying run the value's own code
            site.unencodable(value, error)
            return
        landed = Landed(held)
        if packed is not None:
            try:
                yield from _l2.write(site, call, call.key, packed)
            except BackendError as error:
                site.failed(error)
        site.keep(call, held, kept_for(site, call.key))
    finally:
        _land(site, call, landed)


def abandon(site: Site, call: Call, error: BaseException) -> None:
    """The function raised, or the leader was cancelled: followers get the error, or a new leader."""
    _land(site, call, Landed(error=error, traceback=error.__traceback__) if isinstance(error, Exception) else Landed(gone=True))


# -- the leader's way ----------------------------------------------------------------------


def _lead(site: Site, call: Call, key: str) -> Steps[Found]:
    # Another leader may have landed between this call's look into L1 and its boarding.
    value = site.held(call)
    if value is not NO_VALUE:
        site.tally.count("l1_hits")
        _land(site, call, Landed(gone=True))  # followers find it in L1 too
        return Found(value)
    store = site.store
    if store is not None:
        entry = yield from _l2.read(site, call, key, store)
        if entry is not None:
            value = _taken_from_backend(site, call, entry)
            if value is not NO_VALUE:
                return Found(value)
    site.tally.count("misses")
    return RUN


def _taken_from_backend(site: Site, call: Call, entry: Decoded) -> Any:
    try:
        value, data = site.codec.value_of(entry)
    except DecodeError as error:
        site.misread(error)
        return NO_VALUE
    held = hold(value, data, site.codec.loads)
    site.keep(call, held, entry.remaining)
    site.tally.count("l2_hits")
    _land(site, call, Landed(held))
    return value


def encoded(site: Site, call: Call, value: Any) -> tuple[Held, Packed | None]:
    """The value as L1 holds it, and what to write, if anything. Raises `SerializationError`."""
    if not site.has_backend:
        return hold_any(value, site.codec.dumps, site.codec.loads), None
    data = site.codec.dumps(value)
    packed = None
    if call.key is not None and call.tokens is not None and call.store is not None:
        packed = site.codec.pack(data, call.key, site.now(), call.tokens, call.store.max_value_bytes)
    return hold(value, data, site.codec.loads), packed


def kept_for(site: Site, key: str) -> float | None:
    """Seconds L1 keeps a value: briefly while the backend still has an older one, so that it is told soon."""
    if any(site.pending.of(key)):
        return PENDING_RETRY if site.ttl is None else min(site.ttl, PENDING_RETRY)
    return site.ttl


def _shared(site: Site, landed: Landed) -> Found:
    """A follower's answer: the leader's value or error; else it runs the function for itself."""
    if landed.error is not None:
        return Found(error=_own(landed.error), traceback=landed.traceback)
    value = site.taken(landed.held)
    site.tally.count("misses" if value is NO_VALUE else "shared")
    return Found(value)


def _own(error: Exception) -> Exception:
    """A copy of the leader's *error*, or that itself if it does not copy: what a caller's frames add to it is nobody else's."""
    own = _copied(error) or _rebuilt(error)
    if own is None:
        return error
    if hasattr(error, "__notes__"):
        own.__notes__ = list(error.__notes__)
    own.__cause__, own.__context__, own.__suppress_context__ = error.__cause__, error.__context__, error.__suppress_context__
    return own


def _copied(error: Exception) -> Exception | None:
    try:
        own = copy.copy(error)
    except Exception:  # noqa: BLE001 - copying runs the exception's own code
        return None
    return own if own is not error and type(own) is type(error) and own.args == error.args else None


def _rebuilt(error: Exception) -> Exception | None:
    """A copy made without `__init__`, which often takes other arguments than it hands on; None if it may hold what is not seen."""
    cls = type(error)
    builtin = next(base for base in cls.__mro__ if not base.__flags__ & 1 << 9)  # not a heap type
    if builtin.__basicsize__ != BaseException.__basicsize__ or any(vars(base).get("__slots__") for base in cls.__mro__):
        return None
    try:
        own: Exception = builtin.__new__(cls, *error.args)
        vars(own).update(vars(error))
    except Exception:  # noqa: BLE001 - as above
        return None
    return own if own.args == error.args else None


def _land(site: Site, call: Call, landed: Landed) -> None:
    if call.flight is not None:
        site.flights.land(call.flight, landed)
        call.flight = None
