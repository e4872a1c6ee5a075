"""The examples in the docstrings run as they stand."""

from __future__ import annotations

import doctest

import pytest

from cachekit_redis import backend as verbs
from cachekit_redis import settings
from servers import RedisServer


@pytest.mark.parametrize("module", [verbs, settings])
def test_docstrings(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    """Every example of a public class and method gives what it says."""
    monkeypatch.setenv("CACHEKIT_REDIS_URL", redis_server.url)
    failed, attempted = doctest.testmod(module)  # type: ignore[arg-type]
    assert attempted > 0
    assert failed == 0
