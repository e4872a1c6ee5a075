"""The SQLite database in its directory: opened, begun anew when it is damaged or gone, and kept within its log."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from cachekit.errors import ConfigurationError, PermanentBackendError, TransientBackendError

from ._connections import Connection, Connections
from ._directory import Identity, identity, locked, make_private, private_file
from ._errors import ErrorsAt, ForeignStoreError, is_damage
from ._limits import PAGE, Limits

FORMAT = 1
"""The version of the tables below, kept in the file's user_version. A store of another one is set aside."""

# A hash of the key is the row's number: one tree to search and one to write, where an index of keys
# would be a second. Two keys of one hash (2**-64) overwrite each other: a miss, since the key is compared.
# Large values have rows of their own, so that looking through entries and marking them does not touch
# them. Should they become files one day, it is this table that goes.
_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE entries (id INTEGER PRIMARY KEY, expires INTEGER NOT NULL, seen INTEGER NOT NULL, used INTEGER NOT NULL,
                      footprint INTEGER NOT NULL, key BLOB NOT NULL, value BLOB);
CREATE TABLE large (id INTEGER PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE totals (entries INTEGER NOT NULL, bytes INTEGER NOT NULL, hand INTEGER NOT NULL);
INSERT INTO totals VALUES (0, 0, 0);
PRAGMA user_version = {format};
COMMIT;
"""
_ATTEMPTS = 3
_POLL = 0.001
_CHECKPOINT_PATIENCE_MS = 50

_log = logging.getLogger("cachekit")
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Store:
    """One database, for all threads and processes.

    Parameters:
        directory: where it is; made when first used.
        limits: how large it may become.
        patience: seconds to wait for other processes and threads.
    """

    def __init__(self, directory: Path, limits: Limits, patience: float) -> None:
        self.directory = directory
        self._limits = limits
        self._patience = patience
        self._file = directory / "cache.db"
        self._log_path = str(directory / "cache.db-wal")
        self._lock = directory / "lock"
        self._checkpoint_lock = directory / "checkpoint.lock"
        self._errors = ErrorsAt(directory)
        self.connections = Connections(self._connect, directory, patience)

    def read(self, query: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call *query* with a connection. On a store that is damaged or gone it runs again, on a new one.

        Raises:
            BackendError: what went wrong, by its meaning.
        """
        with self._errors:
            problem: Exception | None = None
            for _ in range(_ATTEMPTS):
                connection = self.connections.take()
                try:
                    # By path, each time: else a process goes on serving a store that somebody removed.
                    if self._stands(connection):
                        return query(connection.database, *args, **kwargs)
                except (sqlite3.DatabaseError, FileNotFoundError) as error:
                    if self._stands(connection) and not is_damage(error):
                        raise
                    problem = error
                finally:
                    self.connections.give(connection)
                self._begin_anew(connection, problem)
            raise TransientBackendError(f"{self.directory}: the store keeps being removed or damaged") from problem

    def write(self, size: int, change: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """As `read`, within one transaction that adds about *size* bytes: all of *change* happens, or none."""

        def transaction(database: sqlite3.Connection) -> _T:
            try:
                self._begin(database, size)
                result = change(database, *args, **kwargs)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.rollback()
                raise
            return result

        writing = self.connections.writing
        if not writing.acquire(timeout=self._patience):
            raise TransientBackendError(f"{self.directory}: other threads have been writing for {self._patience:g} s")
        try:
            return self.read(transaction)
        finally:
            writing.release()

    def _begin(self, database: sqlite3.Connection, size: int) -> None:
        """Begin a transaction that finds the log short enough to take *size* more bytes."""
        deadline = time.monotonic() + self._patience
        tried = False
        while True:
            database.execute("BEGIN IMMEDIATE")
            log = os.stat(self._log_path).st_size  # nobody else can lengthen it now
            full = log + size > self._limits.log_bytes
            if not full and (tried or log <= 2 * self._limits.checkpoint_bytes):
                return
            database.execute("ROLLBACK")
            tried = True
            if not self._empty_log(database) and full:
                if time.monotonic() >= deadline:
                    raise TransientBackendError(f"{self.directory}: a reader in another process keeps the log from being emptied")
                time.sleep(_POLL)

    def _empty_log(self, database: sqlite3.Connection) -> bool:
        """Move the log into the database, unless another process is at it; whether that is done.

        SQLite's automatic checkpoints suffice for one writer. They do not hold others up, so with several the log only grows.
        """
        try:
            with locked(self._checkpoint_lock, 0):
                database.execute("PRAGMA wal_checkpoint(PASSIVE)")  # most of the work, while others write
                database.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_PATIENCE_MS}")
                try:
                    busy: int = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                finally:
                    database.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")
                return not busy
        except TransientBackendError:
            return False

    def _stands(self, connection: Connection) -> bool:
        try:
            return identity(os.stat(self._log_path)) == connection.log
        except FileNotFoundError:
            return False

    def _connect(self) -> Connection:
        try:
            make_private(self.directory)
        except ConfigurationError as error:
            raise PermanentBackendError(str(error)) from error
        with locked(self._lock, self._patience):
            for attempt in range(_ATTEMPTS):
                file = private_file(self._file)
                try:
                    if file is None:
                        raise ForeignStoreError("not a file")
                    return self._opened(file)
                except sqlite3.DatabaseError as error:
                    if not is_damage(error) or attempt == _ATTEMPTS - 1:
                        raise
                    self._set_aside(error)
        raise AssertionError("unreachable")

    def _opened(self, file: Identity) -> Connection:
        database = sqlite3.connect(self._file, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            version: int = database.execute("PRAGMA user_version").fetchone()[0]
            new = version == 0 and not database.execute("SELECT 1 FROM sqlite_master").fetchone()
            if new:  # both belong to the file and can only be chosen while it is empty
                database.execute(f"PRAGMA page_size = {PAGE}")
                database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            elif version != FORMAT:
                raise ForeignStoreError(f"a store of format {version}, where this version writes {FORMAT}")
            database.execute("PRAGMA journal_mode = WAL")
            # A set does not wait for the disk, only the checkpoint does. OFF measured 22 us per set
            # against 40, and a power failure could then mix old pages with new ones.
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA wal_autocheckpoint = {self._limits.checkpoint_bytes // PAGE}")
            database.execute(f"PRAGMA journal_size_limit = {self._limits.checkpoint_bytes}")
            database.execute("PRAGMA secure_delete = OFF")  # on in some builds; it writes every freed page once more
            database.execute(f"PRAGMA max_page_count = {self._limits.file_bytes // PAGE}")
            if new:
                database.executescript(_TABLES.format(format=FORMAT))
            database.execute("SELECT entries FROM totals").fetchone()
            return Connection(database, file, identity(os.stat(self._log_path)))
        except BaseException:
            database.close()
            raise

    def _begin_anew(self, connection: Connection, problem: Exception | None) -> None:
        """After *connection* met *problem*, or a store that is no longer there: the next one is opened anew."""
        with self.connections.gate:
            if problem is not None and is_damage(problem) and self.directory.is_dir():
                with locked(self._lock, self._patience):
                    try:
                        if identity(self._file.lstat()) == connection.file:  # else another process has done it
                            self._set_aside(problem)
                    except FileNotFoundError:
                        pass
            self.connections.retire(connection)

    def _set_aside(self, problem: Exception) -> None:
        """Under the lock file: give the damaged store another name. One is kept, so that they do not pile up."""
        aside = self._file.with_suffix(".damaged")
        for ending in ("-wal", "-shm"):
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)
        os.replace(self._file, aside)
        _log.warning("the file cache's store %s was not usable (%s): set aside as %s and begun anew", self._file, problem, aside.name)
