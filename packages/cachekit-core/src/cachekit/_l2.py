"""The cold path's dealings with the backend: read an entry with its marker, write one, delete one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial

from ._chunks import Joining
from ._codec import Decoded, Packed
from ._effects import Delete, Read, Steps, Wait, Write
from ._report import Invalidation
from ._site import Call, Site
from ._store import Store
from .errors import BackendError, DecodeError, TransientBackendError

WRITE_PATIENCE = 2.0
"""Seconds an invalidation waits for an older value that is on its way to the backend."""


def begin(site: Site, call: Call, key: str, store: Store, keys: tuple[str, ...]) -> Steps[Sequence[bytes | None]]:
    """What the backend has under *keys*. Notes the token that a store of this call will carry; without, it stores nothing."""
    nothing: list[bytes | None] = [None] * len(keys)
    try:
        yield from _settle(site, key, store)
        found: list[bytes | None]
        *found, token = yield Read(store, (*keys, site.marker))
        if type(token) is bytes:
            site.proposed.withdraw()
        else:  # whatever is stored under *keys* has a token that is lost, and is no hit
            token = site.proposed.token()
            yield Write(store, site.marker, token, site.marker_ttl)
    except BackendError as error:
        site.failed(error)
        return nothing
    call.tokens, call.store = (token,), store
    return found


def read(site: Site, call: Call, key: str, store: Store) -> Steps[Decoded | None]:
    """The valid entry, if there is one."""
    (raw,) = yield from begin(site, call, key, store, (key,))
    if raw is None:
        return None
    codec, now = site.codec, site.now()
    try:
        opened = codec.open(raw, key, now)
        if opened.header.tokens != call.tokens:
            raise DecodeError("invalidated")
        joined = b""
        if opened.header.chunks is not None:
            joined = yield from _joined(store, Joining(opened.header.chunks, key))
        return codec.unpack(opened, key, now, joined)
    except DecodeError as error:
        site.misread(error)
    except BackendError as error:
        site.failed(error)
    return None


def _joined(store: Store, joining: Joining) -> Steps[bytes]:
    while keys := joining.wanted():
        joining.add((yield Read(store, keys)))
    return joining.payload()


def write(site: Site, call: Call, key: str, packed: Packed) -> Steps[None]:
    """Store an entry, unless something was invalidated since the call began. Raises what the backend raises."""
    store = call.store
    if store is None:
        return
    store.check_size(packed.size)
    # Chunks first: an entry that is there has all of its chunks. Those of an entry that never comes expire.
    for chunk_key, chunk in packed.chunks:
        yield Write(store, chunk_key, chunk, site.chunk_ttl)
    under_way: Future[bool] = Future()
    under_way.set_running_or_notify_cancel()  # so that nobody who waits for it can cancel it
    writing = Write(store, key, packed.entry, site.ttl, partial(site.writes.end, key, under_way))
    try:
        site.writes.begin(key, under_way)
        if site.flights.epoch(key) != call.epoch:
            return
        yield writing
    finally:
        if not writing.handed_over:  # else the thread ends it, which may outlive its caller
            writing.ended()
    if site.flights.epoch(key) != call.epoch:
        yield Delete(store, key)  # an invalidation lost patience with this write


def clear(site: Site, store: Store) -> Steps[None]:
    """Give the function's marker a fresh token, which no entry has. Raises what the backend raises."""
    site.proposed.withdraw()
    yield Write(store, site.marker, os.urandom(16), site.marker_ttl)


def delete(site: Site, key: str, store: Store, patience: float) -> Steps[None]:
    """Remove an entry, once older values on their way have arrived. Raises what the backend raises."""
    yield from written(site, key, patience)
    yield Delete(store, key)


def written(site: Site, key: str, patience: float) -> Steps[None]:
    """Wait for the writes of *key* that are under way; a `TransientBackendError` after *patience* seconds."""
    for under_way in site.writes.under_way(key):
        if not (yield Wait(under_way, patience)):
            raise TransientBackendError("a value that was computed before is still on its way to the backend")


def remember(site: Site, error: BackendError, key: str | None) -> Invalidation:
    """Note that the backend could not be told of *key* (None: of all), so that it is told later and not read until then."""
    site.failed(error)
    site.pending.add(key)
    return Invalidation("pending", str(error))


def _settle(site: Site, key: str, store: Store) -> Steps[None]:
    """Tell the backend what it could not be told before. Raises what the backend raises."""
    for_all, for_key = site.pending.of(key)
    if for_all:
        yield from clear(site, store)
        site.pending.all_done(for_all)
    if for_key:
        yield from delete(site, key, store, 0)
        site.pending.done(key, for_key)
