"""The verbs against a real server, from threads and in event loops by one list of cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import redis
from cachekit import contracts
from cachekit.errors import BackendClosedError, ValueTooLargeError
from cachekit_redis import RedisBackend
from servers import RedisServer


@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n$5\r\n", b"text", b"x" * 3_000_000])
@pytest.mark.parametrize("key", ["k", "ключ", "with space\r\nand line", "\ud800", "x" * 5000])
def test_what_is_set_comes_back(backend: RedisBackend, call: Any, key: str, value: bytes) -> None:
    """Any bytes come back under any text, and are gone after a delete."""
    assert call(backend, "get", key) is None
    assert call(backend, "exists", key) is False
    assert call(backend, "set", key, value, None) is None
    assert call(backend, "get", key) == value
    assert call(backend, "exists", key) is True
    assert call(backend, "delete", key) is True
    assert call(backend, "delete", key) is False
    assert call(backend, "get", key) is None


def test_bulk_reads(backend: RedisBackend, call: Any) -> None:
    """Several keys are read in the order asked, absent and repeated ones included, and none are none."""
    call(backend, "set", "a", b"1", None)
    call(backend, "set", "b", b"", None)
    assert list(call(backend, "get_many", ["b", "absent", "a", "b"])) == [b"", None, b"1", b""]
    assert list(call(backend, "get_many", [])) == []


@pytest.mark.parametrize(("ttl", "milliseconds"), [(60, 60_000), (0.25, 250), (0.0001, 1), (1.0004, 1000), (3e9, 3_000_000_000_000)])
def test_ttl_is_stored_to_the_millisecond(backend: RedisBackend, admin: redis.Redis, call: Any, ttl: float, milliseconds: int) -> None:
    """A TTL reaches the server in whole milliseconds, at least one."""
    seen: list[Any] = []
    with admin.monitor() as monitor:
        call(backend, "set", "k", b"v", ttl)
        while not (seen and seen[-1].startswith("SET k")):
            command: Any = monitor.next_command()
            seen.append(command["command"])
    assert seen[-1] == f"SET k v PX {milliseconds}"


@pytest.mark.parametrize("ttl", [None, 1e300])
def test_no_expiry(backend: RedisBackend, admin: redis.Redis, call: Any, ttl: float | None) -> None:
    """Without a TTL, and with one beyond any life, an entry does not expire, whatever it replaces."""
    call(backend, "set", "k", b"old", 60)
    call(backend, "set", "k", b"v", ttl)
    assert admin.pttl("k") == -1


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), -float("inf")])
def test_a_bad_ttl_is_refused(backend: RedisBackend, call: Any, ttl: float) -> None:
    """A TTL that is no positive number is an error, and stores nothing."""
    with pytest.raises(ValueError, match="ttl="):
        call(backend, "set", "k", b"v", ttl)
    assert call(backend, "get", "k") is None


@pytest.mark.parametrize(("verb", "arguments"), [("get", (b"k",)), ("delete", (None,)), ("set", ("k", "text", None)), ("get_many", ([1],))])
def test_other_types_are_refused(backend: RedisBackend, call: Any, verb: str, arguments: tuple[Any, ...]) -> None:
    """A key that is no text and a value that is no bytes are errors that name the type."""
    with pytest.raises(TypeError, match=r"of type (bytes|NoneType|str|int): takes"):
        call(backend, verb, *arguments)


def test_a_value_beyond_redis_limit_is_refused_unsent(backend: RedisBackend, call: Any) -> None:
    """A value longer than Redis can hold is refused before it is sent."""
    with pytest.raises(ValueTooLargeError, match="536870913 bytes"):
        call(backend, "set", "k", bytes(backend.max_value_bytes + 1), None)


def test_health(backend: RedisBackend, call: Any) -> None:
    """A healthy server is reported with its latency and version."""
    healthy, details = call(backend, "health_check")
    assert healthy is True
    assert details["latency_ms"] > 0
    assert details["version"].count(".") == 2


@pytest.mark.parametrize("query", ["", "?db=3"])
def test_a_unix_socket(
    redis_server: RedisServer, admin: redis.Redis, make_backend: Callable[..., RedisBackend], call: Any, query: str
) -> None:
    """A server is reached by its Unix socket, in the database named."""
    backend = make_backend(f"unix://{redis_server.socket}{query}")
    call(backend, "set", "k", b"v", None)
    assert call(backend, "get", "k") == b"v"
    assert admin.exists("k") == (not query)


def test_databases_are_apart(
    redis_server: RedisServer, backend: RedisBackend, make_backend: Callable[..., RedisBackend], call: Any
) -> None:
    """The URL's database is the one that is used."""
    other = make_backend(redis_server.url.removesuffix("/0") + "/7")
    call(other, "set", "k", b"seven", None)
    assert call(backend, "get", "k") is None
    assert call(other, "get", "k") == b"seven"


VERBS: list[tuple[str, tuple[Any, ...]]] = [
    ("get", ("k",)),
    ("get_many", (["k"],)),
    ("get_many", ([],)),
    ("set", ("k", b"v", 60)),
    ("delete", ("k",)),
    ("exists", ("k",)),
]


@pytest.mark.parametrize("used", [True, False])
def test_use_after_close(backend: RedisBackend, call: Any, connections: Callable[[int], None], used: bool) -> None:
    """After close, and close again, every verb says so, health is False, and no connection is left."""
    if used:
        call(backend, "set", "k", b"v", None)
    for _ in range(2):
        call(backend, "close")
    for verb, arguments in VERBS:
        with pytest.raises(BackendClosedError, match="closed"):
            call(backend, verb, *arguments)
    assert call(backend, "health_check") == (False, {"error": "this RedisBackend was closed; make a new one"})
    connections(0)


def test_capabilities(backend: RedisBackend) -> None:
    """The backend has the capabilities that core looks for."""
    for capability in (contracts.AsyncBackend, contracts.BulkReads, contracts.AsyncBulkReads, contracts.Closable, contracts.AsyncClosable):
        assert isinstance(backend, capability)
