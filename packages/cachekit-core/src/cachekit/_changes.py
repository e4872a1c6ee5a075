"""What users ask for beside a call: invalidate one entry, clear all of a function, refresh one. Steps, as in `_flow`."""

from __future__ import annotations

from typing import Any

from . import _l2
from ._codec import Packed
from ._effects import Steps
from ._flow import encoded, kept_for
from ._report import Invalidation
from ._site import Call, Site
from .errors import BackendError, TransientBackendError


def invalidate(site: Site, key: str) -> Steps[Invalidation]:
    """Remove one entry from this process's L1 and from the backend."""
    site.flights.invalidate(key)
    store = site.store
    outcome = Invalidation("done")
    if store is not None:
        try:
            yield from _l2.delete(site, key, store, _l2.WRITE_PATIENCE)
        except BackendError as error:
            outcome = _l2.remember(site, error, key)
    # After the backend's: what was read there a moment ago must not be put into L1 again.
    site.flights.invalidate(key)
    if site.memory is not None:
        site.memory.drop(site.index, key)
    return outcome


def clear(site: Site) -> Steps[Invalidation]:
    """Remove the function's entries from this process's L1, and from the backend by a fresh token in its marker."""
    site.flights.invalidate()
    store = site.store
    outcome = Invalidation("done")
    if store is not None:
        try:
            yield from _l2.clear(site, store)
        except BackendError as error:
            outcome = _l2.remember(site, error, None)
    site.flights.invalidate()
    if site.memory is not None:
        site.memory.clear(site.index)
    return outcome


def prepare_refresh(site: Site, call: Call) -> Steps[None]:
    """Before a refresh runs the function: older computations may no longer be stored, and the token is read."""
    key, store = call.key, site.store
    if key is None:
        return
    site.flights.invalidate(key)
    call.epoch = site.flights.epoch(key)
    if store is not None:
        yield from _l2.begin(site, call, key, store, ())
    site.tally.count("misses")


def complete_refresh(site: Site, call: Call, value: Any) -> Steps[None]:
    """Store what a refresh returned, unless something was invalidated, or refreshed, since it began."""
    key = call.key
    if key is None or not _advance(site, call, key):
        return
    try:
        held, packed = encoded(site, call, value)
    except Exception as error:  # noqa: BLE001 - as in `complete`
        site.unencodable(value, error)
        yield from invalidate(site, key)  # the old value is not to be served for the one that cannot be stored
        return
    if site.has_backend:
        try:
            yield from _replace(site, call, key, packed)
        except BackendError as error:
            _l2.remember(site, error, key)
    # Again a new epoch: what was read of the old entry before it was replaced is not put into L1, nor shared.
    if _advance(site, call, key):
        site.keep(call, held, kept_for(site, key))


def _advance(site: Site, call: Call, key: str) -> bool:
    epoch = site.flights.advance(key, call.epoch)
    if epoch is not None:
        call.epoch = epoch
    return epoch is not None


def _replace(site: Site, call: Call, key: str, packed: Packed | None) -> Steps[None]:
    """Write over the entry, once older values on their way have arrived. Raises what the backend raises."""
    if packed is None:
        raise TransientBackendError("the backend could not be read when the refresh began")
    yield from _l2.written(site, key, _l2.WRITE_PATIENCE)
    yield from _l2.write(site, call, key, packed)
