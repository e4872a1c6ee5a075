"""What is damaged, foreign or gone is begun anew; what cannot be written says so."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cachekit.errors import PermanentBackendError, TransientBackendError
from cachekit_file import FileBackend


def damage_a_closed_store(directory: Path) -> None:
    (directory / "cache.db").write_bytes(b"this is no database, though it is long enough to be read as one" * 100)


def truncate_a_closed_store(directory: Path) -> None:
    os.truncate(directory / "cache.db", 5_000)


def write_a_store_of_another_format(directory: Path) -> None:
    database = sqlite3.connect(directory / "cache.db")
    database.execute("PRAGMA user_version = 99")
    database.close()


def put_anothers_database_there(directory: Path) -> None:
    (directory / "cache.db").unlink()
    database = sqlite3.connect(directory / "cache.db")
    database.execute("CREATE TABLE theirs (x)")
    database.commit()
    database.close()


def put_a_pipe_there(directory: Path) -> None:
    (directory / "cache.db").unlink()
    os.mkfifo(directory / "cache.db")


def put_a_symlink_there(directory: Path) -> None:
    shutil.move(directory / "cache.db", directory.parent / "elsewhere.db")
    (directory / "cache.db").symlink_to(directory.parent / "elsewhere.db")


@pytest.mark.parametrize("spoil", [
    damage_a_closed_store, truncate_a_closed_store, write_a_store_of_another_format,
    put_anothers_database_there, put_a_pipe_there, put_a_symlink_there,
])  # fmt: skip
def test_an_unusable_store_is_set_aside(
    make_backend: Callable[..., FileBackend],
    directory: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
) -> None:
    """A damaged or foreign store is set aside under another name and begun anew, and that is said once."""
    first = make_backend()
    for number in range(50):
        first.set(f"key-{number}", bytes(3_000), 60)
    first.close()
    spoil(directory)
    backend = make_backend()
    assert backend.get("key-1") is None
    backend.set("key-1", b"new", 60)
    assert backend.get("key-1") == b"new"
    assert make_backend().get("key-1") == b"new"
    assert [(record.name, record.levelname) for record in caplog.records] == [("cachekit", "WARNING")]
    assert "cache.damaged" in caplog.text
    assert os.path.lexists(directory / "cache.damaged")


def test_damage_under_a_running_backend(
    make_backend: Callable[..., FileBackend], directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is damaged while it is open answers as an empty one, to every backend that has it open, and goes on."""
    backend, other = make_backend(), make_backend()
    for number in range(500):
        backend.set(f"key-{number}", bytes(1_000), 60)
    assert other.exists("key-1")
    checkpoint = sqlite3.connect(directory / "cache.db")
    checkpoint.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    checkpoint.close()
    with open(directory / "cache.db", "r+b") as file:
        file.seek(100)
        file.write(os.urandom(file.seek(0, os.SEEK_END) - 100))
        file.seek(4096)
        file.write(os.urandom(500_000))
    answers = [backend.get(f"key-{number}") for number in range(500)]
    assert set(answers) <= {None, bytes(1_000)}
    assert None in answers
    for each in (backend, other):
        each.set("after", b"value", 60)
    assert [each.get("after") for each in (backend, other)] == [b"value", b"value"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("verb", ["get", "set", "delete", "exists", "get_many", "health_check"])
def test_a_directory_that_is_removed_is_made_anew(backend: FileBackend, directory: Path, verb: str) -> None:
    """After its directory was removed, the next verb, whichever it is, works on a new and empty store."""
    backend.set("key", b"value", 60)
    shutil.rmtree(directory)
    arguments = {"set": ("key", b"new", 60), "get_many": (["key"],), "health_check": ()}.get(verb, ("key",))
    answer = getattr(backend, verb)(*arguments)
    assert directory.is_dir()
    expected = {"get": None, "set": None, "delete": False, "exists": False, "get_many": [None]}
    if verb == "health_check":
        assert (answer[0], answer[1]["entries"]) == (True, 0)
    else:
        assert answer == expected[verb]
    assert backend.get("key") == (b"new" if verb == "set" else None)


def test_a_store_that_another_process_replaced_is_noticed(
    backend: FileBackend, make_backend: Callable[..., FileBackend], directory: Path
) -> None:
    """A directory removed and made anew by somebody else is the store from then on: no process serves the old one."""
    backend.set("key", b"old", 60)
    shutil.rmtree(directory)
    other = make_backend()
    other.set("key", b"new", 60)
    assert backend.get("key") == b"new"
    backend.set("key", b"newer", 60)
    assert other.get("key") == b"newer"


def test_a_directory_removed_again_and_again_under_load(backend: FileBackend, directory: Path) -> None:
    """Threads that work while the directory is removed see misses or cachekit's own errors, never another exception."""
    stop, failures = threading.Event(), []

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                backend.set(f"key-{number % 10}", bytes(5_000), 60)
                assert backend.get(f"key-{number % 10}") in (None, bytes(5_000))
            except (TransientBackendError, PermanentBackendError):
                continue
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        shutil.rmtree(directory, ignore_errors=True)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    backend.set("key", b"value", 60)
    assert backend.get("key") == b"value"


def test_a_locked_store_is_a_transient_error(make_backend: Callable[..., FileBackend], directory: Path) -> None:
    """A writer that holds the store for too long makes writes fail as transient, by the name of the setting; reads go on."""
    backend = make_backend(lock_timeout_seconds=0.5)
    backend.set("key", b"value", 60)
    holder = sqlite3.connect(directory / "cache.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(TransientBackendError, match="CACHEKIT_FILE_LOCK_TIMEOUT_SECONDS"):
        backend.set("key", b"new", 60)
    assert backend.get("key") == b"value"
    holder.close()
    backend.set("key", b"new", 60)
    assert backend.get("key") == b"new"


def test_a_disk_that_is_full_is_a_permanent_error(directory: Path) -> None:
    """Where no more can be written, a set is a PermanentBackendError, what was there is still read, and health stays honest."""
    code = f"""
import resource, signal
from cachekit_file import FileBackend, FileBackendConfig
from cachekit.errors import PermanentBackendError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
backend = FileBackend(FileBackendConfig(cache_dir={str(directory)!r}))
backend.set("before", b"value", None)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
refused = 0
for number in range(200):
    try:
        backend.set(f"key-{{number}}", bytes(10_000), None)
    except PermanentBackendError as error:
        refused += 1
assert refused, "nothing was refused"
assert backend.get("before") == b"value"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
backend.set("after", bytes(10_000), None)
assert backend.get("after") == bytes(10_000)
backend.close()
print("done")
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "done\n"


def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A read-only place is a PermanentBackendError with the remedy, from each verb."""
    code = f"""
import os
from cachekit_file import FileBackend, FileBackendConfig
from cachekit.errors import PermanentBackendError
if os.geteuid() == 0:
    os.setuid(12345)  # whom permissions stop
backend = FileBackend(FileBackendConfig(cache_dir={str(tmp_path / "closed" / "store")!r}))
for call in (lambda: backend.get("key"), lambda: backend.set("key", b"value", 60)):
    try:
        call()
    except PermanentBackendError as error:
        assert "CACHEKIT_FILE_CACHE_DIR" in str(error), error
    else:
        raise SystemExit("it worked")
print(backend.health_check()[0])
"""
    (tmp_path / "closed").mkdir(mode=0o555)
    for parent in tmp_path.parents[:3]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout == "False\n", done.stderr
