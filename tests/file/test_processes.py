"""Many processes over one store: at once, forked, killed."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cachekit.errors import PermanentBackendError, TransientBackendError
from cachekit_file import FileBackend


def ended_well(child: int) -> bool:
    """Whether forked *child* ends by itself with status 0; one that hangs is killed."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status == 0
        time.sleep(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def in_child(work: Callable[[], bool]) -> int:
    """Fork, run *work* in the child, and end it there: 0 if it returned True."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        status = 0 if work() else 2
    finally:
        os._exit(status)


@pytest.mark.parametrize("processes", [2, 4])
def test_no_value_is_torn_between_processes(start_process: Callable[..., subprocess.Popen[str]], processes: int) -> None:
    """Processes that write and read the same keys at once see whole values only, and each other's."""
    others = [start_process("exchange", seed, 400, 20) for seed in range(processes)]
    said = [other.communicate(timeout=60)[0] for other in others]
    assert [other.returncode for other in others] == [0] * processes
    for line in said:
        torn, found = (int(part.split("=")[1]) for part in line.split())
        assert torn == 0
        assert found > 50


def test_a_child_and_its_parent_share_the_store(backend: FileBackend) -> None:
    """A child forked from a process that used the backend reads and writes the same store, and so does the parent, at once."""
    backend.set("before", b"value", None)

    def work() -> bool:
        for number in range(100):
            backend.set(f"child-{number}", bytes(3_000), None)
        found = backend.get("before") == b"value"
        backend.close()
        return found

    child = in_child(work)
    for number in range(100):
        backend.set(f"parent-{number}", bytes(3_000), None)
    assert ended_well(child)
    for who in ("child", "parent"):
        assert all(backend.get(f"{who}-{number}") == bytes(3_000) for number in range(100))


def test_a_fork_while_other_threads_use_the_backend(backend: FileBackend, directory: Path) -> None:
    """A fork in the middle of other threads' reads and writes hangs nobody and damages nothing."""
    stop, failures = threading.Event(), []

    def work() -> None:
        dice = random.Random(threading.get_ident())
        while not stop.is_set():
            try:
                backend.set(f"key-{dice.randrange(50)}", bytes(dice.choice((100, 5_000))), 60)
                backend.get(f"key-{dice.randrange(50)}")
            except BaseException as error:
                failures.append(error)
                return

    def use() -> bool:
        for number in range(20):
            backend.set(f"child-{number}", b"value", 60)
        return all(backend.get(f"child-{number}") == b"value" for number in range(20))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        ended = [ended_well(in_child(use)) for _ in range(15)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert ended == [True] * 15
    database = sqlite3.connect(directory / "cache.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_no_handle_crosses_a_fork(backend: FileBackend, directory: Path) -> None:
    """A child begins without a single open file of the store: SQLite's locks cannot be inherited."""
    backend.set("key", b"value", 60)

    def holds_none() -> bool:
        names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")]
        return not any(name.startswith(f"{directory}/") for name in names)

    assert ended_well(in_child(holds_none))
    assert backend.get("key") == b"value"


def test_a_fork_in_the_middle_of_a_call_is_refused_in_the_child(make_backend: Callable[..., FileBackend]) -> None:
    """Where a connection could not be closed before the fork, the child says so rather than risk the store; the parent goes on."""
    backend = make_backend(lock_timeout_seconds=0.5)
    backend.set("key", b"value", 60)
    in_use = backend._store.connections.take()

    def is_refused() -> bool:
        with pytest.raises(PermanentBackendError, match="forked in the middle of a call"):
            backend.get("key")
        return True

    assert ended_well(in_child(is_refused))
    backend._store.connections.give(in_use)
    assert backend.get("key") == b"value"


def test_a_process_that_ends_without_close_leaves_the_log_empty(directory: Path) -> None:
    """At exit a backend gives its files back: the log is in the database, and everything stored is there."""
    code = f"""
from pathlib import Path
from cachekit_file import FileBackend, FileBackendConfig
backend = FileBackend(FileBackendConfig(cache_dir=Path({str(directory)!r})))
backend.set("key", b"value", None)
kept = [backend, globals()]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert not (directory / "cache.db-wal").exists()
    assert (directory / "cache.db").stat().st_size > 0


def test_a_child_that_outlives_its_parents_close(backend: FileBackend, make_backend: Callable[..., FileBackend]) -> None:
    """A child goes on with the store after the parent has closed it, and nothing it writes is lost."""
    backend.set("key", b"value", None)
    reading, writing = os.pipe()

    def work() -> bool:
        os.close(writing)
        backend.set("mine", b"1", None)
        os.read(reading, 1)  # ends when the parent has closed its side
        backend.set("later", b"2", None)
        return backend.get("mine") == b"1"

    child = in_child(work)
    backend.close()
    os.close(reading)
    os.close(writing)
    assert ended_well(child)
    assert list(make_backend().get_many(["key", "mine", "later"])) == [b"value", b"1", b"2"]


def test_a_killed_writer_leaves_a_whole_store(
    start_process: Callable[..., subprocess.Popen[str]], make_backend: Callable[..., FileBackend], directory: Path
) -> None:
    """kill -9 of writers at random moments leaves whole values, true counters, and a store that opens at once."""
    dice = random.Random(5)
    for round_number in range(5):
        writers = [start_process("write_for_ever", 10 * round_number + seed) for seed in range(2)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
        time.sleep(dice.uniform(0.02, 0.2))  # the random moment is the test
        for writer in writers:
            writer.kill()
            writer.wait()
        backend = make_backend(max_size_mb=4)
        values = [value for value in backend.get_many([f"key-{number}" for number in range(200)]) if value is not None]
        backend.set("after", b"value", 60)
        assert all(hashlib.sha256(value[32:]).digest() == value[:32] for value in values)
        backend.close()
        database = sqlite3.connect(directory / "cache.db")
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        totals = database.execute("SELECT entries, bytes FROM totals").fetchone()
        assert totals == database.execute("SELECT count(*), sum(footprint) FROM entries").fetchone()
        database.close()
    assert not (directory / "cache.damaged").exists()


def test_threads_write_at_once(backend: FileBackend) -> None:
    """Threads that write at once all get through, within a timeout shorter than their queue would be in SQLite."""
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(50):
                backend.set(f"{name}-{number}", bytes(2_000), 60)
        except TransientBackendError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert backend.health_check()[1]["entries"] == 400
