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
from ._call import Call
from ._codec import Decoded, Packed
from ._effects import Steps, Wait
from ._flight import Flight, Landed, Role
from ._isolation import Held
from ._local import NO_VALUE
from ._site import Site
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


def lead_at_once(site: Site, call: Call) -> Found | None:
    """What `lookup` comes to where there is no backend to ask and nobody to wait for, without its steps; else None."""
    if call.key is None or site.has_backend:
        return None
    call.epoch = site.flights.epoch(call.key)
    call.flight = Flight(call.key, call.epoch)
    if site.flights.lead(call.flight):
        return _found_landed(site, call) or _missed(site, call)
    call.flight = None
    return None


def lookup(site: Site, call: Call) -> Steps[Found]:
    """Find a value, or lead, or wait for who leads."""
    while (key := call.key) is not None:
        call.epoch = site.flights.epoch(key)
        call.flight = Flight(key, call.epoch)  # the call's before it is anybody's, so that it always lands
        role, flight = site.flights.board(call.flight)
        if role is Role.LEAD:
            return (yield from _lead(site, call))
        call.flight = None
        if role is Role.FOLLOW:
            assert flight.future is not None  # noqa: S101 - boarding made it
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
    return _missed(site, call)


def lead_refresh(site: Site, call: Call) -> Steps[bool]:
    """Whether the caller is to compute a stale value anew: nobody else is at it, and the backend has none that is fresh."""
    call.epoch = site.flights.epoch(call.key)
    call.flight = Flight(call.key, call.epoch)
    if not site.flights.lead(call.flight):
        call.flight = None
        return False
    store = site.store
    if store is not None:
        entry = yield from _l2.read(site, call, call.wire, store)
        if entry is not None and (entry.fresh is None or entry.fresh > 0) and _adopted(site, call, entry) is not NO_VALUE:
            return False
    elif site.held(call) is not NO_VALUE and not call.stale:
        _land(site, call, Landed(gone=True))
        return False
    site.tally.count("refreshes")
    return True


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
                yield from _l2.write(site, call, call.wire, packed)
            except BackendError as error:
                site.failed(error)
        ttl = kept_for(site, call)
        site.keep(call, held, ttl, site.fresh_for())
    finally:
        _land(site, call, landed)


def keep(site: Site, call: Call, value: Any) -> None:
    """`complete`, where there is no backend, without its steps."""
    if call.key is None:
        return
    landed = Landed()
    try:
        try:
            held = site.hold_any(value)
        except Exception as error:  # noqa: BLE001 - encoding and copying run the value's own code
            site.unencodable(value, error)
            return
        landed = Landed(held)
        site.keep(call, held, site.ttl, site.fresh_for())
    finally:
        _land(site, call, landed)


def abandon(site: Site, call: Call, error: BaseException) -> None:
    """The function raised, or the leader was cancelled: followers get the error, or a new leader."""
    _land(site, call, Landed(error=error, traceback=error.__traceback__) if isinstance(error, Exception) else Landed(gone=True))


# -- the leader's way ----------------------------------------------------------------------


def _lead(site: Site, call: Call) -> Steps[Found]:
    landed = _found_landed(site, call)
    if landed is not None:
        return landed
    store = site.store
    if store is not None:
        entry = yield from _l2.read(site, call, call.wire, store)
        if entry is not None:
            value = _taken_from_backend(site, call, entry)
            if value is not NO_VALUE:
                return Found(value)
    return _missed(site, call)


def _found_landed(site: Site, call: Call) -> Found | None:
    """What another leader put into L1 between this call's look there and its boarding."""
    value = site.held(call)
    if value is NO_VALUE:
        return None
    site.tally.count("l1_hits")
    _land(site, call, Landed(gone=True))  # followers find it in L1 too
    return Found(value)


def _missed(site: Site, call: Call) -> Found:
    if call.fits:
        site.tally.count("misses")
    return RUN


def _taken_from_backend(site: Site, call: Call, entry: Decoded) -> Any:
    value = _adopted(site, call, entry)
    if value is not NO_VALUE:
        site.tally.count("l2_hits")
    return value


def _adopted(site: Site, call: Call, entry: Decoded) -> Any:
    """The value of an entry of the backend, which L1 and the followers then have too; `NO_VALUE` if it cannot be read."""
    try:
        value, data = site.codec.value_of(entry)
    except DecodeError as error:
        site.misread(error)
        return NO_VALUE
    held = site.hold(value, data)
    site.keep(call, held, entry.remaining, entry.fresh)
    call.stale = entry.fresh is not None and entry.fresh <= 0
    _land(site, call, Landed(held))
    return value


def encoded(site: Site, call: Call, value: Any) -> tuple[Held, Packed | None]:
    """The value as L1 holds it, and what to write, if anything. Raises `SerializationError`."""
    if not site.has_backend:
        return site.hold_any(value), None
    data = site.codec.dumps(value)
    packed = None
    if call.tokens is not None and call.store is not None:
        packed = site.codec.pack(data, call.wire, site.now(), call.tokens, call.store.max_value_bytes)
    return site.hold(value, data), packed


def kept_for(site: Site, call: Call) -> float | None:
    """Seconds L1 keeps a value: briefly while the backend still has an older one, so that it is told soon."""
    if site.has_backend and any(site.pending.of(call.wire)):
        return PENDING_RETRY if site.ttl is None else min(site.ttl, PENDING_RETRY)
    return site.ttl


def _shared(site: Site, landed: Landed) -> Found:
    """A follower's answer: the leader's value or error; else it runs the function for itself."""
    if landed.error is not None:
        return Found(error=_own(landed.error), traceback=landed.traceback)
    value = NO_VALUE if landed.held is None else site.taken(landed.held.kept, landed.held.copier)
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
