"""Presets are data: each intent is one immutable policy, whose fields a call's own options replace."""

from __future__ import annotations

import dataclasses

import pytest

from cachekit import cache
from cachekit.config import L1CacheConfig
from cachekit.errors import ConfigurationError
from cachekit.presets import PRESETS, UNSET, Policy
from cachekit.testing import MemoryBackend
from forms import FORMS, moved_clock, warnings_of

INTENTS = {"default": cache, "minimal": cache.minimal, "test": cache.test, "dev": cache.dev, "production": cache.production}
CHECKED = {"default": True, "minimal": False, "test": False, "dev": True, "production": True}


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


@pytest.fixture(params=INTENTS)
def intent(request):
    return request.param


def frames(backend):
    """What a backend holds that is a frame: the other entries are markers."""
    return [value for value, _ in backend._entries.values() if value[:2] == b"\xc5K"]


def checked(backend):
    """Whether the one frame of *backend* carries a checksum."""
    (frame,) = frames(backend)
    return bool(frame[3] & 1)


def test_there_is_a_policy_for_each_intent():
    """The table of intents and the `cache` object agree, and each intent says its name."""
    assert set(PRESETS) == set(INTENTS)
    assert [repr(each) for each in INTENTS.values()] == ["cache", "cache.minimal", "cache.test", "cache.dev", "cache.production"]


def test_policies_cannot_be_changed(intent):
    """Neither the table nor a policy in it: one module cannot change what another's decorator means."""
    with pytest.raises(TypeError):
        PRESETS[intent] = Policy()
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS[intent].ttl = 1


def test_every_intent_leaves_backend_and_ttl_to_the_environment(intent):
    """The table of the design: no intent that exists so far fixes a backend, a TTL, an L1 or a compressor."""
    policy = PRESETS[intent]
    assert (policy.backend, policy.ttl, policy.compressor) == (UNSET, UNSET, UNSET)
    assert (policy.l1, policy.l1_enabled) == (None, None)
    assert L1CacheConfig().max_size_mb == 100


@pytest.mark.parametrize("called", [False, True], ids=["bare", "called"])
def test_an_intent_decorates_bare_and_called(form, intent, called, monkeypatch):
    """Both ways cache in L1 and in the default backend, and store with or without a checksum as the table says."""
    from cachekit import _resolve

    backend = MemoryBackend()
    monkeypatch.setattr(_resolve, "_default", backend)
    function = form.function()
    cached = INTENTS[intent]()(function) if called else INTENTS[intent](function)
    assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
    cache.clear_l1()
    assert form.call(cached, 1) == 10
    assert function.ran == [1]
    assert (cached.cache_info().l1_hits, cached.cache_info().l2_hits) == (1, 1)
    assert checked(backend) == CHECKED[intent]


@pytest.mark.parametrize("integrity", [True, False])
def test_a_call_overrides_its_intent(form, intent, integrity):
    """An option given in the call stands above the preset's own."""
    backend = MemoryBackend()
    form.call(INTENTS[intent](backend=backend, integrity_checking=integrity)(form.function()), 1)
    assert checked(backend) == integrity


def test_a_call_overrides_the_environment_and_the_intent_leaves_it(form, intent, monkeypatch):
    """Precedence: the call's ttl, else `CACHEKIT_DEFAULT_TTL`, else the default."""
    monkeypatch.setenv("CACHEKIT_DEFAULT_TTL", "50")
    clock = moved_clock(monkeypatch)
    function, other = form.function(), form.function()
    from_environment, from_call = INTENTS[intent](backend=None)(function), INTENTS[intent](backend=None, ttl=5)(other)
    for seconds in (0, 6, 45):
        clock.move(seconds)
        form.call(from_environment, 1)
        form.call(from_call, 1)
    assert function.ran == [1, 1]
    assert other.ran == [1, 1, 1]


def test_an_override_leaves_the_intent_as_it_was(form):
    """Options of one decoration do not reach the next one of that intent."""
    first, second = MemoryBackend(), MemoryBackend()
    overridden = cache.minimal(integrity_checking=True, backend=first)
    plain = cache.minimal(backend=second)
    for decorate in (overridden, plain):
        form.call(decorate(form.function()), 1)
    assert [checked(first), checked(second)] == [True, False]


def test_one_decorator_serves_many_functions(form):
    """What `cache(...)` returns can be kept and used again; its functions have entries of their own."""
    decorate = cache.dev(backend=MemoryBackend(), ttl=60)
    tens, hundreds = form.function(), form.function(lambda n: n * 100)
    cached_tens, cached_hundreds = decorate(tens), decorate(hundreds)
    assert [form.call(cached_tens, 1), form.call(cached_hundreds, 1)] == [10, 100]
    cache.clear_l1()
    assert [form.call(cached_tens, 1), form.call(cached_hundreds, 1)] == [10, 100]


def test_a_function_that_checks_refuses_what_was_stored_unchecked(form, caplog):
    """`@cache` does not read what `@cache.minimal` stored without a checksum: a miss, counted and said once."""
    backend = MemoryBackend()
    function = form.function()
    form.call(cache.minimal(backend=backend)(function), 1)
    careful = cache(backend=backend)(function)
    assert form.call(careful, 1) == 10
    assert function.ran == [1, 1]
    assert careful.cache_info().unread == {"unchecked": 1}
    assert len(warnings_of(caplog)) == 1
    careless = cache.minimal(backend=backend)(function)
    assert form.call(careless, 1) == 10
    assert careless.cache_info().l2_hits == 1


def test_an_intent_takes_no_other_intents_name(intent):
    """A misspelt or unknown option is an error in every intent, and the text says which options there are."""
    with pytest.raises(ConfigurationError, match=r"minimal=: cache\(\) has no such option \(it has ttl, namespace"):
        INTENTS[intent](minimal=True)
