"""One caller at a time: the five verbs, TTLs, values, bulk reads."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import pytest

from cachekit.contracts import BACKEND_VERBS, FOREVER, AsyncBackend, AsyncBulkReads, BulkReads
from cachekit.errors import BackendError, ValueTooLargeError

from ._cases import Cases, need
from ._driving import Verbs

BRIEF = 0.1
EVERY_BYTE = bytes(range(256))


class VerbCases(Cases):
    """What the five verbs do."""

    def test_the_five_verbs_are_there(self, backend: Any) -> None:
        """A backend is an object with five verbs; inheritance is not asked for."""
        missing = [verb for verb in BACKEND_VERBS if not callable(getattr(backend, verb, None))]
        assert not missing, f"{type(backend).__name__} lacks {missing}"

    def test_async_verbs_are_all_there_or_none(self, backend: Any) -> None:
        """Async verbs are one capability: with one missing or misspelt, none would be used."""
        missing = [f"a{verb}" for verb in BACKEND_VERBS if not callable(getattr(backend, f"a{verb}", None))]
        assert isinstance(backend, AsyncBackend) or len(missing) == len(BACKEND_VERBS), f"{type(backend).__name__} lacks {missing}"

    def test_get_of_an_absent_key_is_none(self, verbs: Verbs) -> None:
        """A key never set is a miss."""
        assert verbs.get(self.key()) is None

    def test_get_returns_what_was_set(self, verbs: Verbs) -> None:
        """What was set is what comes back."""
        key, other = self.key(), self.key()
        verbs.set(key, b"one")
        verbs.set(other, b"two")
        assert (verbs.get(key), verbs.get(other)) == (b"one", b"two")

    def test_set_overwrites(self, verbs: Verbs) -> None:
        """The last value set is the one that counts, be it longer or shorter."""
        key = self.key()
        for value in (b"first", b"second and longer", b"3"):
            verbs.set(key, value)
            assert verbs.get(key) == value

    def test_delete_says_whether_there_was_an_entry(self, verbs: Verbs) -> None:
        """Delete answers True for an entry and False for none, and removes only its own key."""
        key, other = self.key(), self.key()
        verbs.set(key, b"value")
        verbs.set(other, b"other")
        assert verbs.delete(key) is True
        assert verbs.get(key) is None
        assert verbs.delete(key) is False
        assert verbs.delete(self.key()) is False
        assert verbs.get(other) == b"other"

    def test_exists_says_whether_get_would_return_bytes(self, verbs: Verbs) -> None:
        """Exists follows set and delete."""
        key = self.key()
        assert verbs.exists(key) is False
        verbs.set(key, b"value")
        assert verbs.exists(key) is True
        verbs.delete(key)
        assert verbs.exists(key) is False

    def test_health_check_of_an_open_backend_is_true(self, verbs: Verbs) -> None:
        """Health is a pair of a bool and details for people."""
        healthy, details = verbs.health_check()
        assert healthy is True, f"a usable backend calls itself unhealthy: {details}"
        assert isinstance(details, Mapping)


class TtlCases(Cases):
    """How long an entry lives."""

    def test_an_entry_without_ttl_stays(self, verbs: Verbs) -> None:
        """No ttl is no expiry."""
        key = self.key()
        verbs.set(key, b"value", None)
        self._outwait_a_brief_ttl(verbs)
        assert verbs.get(key) == b"value"

    def test_a_ttl_under_a_second_lives_that_long(self, verbs: Verbs) -> None:
        """A fraction of a second is not rounded down to nothing."""
        for ttl in (0.5, 1.0, 2.0, 4.0, 8.0):
            key = self.key()
            before = time.monotonic()
            verbs.set(key, b"value", ttl)
            seen = verbs.get(key)
            if time.monotonic() - before < ttl / 2:  # else this machine was too busy to tell
                assert seen == b"value"
                return
        pytest.fail("one set and one get took seconds, each time")

    def test_a_ttl_under_a_second_expires(self, verbs: Verbs) -> None:
        """An expired entry is absent for every verb."""
        key = self.key()
        verbs.set(key, b"value", BRIEF)
        self.wait_until_expired(verbs, key)
        assert verbs.exists(key) is False
        assert verbs.delete(key) is False
        assert verbs.get(key) is None

    def test_the_least_ttl_is_accepted_and_expires(self, verbs: Verbs) -> None:
        """A positive ttl below the backend's resolution is neither refused nor forever."""
        key = self.key()
        verbs.set(key, b"value", 1e-6)
        self.wait_until_expired(verbs, key)

    @pytest.mark.parametrize("ttl", [60, 3600.0, 31 * 86400.0, FOREVER, 1e18, 1e300])
    def test_a_long_ttl_is_kept(self, verbs: Verbs, ttl: float) -> None:
        """An hour, a month and an age of the universe all outlive a moment."""
        key = self.key()
        verbs.set(key, b"value", ttl)
        self._outwait_a_brief_ttl(verbs)
        assert verbs.get(key) == b"value"

    @pytest.mark.parametrize("ttl", [0, 0.0, -1, -0.001, math.nan, math.inf, -math.inf])
    def test_a_ttl_that_is_no_duration_is_refused(self, verbs: Verbs, ttl: float) -> None:
        """Zero, negative, NaN and infinite raise ValueError, store nothing and change nothing."""
        absent, present = self.key(), self.key()
        verbs.set(present, b"before")
        for key in (absent, present):
            with pytest.raises(ValueError):  # noqa: PT011 - its text is the backend's own
                verbs.set(key, b"value", ttl)
        assert (verbs.get(absent), verbs.get(present)) == (None, b"before")

    @pytest.mark.parametrize("ttl", [None, 3600.0])
    def test_overwriting_lengthens_the_ttl(self, verbs: Verbs, ttl: float | None) -> None:
        """A value set anew lives by its own ttl, not by what was left of the old one."""
        key = self.key()
        verbs.set(key, b"old", BRIEF)
        verbs.set(key, b"new", ttl)
        self._outwait_a_brief_ttl(verbs)
        assert verbs.get(key) == b"new"

    @pytest.mark.parametrize("ttl", [None, 3600.0])
    def test_overwriting_shortens_the_ttl(self, verbs: Verbs, ttl: float | None) -> None:
        """A ttl given when overwriting counts, however long the old entry would have lived."""
        key = self.key()
        verbs.set(key, b"old", ttl)
        verbs.set(key, b"new", BRIEF)
        self.wait_until_expired(verbs, key)

    def _outwait_a_brief_ttl(self, verbs: Verbs) -> None:
        witness = self.key("witness")
        verbs.set(witness, b"witness", BRIEF)
        self.wait_until_expired(verbs, witness)


class ValueCases(Cases):
    """Which bytes come back."""

    @pytest.mark.parametrize(
        "value",
        [b"", b"\0", EVERY_BYTE, b"\r\n", b"END\r\n", b"$-1\r\n", b"None", b"0", b"\xff\xfe" * 500],
        ids=["empty", "nul", "every-byte", "newline", "memcached-end", "resp-nil", "none", "zero", "not-utf8"],
    )
    def test_any_bytes_come_back_as_they_were(self, verbs: Verbs, value: bytes) -> None:
        """A value is bytes, uninterpreted: an empty one is a hit, and bytes is the type that returns."""
        key = self.key()
        verbs.set(key, value, 3600.0)
        stored = verbs.get(key)
        assert stored == value
        assert type(stored) is bytes
        assert verbs.exists(key) is True
        assert verbs.delete(key) is True

    @pytest.mark.parametrize("size", [65_537, 1_048_577, 10 * 1024 * 1024])
    def test_a_large_value_is_whole_or_refused(self, verbs: Verbs, size: int) -> None:
        """10 MiB come back whole; only beyond a `max_value_bytes` of its own may a backend refuse."""
        key, value = self.key(), (EVERY_BYTE * (size // 256 + 1))[:size]
        limit = getattr(verbs.backend, "max_value_bytes", None)
        try:
            verbs.set(key, value, 3600.0)
        except ValueTooLargeError:
            assert limit is not None, "refused a value as too large, yet names no max_value_bytes"
            assert size > limit, f"refused {size} bytes, yet max_value_bytes is {limit}"
            assert verbs.get(key) is None
            return
        # Not `==` in the assert: to explain a difference, pytest would print 10 MiB.
        same = verbs.get(key) == value
        verbs.delete(key)
        assert same, f"{size} bytes came back different"

    def test_a_stored_value_shares_no_memory_with_the_callers(self, verbs: Verbs) -> None:
        """A backend that takes a mutable buffer copies it; refusing it is as good."""
        key, buffer = self.key(), bytearray(b"before")
        try:
            verbs.set(key, buffer)
        except (TypeError, ValueError, BackendError):
            return
        buffer[:] = b"after!"
        stored = verbs.get(key)
        assert stored == b"before"
        assert type(stored) is bytes


class BulkReadCases(Cases):
    """What `get_many` returns."""

    @pytest.fixture
    def bulk(self, verbs: Verbs) -> Verbs:
        """The verbs of a backend that reads several keys at once."""
        need(verbs.backend, AsyncBulkReads if verbs.prefix else BulkReads)
        return verbs

    def test_get_many_of_nothing_is_nothing(self, bulk: Verbs) -> None:
        """An empty question has an empty answer."""
        assert list(bulk.get_many([])) == []

    def test_get_many_answers_in_the_order_asked(self, bulk: Verbs) -> None:
        """Each answer stands where its key stood; absent is None, a duplicate is answered twice, empty is a hit."""
        first, second, empty, absent = (self.key(name) for name in ("z", "a", "m", "absent"))
        bulk.set(first, b"first")
        bulk.set(second, b"second")
        bulk.set(empty, b"")
        answer = list(bulk.get_many([second, absent, first, empty, second]))
        assert answer == [b"second", None, b"first", b"", b"second"]
        assert list(bulk.get_many((first, second))) == [b"first", b"second"]

    def test_get_many_leaves_expired_entries_out(self, bulk: Verbs) -> None:
        """An expired entry is absent here too."""
        brief, lasting = self.key(), self.key()
        bulk.set(brief, b"brief", BRIEF)
        bulk.set(lasting, b"lasting")
        self.wait_until_expired(bulk, brief)
        assert list(bulk.get_many([brief, lasting])) == [None, b"lasting"]

    def test_get_many_takes_hundreds_of_keys(self, bulk: Verbs) -> None:
        """Order holds when the backend has to split the question."""
        keys = [self.key(str(number)) for number in range(300)]
        for number, key in enumerate(keys[::3]):
            bulk.set(key, b"%d" % (number * 3), 60.0)
        assert list(bulk.get_many(keys)) == [b"%d" % n if n % 3 == 0 else None for n in range(300)]
