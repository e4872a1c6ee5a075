"""What comes back, what is refused, and that neither changes nor shares anything."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pytest

from cachekit.errors import SerializationError

from ._codecs import CodecCases, declared, second
from ._likeness import mutable_parts, same
from ._values import ODD, PLAIN, REFUSED, SUBCLASSED, endless

Wrap = Callable[[Any], Any]

WRAPS: dict[str, Wrap] = {
    "alone": lambda value: value,
    "in a list": lambda value: [1, value],
    "in a dict": lambda value: {"a": value},
    "deeper": lambda value: {"a": [{"b": value}]},
}


def titled(values: Sequence[Any]) -> list[tuple[str, Any]]:
    """Each value with what a failure calls it."""
    return [(f"values[{at}], of type {type(value).__qualname__}", value) for at, value in enumerate(values)]


class SerializerCases(CodecCases):
    """The base of the parts of `SerializerSuite`."""

    values: Any = PLAIN
    refused: Any = REFUSED

    @pytest.fixture
    def serializer(self) -> Any:
        """The serializer under test; the suite's user provides it."""
        pytest.fail(f"{type(self).__name__} has no `serializer` fixture: define one that returns the serializer under test")

    @pytest.fixture
    def another(self, serializer: Any) -> Any:
        """A second instance, as another process has; override it for a type that takes arguments."""
        return second(serializer)

    @pytest.fixture
    def promised(self, request: pytest.FixtureRequest) -> list[Any]:
        """`values`, from wherever the suite's user gave them."""
        return declared(self, request, "values")

    @pytest.fixture
    def declined(self, request: pytest.FixtureRequest) -> list[Any]:
        """`refused`, from wherever the suite's user gave it."""
        return declared(self, request, "refused")

    def same(self, left: Any, right: Any) -> bool:
        """Whether *right* is *left* again. Override it for types whose ``==`` is not enough."""
        return same(left, right)


class RoundTripCases(SerializerCases):
    """Out and back again."""

    def test_the_name_can_stand_in_a_frame(self, serializer: Any, another: Any) -> None:
        """A frame carries the name: lower-case letters, digits, `_` and `-`, up to 64, the same each time."""
        self.check_name(serializer, another)

    def test_a_value_comes_back_as_it_was(self, serializer: Any, promised: list[Any]) -> None:
        """Every promised value returns in type and content, at every level, from each reading."""
        for title, value in titled(promised):
            data = serializer.dumps(value)
            for _ in range(2):
                assert self.same(value, serializer.loads(data)), title

    def test_dumps_returns_bytes(self, serializer: Any, promised: list[Any]) -> None:
        """Not a bytearray, a memoryview or a str, which somebody could change or none could store."""
        for title, value in titled(promised):
            assert type(serializer.dumps(value)) is bytes, title

    def test_dumps_leaves_the_value_as_it_was(self, serializer: Any, promised: list[Any]) -> None:
        """The caller still has the value; encoding it sorts, pops and converts nothing in it."""
        for title, value in titled(promised):
            kept = copy.deepcopy(value)
            comparable = self.same(kept, value)
            serializer.dumps(value)
            assert not comparable or self.same(kept, value), title

    def test_loaded_values_share_nothing_mutable(self, serializer: Any, promised: list[Any]) -> None:
        """Whoever changes what was loaded changes neither the value that was encoded nor what others load."""
        for title, value in titled(promised):
            data = serializer.dumps(value)
            given, first, other = map(mutable_parts, (value, serializer.loads(data), serializer.loads(data)))
            assert not given.keys() & first.keys(), f"{title}: shared with the value that was encoded"
            assert not first.keys() & other.keys(), f"{title}: shared by two that were loaded"


class RefusalCases(SerializerCases):
    """What does not come back is refused."""

    @pytest.mark.parametrize("wrap", WRAPS)
    def test_what_no_bytes_give_back_is_refused(self, serializer: Any, declined: list[Any], wrap: str) -> None:
        """Each of `refused` is a SerializationError, wherever it stands; no other exception, and no value."""
        for value in declined:
            problem = self._kept_or_refused(serializer, WRAPS[wrap](value))
            assert problem == "refused", f"{type(value).__qualname__}, {wrap}: {problem}"

    @pytest.mark.parametrize("wrap", WRAPS)
    def test_odd_values_come_back_or_are_refused(self, serializer: Any, wrap: str) -> None:
        """A tuple is not made a list, an int key not text: what is not promised is kept exactly or refused."""
        self._keep_or_refuse(serializer, ODD, wrap)

    @pytest.mark.parametrize("wrap", WRAPS)
    def test_subclasses_come_back_or_are_refused(self, serializer: Any, wrap: str) -> None:
        """An instance of a subclass of str, int, dict… is not silently made one of its base."""
        self._keep_or_refuse(serializer, SUBCLASSED, wrap)

    def test_a_subclass_as_a_key_comes_back_or_is_refused(self, serializer: Any) -> None:
        """A dict's keys keep their types too."""
        keys = {name: {value: 1} for name, value in SUBCLASSED.items() if isinstance(value, Hashable)}
        self._keep_or_refuse(serializer, keys, "alone")

    def test_endless_values_come_back_or_are_refused(self, serializer: Any) -> None:
        """A value that contains itself, or nests 100,000 deep, neither crashes nor hangs nor is cut."""

        def work() -> None:
            self._keep_or_refuse(serializer, endless(), "alone")

        self.in_child(work)

    def test_a_refusal_leaves_the_serializer_usable(self, serializer: Any, promised: list[Any], declined: list[Any]) -> None:
        """Nothing of a refused value gets into the next."""
        for refused in declined:
            for value in ([promised[0], refused], {"a": promised[-1], "b": refused}):
                self._kept_or_refused(serializer, value)
                for title, good in titled([promised[0], promised[-1]]):
                    assert self.same(good, serializer.loads(serializer.dumps(good))), title

    def _keep_or_refuse(self, serializer: Any, values: dict[str, Any], wrap: str) -> None:
        for name, value in values.items():
            problem = self._kept_or_refused(serializer, WRAPS[wrap](value))
            assert problem in ("kept", "refused"), f"{name}, {wrap}: {problem}"

    def _kept_or_refused(self, serializer: Any, value: Any) -> str:
        try:
            data = serializer.dumps(value)
        except SerializationError:
            return "refused"
        except BaseException as error:  # noqa: BLE001 - a Rust panic is not an Exception
            return f"dumps raised {type(error).__name__}, not SerializationError"
        back = serializer.loads(data)
        return "kept" if self.same(value, back) else f"came back as another {type(back).__qualname__}"
