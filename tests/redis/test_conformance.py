"""The contract that every backend keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cachekit.testing import BackendSuite
from cachekit_redis import RedisBackend
from servers import RedisServer


class TestRedis(BackendSuite):
    """Redis, over TCP."""

    @pytest.fixture
    def backend(self, redis_server: RedisServer, make_backend: Callable[..., RedisBackend]) -> RedisBackend:
        return make_backend(redis_server.url, socket_timeout=10)
