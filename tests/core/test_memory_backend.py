"""The in-memory reference keeps the contract, in real time and in injected time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cachekit.testing import BackendSuite, MemoryBackend


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestMemoryBackend(BackendSuite):
    @pytest.fixture
    def clock(self):
        return Clock()

    @pytest.fixture
    def backend(self, clock):
        backend = MemoryBackend(clock=clock)
        backend.clock = clock
        yield backend
        backend.close()

    def advance(self, backend, seconds):
        backend.clock.now += seconds


class TestMemoryBackendInRealTime(BackendSuite):
    @pytest.fixture
    def backend(self):
        backend = MemoryBackend()
        yield backend
        backend.close()


def test_an_entry_expires_at_its_ttl_and_not_before():
    """The injected clock decides, to the instant."""
    clock = Clock()
    backend = MemoryBackend(clock=clock)
    backend.set("key", b"value", 10.0)
    clock.now += 9.999
    assert backend.get("key") == b"value"
    assert backend.exists("key")
    clock.now += 0.001
    assert backend.get("key") is None
    assert not backend.exists("key")
    assert not backend.delete("key")


def test_close_forgets_the_values():
    """A closed backend holds no memory for values nobody can read."""
    backend = MemoryBackend()
    backend.set("key", b"value", None)
    backend.close()
    assert backend.health_check() == (False, {"backend": "memory", "closed": True, "entries": 0})


def test_the_reference_needs_no_pytest():
    """Docs and applications use MemoryBackend where no test tool is installed."""
    code = "import sys; from cachekit.testing import MemoryBackend; MemoryBackend().set('k', b'v', 1); assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
