"""The cold path: what happens on a miss, written once. It does no I/O; it yields effects.

`lookup` decides what the wrapper does; the wrapper calls the user's function; `complete`
stores what came of it, or `abandon` lets the followers go.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ._codec import Decoded
from ._effects import Delete, Read, Steps, Wait, Write
from ._flight import Landed, Role
from ._isolation import Held, hold, hold_any
from ._report import Invalidation
from ._site import NO_VALUE, Call, Site
from ._store import Store
from .errors import BackendError, DecodeError, SerializationError, TransientBackendError

FOLLOWER_PATIENCE = 60.0
"""Seconds a caller waits for another's computation before it computes for itself.

Only a leader that waits for its own followers, through threads we cannot see, takes so long for nothing.
"""

WRITE_PATIENCE = 2.0
"""Seconds an invalidation waits for an older value that is on its way to the backend."""

PENDING_RETRY = 1.0
"""Seconds L1 keeps a value whose older one the backend could not be told to drop: then it is told again."""

PENDING_LIMIT = 1000
"""Keys whose invalidation waits for the backend; beyond it, all of the function's entries are invalidated."""


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
            held, frame = _encoded(site, call, value)
        except SerializationError as error:
            site.unencodable(value, error)
            return
        landed = Landed(held)
        if frame is not None:
            yield from _write(site, call.key, call, frame)
        site.keep(call, held, _kept_for(site, call.key))
    finally:
        _land(site, call, landed)


def abandon(site: Site, call: Call, error: BaseException) -> None:
    """The function raised, or the leader was cancelled: followers get the error, or a new leader."""
    _land(site, call, Landed(error=error, traceback=error.__traceback__) if isinstance(error, Exception) else Landed(gone=True))


def prepare_refresh(site: Site, call: Call) -> Steps[None]:
    """Before a refresh runs the function: older values may no longer be stored, and those on their way have arrived."""
    key, store = call.key, site.store
    if key is None:
        return
    site.flights.invalidate(key)
    call.epoch = site.flights.epoch(key)
    if store is not None and (yield from _written(site, key, WRITE_PATIENCE)):
        yield from _begin(site, call, key, store, ())
    site.tally.count("misses")


def complete_refresh(site: Site, call: Call, value: Any) -> Steps[None]:
    """Store what a refresh returned, unless something was invalidated, or refreshed, since it began."""
    if call.key is not None:
        # A new epoch: what others read of the old value while the function ran is not put into L1.
        epoch = site.flights.advance(call.key, call.epoch)
        if epoch is None:
            return
        call.epoch = epoch
    yield from complete(site, call, value)


def invalidate(site: Site, key: str) -> Steps[Invalidation]:
    """Remove one entry from every layer."""
    site.flights.invalidate(key)
    store = site.store
    outcome = Invalidation("done")
    if store is not None:
        try:
            yield from _delete(site, key, store, WRITE_PATIENCE)
        except BackendError as error:
            outcome = _pending(site, error, key)
    # After the backend's: what was read there a moment ago must not be put into L1 again.
    site.flights.invalidate(key)
    if site.memory is not None:
        site.memory.drop(site.index, key)
    return outcome


def clear(site: Site) -> Steps[Invalidation]:
    """Remove the function's entries from every layer: in the backend, by a fresh token in its marker."""
    site.flights.invalidate()
    store = site.store
    outcome = Invalidation("done")
    if store is not None:
        try:
            yield Write(store, site.marker, os.urandom(16), site.marker_ttl)
        except BackendError as error:
            outcome = _pending(site, error, None)
    site.flights.invalidate()
    if site.memory is not None:
        site.memory.clear(site.index)
    return outcome


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
        entry = yield from _read(site, call, key, store)
        if entry is not None:
            value = _taken_from_backend(site, call, entry)
            if value is not NO_VALUE:
                return Found(value)
    site.tally.count("misses")
    return RUN


def _begin(site: Site, call: Call, key: str, store: Store, keys: tuple[str, ...]) -> Steps[Sequence[bytes | None]]:
    """What the backend has under *keys*. Notes the token that a store of this call will carry; without, it stores nothing."""
    nothing: list[bytes | None] = [None] * len(keys)
    try:
        yield from _settle(site, key, store)
        found: list[bytes | None]
        *found, token = yield Read(store, (*keys, site.marker))
        if type(token) is not bytes:
            token = os.urandom(16)
            yield Write(store, site.marker, token, site.marker_ttl)
            found = nothing  # whatever is there was stored under a token that is lost
    except BackendError as error:
        site.failed(error)
        return nothing
    call.tokens = (token,)
    return found


def _read(site: Site, call: Call, key: str, store: Store) -> Steps[Decoded | None]:
    """The valid entry, if there is one."""
    (raw,) = yield from _begin(site, call, key, store, (key,))
    if raw is None:
        return None
    try:
        entry = site.codec.unpack(raw, key, site.now())
        if entry.tokens != call.tokens:
            raise DecodeError("invalidated")
    except DecodeError as error:
        site.misread(error)
        return None
    return entry


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


def _encoded(site: Site, call: Call, value: Any) -> tuple[Held, bytes | None]:
    """The value as L1 holds it, and the frame to write, if one is."""
    if site.store is None:
        return hold_any(value, site.codec.dumps, site.codec.loads), None
    data = site.codec.dumps(value)
    frame = None
    if call.key is not None and call.tokens is not None:
        frame = site.codec.pack(data, call.key, site.now(), call.tokens)
    return hold(value, data, site.codec.loads), frame


def _kept_for(site: Site, key: str) -> float | None:
    """Seconds L1 keeps a value: briefly while the backend still has an older one, so that it is told soon."""
    if site.pending_clear or key in site.pending:
        return PENDING_RETRY if site.ttl is None else min(site.ttl, PENDING_RETRY)
    return site.ttl


def _write(site: Site, key: str, call: Call, frame: bytes) -> Steps[None]:
    store = site.store
    if store is None:
        return
    ended = site.writes.begin(key)
    try:
        if site.flights.epoch(key) == call.epoch:
            yield Write(store, key, frame, site.ttl, ended)
        ended()
        if site.flights.epoch(key) != call.epoch:
            yield Delete(store, key)  # an invalidation lost patience with this write
    except BackendError as error:
        site.failed(error)
    finally:
        ended()


def _written(site: Site, key: str, patience: float) -> Steps[bool]:
    """Wait for the writes of *key* that are under way; False if one still is after *patience* seconds."""
    for write in site.writes.under_way(key):
        if not (yield Wait(write, patience)):
            return False
    return True


def _delete(site: Site, key: str, store: Store, patience: float) -> Steps[None]:
    if not (yield from _written(site, key, patience)):
        raise TransientBackendError("a value that was computed before is still on its way to the backend")
    yield Delete(store, key)


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


# -- invalidations the backend did not take --------------------------------------------------


def _pending(site: Site, error: BackendError, key: str | None) -> Invalidation:
    """Remember what the backend could not be told; this process does not read it there until it was."""
    site.failed(error)
    if key is None or len(site.pending) >= PENDING_LIMIT:
        site.pending_clear = True
        site.pending.clear()
    else:
        site.pending.add(key)
    return Invalidation("pending", str(error))


def _settle(site: Site, key: str, store: Store) -> Steps[None]:
    """Carry out what is pending for *key*, with a fresh token. Raises what the backend raises."""
    if site.pending_clear:
        yield Write(store, site.marker, os.urandom(16), site.marker_ttl)
        site.pending_clear = False
    if key in site.pending:
        yield from _delete(site, key, store, 0)
        site.pending.discard(key)
