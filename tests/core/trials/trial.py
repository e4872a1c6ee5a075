"""A suite over a backend made here, and the sound backend into which the others put one fault."""

from __future__ import annotations

import pytest

from cachekit.testing import BackendSuite, MemoryBackend


class Timed(MemoryBackend):
    """The reference with a clock of its own, for one fault to be put in."""

    def __init__(self):
        self.now = 0.0
        super().__init__(clock=lambda: self.now)


class Trial(BackendSuite):
    """A suite over `make()`, in injected time."""

    make = Timed
    noticed_by: tuple[str, ...] = ()

    @pytest.fixture
    def backend(self):
        return type(self).make()

    def advance(self, backend, seconds):
        backend.now += seconds
