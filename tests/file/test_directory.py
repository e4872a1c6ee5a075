"""Nobody else can read the store or put anything into it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cachekit.errors import ConfigurationError, PermanentBackendError
from cachekit_file import FileBackend


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_permissions_do_not_depend_on_the_umask(make_backend: Callable[..., FileBackend], tmp_path: Path, umask: int) -> None:
    """Directories are 0700 and files 0600, whatever the umask, also the parents that were missing."""
    old = os.umask(umask)
    try:
        backend = make_backend(cache_dir=tmp_path / "missing" / "store")
        backend.set("key", b"value" * 1000, 60)
        assert backend.get("key") == b"value" * 1000
    finally:
        os.umask(old)
    files = list(backend.path.iterdir())
    assert {file.name: mode(file) for file in files} == {file.name: 0o600 for file in files}
    assert {"cache.db", "cache.db-wal", "cache.db-shm"} <= {file.name for file in files}
    assert (mode(backend.path), mode(backend.path.parent)) == (0o700, 0o700)


def test_a_store_file_that_others_could_read_is_closed_to_them(make_backend: Callable[..., FileBackend], directory: Path) -> None:
    """A file left readable by others becomes private when the store is opened."""
    make_backend().set("key", b"value", 60)
    (directory / "cache.db").chmod(0o666)
    assert make_backend().get("key") == b"value"
    assert mode(directory / "cache.db") == 0o600


def a_symlink(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(mode=0o700)
    path.symlink_to(path.parent / "elsewhere")


def a_dangling_symlink(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def a_file(path: Path) -> None:
    path.touch(0o600)


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def writable_by_group(path: Path) -> None:
    path.mkdir()
    path.chmod(0o770)


def writable_by_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o1777)


def writable_by_the_world_alone(path: Path) -> None:
    path.mkdir()
    path.chmod(0o702)


def anothers(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to somebody else")
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12345)


HOSTILE = [
    (a_symlink, "name the directory itself"),
    (a_dangling_symlink, "symbolic link"),
    (a_file, "not a directory"),
    (a_pipe, "not a directory"),
    (writable_by_group, "chmod 700"),
    (writable_by_all, "chmod 700"),
    (writable_by_the_world_alone, "mode 0702"),
    (anothers, "uid 12345"),
]


@pytest.mark.parametrize(("make", "remedy"), HOSTILE)
def test_an_unsafe_directory_is_refused(
    make_backend: Callable[..., FileBackend], directory: Path, make: Callable[[Path], None], remedy: str
) -> None:
    """A directory that somebody else could write to is refused when the backend is made, with the remedy."""
    make(directory)
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        make_backend()
    assert str(caught.value).startswith(f"CACHEKIT_FILE_CACHE_DIR={directory}: ")


@pytest.mark.parametrize(("make", "remedy"), HOSTILE)
def test_a_directory_that_becomes_unsafe_before_first_use_is_refused(
    backend: FileBackend, directory: Path, make: Callable[[Path], None], remedy: str
) -> None:
    """What is put there after the backend was made is found when it is first used, as a backend's own error."""
    make(directory)
    with pytest.raises(PermanentBackendError, match=remedy):
        backend.get("key")
    healthy, details = backend.health_check()
    assert healthy is False
    assert remedy in details["error"]


def test_a_sticky_parent_is_fine(make_backend: Callable[..., FileBackend], tmp_path: Path) -> None:
    """A directory in a world-writable sticky one, such as the system's temp folder, is accepted."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    backend = make_backend(cache_dir=tmp_path / "tmp" / "cachekit")
    backend.set("key", b"value", 60)
    assert backend.get("key") == b"value"


def test_nothing_is_made_before_first_use(backend: FileBackend, directory: Path) -> None:
    """Making a backend touches no disk."""
    assert not directory.exists()
    backend.get("key")
    assert directory.is_dir()
