"""The backends that promises are kept over: `pytest_plugins = ("backends",)` in a test module gives it these fixtures.

Loaded so, and never imported, or pytest could not explain its assertions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachekit.testing import MemoryBackend
from servers import RedisServer

NAMES = ("memory", "file", "redis")
"""Every backend there is. A test of a promise runs over each."""


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One server for the tests that need no server of their own."""
    with RedisServer() as server:
        yield server


@pytest.fixture(params=NAMES)
def each_backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each backend in turn, open and empty."""
    name = request.param
    if name == "memory":
        backend: Any = MemoryBackend()
    elif name == "file":
        from cachekit_file import FileBackend, FileBackendConfig

        backend = FileBackend(FileBackendConfig(cache_dir=tmp_path / "cachekit"))
    else:
        backend = _emptied_redis(request.getfixturevalue("shared_redis"))
    yield backend
    backend.close()


def _emptied_redis(server: RedisServer) -> Any:
    import redis
    from cachekit_redis import RedisBackend

    with redis.Redis(port=server.port) as client:
        client.flushall()
    return RedisBackend.from_url(server.url)
