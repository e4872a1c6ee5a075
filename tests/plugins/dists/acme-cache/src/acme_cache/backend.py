"""The five verbs over a directory: a file an entry, its name the key, its first eight bytes the expiry."""

import hashlib
import math
import struct
import time
from pathlib import Path

from cachekit.contracts import check_ttl

from . import driver


class AcmeBackend:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _path(self, key: str) -> Path:
        return self._directory / hashlib.sha256(key.encode()).hexdigest()

    def get(self, key: str) -> bytes | None:
        stored = driver.read(self._path(key))
        if stored is None or struct.unpack_from(">d", stored)[0] < time.time():
            return None
        return stored[8:]

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        seconds = check_ttl(ttl)
        expires = math.inf if seconds is None else time.time() + seconds
        driver.write(self._path(key), struct.pack(">d", expires) + value)

    def delete(self, key: str) -> bool:
        return driver.remove(self._path(key))

    def exists(self, key: str) -> bool:
        return self.get(key) is not None

    def health_check(self) -> tuple[bool, dict[str, str]]:
        return True, {"directory": str(self._directory)}
