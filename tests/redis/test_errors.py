"""What goes wrong is told by its meaning, with the place and the remedy, and without the password."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

import redis
from cachekit.errors import AuthenticationError, BackendError, PermanentBackendError, TransientBackendError, ValueTooLargeError
from cachekit_redis import RedisBackend
from servers import RedisServer

PASSWORD = "s3cret-pässword/:@#"
ENCODED = "s3cret-p%C3%A4ssword%2F%3A%40%23"


def chain(error: BaseException | None) -> Iterator[str]:
    """Every text that a traceback of *error* could show."""
    while error is not None:
        yield f"{error} {error!r} {error.args!r}"
        error = error.__cause__ or error.__context__


def failure(call: Any, backend: RedisBackend, verb: str, *arguments: Any) -> BackendError:
    """The error of a call that must fail; it must name verb and place, and hide the password."""
    with pytest.raises(BackendError) as caught:
        call(backend, verb, *arguments)
    assert str(caught.value).startswith(f"{verb} on Redis at {backend._address} failed: ")
    assert not any("s3cret" in text or ENCODED in text for text in chain(caught.value))
    return caught.value


def with_credentials(url: str, credentials: str) -> str:
    return url.replace("redis://", f"redis://{credentials}@")


@pytest.mark.parametrize("credentials", [None, ":s3cret-wrong", f"nobody:{ENCODED}"])
def test_wrong_credentials(start_server: Any, make_backend: Any, call: Any, credentials: str | None) -> None:
    """No password or a wrong one is an authentication error that names the variable."""
    server = start_server(password=PASSWORD)
    backend = make_backend(with_credentials(server.url, credentials) if credentials else server.url)
    for verb, arguments in [("get", ("k",)), ("set", ("k", b"v", None)), ("get_many", (["k"],))]:
        error = failure(call, backend, verb, *arguments)
        assert type(error) is AuthenticationError
        assert "CACHEKIT_REDIS_URL" in str(error)
    healthy, details = call(backend, "health_check")
    assert healthy is False
    assert "s3cret" not in repr(details)
    assert "CACHEKIT_REDIS_URL" in details["error"]


def test_the_right_password(start_server: Any, make_backend: Any, call: Any) -> None:
    """A password that is percent-encoded in the URL opens the server."""
    server = start_server(password=PASSWORD)
    assert call(make_backend(with_credentials(server.url, f":{ENCODED}")), "health_check")[0] is True


def test_a_right_that_is_missing(start_server: Any, make_backend: Any, call: Any) -> None:
    """A user without the right to a command is an authentication error that names the rights; health needs PING only."""
    server = start_server()
    with redis.Redis(port=server.port) as admin:
        admin.execute_command("ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+get", "+ping")
    backend = make_backend(with_credentials(server.url, "reader:s3cret"))
    assert call(backend, "get", "k") is None
    error = failure(call, backend, "set", "k", b"v", None)
    assert type(error) is AuthenticationError
    assert "right" in str(error)
    assert call(backend, "health_check")[1]["version"] == "unknown"


def test_a_server_that_repeats_the_password(start_server: Any, make_backend: Any, call: Any) -> None:
    """A server that does not know AUTH quotes its arguments; the password in them is hidden throughout the chain."""
    server = start_server("--rename-command", "AUTH", "")
    backend = make_backend(with_credentials(server.url, ":s3cret"))
    assert "repeats the password" in str(failure(call, backend, "get", "k"))


def test_the_callers_own_exception_is_left_alone(start_server: Any, make_backend: Any, call: Any) -> None:
    """An exception that the caller is handling keeps its text, whatever the password is."""
    server = start_server()
    server.stop()
    backend = make_backend(with_credentials(server.url, ":e"))
    try:
        raise KeyError("mine", "be as it was")
    except KeyError as mine:
        with pytest.raises(TransientBackendError) as caught:
            call(backend, "get", "k")
        assert mine.args == ("mine", "be as it was")
        assert isinstance(caught.value, TransientBackendError)


def test_a_text_has_a_limit(impostor: Any, make_backend: Any, call: Any) -> None:
    """However much garbage a server sends, the error stays short."""
    assert len(str(failure(call, make_backend(impostor(b"-" + b"x" * 50_000 + b"\r\n").url), "get", "k"))) < 500


def test_a_refused_connection(start_server: Any, make_backend: Any, call: Any) -> None:
    """Nobody listening is transient, and names the address and the variable."""
    server = start_server()
    server.stop()
    backend = make_backend(with_credentials(server.url, ":s3cret"))
    for verb, arguments in [("get", ("k",)), ("set", ("k", b"v", None)), ("delete", ("k",)), ("exists", ("k",))]:
        error = failure(call, backend, verb, *arguments)
        assert type(error) is TransientBackendError
        assert f"127.0.0.1:{server.port}" in str(error)
        assert "CACHEKIT_REDIS_URL" in str(error)
    assert call(backend, "health_check")[0] is False


def test_a_server_that_comes_back(start_server: Any, make_backend: Any, call: Any) -> None:
    """A killed server is transient, and once it is back the same backend works again at the first call."""
    server = start_server()
    backend = make_backend(server.url)
    for _ in range(2):
        call(backend, "set", "k", b"v", None)
        server.stop()
        assert type(failure(call, backend, "get", "k")) is TransientBackendError
        server.start()
        assert call(backend, "get", "k") is None


def test_a_restart_between_calls(start_server: Any, make_backend: Any, call: Any) -> None:
    """A server that restarted while no call was made is not noticed at all."""
    server = start_server()
    backend = make_backend(server.url)
    call(backend, "set", "k", b"v", None)
    server.stop()
    server.start()
    assert call(backend, "get", "k") is None


def test_a_hung_server(start_server: Any, make_backend: Any, call: Any) -> None:
    """A server that stops answering is transient and names the time-outs, connected before or not; it recovers."""
    server = start_server()
    connected = make_backend(server.url, socket_timeout=0.1, socket_connect_timeout=300)
    call(connected, "set", "k", b"v", None)
    server.pause()
    for backend in (connected, make_backend(server.url, socket_timeout=0.1, socket_connect_timeout=0.1)):
        error = failure(call, backend, "get", "k")
        assert type(error) is TransientBackendError
        assert "CACHEKIT_SOCKET_TIMEOUT" in str(error)
    server.resume()
    assert call(connected, "get", "k") == b"v"


def test_a_key_of_another_type(backend: RedisBackend, admin: redis.Redis, call: Any) -> None:
    """A key that holds a list is a permanent error for get; get_many reads it as absent, as the server does."""
    admin.lpush("k", "v")
    assert type(failure(call, backend, "get", "k")) is PermanentBackendError
    assert list(call(backend, "get_many", ["k"])) == [None]


def test_a_database_that_is_not_there(redis_server: RedisServer, make_backend: Any, call: Any) -> None:
    """A database beyond the server's is a permanent error that says so."""
    error = failure(call, make_backend(redis_server.url.removesuffix("0") + "99"), "get", "k")
    assert type(error) is PermanentBackendError
    assert "database" in str(error)


def test_a_full_server(start_server: Any, make_backend: Any, call: Any) -> None:
    """A server out of memory refuses writes transiently, naming maxmemory; reads go on."""
    backend = make_backend(start_server("--maxmemory", "1").url)
    error = failure(call, backend, "set", "k", b"v", None)
    assert type(error) is TransientBackendError
    assert "maxmemory" in str(error)
    assert call(backend, "get", "k") is None


def test_a_replica(start_server: Any, make_backend: Any, call: Any) -> None:
    """A replica refuses writes transiently; one without its master refuses all, transiently."""
    backend = make_backend(start_server("--replicaof", "127.0.0.1", "1").url)
    error = failure(call, backend, "set", "k", b"v", None)
    assert type(error) is TransientBackendError
    assert "replica" in str(error)
    stale = make_backend(start_server("--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no").url)
    assert type(failure(call, stale, "get", "k")) is TransientBackendError


def test_a_cluster_that_is_down(start_server: Any, make_backend: Any, call: Any) -> None:
    """A cluster without its slots is transient."""
    backend = make_backend(start_server("--cluster-enabled", "yes").url)
    assert type(failure(call, backend, "get", "k")) is TransientBackendError


def test_too_many_clients(start_server: Any, make_backend: Any, call: Any) -> None:
    """A server that takes no more clients is transient."""
    server = start_server()
    with redis.Redis(port=server.port, single_connection_client=True) as first:
        first.config_set("maxclients", 1)
        error = failure(call, make_backend(server.url), "get", "k")
    assert type(error) is TransientBackendError


def test_every_connection_in_use(start_server: Any, make_backend: Callable[..., RedisBackend]) -> None:
    """A call that finds no free connection in time fails transiently and names the pool's size, not the server."""
    server = start_server()
    backend = make_backend(server.url, connection_pool_size=1, socket_timeout=0.3)
    backend.get("k")
    server.pause()
    errors: list[BackendError] = []

    def read() -> None:
        try:
            backend.get("k")
        except BackendError as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.resume()
    assert {type(error) for error in errors} == {TransientBackendError}
    assert sum("CACHEKIT_CONNECTION_POOL_SIZE" in str(error) for error in errors) >= 3
    assert backend.get("k") is None


class Impostor:
    """No Redis server, but answers every GET and MGET with the bytes given, or by hanging up if there are none."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self.questions: list[int] = []
        """For each question, the number of the connection that it came by."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for number in itertools.count():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, number), daemon=True).start()

    def _answer(self, connection: socket.socket, number: int) -> None:
        with connection:
            while text := connection.recv(65536):
                if b"GET" not in text:
                    connection.sendall(b"+OK\r\n" * text.count(b"*"))
                    continue
                self.questions.append(number)
                if not self._reply:
                    return
                connection.sendall(self._reply)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def impostor() -> Iterator[Callable[[bytes], Impostor]]:
    """Starts an `Impostor` with its reply."""
    with ExitStack() as impostors:
        yield lambda reply: impostors.enter_context(closing(Impostor(reply)))


ANSWERS = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n": TransientBackendError,
    b"$x\r\n": TransientBackendError,
    b"*1\r\n" * 10_000: TransientBackendError,
    b"\x00\xff\r\n": TransientBackendError,
    b":1\r\n": TransientBackendError,
    b"*1\r\n$1\r\nv\r\n": TransientBackendError,
    b"-ERR max number of clients reached\r\n": TransientBackendError,
    b"-LOADING Redis is loading the dataset in memory\r\n": TransientBackendError,
    b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n": TransientBackendError,
    b"-BUSY Redis is busy running a script.\r\n": TransientBackendError,
    b"-MISCONF Redis is configured to save RDB snapshots\r\n": TransientBackendError,
    b"-MOVED 3999 127.0.0.1:6381\r\n": PermanentBackendError,
    b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n": ValueTooLargeError,
    b"-ERR unknown command\r\n": PermanentBackendError,
    b"-\r\n": PermanentBackendError,
}


@pytest.mark.parametrize("reply", ANSWERS, ids=lambda reply: repr(reply[:12]))
def test_answers_by_meaning(impostor: Any, make_backend: Any, call: Any, reply: bytes) -> None:
    """An answer is told by its meaning, and one that makes no sense is transient, never a value."""
    backend = make_backend(impostor(reply).url)
    for _ in range(2):
        assert type(failure(call, backend, "get", "k")) is ANSWERS[reply]


@pytest.mark.parametrize("reply", [b"*1\r\n$1\r\nv\r\n", b"*2\r\n$1\r\nv\r\n:1\r\n", b"$1\r\nv\r\n", b"*-1\r\n"])
def test_bulk_answers_that_make_no_sense(impostor: Any, make_backend: Any, call: Any, reply: bytes) -> None:
    """A bulk read with too few answers, or with others than bytes, is transient, never values."""
    assert type(failure(call, make_backend(impostor(reply).url), "get_many", ["a", "b"])) is TransientBackendError


@pytest.mark.parametrize("reply", [b":1\r\n", b"$1\r\nv\r\n$5\r\nwrong\r\n", b"?\r\n", b"$x\r\n"])
def test_a_connection_out_of_step_is_dropped(impostor: Any, make_backend: Any, call: Any, reply: bytes) -> None:
    """After an answer that makes no sense, or more answers than questions, the next question goes by a new connection."""
    server = impostor(reply)
    backend = make_backend(server.url)
    for _ in range(3):
        try:
            assert call(backend, "get", "k") == b"v"
        except TransientBackendError:
            assert not reply.startswith(b"$1")
    assert server.questions == [0, 1, 2]


def test_nothing_is_retried(impostor: Any, make_backend: Any, call: Any) -> None:
    """A server that hangs up on a question is asked once; to ask again is the caller's decision."""
    server = impostor(b"")
    assert type(failure(call, make_backend(server.url), "get", "k")) is TransientBackendError
    assert len(server.questions) == 1
