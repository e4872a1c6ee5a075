"""Another process at work on a store: `process.py <work> <directory> <arguments>`. Each work prints what it found."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from pathlib import Path

from cachekit_file import FileBackend, FileBackendConfig


def signed(body: bytes) -> bytes:
    """*body* behind its own checksum."""
    return hashlib.sha256(body).digest() + body


def is_whole(value: bytes) -> bool:
    return hashlib.sha256(value[32:]).digest() == value[:32]


def open_store(directory: str, **settings: int) -> FileBackend:
    return FileBackend(FileBackendConfig(cache_dir=Path(directory), **settings))


def exchange(directory: str, seed: str, calls: str, keys: str) -> None:
    """Write and read shared keys; print ``torn=<n> found=<n>``."""
    backend, dice = open_store(directory), random.Random(int(seed))
    torn = found = 0
    for _ in range(int(calls)):
        key = f"shared-{dice.randrange(int(keys))}"
        if dice.random() < 0.4:
            backend.set(key, signed(os.urandom(dice.choice((10, 700, 5_000, 120_000)))), 60)
        elif (value := backend.get(key)) is not None:
            found += 1
            torn += not is_whole(value)
    backend.close()
    print(f"torn={torn} found={found}")


def write_for_ever(directory: str, seed: str) -> None:
    """Write until killed; print a line once the first value is in."""
    backend, dice = open_store(directory, max_size_mb=4), random.Random(int(seed))
    backend.set("first", signed(b"first"), None)
    print("writing", flush=True)
    while True:
        backend.set(f"key-{dice.randrange(200)}", signed(os.urandom(dice.choice((10, 700, 5_000, 120_000)))), 60)


def fill(directory: str, seed: str, megabytes: str, calls: str) -> None:
    """Write into a store of a small limit; print ``done``."""
    backend, dice = open_store(directory, max_size_mb=int(megabytes), max_entry_count=1_000_000), random.Random(int(seed))
    for _ in range(int(calls)):
        backend.set(f"key-{dice.randrange(100_000)}", bytes(dice.choice((100, 1_500, 9_000, 400_000))), None)
    backend.close()
    print("done")


if __name__ == "__main__":
    {"exchange": exchange, "write_for_ever": write_for_ever, "fill": fill}[sys.argv[1]](*sys.argv[2:])
