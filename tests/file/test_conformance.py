"""The file backend keeps the contract every backend keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachekit.testing import BackendSuite
from cachekit_file import FileBackend, FileBackendConfig


class TestFileBackend(BackendSuite):
    @pytest.fixture
    def backend(self, directory: Path, clock: Any) -> Iterator[FileBackend]:
        backend = FileBackend(FileBackendConfig(cache_dir=directory), clock=clock)
        yield backend
        backend.close()

    @pytest.fixture(autouse=True)
    def _moving(self, clock: Any) -> None:
        self.clock = clock

    def advance(self, backend: FileBackend, seconds: float) -> None:
        self.clock.now += seconds
