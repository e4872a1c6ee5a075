"""The cold path: what happens on a miss, written once. It does no I/O; it yields effects.

`lookup` decides what the wrapper does; the wrapper calls the user's function; `complete`
stores what came of it, or `abandon` lets the followers go.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from . import _l2
from ._codec import Decoded
from ._effects import Steps, Wait
from ._flight import Landed, Role
from ._isolation import Held, hold, hold_any
from ._site import NO_VALUE, Call, Site
from .errors import BackendError, DecodeError, SerializationError

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
        role, flight = site.flights.board(key, call.epoch)
        if role is Role.FOLLOW:
            try:
                landed = yield Wait(flight.future, FOLLOWER_PATIENCE)
            finally:
                site.flights.leave(flight)
            if landed is None:
                site.flights.forget(flight)  # whoever comes next need not wait as long
            elif landed.gone:
                continue
            return _shared(site, landed)
        if role is Role.LEAD:
            call.flight = flight
            try:
                return (yield from _lead(site, call, key))
            except BaseException as error:
                abandon(site, call, error)
                raise
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
            held, frame = encoded(site, call, value)
        except SerializationError as error:
            site.unencodable(value, error)
            return
        landed = Landed(held)
        if frame is not None:
            try:
                yield from _l2.write(site, call, call.key, frame)
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
        value = site.codec.loads(entry.data)
    except DecodeError as error:
        site.misread(error)
        return NO_VALUE
    held = hold(value, entry.data, site.codec.loads)
    site.keep(call, held, entry.remaining)
    site.tally.count("l2_hits")
    _land(site, call, Landed(held))
    return value


def encoded(site: Site, call: Call, value: Any) -> tuple[Held, bytes | None]:
    """The value as L1 holds it, and the frame to write, if one is. Raises `SerializationError`."""
    if site.store is None:
        return hold_any(value, site.codec.dumps, site.codec.loads), None
    data = site.codec.dumps(value)
    frame = None
    if call.key is not None and call.tokens is not None:
        frame = site.codec.pack(data, call.key, site.now(), call.tokens)
    return hold(value, data, site.codec.loads), frame


def kept_for(site: Site, key: str) -> float | None:
    """Seconds L1 keeps a value: briefly while the backend still has an older one, so that it is told soon."""
    if any(site.pending.of(key)):
        return PENDING_RETRY if site.ttl is None else min(site.ttl, PENDING_RETRY)
    return site.ttl


def _shared(site: Site, landed: Landed | None) -> Found:
    """A follower's answer: the leader's value or error; else it runs the function for itself."""
    if landed is not None and landed.error is not None:
        # With the traceback it had: raised in many threads, it would gather all of theirs.
        return Found(error=landed.error, traceback=landed.traceback)
    value = site.taken(landed.held if landed is not None else None)
    site.tally.count("misses" if value is NO_VALUE else "shared")
    return Found(value)


def _land(site: Site, call: Call, landed: Landed) -> None:
    if call.flight is not None:
        site.flights.land(call.flight, landed)
