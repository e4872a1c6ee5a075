"""`FileBackend`: the verbs."""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from cachekit.contracts import check_ttl
from cachekit.errors import CachekitError, ConfigurationError, TransientBackendError, ValueTooLargeError

from ._directory import disk_usage, require_private
from ._errors import StoreFullError
from ._limits import INLINE, PAGE, Limits, Totals, footprint, make_room, sweep
from ._store import Store
from .settings import MIB, FileBackendConfig

_NEVER = 2**63 - 1
_SQLITE_LARGEST = 1_000_000_000 - PAGE
_MOST_SEEN = 4096  # marks waiting for a write
_SEEN_PER_WRITE = 16
_WRITES_PER_SWEEP = 16
_MOST_AT_ONCE = 500  # SQLite before 3.32 takes 999 parameters

_Entry = tuple[int, int, int, int, int, bytes, bytes]
"""The columns of a row: id, expires, seen, used, footprint, key, value."""

_GET = """SELECT coalesce(value, (SELECT value FROM large WHERE large.id = entries.id)), seen
          FROM entries WHERE id = ? AND key = ? AND expires > ?"""
_GET_MANY = """SELECT key, coalesce(value, (SELECT value FROM large WHERE large.id = entries.id)), seen, id
               FROM entries WHERE id IN ({ids}) AND expires > ?"""
_EXISTS = "SELECT 1 FROM entries WHERE id = ? AND key = ? AND expires > ?"


def _row(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big", signed=True)


def _encoded(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


class FileBackend:
    """A directory as an L2 store, for any number of threads and processes on one machine.

    Parameters:
        config: the settings; None reads the ``CACHEKIT_FILE_*`` variables.
        clock: wall-clock seconds, against which entries expire.

    Raises:
        ConfigurationError: a bad variable, or a directory that others could write to.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from cachekit_file import FileBackend, FileBackendConfig
        >>> backend = FileBackend(FileBackendConfig(cache_dir=Path(tempfile.mkdtemp())))
        >>> backend.set("greeting", b"hello", ttl=60)
        >>> backend.get("greeting")
        b'hello'
        >>> backend.close()
    """

    def __init__(self, config: FileBackendConfig | None = None, *, clock: Callable[[], float] = time.time) -> None:
        if config is None:
            from cachekit.config import load_settings

            config = load_settings(FileBackendConfig)
        if not isinstance(config, FileBackendConfig):
            raise ConfigurationError(
                "FileBackend() takes a FileBackendConfig; for a directory: FileBackend(FileBackendConfig(cache_dir=...))"
            )
        require_private(config.cache_dir)
        self.max_value_bytes = min(int(config.max_value_mb * MIB), _SQLITE_LARGEST)
        """The largest value `set` takes, in bytes."""
        self.max_entry_bytes = self.max_value_bytes
        """The largest entry, in bytes: a value that core would split is not let past the limit on values."""
        self._config = config
        self._clock = clock
        self._limits = Limits.of(config.max_size_mb * MIB, self.max_value_bytes, config.max_entry_count)
        self._store = Store(config.cache_dir, self._limits, config.lock_timeout_seconds)
        # Reads mark entries here, and writes carry the marks into the store: a hit is never a write.
        # One that only reads loses its marks, and if that costs it an entry its next write brings them.
        self._seen: set[int] = set()
        self._writes = 0
        # A backend that is dropped, or alive at exit, gives its files back without waiting for anybody
        # (else Python 3.13 warns of each connection).
        weakref.finalize(self, self._store.connections.close, 0)

    def __repr__(self) -> str:
        return f"FileBackend({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The directory."""
        return self._config.cache_dir

    def get(self, key: str) -> bytes | None:
        """The bytes last set, or None when there are none, they expired, or they were evicted."""
        name = _encoded(key)
        row = _row(name)
        found = self._store.read(_first, _GET, (row, name, self._now()))
        if found is None:
            return None
        value: bytes
        value, seen = found
        if not seen:
            self._mark(row)
        return value

    def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """What `get` returns for each of *keys*, in their order, by one query per 500 keys."""
        names = [_encoded(key) for key in keys]
        found: dict[bytes, bytes] = {}
        for start in range(0, len(names), _MOST_AT_ONCE):
            rows = [_row(name) for name in names[start : start + _MOST_AT_ONCE]]
            query = _GET_MANY.format(ids=",".join("?" * len(rows)))
            for name, value, seen, row in self._store.read(_all, query, (*rows, self._now())):
                found[name] = value
                if not seen:
                    self._mark(row)
        return [found.get(name) for name in names]

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Store *value* for *ttl* seconds, or without expiry when None.

        Raises:
            ValueError: a *ttl* that `cachekit.contracts.check_ttl` refuses.
            ValueTooLargeError: more than ``CACHEKIT_FILE_MAX_VALUE_MB``.
            TransientBackendError: the lock was not had in time, or room not made within one call.
            PermanentBackendError: the disk is full or the directory cannot be written.
        """
        ttl = check_ttl(ttl)
        name = _encoded(key)
        size = footprint(len(name), len(value))
        if len(value) > self.max_value_bytes or size > self._limits.bytes:
            most = f"CACHEKIT_FILE_MAX_VALUE_MB={self._config.max_value_mb:g}"
            raise ValueTooLargeError(f"a value of {len(value):,} bytes is over {most} ({self.max_value_bytes:,} bytes)")
        now = self._now()
        expires = _NEVER if ttl is None else now + int(ttl * 1_000_000)
        entry = (_row(name), expires, 0, now, size, name, value)
        try:
            stored = self._store.write(size, self._put, entry)
        except StoreFullError:
            # Footprints are estimates: when the file is at its limit before they are, some entries go first.
            self._store.write(0, self._evict, 2 * size + 16 * PAGE, now)
            stored = self._store.write(size, self._put, entry)
        if not stored:
            raise TransientBackendError(f"{self.path}: no room for {size:,} bytes yet: one call evicts only so many entries")

    def delete(self, key: str) -> bool:
        """Remove the entry; True if there was one that had not expired."""
        name = _encoded(key)
        return self._store.write(0, self._remove, _row(name), name, self._now())

    def exists(self, key: str) -> bool:
        """Whether `get` would return bytes."""
        name = _encoded(key)
        return self._store.read(_first, _EXISTS, (_row(name), name, self._now())) is not None

    def health_check(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether the store answers. Details: path, entries, bytes (on disk), limit_bytes; or path and error."""
        try:
            totals = self._store.read(Totals.read)
            size = disk_usage(self.path)
        except (CachekitError, OSError) as error:
            return False, {"path": str(self.path), "error": str(error)}
        return True, {"path": str(self.path), "entries": totals.entries, "bytes": size, "limit_bytes": self._config.max_size_mb * MIB}

    def close(self) -> None:
        """Close every connection of this process; any verb then raises BackendClosedError. Twice is fine."""
        self._store.connections.close()

    def _now(self) -> int:
        return int(self._clock() * 1_000_000)

    def _mark(self, row: int) -> None:
        if len(self._seen) < _MOST_SEEN:
            self._seen.add(row)

    def _put(self, database: sqlite3.Connection, entry: _Entry) -> bool:
        """Store *entry*, or where no room can be made leave nothing under its key, and say so."""
        row, _, _, now, size, _, value = entry
        totals = Totals.read(database)
        before = totals.bytes
        old = database.execute("SELECT footprint, value IS NULL FROM entries WHERE id = ?", (row,)).fetchone()
        if old:  # counted out first: what is evicted for this entry must not be counted with it
            totals.entries -= 1
            totals.bytes -= old[0]
        self._tidy(database, totals, now, row)
        # A store that is over its limit (somebody lowered it) shrinks with each write, and takes it.
        fits = make_room(database, totals, self._limits, size, now=now, keep=row) or totals.bytes + size <= before
        large = fits and len(value) > INLINE
        if old and not fits:
            database.execute("DELETE FROM entries WHERE id = ?", (row,))
        if old and old[1] and not large:
            database.execute("DELETE FROM large WHERE id = ?", (row,))
        if fits:
            database.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", (*entry[:6], None) if large else entry)
            totals.entries += 1
            totals.bytes += size
        if large:
            database.execute("INSERT OR REPLACE INTO large VALUES (?, ?)", (row, value))
        totals.write(database)
        return fits

    def _tidy(self, database: sqlite3.Connection, totals: Totals, now: int, keep: int) -> None:
        """What writes do for the store on their way: carry some marks, and now and then look for expired entries."""
        if self._seen:
            marks = [(self._seen.pop(),) for _ in range(min(len(self._seen), _SEEN_PER_WRITE))]
            database.executemany("UPDATE entries SET seen = 1 WHERE id = ? AND seen = 0", marks)
        self._writes += 1
        if self._writes % _WRITES_PER_SWEEP == 0:
            sweep(database, totals, 0, 0, now=now, keep=keep)

    def _evict(self, database: sqlite3.Connection, size: int, now: int) -> None:
        totals = Totals.read(database)
        target = totals.bytes - size
        for _ in range(4 + size // (PAGE * 2)):
            sweep(database, totals, totals.bytes - target, 0, now=now)
            if totals.bytes <= target or not totals.entries:
                break
        totals.write(database)

    def _remove(self, database: sqlite3.Connection, row: int, name: bytes, now: int) -> bool:
        old = database.execute("SELECT footprint, expires FROM entries WHERE id = ? AND key = ?", (row, name)).fetchone()
        if not old:
            return False
        totals = Totals.read(database)
        database.execute("DELETE FROM entries WHERE id = ?", (row,))
        database.execute("DELETE FROM large WHERE id = ?", (row,))
        totals.entries -= 1
        totals.bytes -= old[0]
        totals.write(database)
        alive: bool = old[1] > now
        return alive


def _first(database: sqlite3.Connection, query: str, parameters: tuple[Any, ...]) -> Any:
    return database.execute(query, parameters).fetchone()


def _all(database: sqlite3.Connection, query: str, parameters: tuple[Any, ...]) -> list[Any]:
    return database.execute(query, parameters).fetchall()
