"""Invalidations told to other processes and heard from them, where the backend can broadcast: they reach every L1.

A message names a function by its marker, and a key of it, or none for all of them. It says what was
invalidated, never a value, so whoever sends what it should not costs misses and no more.
"""

from __future__ import annotations

import weakref
from typing import Protocol

from .contracts import Backend, Broadcasts


class Listener(Protocol):
    """What is told."""

    marker: str

    def heard(self, key: str | None) -> None:
        """*key* was invalidated, here or elsewhere; None: all of them."""


class _Hub:
    """One backend's listeners, by the marker they are known by."""

    def __init__(self) -> None:
        self._listeners: dict[str, weakref.WeakSet[Listener]] = {}

    def add(self, listener: Listener) -> None:
        self._listeners.setdefault(listener.marker, weakref.WeakSet()).add(listener)

    def receive(self, message: bytes) -> None:
        """What the backend calls, from any thread."""
        try:
            marker, _, key = message.decode("ascii").partition(" ")
        except (UnicodeDecodeError, AttributeError):
            return  # not one of ours
        for listener in list(self._listeners.get(marker, ())):
            listener.heard(key or None)


_hubs: weakref.WeakKeyDictionary[Backend, _Hub] = weakref.WeakKeyDictionary()


def listen(backend: Backend, listener: Listener) -> None:
    """Tell *listener* what is invalidated from now on, if *backend* can."""
    if not isinstance(backend, Broadcasts):
        return
    hub = _hubs.get(backend)
    if hub is None:
        hub = _hubs[backend] = _Hub()
        backend.subscribe(hub.receive)
    hub.add(listener)


def message(marker: str, key: str | None) -> bytes:
    """What is published of an invalidation."""
    return f"{marker} {key or ''}".encode("ascii")
