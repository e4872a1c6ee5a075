"""Where L2 is: a directory that lives as long as the run, or the Redis that the environment names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cachekit import cache

if TYPE_CHECKING:
    from cachekit_file import FileBackend
    from cachekit_redis import RedisBackend

REDIS_VARIABLES = ("CACHEKIT_REDIS_URL", "REDIS_URL")


@dataclass(frozen=True)
class Place:
    """The backend of this run. *problem* is what its health check said, or None when it is well."""

    kind: Literal["file", "redis"]
    name: str
    problem: str | None


@contextmanager
def chosen_place() -> Iterator[Place]:
    """Set the environment for this process and its children, and clean up at the end.

    Raises:
        cachekit.errors.ConfigurationError: a variable is wrong.
    """
    if any(os.environ.get(variable) for variable in REDIS_VARIABLES):
        from cachekit_redis import RedisBackend

        os.environ["CACHEKIT_BACKEND"] = "redis"
        yield from _used("redis", RedisBackend())
        return
    with tempfile.TemporaryDirectory(prefix="cachekit-demo-") as directory:
        from cachekit_file import FileBackend

        os.environ.update(CACHEKIT_BACKEND="file", CACHEKIT_FILE_CACHE_DIR=directory)
        yield from _used("file", FileBackend())


def _used(kind: Literal["file", "redis"], backend: FileBackend | RedisBackend) -> Iterator[Place]:
    healthy, details = backend.health_check()
    backend.close()  # it was for the look only: the cached functions make their own, from the environment
    try:
        yield Place(kind, repr(backend), None if healthy else str(details.get("error", "its health check failed")))
    finally:
        cache.close()
