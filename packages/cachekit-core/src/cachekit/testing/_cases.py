"""What the cases share: the verbs they drive, keys of their own, the backend's clock, and the gates."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from cachekit.contracts import AsyncBackend, AsyncClosable

from ._driving import AsyncVerbs, ServedByThreads, SyncVerbs, Verbs

STEP = 0.02


def need(backend: Any, *capabilities: type) -> None:
    """Skip, with the reason, unless *backend* has all of *capabilities*."""
    for capability in capabilities:
        if not isinstance(backend, capability):
            pytest.skip(f"not for {type(unserved(backend)).__name__}: it does not offer the capability {capability.__name__}")


def served(backend: Any) -> Any:
    """*backend* with coroutine verbs: its own, or its plain ones in threads."""
    return backend if isinstance(backend, AsyncBackend) else ServedByThreads(backend)


def unserved(backend: Any) -> Any:
    """The user's own object."""
    return backend.plain if isinstance(backend, ServedByThreads) else backend


class Cases:
    """The base of the suite's parts."""

    patience = 10.0
    """Seconds to wait for a brief entry to expire, or for a forked child to end, before calling it broken."""

    @pytest.fixture
    def backend(self) -> Any:
        """The backend under test; the suite's user provides it."""
        pytest.fail(f"{type(self).__name__} has no `backend` fixture: define one that returns the backend under test")

    @pytest.fixture(params=["sync", "async"])
    def verbs(self, request: pytest.FixtureRequest, backend: Any) -> Iterator[Verbs]:
        """The verbs of `backend`: once as they are, once as coroutines on an event loop, its own or served by threads."""
        if request.param == "sync":
            yield SyncVerbs(backend)
            return
        backend = served(backend)
        with asyncio.Runner() as runner:
            yield AsyncVerbs(backend, runner)
            if isinstance(backend, AsyncClosable):
                runner.run(backend.aclose())  # here, because the loop's own clients can only end on their loop

    def advance(self, backend: Any, seconds: float) -> None:
        """Let *seconds* pass for *backend*. Override it to move an injected clock; a server's clock needs waiting."""
        time.sleep(seconds)

    def key(self, name: str = "key") -> str:
        """A key that nobody else uses."""
        return f"suite:{uuid.uuid4().hex}:{name}"

    def wait_until_expired(self, verbs: Verbs, key: str) -> None:
        """Let time pass in small steps until *key* is absent, and fail if it stays."""
        for _ in range(round(self.patience / STEP)):
            if verbs.get(key) is None:
                return
            self.advance(unserved(verbs.backend), STEP)
        pytest.fail(f"an entry with a ttl well under a second was still there after {self.patience:g} s")
