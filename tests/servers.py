"""Real servers for tests: on loopback, on a free port, in a folder of their own, gone afterwards."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

_READY_WITHIN = 15.0
_ATTEMPTS = 5


class Server(ABC):
    """One server process; `stop` and `start` again give it the same port.

    Example:
        >>> with RedisServer() as server:
        ...     server.url
        'redis://127.0.0.1:.../0'
    """

    binary: str
    package: str

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self.folder = Path(tempfile.mkdtemp(prefix="cachekit-test-"))
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._executable = _found(self.binary, self.package)
        atexit.register(self.close)
        for attempt in range(_ATTEMPTS):
            self.port = _free_port()
            try:
                self.start()
                return
            except RuntimeError:  # somebody took the port in between
                if attempt == _ATTEMPTS - 1:
                    raise

    @abstractmethod
    def arguments(self) -> list[str]:
        """The command line after the executable."""

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Run it, and return when it accepts connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([self._executable, *self.arguments()], cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_WITHIN
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"{self.binary} did not start:\n{(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Kill it, as a crash would. Nothing is left of its data."""
        process, self._process = self._process, None
        if process is not None and os.getpid() == self._owner:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """Stop it from answering; connections stay open, and the kernel accepts new ones."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop it and remove its folder."""
        if os.getpid() == self._owner:
            self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class RedisServer(Server):
    """A redis-server without persistence, on a port and on a Unix socket.

    Parameters:
        options: more of its command line, as in ``"--maxclients", "5"``.
        password: what it requires, if anything.
    """

    binary = "redis-server"
    package = "redis-server"

    def __init__(self, *options: str, password: str | None = None) -> None:
        self._options = options
        self.password = password
        super().__init__()

    def arguments(self) -> list[str]:
        own = ["--bind", self.host, "--port", str(self.port), "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        quiet = ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        return [*own, *quiet, *(["--requirepass", self.password] if self.password else []), *self._options]

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """Its URL, without the password."""
        return f"redis://{self.host}:{self.port}/0"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _found(binary: str, package: str) -> str:
    """The path of *binary*, which is installed if this machine lets us."""
    path = shutil.which(binary)
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # Run level 1: the package would start a server of its own, and ours are started here.
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}}
        subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", package], check=False, **quiet)
        path = shutil.which(binary)
    if path is None:
        raise RuntimeError(f"these tests run against a real {binary}, which is not installed: install the package {package}")
    return path
