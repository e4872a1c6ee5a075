"""What the suites for serializers and compressors share: a second instance, and ways to run what may hang, race or crash."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import os
import re
import resource
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cachekit.errors import DecodeError

from ._driving import Child

WORKERS = 8
MOST_TOLD = 10
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_REASON = re.compile(r"[^\n]{1,40}")

Trial = tuple[str, Callable[[], str]]
"""What is tried, and how: it returns what is wrong, or nothing."""


class CodecCases:
    """The base of both suites' parts."""

    patience = 30.0
    """Seconds that one step, or a forked child, may take before it is called hung."""

    def check_name(self, codec: Any, another: Any) -> None:
        """Fail unless *codec* has a name that a frame can carry, and *another* has the same."""
        assert type(codec.name) is str
        assert _NAME.fullmatch(codec.name), "takes lower-case letters, digits, '_' and '-', up to 64"
        assert codec.name == codec.name == another.name, "two instances read each other's entries only under one name"

    def try_all(self, trials: Iterable[Trial]) -> None:
        """Run *trials* in a thread, and fail by what was wrong, or by the name of the one that does not end."""
        wrong: list[str] = []
        now = ["the first"]
        steps = 0

        def run() -> None:
            nonlocal steps
            try:
                for now[0], trial in trials:
                    steps += 1
                    if problem := trial():
                        wrong.append(f"{now[0]}: {problem}")
                    if len(wrong) == MOST_TOLD:
                        return
            except BaseException as error:  # noqa: BLE001 - a thread's exception would else be lost
                wrong.append(f"{now[0]}: raised {type(error).__name__}: {error}")

        worker = threading.Thread(target=run, daemon=True)  # if it hangs, nobody may wait for it
        worker.start()
        seen = -1
        while worker.is_alive() and seen != steps:
            seen = steps
            worker.join(self.patience)
        if worker.is_alive():
            pytest.fail(f"{now[0]}: not done after {self.patience:g} s")
        assert not wrong, "\n".join(wrong)

    def at_once(self, work: Callable[[int], str]) -> None:
        """Run ``work(n)`` in eight threads that change places as often as they can."""
        start = threading.Barrier(WORKERS)
        wrong: list[str] = []

        def run(number: int) -> None:
            start.wait()
            try:
                problem = work(number)
            except BaseException as error:  # noqa: BLE001 - a thread's exception would else be lost
                problem = f"raised {type(error).__name__}: {error}"
            if problem:
                wrong.append(problem)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            workers = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(WORKERS)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(self.patience)
        finally:
            sys.setswitchinterval(interval)
        assert not any(worker.is_alive() for worker in workers), f"threads not done after {self.patience:g} s"
        assert not wrong, "\n".join(wrong)

    def in_child(self, work: Callable[[], None]) -> None:
        """Run *work* in a forked child, where a crash, a hang or an exhausted memory is a report."""
        report = Child(work).wait(self.patience)
        if report:
            pytest.fail(f"in a forked child: {report}", pytrace=False)


def declared(suite: Any, request: pytest.FixtureRequest, name: str) -> list[Any]:
    """The values that the suite's user gave as the attribute or as the fixture *name*."""
    given = getattr(type(suite), name)
    values = list(given if isinstance(given, tuple | list) else request.getfixturevalue(name))
    assert values, f"{type(suite).__name__}.{name} is empty, so nothing would be tested"
    return values


def second(codec: Any) -> Any:
    """Another instance of the same type, made without arguments."""
    try:
        return type(codec)()
    except TypeError:
        pytest.fail(f"{type(codec).__name__}() needs arguments: define a fixture `another` that returns a second instance")


def misread(read: Callable[[], Any]) -> str:
    """What is wrong with how hostile bytes are read: anything but a value, or a `DecodeError` with a reason."""
    try:
        read()
    except DecodeError as refusal:
        reason = refusal.reason
        well = type(reason) is str and _REASON.fullmatch(reason)
        return "" if well else f"DecodeError has the reason {reason!r}, not one word or a few"
    except BaseException as error:  # noqa: BLE001 - a Rust panic is not an Exception
        return f"raised {type(error).__name__}, not DecodeError"
    return ""


def begin_peak() -> int:
    """Forget the most memory that this process had, where the system lets us; what `peak` is now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """The most memory this process had since `begin_peak`, in bytes, or, where the system does not tell, ever."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def limit_memory(more: int) -> None:
    """Let this process, a forked child, take *more* bytes of addresses at most, so that it fails before the machine does."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return  # only Linux says how many there are
    limit = pages * resource.getpagesize() + more
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def write_all(file: str | os.PathLike[str], pieces: list[bytes]) -> None:
    """Write *pieces* for `read_all` of another process."""
    with open(file, "wb") as stream:
        for piece in pieces:
            stream.write(len(piece).to_bytes(8, "big") + piece)


def read_all(file: str | os.PathLike[str]) -> list[bytes]:
    """What `write_all` wrote."""
    pieces = []
    with open(file, "rb") as stream:
        while header := stream.read(8):
            pieces.append(stream.read(int.from_bytes(header, "big")))
    return pieces
