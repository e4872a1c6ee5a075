"""The SQLite connections of one process: lent to a call, taken back, and never carried across a fork.

SQLite keeps the locks of a file in tables of the process. A child that inherits them believes
that it holds locks it does not have, or waits for ones nobody will release: both end in a
damaged store or a hang. So before a fork every connection is closed, which waits for the
calls that use one, and parent and child open their own when they next need one.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cachekit.errors import BackendClosedError, PermanentBackendError

from ._directory import Identity

MAX_IDLE = 16
"""Connections kept while nobody uses them: each holds a page cache and descriptors (which SQLite frees with the last)."""

_POLL = 0.001


@dataclass(slots=True, eq=False)
class Connection:
    """An open database, and which files it is (paths may come to mean others)."""

    database: sqlite3.Connection
    file: Identity
    log: Identity
    home: list[Connection] = field(default_factory=list)


class Connections:
    """The connections of one store.

    They lie in a plain list whose `pop` and `append` are atomic: lending one takes no lock.
    That list's identity is the generation: one that comes back to a list no longer in use is closed.
    (Thread-locals measured the same per call, and would leak with each thread that ends.)
    """

    def __init__(self, connect: Callable[[], Connection], path: Path, patience: float) -> None:
        self._connect = connect
        self._path = path
        self._patience = patience
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._closed = False
        self._inherited = False
        self.gate = threading.RLock()
        """Held while a connection is opened, the store replaced, or the process forked."""
        self.writing = threading.Lock()
        """One writer per process at a time: threads queue here rather than in SQLite's sleeping retries."""
        _register(self)

    def take(self) -> Connection:
        """A connection for this call alone; `give` it back.

        Raises:
            BackendClosedError: after `close`.
        """
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened()

    def give(self, connection: Connection) -> None:
        """Take *connection* back, or close it where its generation is over."""
        home = connection.home
        if home is self._idle and len(home) < MAX_IDLE:
            home.append(connection)
        else:
            self._end(connection)

    def retire(self, connection: Connection) -> None:
        """Let every connection as old as *connection* be closed, as soon as no call uses it."""
        with self.gate:
            if connection.home is self._idle:
                self._drain(0)

    def close(self, patience: float | None = None) -> None:
        """Close all, waiting at most *patience* seconds for those in use (they are then closed when given back)."""
        with self.gate:
            self._closed = True
            self._drain(self._patience if patience is None else patience)

    def _opened(self) -> Connection:
        with self.gate:
            if self._closed:
                raise BackendClosedError(f"the file backend at {self._path} is closed")
            if self._inherited:
                raise PermanentBackendError(f"{self._path}: this process was forked in the middle of a call; make a new FileBackend in it")
            connection = self._connect()
            connection.home = self._idle
            self._open.add(connection)
            return connection

    def _end(self, connection: Connection) -> None:
        connection.database.close()
        self._open.discard(connection)  # only now: a fork waits for this, and must not find SQLite in the middle of it

    def _drain(self, patience: float) -> bool:
        """Begin a new generation and end the old one; whether all of it has ended within *patience* seconds."""
        stale, self._idle = self._idle, []
        deadline = time.monotonic() + patience
        while True:
            while stale:  # again and again: a call may have been about to give one back
                self._end(stale.pop())
            if not self._open:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)

    def before_fork(self) -> None:
        self.gate.acquire()
        self._drain(self._patience)

    def after_fork_in_parent(self) -> None:
        self.gate.release()

    def after_fork_in_child(self) -> None:
        # Whatever is still open (a call that outlasted the patience, or forked by itself) belongs to
        # the parent: it is neither used nor closed here, and this process cannot open the file safely.
        self._inherited = self._inherited or bool(self._open)
        self.gate = threading.RLock()
        self.writing = threading.Lock()


_everywhere: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking: list[Connections] = []
_registry = threading.RLock()


def _register(connections: Connections) -> None:
    with _registry:
        _everywhere.add(connections)


def _before_fork() -> None:
    _registry.acquire()  # until the fork is done: forks of two threads take turns
    _forking[:] = _everywhere
    for connections in _forking:
        connections.before_fork()


def _after_fork_in_parent() -> None:
    for connections in _forking:
        connections.after_fork_in_parent()
    _forking.clear()
    _registry.release()


def _after_fork_in_child() -> None:
    global _registry
    _registry = threading.RLock()
    for connections in _forking:
        connections.after_fork_in_child()
    _forking.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
