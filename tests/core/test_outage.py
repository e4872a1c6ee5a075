"""A backend that raises, lies or is closed: the value is returned, the function ran once a call, the failure is counted and said once."""

from __future__ import annotations

import pytest

from cachekit import _flow, _l2, _pending, _site, cache
from cachekit.errors import AuthenticationError, BackendError, PermanentBackendError, TransientBackendError, ValueTooLargeError
from cachekit.testing import MemoryBackend
from forms import BACKENDS, FORMS, BulkVerbs, FiveVerbs, NativeVerbs, warnings_of

FAILURES = [
    ConnectionError("redis://:hunter2@example"), ValueError("hunter2"), TimeoutError(), OSError(28, "No space left"), RecursionError(),
    TransientBackendError("reset"), PermanentBackendError("read-only"), AuthenticationError("refused"), ValueTooLargeError("1 MB"),
    BackendError("?"),
]  # fmt: skip


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.__name__)
def backend(request):
    return request.param()


# -- it raises -----------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", [("get", "set", "delete", "exists"), ("get",), ("set",)], ids="+".join)
@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_a_backend_that_raises_fails_no_call(form, backend, caplog, failing, failure, warm):
    """Whatever it raises and by whichever verb: the value, one run a call, one error counted a call, one warning in all, no secret."""
    function = form.function()
    cached = cache(backend=backend, l1_enabled=False)(function)
    if warm:
        form.call(cached, 99)  # the function's marker is there
    function.ran.clear()
    backend.failure, backend.failing = failure, failing
    assert [form.call(cached, n) for n in (1, 1, 2)] == [10, 10, 20]
    assert function.ran == [1, 1, 2]
    assert cached.cache_info().backend_errors == 3
    assert len(warnings_of(caplog)) == 1
    assert "hunter2" not in warnings_of(caplog)[0]


def test_l1_works_on_without_the_backend(form, backend):
    """What was computed during an outage is still cached in this process."""
    backend.failure = ConnectionError()
    function = form.function()
    cached = cache(backend=backend)(function)
    assert [form.call(cached, 1) for _ in range(3)] == [10] * 3
    assert function.ran == [1]


def test_the_functions_own_exception_stays_clean_during_an_outage(form, backend):
    """It does not appear to be caused by the backend's."""
    backend.failure = ConnectionError()

    def compute(n):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as caught:
        form.call(cache(backend=backend)(form.function(compute)), 1)
    assert caught.value.__context__ is None


def test_a_refresh_during_an_outage_returns_the_new_value(form, backend):
    """And this process serves it from then on."""
    values = iter(range(5))
    cached = cache(backend=backend)(form.function(lambda n: next(values)))
    form.call(cached, 1)
    backend.failure = ConnectionError()
    assert form.call(cached.refresh, 1) == 1
    assert form.call(cached, 1) == 1


def test_each_kind_of_failure_is_said_once(form, caplog):
    """A second kind is news; the hundredth of the first is not."""
    backend = FiveVerbs()
    cached = cache(backend=backend, l1_enabled=False)(form.function())
    for failure in [TransientBackendError("reset"), AuthenticationError("refused")] * 3:
        backend.failure = failure
        form.call(cached, 1)
    assert len(warnings_of(caplog)) == 2
    assert cached.cache_info().backend_errors == 6


def test_a_closed_backend_fails_no_call(form, caplog):
    """Closed under our feet: the value is returned, and an invalidation says that it is pending."""
    backend = MemoryBackend()
    function = form.function()
    cached = cache(backend=backend, l1_enabled=False)(function)
    form.call(cached, 1)
    backend.close()
    assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
    assert function.ran == [1, 1, 1]
    assert form.call(cached.invalidate_cache, 1).status == "pending"
    assert cached.cache_info().backend_errors == 3
    assert len(warnings_of(caplog)) == 1


# -- it lies ---------------------------------------------------------------------------------------


LIES = {
    "text": lambda stored: "text",
    "nothing": lambda stored: b"",
    "garbage": lambda stored: b"\x80\x81 not ours",
    "our magic and garbage": lambda stored: stored[:3] + b"\xff" * 60,
    "truncated": lambda stored: stored[: len(stored) // 2],
    "one byte short": lambda stored: stored[:-1],
    "one byte more": lambda stored: stored + b"\0",
    "another version": lambda stored: stored[:2] + b"\x09" + stored[3:],
    "bytearray": bytearray,
    "number": lambda stored: 7,
    "object": lambda stored: object(),
}


class Lying:
    """Answers for an entry what *lie* makes of it; markers are told truly."""

    def __init__(self, truth, lie):
        self._truth, self._lie = truth, lie
        self.set, self.delete, self.exists, self.health_check = truth.set, truth.delete, truth.exists, truth.health_check

    def get(self, key):
        stored = self._truth.get(key)
        return stored if stored is None or ":m:" in key else self._lie(stored)


@pytest.mark.parametrize("lie", LIES)
def test_what_a_backend_makes_up_is_a_miss(form, caplog, lie):
    """No exception, no guess: the function runs, the entry is counted as unread with its reason, and it is said once."""
    truth = MemoryBackend()
    function = form.function(lambda n: {"n": [n]})
    cached = cache(backend=Lying(truth, LIES[lie]), l1_enabled=False)(function)
    assert [form.call(cached, 1) for _ in range(3)] == [{"n": [1]}] * 3
    assert function.ran == [1, 1, 1]
    assert sum(cached.cache_info().unread.values()) == 2
    assert len(warnings_of(caplog)) == 1


def test_any_flipped_bit_is_a_miss():
    """Every byte of a frame is checked: none of them can be changed and still be served."""
    truth = MemoryBackend()
    position = 0
    lying = Lying(truth, lambda stored: stored[:position] + bytes([stored[position] ^ 1]) + stored[position + 1 :])
    function = FORMS[0].function(lambda n: "value")
    cached = cache(backend=lying, l1_enabled=False)(function)
    cached(1)
    (size,) = {len(value) for key, (value, _) in truth._entries.items() if ":m:" not in key}
    for position in range(size):
        assert cached(1) == "value"
    assert len(function.ran) == size + 1
    assert sum(cached.cache_info().unread.values()) == size


def test_another_keys_frame_is_a_miss(form):
    """A backend that mixes up its keys serves nobody another call's value."""
    backend = FiveVerbs()
    cached = cache(backend=backend, l1_enabled=False)(form.function())
    one, two = cached.key(1), cached.key(2)
    form.call(cached, 1)
    form.call(cached, 2)
    backend.entries[one], backend.entries[two] = backend.entries[two], backend.entries[one]
    assert [form.call(cached, 1), form.call(cached, 2)] == [10, 20]
    assert cached.cache_info().unread == {"checksum": 2}


@pytest.mark.parametrize("answer", [None, [], [None], [None] * 3, 7, "ab", iter(())], ids=repr)
def test_a_bulk_read_of_the_wrong_shape_is_a_failure_of_the_backend(form, answer):
    """Counted, and the function's value is returned."""

    class Wrong(BulkVerbs):
        def get_many(self, keys):
            return answer

    function = form.function()
    cached = cache(backend=Wrong(), l1_enabled=False)(function)
    assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
    assert function.ran == [1, 1]


# -- an invalidation the backend refused ---------------------------------------------------------------


def invalidate(form, cached):
    return form.call(cached.invalidate_cache, 1)


def clear(form, cached):
    return form.call(cached.cache_clear)


def changing(form, backend, **options):
    """A function whose value is how often it ran, and a second process's view of it."""
    function = form.function(lambda n: 0)

    def count(n=0):
        function.ran.append(n)
        return len(function.ran)

    async def acount(n=0):
        return count(n)

    counted = acount if form.is_async else count
    return cache(backend=backend, **options)(counted), cache(backend=backend, l1_enabled=False)(counted)


@pytest.mark.parametrize("refused", [invalidate, clear], ids=lambda verb: verb.__name__)
@pytest.mark.parametrize("l1_enabled", [True, False], ids=["with L1", "without L1"])
@pytest.mark.parametrize("reads_work", [True, False], ids=["reads work", "nothing works"])
def test_a_refused_invalidation_is_pending_and_then_carried_out(form, backend, refused, l1_enabled, reads_work):
    """Pending, with why; the old value is not served here meanwhile; once the backend is back it is gone for everybody."""
    cached, elsewhere = changing(form, backend, l1_enabled=l1_enabled)
    assert form.call(cached, 1) == 1
    backend.failure, backend.failing = ConnectionError(), ("set", "delete") if reads_work else ("get", "set", "delete")
    answer = refused(form, cached)
    assert (answer.status, answer.done) == ("pending", False)
    assert "ConnectionError" in answer.reason
    cache.clear_l1()
    assert form.call(cached, 1) == 2
    cache.clear_l1()
    assert form.call(cached, 1) == 3
    backend.failure = None
    cache.clear_l1()
    assert form.call(cached, 1) == 4
    assert form.call(cached, 1) == 4
    assert form.call(elsewhere, 1) == 4


@pytest.mark.parametrize("refused", [invalidate, clear], ids=lambda verb: verb.__name__)
def test_a_pending_invalidation_is_tried_again_within_a_second(form, backend, refused, monkeypatch):
    """Also where L1 answers: the old value must not lie in the backend for as long as L1 would hold the new one."""
    cached, elsewhere = changing(form, backend)
    form.call(cached, 1)
    backend.failure = ConnectionError()
    refused(form, cached)
    assert form.call(cached, 1) == 2
    backend.failure = None
    assert form.call(cached, 1) == 2
    later = _site.monotonic() + _flow.PENDING_RETRY
    monkeypatch.setattr(_site, "monotonic", lambda: later)
    form.call(cached, 1)
    assert form.call(elsewhere, 1) != 1


def test_more_refused_invalidations_than_are_remembered_are_all_carried_out(form):
    """Bounded, and none is lost: beyond the limit the whole function is cleared."""
    backend = NativeVerbs()
    cached, _ = changing(form, backend, l1_enabled=False)
    form.call(cached, 0)
    backend.failure, backend.failing = ConnectionError(), ("set", "delete")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pending, "LIMIT", 3)
        for n in range(6):
            assert form.call(cached.invalidate_cache, n).status == "pending"
    backend.failure = None
    assert form.call(cached, 0) == 2


ENDINGS = {
    "its removal fails": None,
    "the store answers with an error": ConnectionError(),
    "the caller is interrupted": KeyboardInterrupt(),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_value_invalidated_while_it_was_stored_is_not_served(ending, monkeypatch):
    """It lands after the invalidation gave up waiting for it: that is pending, and this process does not serve it."""
    monkeypatch.setattr(_l2, "WRITE_PATIENCE", 0.001)

    class Racing(FiveVerbs):
        raced = False

        def set(self, key, value, ttl):
            super().set(key, value, ttl)
            if ":m:" in key or self.raced:
                return
            self.raced = True
            del self.entries[key]
            answers.append(invalidate(FORMS[0], cached))  # somebody else's, at this moment
            self.entries[key] = value
            self.failure, self.failing = ConnectionError(), ("delete",)
            if ENDINGS[ending] is not None:
                raise ENDINGS[ending]

    answers, backend = [], Racing()
    cached, _ = changing(FORMS[0], backend, l1_enabled=False)
    try:
        assert cached(1) == 1
    except KeyboardInterrupt:
        assert ending == "the caller is interrupted"
    assert cached(1) == 2
    assert [answer.status for answer in answers] == ["pending"]
