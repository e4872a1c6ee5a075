"""A directory nobody else can write to, and the files in it: checked as ssh checks its own."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cachekit.errors import ConfigurationError, TransientBackendError

Identity = tuple[int, int]
"""Device and inode: what a file is, whatever it is called."""

_POLL = 0.005


def identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino


def require_private(path: Path) -> None:
    """Refuse a *path* that somebody else could write to; one that does not exist yet is fine.

    Raises:
        ConfigurationError: a symlink, not a directory, another owner's, or writable by group or world.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refused(path, f"cannot be looked at ({error.strerror}): choose a directory this process may use") from error
    mode, user = found.st_mode, os.geteuid()
    if stat.S_ISLNK(mode):
        raise _refused(
            path, f"is a symbolic link, which could be made to point elsewhere: name the directory itself ({os.path.realpath(path)})"
        )
    if not stat.S_ISDIR(mode):
        raise _refused(path, "is not a directory: name a directory, or remove what is there")
    if found.st_uid != user:
        raise _refused(path, f"belongs to uid {found.st_uid}, and this process runs as uid {user}: choose a directory of its own")
    if mode & 0o022:
        raise _refused(path, f"can be written to by others (mode {stat.S_IMODE(mode):04o}): chmod 700 it, or choose another directory")


def disk_usage(path: Path) -> int:
    """The bytes of every file in *path*."""
    total = 0
    for entry in os.scandir(path):
        with suppress(FileNotFoundError):  # SQLite may remove its log meanwhile
            total += entry.stat(follow_symlinks=False).st_size
    return total


def _refused(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"CACHEKIT_FILE_CACHE_DIR={path}: {why}")


def make_private(path: Path) -> None:
    """Make *path*, and what is missing above it, for this user alone, whatever the umask; then `require_private`."""
    missing = [path, *path.parents]
    for directory in reversed(missing[: next((i for i, p in enumerate(missing) if p.exists()), 0)]):
        try:
            directory.mkdir(0o700)
        except FileExistsError:  # another process was faster; it is checked below
            continue
        directory.chmod(0o700)
    require_private(path)


def private_file(path: Path) -> Identity | None:
    """Make *path* readable and writable for this user alone; None if something that is no file stands there."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        # It is not opened here: closing it would drop the locks SQLite holds on it in this process.
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return None
        if found.st_mode & 0o077:
            path.chmod(0o600)
        return identity(found)
    try:
        os.fchmod(descriptor, 0o600)
        return identity(os.fstat(descriptor))
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock file *path* against all other processes, waiting at most *patience* seconds for it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TransientBackendError(f"{path}: another process has been opening the store for {patience:g} s") from None
                time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)
