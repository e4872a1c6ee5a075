"""Faults in values, keys and bulk reads, each with the tests that must notice it."""

from __future__ import annotations

from cachekit.errors import ValueTooLargeError
from core.trials.trial import Timed, Trial


class BrokenEmptyValue(Trial):
    noticed_by = ("test_any_bytes_come_back_as_they_were",)

    class make(Timed):
        def get(self, key):
            return super().get(key) or None


class BrokenTextValue(Trial):
    noticed_by = ("test_any_bytes_come_back_as_they_were",)

    class make(Timed):
        def set(self, key, value, ttl):
            super().set(key, bytes(value).decode(errors="replace").encode(), ttl)


class BrokenValueType(Trial):
    noticed_by = ("test_any_bytes_come_back_as_they_were",)

    class make(Timed):
        def get(self, key):
            value = super().get(key)
            return None if value is None else bytearray(value)


class BrokenAliasing(Trial):
    noticed_by = ("test_a_stored_value_shares_no_memory_with_the_callers",)

    class make(Timed):
        def set(self, key, value, ttl):
            super().set(key, b"", ttl)
            self._entries[key] = (value, self._entries[key][1])


class BrokenSizeUnannounced(Trial):
    noticed_by = ("test_a_large_value_is_whole_or_refused",)

    class make(Timed):
        def set(self, key, value, ttl):
            if len(value) > 1_000_000:
                raise ValueTooLargeError("more than 1 MB")
            super().set(key, value, ttl)


class BrokenSizeCut(Trial):
    noticed_by = ("test_a_large_value_is_whole_or_refused",)

    class make(Timed):
        def set(self, key, value, ttl):
            super().set(key, value[:1_048_576], ttl)


class BrokenKeyCut(Trial):
    noticed_by = ("test_a_key_of_250_printable_bytes_works", "test_odd_keys_are_told_apart_or_refused")

    class make(Timed):
        def get(self, key):
            return super().get(key[:200])

        def set(self, key, value, ttl):
            super().set(key[:200], value, ttl)

        def delete(self, key):
            return super().delete(key[:200])


class BrokenKeyCase(Trial):
    noticed_by = ("test_plain_keys_are_told_apart",)

    class make(Timed):
        def get(self, key):
            return super().get(key.lower())

        def set(self, key, value, ttl):
            super().set(key.lower(), value, ttl)

        def delete(self, key):
            return super().delete(key.lower())


class BrokenKeyStripped(Trial):
    noticed_by = ("test_odd_keys_are_told_apart_or_refused",)

    class make(Timed):
        def get(self, key):
            return super().get(key.strip())

        def set(self, key, value, ttl):
            super().set(key.strip(), value, ttl)

        def delete(self, key):
            return super().delete(key.strip())


class BrokenKeyCrash(Trial):
    noticed_by = ("test_odd_keys_are_told_apart_or_refused",)

    class make(Timed):
        def set(self, key, value, ttl):
            if "\n" in key:
                raise RuntimeError("the driver choked")
            super().set(key, value, ttl)


class BrokenBulkOrder(Trial):
    noticed_by = ("test_get_many_answers_in_the_order_asked", "test_get_many_takes_hundreds_of_keys")

    class make(Timed):
        def get_many(self, keys):
            return super().get_many(sorted(keys))


class BrokenBulkGaps(Trial):
    noticed_by = ("test_get_many_answers_in_the_order_asked", "test_get_many_leaves_expired_entries_out")

    class make(Timed):
        def get_many(self, keys):
            return [value for value in super().get_many(keys) if value is not None]


class BrokenBulkOfNothing(Trial):
    noticed_by = ("test_get_many_of_nothing_is_nothing",)

    class make(Timed):
        def get_many(self, keys):
            if not keys:
                raise ValueError("wrong number of arguments")
            return super().get_many(keys)
