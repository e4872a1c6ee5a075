"""What a driver's error means, decided in one place for threads and for event loops."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cachekit.errors import (
    AuthenticationError,
    BackendError,
    PermanentBackendError,
    TransientBackendError,
    ValueTooLargeError,
)
from redis import exceptions as driver

from ._address import Address


class PoolExhaustedError(Exception):
    """Every connection stayed in use for as long as a caller may wait."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """How errors are recognised, by class or by the first words of the server's text, and what to do."""

    becomes: type[BackendError]
    remedy: str = ""
    classes: tuple[type[BaseException], ...] = ()
    texts: tuple[str, ...] = ()

    def fits(self, error: Exception) -> bool:
        # An answer's first words are trusted only in answers: other texts are the driver's own.
        answered = isinstance(error, driver.ResponseError | driver.ConnectionError)
        return isinstance(error, self.classes) or (answered and str(error).startswith(self.texts))


_MEANINGS = (
    _Meaning(
        AuthenticationError,
        "check the user name and password in CACHEKIT_REDIS_URL (or REDIS_URL)",
        (driver.AuthenticationError, driver.AuthorizationError, driver.AuthenticationWrongNumberOfArgsError),
        ("WRONGPASS", "NOAUTH", "invalid username-password pair", "AUTH <password> called without"),
    ),
    _Meaning(
        AuthenticationError,
        "give the user the right to run GET, MGET, SET, DEL and EXISTS on the cache's keys",
        (driver.NoPermissionError,),
        ("NOPERM",),
    ),
    _Meaning(TransientBackendError, "raise CACHEKIT_CONNECTION_POOL_SIZE, or make fewer calls at once", (PoolExhaustedError,)),
    _Meaning(
        TransientBackendError,
        "raise the server's maxclients, or lower CACHEKIT_CONNECTION_POOL_SIZE",
        texts=("max number of clients reached",),
    ),
    _Meaning(TransientBackendError, "the server is still loading its data", (driver.BusyLoadingError,), ("LOADING",)),
    _Meaning(
        TransientBackendError,
        "the server is a replica: a failover is under way, or the URL names the wrong server",
        (driver.ReadOnlyError,),
        ("READONLY",),
    ),
    _Meaning(
        TransientBackendError,
        "the server's memory is full: raise maxmemory, or set maxmemory-policy to allkeys-lru",
        (driver.OutOfMemoryError,),
        ("OOM",),
    ),
    _Meaning(TransientBackendError, "the server refuses writes: see its log", texts=("MISCONF", "NOREPLICAS")),
    _Meaning(
        TransientBackendError,
        "the server is busy or changing hands",
        (driver.TryAgainError, driver.ClusterDownError),
        ("TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "BUSY "),
    ),
    _Meaning(
        ValueTooLargeError,
        "cache a smaller value, or raise the server's proto-max-bulk-len",
        texts=("string exceeds maximum allowed size", "Protocol error: invalid bulk length"),
    ),
    _Meaning(
        PermanentBackendError,
        "the server is one of a Redis Cluster, and the URL is taken as that of a single server",
        (driver.AskError, driver.ClusterCrossSlotError),
    ),
    _Meaning(PermanentBackendError, "use a database that the server has", texts=("DB index is out of range", "invalid DB index")),
    _Meaning(PermanentBackendError, "another program's key has this name: give the cache a database of its own", texts=("WRONGTYPE",)),
    _Meaning(PermanentBackendError, classes=(driver.ResponseError,)),
    _Meaning(
        TransientBackendError,
        "is the server overloaded or far away? CACHEKIT_SOCKET_TIMEOUT and CACHEKIT_SOCKET_CONNECT_TIMEOUT bound the wait",
        (driver.TimeoutError, TimeoutError),
    ),
    _Meaning(
        TransientBackendError,
        "is the server running there, and is CACHEKIT_REDIS_URL (or REDIS_URL) right?",
        (driver.ConnectionError, OSError),
    ),
    _Meaning(TransientBackendError, "is it a Redis server that listens there?", (driver.InvalidResponse,)),
    _Meaning(PermanentBackendError, classes=(driver.RedisError,)),
)
_LONGEST_TEXT = 200
_UNFORESEEN = _Meaning(TransientBackendError, "the driver could not make sense of the server's answer")


@contextmanager
def translated(verb: str, address: Address) -> Iterator[None]:
    """Raise what goes wrong inside as one of cachekit's errors, naming *verb* and *address*."""
    outer = sys.exception()  # what our caller is handling: not ours to touch
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # a parser fed with garbage raises anything
        _hide(address.password, error, outer)
        meaning = next((meaning for meaning in _MEANINGS if meaning.fits(error)), _UNFORESEEN)
        remedy = f" ({meaning.remedy})" if meaning.remedy else ""
        raise meaning.becomes(f"{verb} on Redis at {address} failed: {_said(error)}{remedy}") from error


def _said(error: Exception) -> str:
    return str(error)[:_LONGEST_TEXT].rstrip(". ") or type(error).__name__


def _hide(password: str | None, error: BaseException | None, outer: BaseException | None) -> None:
    """Empty the texts of a chain, up to *outer*, that repeat the password: a server may quote a command it does not know."""
    while error is not None and error is not outer:
        if password and (password in str(error) or password in repr(error.args)):
            error.args = ("(the text is left out: it repeats the password)",)
        error = error.__cause__ or error.__context__
