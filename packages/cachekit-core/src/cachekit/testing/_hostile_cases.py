"""Bytes that anybody may have written."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from cachekit.contracts import BufferedSerializer, PlainReads
from cachekit.errors import CachekitError

from ._codecs import Trial, begin_peak, limit_memory, misread, peak
from ._hostile import baits, damaged, foreign, nested, sprung
from ._round_trips import SerializerCases, titled

Reader = Callable[[bytes], Any]

SECRET = "a-password-of-somebody"  # noqa: S105 - what no text may show
GROWTH = 512 << 20
"""Bytes of memory that reading a few hostile ones may take at most."""


class Telling:
    """An object whose repr shows what it holds."""

    def __repr__(self) -> str:
        return f"Telling({SECRET})"


def readers(serializer: Any) -> dict[str, Reader]:
    """Each way in which *serializer* reads bytes from outside."""
    found: dict[str, Reader] = {"loads": serializer.loads}
    if isinstance(serializer, BufferedSerializer):
        buffered = serializer
        found["loads_buffer"] = lambda data: buffered.loads_buffer(memoryview(data))
    if isinstance(serializer, PlainReads):
        found["loads_plain"] = serializer.loads_plain
    return found


def texts(error: BaseException | None) -> Iterator[str]:
    """What *error*, and those it came from, would put into a log."""
    while error is not None:
        yield f"{error!s} {error!r} {getattr(error, 'reason', '')}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


class HostileCases(SerializerCases):
    """Reading gives a value or a DecodeError, whatever was stored."""

    @pytest.fixture
    def exposed(self, serializer: Any) -> Any:
        """The serializer, unless it is only ever given bytes that were authenticated."""
        if getattr(serializer, "needs_authentication", False):
            pytest.skip(f"not for {type(serializer).__name__}: needs_authentication, so it never reads bytes from outside")
        return serializer

    def test_damaged_bytes_are_a_value_or_a_decode_error(self, exposed: Any, promised: list[Any]) -> None:
        """Cut, changed in one bit or byte, or with more at the end: nothing else comes out, and nothing hangs."""
        before = begin_peak()
        self.try_all(
            trial
            for title, value in titled(promised)
            for name, data in damaged(exposed.dumps(value))
            for trial in trials(exposed, f"{title}, {name}", data)
        )
        assert peak() - before < GROWTH, "reading a few damaged bytes took more than 512 MiB of memory"

    def test_foreign_bytes_are_a_value_or_a_decode_error(self, exposed: Any) -> None:
        """What other programs write, and noise."""
        before = begin_peak()
        self.try_all(trial for name, data in foreign() for trial in trials(exposed, name, data))
        assert peak() - before < GROWTH, "reading a few foreign bytes took more than 512 MiB of memory"

    def test_deeply_nested_bytes_are_a_value_or_a_decode_error(self, exposed: Any) -> None:
        """A million levels end in no crash, no RecursionError and no gigabytes."""

        def work() -> None:
            limit_memory(4 << 30)
            before = begin_peak()
            wrong = [f"{name}: {problem}" for made in nested() for name, trial in trials(exposed, *made) if (problem := trial())]
            assert not wrong, "\n".join(wrong)
            assert peak() - before < 2 * GROWTH, "reading nested bytes took more than 1 GiB of memory"

        self.in_child(work)

    def test_reading_runs_no_code(self, exposed: Any) -> None:
        """A pickle, or a text of another format that calls functions, is not obeyed."""
        for name, data in baits():
            for way, read in readers(exposed).items():
                sprung.clear()
                with suppress(Exception):
                    read(data)
                assert not sprung, f"{name}: {way} ran the code in it"

    def test_errors_show_nothing_of_the_value(self, exposed: Any) -> None:
        """What was to be stored stands in no error's text, which is logged."""
        shown = [text for error in self._errors(exposed) for text in texts(error) if SECRET in text]
        assert not shown, shown[0]

    def _errors(self, serializer: Any) -> Iterator[BaseException]:
        bad = Telling()
        for refused in (bad, [SECRET, bad], {"password": SECRET, "b": bad}, {SECRET: bad}, {bad: SECRET}, (SECRET, bad)):
            try:
                serializer.dumps(refused)
            except CachekitError as error:
                yield error
        for value in (SECRET, [SECRET], {"password": SECRET}):
            with suppress(CachekitError):
                for _, data in damaged(serializer.dumps(value)):
                    yield from self._refusals(serializer, data)

    def _refusals(self, serializer: Any, data: bytes) -> Iterator[BaseException]:
        for read in readers(serializer).values():
            try:
                read(data)
            except CachekitError as error:
                yield error


def trials(serializer: Any, name: str, data: bytes) -> Iterator[Trial]:
    """Hostile *data* for each way of reading."""
    for way, read in readers(serializer).items():
        yield f"{way} of {name}", lambda read=read: misread(lambda: read(data))  # type: ignore[misc]
