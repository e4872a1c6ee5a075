"""The limits of bytes and of entries, and which entries go."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cachekit_file import FileBackend
from cachekit_file._limits import INLINE, PAGE, footprint

MIB = 2**20


def counted_and_true(directory: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """The counters, and what they count."""
    database = sqlite3.connect(directory / "cache.db")
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        orphans = "SELECT count(*) FROM large WHERE id NOT IN (SELECT id FROM entries WHERE value IS NULL)"
        assert database.execute(orphans).fetchone() == (0,)
        counted = database.execute("SELECT entries, bytes FROM totals").fetchone()
        return counted, database.execute("SELECT count(*), coalesce(sum(footprint), 0) FROM entries").fetchone()
    finally:
        database.close()


def disk_usage(directory: Path) -> int:
    total = 0
    for entry in os.scandir(directory):
        try:
            total += entry.stat().st_size
        except FileNotFoundError:
            continue
    return total


def test_the_counters_are_the_truth(make_backend: Callable[..., FileBackend], directory: Path, clock: Any) -> None:
    """After any mixture of sets, overwrites, deletes, expiry and eviction, the counters say what is there."""
    backend, dice = make_backend(max_size_mb=2, max_entry_count=150), random.Random(1)
    for turn in range(1500):
        key = f"key-{dice.randrange(300)}"
        if dice.random() < 0.75:
            backend.set(key, bytes(dice.choice((0, 300, 1_024, 1_025, 4_000, 60_000))), dice.choice((None, 1, 100)))
        else:
            backend.delete(key)
        clock.now += dice.random()
        if turn % 100 == 0:
            counted, true = counted_and_true(directory)
            assert counted == true
            assert counted[0] <= 150
    counted, true = counted_and_true(directory)
    assert counted == true
    assert counted[0] > 20


@pytest.mark.parametrize("length", [0, 200, 1_000, 1_500, 2_100, 3_900, 5_000, 50_000])
def test_the_limit_is_held_for_values_of_one_size(make_backend: Callable[..., FileBackend], directory: Path, length: int) -> None:
    """A store that is written to for long stays within its limit on disk, and most of its room is used."""
    backend = make_backend(max_size_mb=1, max_value_mb=0.125, max_entry_count=1_000_000)
    count = min(9_000, 2 * MIB // (length + 100))
    for number in range(count):
        backend.set(f"key-{number}", bytes(length), None)
        if number % 50 == 0:
            assert disk_usage(directory) <= MIB
    entries = backend.health_check()[1]["entries"]
    assert entries * (length + 40) >= 0.25 * MIB if length else entries > 5_000
    counted, true = counted_and_true(directory)
    assert counted == true


def test_overwriting_what_has_expired_counts_it_once(make_backend: Callable[..., FileBackend], directory: Path, clock: Any) -> None:
    """An expired entry that is written anew is not also counted as removed."""
    backend = make_backend()
    for number in range(40):
        backend.set(f"key-{number % 3}", bytes(number * 100), 1)
        clock.now += 2
        counted, true = counted_and_true(directory)
        assert counted == true


def test_an_estimate_that_is_too_low_does_not_break_the_limit(
    make_backend: Callable[..., FileBackend], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where entries take more of the disk than they are counted as, the file stops at its limit, and sets go on."""
    monkeypatch.setattr("cachekit_file.backend.footprint", lambda key, value: footprint(key, value) // 3)
    backend = make_backend(max_size_mb=1, max_value_mb=0.125)
    for number in range(600):
        backend.set(f"key-{number}", bytes(5_000), None)
        assert backend.get(f"key-{number}") == bytes(5_000)
        assert disk_usage(directory) <= 1.1 * MIB
    counted, true = counted_and_true(directory)
    assert counted == true


def test_several_writers_hold_the_limit_together(start_process: Callable[..., subprocess.Popen[str]], directory: Path) -> None:
    """Four processes that write at once stay within 1.1 times the limit at any moment, log and all."""
    writers = [start_process("fill", seed, 8, 400) for seed in range(4)]
    most = 0
    while any(writer.poll() is None for writer in writers):
        if directory.exists():
            most = max(most, disk_usage(directory))
        time.sleep(0.002)
    assert [writer.stdout.read() for writer in writers if writer.stdout] == ["done\n"] * 4
    assert most > 4 * MIB  # they did fill it
    assert most <= 1.1 * 8 * MIB
    counted, true = counted_and_true(directory)
    assert counted == true


def test_the_entry_limit_is_held(make_backend: Callable[..., FileBackend]) -> None:
    """There are never more entries than the limit, and eviction leaves nearly as many."""
    backend = make_backend(max_entry_count=100)
    for number in range(1000):
        backend.set(f"key-{number}", b"value", None)
        assert backend.health_check()[1]["entries"] <= 100
    assert backend.health_check()[1]["entries"] >= 95


def test_what_is_read_stays(make_backend: Callable[..., FileBackend], clock: Any) -> None:
    """Entries in use outlive the ones nobody reads."""
    backend = make_backend(max_entry_count=200)
    used = [f"used-{number}" for number in range(50)]
    for key in used:
        backend.set(key, b"value", None)
    for number in range(2000):
        clock.now += 1
        backend.set(f"once-{number}", b"value", None)
        backend.get(used[number % 50])
    assert sum(value is not None for value in backend.get_many(used)) >= 45


def test_the_oldest_go_first(make_backend: Callable[..., FileBackend], clock: Any) -> None:
    """Among entries nobody reads, those written long ago go before the new ones."""
    backend = make_backend(max_entry_count=200)
    for number in range(1000):
        clock.now += 1
        backend.set(f"key-{number}", b"value", None)
    kept = [number for number in range(1000) if backend.exists(f"key-{number}")]
    assert sum(kept) / len(kept) > 820
    assert 999 in kept


def test_a_hit_writes_nothing(backend: FileBackend, directory: Path) -> None:
    """Reading changes no file: not the log, not the database."""
    for number in range(100):
        backend.set(f"key-{number}", b"value", None)
    before = {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in directory.iterdir() if file.name != "cache.db-shm"}
    for number in range(200):
        backend.get(f"key-{number}")
        backend.get_many([f"key-{number}", f"key-{number + 1}"])
        backend.exists(f"key-{number}")
    after = {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in directory.iterdir() if file.name != "cache.db-shm"}
    assert after == before


def test_expired_entries_are_removed_by_later_writes(backend: FileBackend, clock: Any) -> None:
    """What has expired does not lie there for ever: writes of other keys remove it, some at a time."""
    for number in range(500):
        backend.set(f"old-{number}", bytes(2_000), 10)
    clock.now += 11
    for _ in range(400):
        backend.set("new", b"value", None)
    assert backend.health_check()[1]["entries"] == 1


def test_one_call_does_not_sweep_the_store(make_backend: Callable[..., FileBackend], clock: Any) -> None:
    """A set that finds the store full of expired entries removes a few hundred of them, not all."""
    backend = make_backend(max_entry_count=3000)
    for number in range(3000):
        backend.set(f"old-{number}", b"value", 10)
    clock.now += 11
    backend.set("new", b"value", None)
    assert 2500 < backend.health_check()[1]["entries"] < 3000


def test_a_limit_that_was_lowered_is_reached_step_by_step(make_backend: Callable[..., FileBackend]) -> None:
    """A store opened with a lower limit takes new values, and shrinks with each."""
    backend = make_backend(max_entry_count=10_000)
    for number in range(2000):
        backend.set(f"key-{number}", b"value", None)
    lower = make_backend(max_entry_count=100)
    sizes = []
    for number in range(20):
        lower.set(f"new-{number}", b"value", None)
        assert lower.get(f"new-{number}") == b"value"
        sizes.append(lower.health_check()[1]["entries"])
    assert sizes[0] > 1_500
    assert sizes[-1] <= 100


@pytest.mark.parametrize("value", [0, 100, INLINE, INLINE + 1, 2_000, 2_100, 4_000, 4_100, 8_200, 100_000])
def test_footprints_are_pages(make_backend: Callable[..., FileBackend], directory: Path, value: int) -> None:
    """What entries are counted as is what they take on disk: neither less, nor much more."""
    backend = make_backend(max_size_mb=1000, max_entry_count=1_000_000)
    count = min(4_000, 8 * MIB // (value + 100))
    for number in range(count):
        backend.set(f"key-{number:060}", bytes(value), None)
    backend.close()
    taken = (directory / "cache.db").stat().st_size - 8 * PAGE
    assert 0.9 <= count * footprint(64, value) / taken <= 1.6
