"""The verbs: values, keys, expiry, bulk reads, close."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cachekit.contracts import AsyncBackend, BulkReads, Closable
from cachekit.errors import BackendClosedError, TransientBackendError, ValueTooLargeError
from cachekit_file import FileBackend, FileBackendConfig
from cachekit_file._connections import MAX_IDLE

DAY = 86_400.0

VALUES = {
    "empty": b"",
    "one byte": b"\0",
    "every byte": bytes(range(256)),
    "at the inline limit": b"i" * 1024,
    "over the inline limit": b"o" * 1025,
    "10 MB": os.urandom(10_000_000),
}
KEYS = [
    "",
    ".",
    "%",
    "../../etc/passwd",
    "a/b",
    "a\0b",
    "a\0c",
    "naïve ключ 🔑",
    "\ud800",
    "k" * 10_000,
    "k" * 10_001,
    "'; DROP TABLE x; --",
]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_value_comes_back_as_it_was(backend: FileBackend, make_backend: Callable[..., FileBackend], value: bytes) -> None:
    """Any bytes come back, in this process's connection and in another's."""
    backend.set("key", value, 60)
    assert backend.get("key") == value
    assert make_backend().get("key") == value
    assert type(backend.get("key")) is bytes


def test_overwriting_changes_size_both_ways(backend: FileBackend) -> None:
    """The last value set is the one that counts, be it inline or large."""
    for value in (b"small", b"l" * 5_000, b"l" * 9_000, b"small again", b""):
        backend.set("key", value, 60)
        assert backend.get("key") == value


def test_every_key_is_its_own(backend: FileBackend, directory: Path) -> None:
    """Keys with paths, NUL, any unicode, quotes or 10,000 characters are all distinct, and none becomes a file's name."""
    for number, key in enumerate(KEYS):
        backend.set(key, str(number).encode(), 60)
    assert [backend.get(key) for key in KEYS] == [str(number).encode() for number in range(len(KEYS))]
    assert list(backend.get_many(KEYS)) == [str(number).encode() for number in range(len(KEYS))]
    assert {file.name.split(".")[0] for file in directory.iterdir()} <= {"cache", "lock", "checkpoint"}
    assert list(directory.parent.iterdir()) == [directory]
    assert all(backend.delete(key) for key in KEYS)


def test_two_keys_of_one_hash_are_never_mixed(backend: FileBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two keys share a row the later takes it, and the other is a miss: never the other's value."""
    monkeypatch.setattr("cachekit_file.backend._row", lambda key: 7)
    backend.set("one", b"1", 60)
    backend.set("two", b"2" * 5_000, 60)
    assert (backend.get("one"), backend.get("two")) == (None, b"2" * 5_000)
    assert list(backend.get_many(["one", "two"])) == [None, b"2" * 5_000]
    assert (backend.exists("one"), backend.delete("one")) == (False, False)
    assert backend.delete("two") is True


def test_a_value_over_the_limit_is_refused_by_name(make_backend: Callable[..., FileBackend]) -> None:
    """A value over MAX_VALUE_MB is a ValueTooLargeError that names the variable; one at the limit is stored."""
    backend = make_backend(max_size_mb=8, max_value_mb=1)
    assert backend.max_value_bytes == 2**20
    backend.set("key", bytes(2**20), 60)
    with pytest.raises(ValueTooLargeError, match=r"1,048,577 bytes is over CACHEKIT_FILE_MAX_VALUE_MB=1 "):
        backend.set("key", bytes(2**20 + 1), 60)
    assert backend.get("key") == bytes(2**20)


@pytest.mark.parametrize("megabytes", [1, 2, 8, 200])
def test_the_largest_value_fits(make_backend: Callable[..., FileBackend], megabytes: int) -> None:
    """The largest value that the settings allow is stored, twice over, in a store of any size."""
    backend = make_backend(max_size_mb=megabytes, max_value_mb=min(megabytes / 2, 20))
    for key in ("one", "two"):
        value = os.urandom(backend.max_value_bytes)
        backend.set(key, value, 60)
        assert backend.get(key) == value


@pytest.mark.parametrize("ttl", [0.001, 0.25, 1, 59.9, 30 * DAY])
def test_an_entry_lives_for_its_ttl(backend: FileBackend, clock: Any, ttl: float) -> None:
    """An entry is there until its TTL has passed, and then is not, for every verb, to the millisecond."""
    backend.set("key", b"value", ttl)
    clock.now += ttl * 0.99
    assert (backend.get("key"), backend.exists("key"), list(backend.get_many(["key"]))) == (b"value", True, [b"value"])
    clock.now += ttl * 0.02
    assert (backend.get("key"), backend.exists("key"), list(backend.get_many(["key"]))) == (None, False, [None])
    assert backend.delete("key") is False


@pytest.mark.parametrize("ttl", [None, 1e300])
def test_an_entry_without_expiry_stays(backend: FileBackend, clock: Any, ttl: float | None) -> None:
    """None, and a TTL beyond all clocks, mean no expiry."""
    backend.set("key", b"value", ttl)
    clock.now += 200 * 366 * DAY
    assert backend.get("key") == b"value"


def test_a_clock_that_jumps(backend: FileBackend, clock: Any) -> None:
    """A day forward expires what is due; a day back loses nothing, and what is set then expires by its own TTL."""
    backend.set("short", b"1", 3600)
    backend.set("long", b"2", 2 * DAY)
    clock.now += DAY
    assert (backend.get("short"), backend.get("long")) == (None, b"2")
    clock.now -= 2 * DAY
    assert backend.get("long") == b"2"
    backend.set("now", b"3", 60)
    assert backend.get("now") == b"3"
    clock.now += 61
    assert backend.get("now") is None


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
def test_a_ttl_that_means_nothing_is_refused(backend: FileBackend, ttl: float) -> None:
    """A TTL that is not a positive finite number is a ValueError, and stores nothing."""
    with pytest.raises(ValueError, match="ttl"):
        backend.set("key", b"value", ttl)
    assert backend.get("key") is None


def test_bulk_reads_keep_the_order_asked(backend: FileBackend) -> None:
    """`get_many` answers in the order asked, with None for what is absent, and repeats what is asked twice; any number at once."""
    for number in range(1200):
        backend.set(f"key-{number}", str(number).encode(), 60)
    assert list(backend.get_many(["key-3", "absent", "key-1", "key-3"])) == [b"3", None, b"1", b"3"]
    assert list(backend.get_many([])) == []
    keys = [f"key-{number}" for number in range(1300)]
    assert list(backend.get_many(keys)) == [str(number).encode() if number < 1200 else None for number in range(1300)]


def test_capabilities(backend: FileBackend) -> None:
    """Core finds bulk reads and close, and no native async."""
    assert isinstance(backend, BulkReads)
    assert isinstance(backend, Closable)
    assert not isinstance(backend, AsyncBackend)


def test_health_tells_what_is_there(backend: FileBackend, directory: Path) -> None:
    """Health is True with the path, the entries, the bytes on disk and the limit."""
    backend.set("key", b"value", 60)
    healthy, details = backend.health_check()
    assert healthy is True
    assert details == {
        "path": str(directory),
        "entries": 1,
        "bytes": sum(file.stat().st_size for file in directory.iterdir()),
        "limit_bytes": 1024 * 2**20,
    }


def test_after_close_every_verb_raises(backend: FileBackend, directory: Path) -> None:
    """After close, twice, every verb raises BackendClosedError, health is False, and no file is held open."""
    backend.set("key", b"value", 60)
    backend.close()
    backend.close()
    for call in (
        lambda: backend.get("key"),
        lambda: backend.set("key", b"value", 60),
        lambda: backend.delete("key"),
        lambda: backend.exists("key"),
        lambda: backend.get_many(["key"]),
    ):
        with pytest.raises(BackendClosedError, match=str(directory)):
            call()
    healthy, details = backend.health_check()
    assert healthy is False
    assert "closed" in details["error"]
    assert open_files(directory) == []


def test_a_store_survives_its_backend(backend: FileBackend, make_backend: Callable[..., FileBackend]) -> None:
    """What one backend stored before it was closed, the next one finds."""
    backend.set("key", b"value", None)
    backend.close()
    assert make_backend().get("key") == b"value"


def test_threads_that_end_leave_nothing_open(backend: FileBackend, directory: Path) -> None:
    """However many threads come and go, the open files are those of a few connections."""
    backend.set("key", b"value", 60)
    before = len(open_files(directory))
    for _ in range(50):
        thread = threading.Thread(target=backend.get, args=("key",))
        thread.start()
        thread.join()
    assert len(open_files(directory)) == before


def test_a_burst_of_threads_does_not_leave_its_connections(backend: FileBackend) -> None:
    """Of the connections that many calls at one moment needed, only some stay open."""
    connections = backend._store.connections
    lent = [connections.take() for _ in range(MAX_IDLE + 10)]
    for each in lent:
        connections.give(each)
    assert len(connections._open) == MAX_IDLE
    assert backend.get("key") is None


def test_a_set_that_fails_halfway_leaves_nothing(backend: FileBackend) -> None:
    """A set that fails within its transaction changes nothing, and the next call works."""
    backend.set("key", b"value", 60)
    with pytest.raises(TransientBackendError):
        backend.set("key", [1, 2, 3], 60)  # type: ignore[arg-type]
    assert backend.get("key") == b"value"
    backend.set("key", b"new", 60)
    assert backend.get("key") == b"new"
    assert backend.health_check()[1]["entries"] == 1


def test_a_backend_that_is_dropped_holds_no_file(directory: Path) -> None:
    """A backend that nobody refers to any more gives its files back."""
    backend = FileBackend(FileBackendConfig(cache_dir=directory))
    backend.set("key", b"value", 60)
    del backend
    gc.collect()
    assert open_files(directory) == []


def test_the_repr_shows_the_directory(backend: FileBackend, directory: Path) -> None:
    """A backend's repr says where it is."""
    assert repr(backend) == f"FileBackend('{directory}')"


def open_files(directory: Path) -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if target.startswith(f"{directory}/"):
            found.append(target)
    return found
