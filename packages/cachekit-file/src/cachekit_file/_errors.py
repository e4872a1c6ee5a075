"""SQLite's and the system's errors by their meaning, in the one place where they are known."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from types import TracebackType

from cachekit.errors import BackendError, PermanentBackendError, TransientBackendError, ValueTooLargeError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENOTDIR})


class StoreFullError(PermanentBackendError):
    """No page is left: the disk is full, or the store is at its limit."""


class ForeignStoreError(sqlite3.DatabaseError):
    """What is there is not a store of this version: it is set aside as a damaged one is."""


class ErrorsAt:
    """A context in which errors about the store at *path* become cachekit's. It keeps no state: one serves all calls."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, sqlite3.Error):
            raise _meaning_of(error, self._path) from error
        if isinstance(error, OSError):
            raise _meaning_of_system(error, self._path) from error


def is_damage(error: Exception) -> bool:
    """Whether *error* says that the file is no sound store, so that only a new one helps."""
    return isinstance(error, ForeignStoreError) or _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: Exception) -> int:
    """The primary result code, or -1 where the error did not come from SQLite itself."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else -1


def _meaning_of(error: sqlite3.Error, path: Path) -> BackendError:
    code = _code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return TransientBackendError(f"{path}: another process held the store for longer than CACHEKIT_FILE_LOCK_TIMEOUT_SECONDS ({error})")
    if code == sqlite3.SQLITE_FULL:
        return _full(path, error)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return _unwritable(path, error)
    if code == sqlite3.SQLITE_IOERR:
        return PermanentBackendError(f"{path}: reading or writing failed ({error}): look at the disk, its quota and its free space")
    if code == sqlite3.SQLITE_TOOBIG or isinstance(error, sqlite3.DataError):
        return ValueTooLargeError(f"{path}: the value is larger than SQLite stores ({error})")
    if is_damage(error):
        return PermanentBackendError(f"{path}: the store is damaged and could not be begun anew ({error}): remove the directory")
    return TransientBackendError(f"{path}: {error}")


def _meaning_of_system(error: OSError, path: Path) -> BackendError:
    if error.errno in _FULL:
        return _full(path, error)
    if error.errno in _REFUSED:
        return _unwritable(path, error)
    return TransientBackendError(f"{path}: {error}")


def _full(path: Path, error: Exception) -> StoreFullError:
    return StoreFullError(f"{path}: no space left ({error}): free some on this disk, or set CACHEKIT_FILE_CACHE_DIR to another")


def _unwritable(path: Path, error: Exception) -> PermanentBackendError:
    return PermanentBackendError(f"{path}: cannot be used ({error}): make it writable for its owner, or set CACHEKIT_FILE_CACHE_DIR")
