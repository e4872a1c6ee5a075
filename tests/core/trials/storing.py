"""Faults in the verbs and in the TTL, each with the tests that must notice it."""

from __future__ import annotations

import asyncio
import time

from cachekit.contracts import check_ttl
from core.trials.trial import Timed, Trial


class BrokenValue(Trial):
    noticed_by = ("test_get_returns_what_was_set", "test_set_overwrites", "test_any_bytes_come_back_as_they_were")

    class make(Timed):
        def get(self, key):
            value = super().get(key)
            return None if value is None else value + b"!"


class BrokenDelete(Trial):
    noticed_by = ("test_delete_says_whether_there_was_an_entry",)

    class make(Timed):
        def delete(self, key):
            super().delete(key)
            return True


class BrokenDeleteOfTwo(Trial):
    noticed_by = ("test_a_key_is_deleted_once",)

    class make(Timed):
        def delete(self, key):
            found = self.exists(key)
            time.sleep(0.001)  # where another thread comes in
            super().delete(key)
            return found

        async def adelete(self, key):
            found = self.exists(key)
            await asyncio.sleep(0)
            super().delete(key)
            return found


class BrokenExists(Trial):
    noticed_by = ("test_exists_says_whether_get_would_return_bytes",)

    class make(Timed):
        def exists(self, key):
            return True


class BrokenHealth(Trial):
    noticed_by = ("test_health_check_of_an_open_backend_is_true",)

    class make(Timed):
        def health_check(self):
            return "fine", "details"


class BrokenByAMissingVerb(Trial):
    noticed_by = ("test_the_five_verbs_are_there",)

    class make(Timed):
        exists = None


class BrokenByAMisspeltAsyncVerb(Trial):
    noticed_by = ("test_async_verbs_are_all_there_or_none",)

    class make:
        def __init__(self):
            whole = Timed()
            for verb in ("get", "set", "delete", "exists", "health_check", "aget", "aset", "adelete", "ahealth_check"):
                setattr(self, verb, getattr(whole, verb))
            self.aexist = whole.aexists


class BrokenAsyncHalf(Trial):
    noticed_by = ("test_get_returns_what_was_set",)

    class make(Timed):
        async def aget(self, key):
            return None


class BrokenMiss(Trial):
    noticed_by = ("test_get_of_an_absent_key_is_none",)

    class make(Timed):
        def get(self, key):
            return super().get(key) or b""


class BrokenTtlIgnored(Trial):
    noticed_by = ("test_a_ttl_under_a_second_expires", "test_overwriting_shortens_the_ttl", "test_get_many_leaves_expired_entries_out")

    class make(Timed):
        def set(self, key, value, ttl):
            check_ttl(ttl)
            super().set(key, value, None)


class BrokenTtlRoundedDown(Trial):
    noticed_by = ("test_a_ttl_under_a_second_lives_that_long",)

    class make(Timed):
        def set(self, key, value, ttl):
            if check_ttl(ttl) is None or ttl >= 1:
                super().set(key, value, ttl)


class BrokenTtlUnchecked(Trial):
    noticed_by = ("test_a_ttl_that_is_no_duration_is_refused",)

    class make(Timed):
        def set(self, key, value, ttl):
            super().set(key, value, ttl if ttl is None or 0 < ttl < 1e300 else None)


class BrokenTtlStoredThenRefused(Trial):
    noticed_by = ("test_a_ttl_that_is_no_duration_is_refused",)

    class make(Timed):
        def set(self, key, value, ttl):
            super().set(key, value, None)
            super().set(key, value, ttl)


class BrokenTtlOfAMonth(Trial):
    noticed_by = ("test_a_long_ttl_is_kept",)

    class make(Timed):
        def set(self, key, value, ttl):
            """As memcached reads it: beyond thirty days it is a date, long past."""
            super().set(key, value, 1e-9 if ttl and ttl > 30 * 86400 else ttl)


class BrokenTtlOutlivesItsValue(Trial):
    noticed_by = ("test_overwriting_lengthens_the_ttl",)

    class make(Timed):
        def set(self, key, value, ttl):
            old = self._entries.get(key)
            super().set(key, value, ttl)
            if old and old[1] < self._entries[key][1]:
                self._entries[key] = (self._entries[key][0], old[1])


class BrokenTtlByDefault(Trial):
    noticed_by = ("test_an_entry_without_ttl_stays",)

    class make(Timed):
        def set(self, key, value, ttl):
            super().set(key, value, 0.01 if ttl is None else ttl)


class BrokenTtlInMilliseconds(Trial):
    noticed_by = ("test_the_least_ttl_is_accepted_and_expires",)

    class make(Timed):
        def set(self, key, value, ttl):
            if ttl is not None and int(ttl * 1000) == 0:
                raise ValueError("invalid expire time")
            super().set(key, value, ttl)
