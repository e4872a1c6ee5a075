"""Backends that keep the contract, however little else they do."""

from __future__ import annotations

import pytest

from cachekit.contracts import check_ttl
from cachekit.errors import ValueTooLargeError
from core.trials.trial import Timed, Trial


class SoundReference(Trial):
    pass


class SoundWithAReasonedXfail(Trial):
    @pytest.mark.xfail(reason="the store keeps the first value; see its manual")
    def test_set_overwrites(self):
        pytest.fail("as known")

    def test_something_of_its_own(self):
        pass


class SoundFiveVerbs(Trial):
    """No inheritance, no capability: five plain methods."""

    class make:
        def __init__(self):
            self.now = 0.0
            self.entries = {}

        def get(self, key):
            value, expires = self.entries.get(key, (None, 0.0))
            return value if self.now < expires else None

        def set(self, key, value, ttl):
            self.entries[key] = (bytes(value), self.now + (check_ttl(ttl) or float("inf")))

        def delete(self, key):
            value, expires = self.entries.pop(key, (None, 0.0))
            return value is not None and self.now < expires

        def exists(self, key):
            return self.get(key) is not None

        def health_check(self):
            return True, {}


class SoundSmallAndStrict(Trial):
    """Takes little, and says so: as memcached does."""

    class make(Timed):
        max_value_bytes = 1_048_576

        def set(self, key, value, ttl):
            if not isinstance(value, bytes):
                raise TypeError("takes bytes")
            if not (key.isascii() and key.isprintable() and len(key) <= 250 and " " not in key):
                raise ValueError("takes printable ASCII of at most 250 bytes")
            if len(value) > self.max_value_bytes:
                raise ValueTooLargeError("more than 1 MiB")
            super().set(key, value, ttl)


class SoundInWholeSeconds(Trial):
    """Rounds a ttl up to whole seconds."""

    class make(Timed):
        def set(self, key, value, ttl):
            ttl = check_ttl(ttl)
            super().set(key, value, None if ttl is None else float(-(-ttl // 1)))
