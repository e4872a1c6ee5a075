"""Faults among many callers and at the ends of things, each with the tests that must notice it."""

from __future__ import annotations

import asyncio
import os
import threading
import time

from cachekit.errors import BackendClosedError
from core.trials.trial import Timed, Trial


class BrokenTorn(Trial):
    noticed_by = ("test_callers_at_once_see_whole_values_of_their_own_keys",)

    class make(Timed):
        def set(self, key, value, ttl):
            super().set(key, value[: len(value) // 2], ttl)
            time.sleep(0.0005)  # where another thread comes in
            super().set(key, value, ttl)

        async def aset(self, key, value, ttl):
            super().set(key, value[: len(value) // 2], ttl)
            await asyncio.sleep(0)
            super().set(key, value, ttl)


class BrokenLoopBound(Trial):
    noticed_by = ("test_a_second_event_loop_works_after_the_first_has_ended", "test_two_event_loops_work_at_once")

    class make(Timed):
        loop = None

        async def aset(self, key, value, ttl):
            self.loop = self.loop or asyncio.get_running_loop()
            if self.loop is not asyncio.get_running_loop():
                raise RuntimeError("attached to a different loop")
            await super().aset(key, value, ttl)


class BrokenCancellation(Trial):
    noticed_by = ("test_a_cancelled_read_leaves_no_answer_behind",)

    class make(Timed):
        def __init__(self):
            super().__init__()
            self.answers = []

        async def aget(self, key):
            """As over one connection: the answers arrive in the order asked, whoever still waits."""
            self.answers.append(self.get(key))
            await asyncio.sleep(0)
            return self.answers.pop(0)


class BrokenForkLock(Trial):
    noticed_by = ("test_a_fork_while_threads_use_the_backend_hangs_nobody",)
    patience = 1.0

    class make(Timed):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

        def set(self, key, value, ttl):
            with self.lock:
                if threading.current_thread() is not threading.main_thread():
                    time.sleep(0.01)  # long enough for a fork to fall into
                super().set(key, value, ttl)


class BrokenForkRefused(Trial):
    noticed_by = ("test_a_forked_child_and_its_parent_both_work",)

    class make(Timed):
        def __init__(self):
            super().__init__()
            self.pid = os.getpid()

        def get(self, key):
            if os.getpid() != self.pid:
                raise RuntimeError("made in another process")
            return super().get(key)


class BrokenForkFatal(Trial):
    noticed_by = ("test_a_forked_child_and_its_parent_both_work",)

    class make(Timed):
        def __init__(self):
            super().__init__()
            self.pid = os.getpid()

        def get(self, key):
            if os.getpid() != self.pid:
                os._exit(7)
            return super().get(key)


class BrokenClose(Trial):
    noticed_by = ("test_after_close_every_verb_raises", "test_after_close_health_is_false")

    class make(Timed):
        def close(self):
            pass


class BrokenCloseOfBulk(Trial):
    noticed_by = ("test_after_close_every_verb_raises",)

    class make(Timed):
        def get_many(self, keys):
            return [None for key in keys]


class BrokenCloseTwice(Trial):
    noticed_by = ("test_after_close_every_verb_raises",)

    class make(Timed):
        def close(self):
            self._open()
            super().close()


class BrokenCloseOfHalf(Trial):
    noticed_by = ("test_after_close_every_verb_raises",)

    class make(Timed):
        half = False

        async def aclose(self):
            self.half = True

        async def _shut(self, verb, *arguments):
            if self.half:
                raise BackendClosedError("closed")
            return getattr(self, verb)(*arguments)

        async def aget(self, key):
            return await self._shut("get", key)

        async def aset(self, key, value, ttl):
            await self._shut("set", key, value, ttl)

        async def adelete(self, key):
            return await self._shut("delete", key)

        async def aexists(self, key):
            return await self._shut("exists", key)

        async def aget_many(self, keys):
            return await self._shut("get_many", keys)


class BrokenHealthAfterClose(Trial):
    noticed_by = ("test_after_close_health_is_false",)

    class make(Timed):
        def health_check(self):
            self._open()
            return super().health_check()
