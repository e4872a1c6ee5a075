"""A store of the test's own in real files, and a clock that moves when told to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cachekit_file import FileBackend, FileBackendConfig

PROCESS = Path(__file__).with_name("process.py")


class Clock:
    """Wall-clock time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the variables of the machine it runs on."""
    for name in [name for name in os.environ if name.startswith("CACHEKIT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the store will be; it does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_backend(directory: Path, clock: Clock) -> Iterator[Callable[..., FileBackend]]:
    """Makes backends over one directory that are closed after the test."""
    with ExitStack() as backends:

        def make(**settings: Any) -> FileBackend:
            backend = FileBackend(FileBackendConfig(**{"cache_dir": directory, **settings}), clock=clock)
            backends.callback(backend.close)
            return backend

        yield make


@pytest.fixture
def backend(make_backend: Callable[..., FileBackend]) -> FileBackend:
    return make_backend()


@pytest.fixture
def start_process(directory: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `process.py` over the same directory; what is still running after the test is ended."""
    with ExitStack() as processes:

        def start(work: str, *arguments: object) -> subprocess.Popen[str]:
            command = [sys.executable, str(PROCESS), work, str(directory), *map(str, arguments)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            processes.callback(process.wait)
            processes.callback(process.kill)
            assert process.stdout is not None
            processes.callback(process.stdout.close)
            return process

        yield start
