"""What a decorator is told, and what the environment says: ttl, namespace, version, ignore, key, layers, codecs."""

from __future__ import annotations

import datetime as dt

import pytest

from cachekit import _making, cache
from cachekit.builtin.none import NoCompressor
from cachekit.builtin.std import StdSerializer
from cachekit.config import CachekitConfig, L1CacheConfig, load_settings, loading
from cachekit.errors import ConfigurationError, UncacheableArgumentError
from cachekit.testing import MemoryBackend
from forms import FORMS, moved_clock, warnings_of


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


@pytest.fixture
def clock(monkeypatch):
    return moved_clock(monkeypatch)


@pytest.fixture
def backend(clock):
    return MemoryBackend(clock=clock)


# -- ttl -------------------------------------------------------------------------------------


TTLS = [
    (90, 90), (0.25, 0.25), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1h 30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("2d", 172800),
    ("1w", 604800), (dt.timedelta(minutes=2), 120), (dt.timedelta(milliseconds=250), 0.25), (100 * 365 * 86400, 100 * 365 * 86400),
]  # fmt: skip
LAYERS = ["L1 only", "backend only", "both"]


def options(layers, backend):
    return {"backend": None if layers == "L1 only" else backend, "l1_enabled": layers != "backend only"}


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("ttl, seconds", TTLS, ids=repr)
def test_a_value_holds_for_its_ttl_and_no_longer(form, clock, backend, layers, ttl, seconds):
    """Every way of writing a ttl means its seconds, in each layer: a hit just before, a miss at the end."""
    function = form.function()
    cached = cache(ttl=ttl, **options(layers, backend))(function)
    form.call(cached, 1)
    clock.move(seconds * 0.96)
    form.call(cached, 1)
    assert function.ran == [1]
    clock.move(seconds * 0.05)
    form.call(cached, 1)
    assert function.ran == [1, 1]


@pytest.mark.parametrize("layers", LAYERS)
def test_none_means_no_expiry(form, clock, backend, layers):
    """`ttl=None` holds for longer than anybody runs."""
    function = form.function()
    cached = cache(ttl=None, **options(layers, backend))(function)
    form.call(cached, 1)
    clock.move(200 * 365 * 86400)
    form.call(cached, 1)
    assert function.ran == [1]


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("variable, seconds", [(None, 3600), ("120", 120), ("0.5", 0.5)])
def test_an_omitted_ttl_is_the_environments(form, clock, backend, layers, variable, seconds, monkeypatch):
    """`CACHEKIT_DEFAULT_TTL`, in seconds, or 3600."""
    monkeypatch.delenv("CACHEKIT_DEFAULT_TTL", raising=False)
    if variable is not None:
        monkeypatch.setenv("CACHEKIT_DEFAULT_TTL", variable)
    function = form.function()
    cached = cache(**options(layers, backend))(function)
    form.call(cached, 1)
    clock.move(seconds * 0.99)
    form.call(cached, 1)
    assert function.ran == [1]
    clock.move(seconds * 0.02)
    form.call(cached, 1)
    assert function.ran == [1, 1]


def test_what_is_read_from_the_backend_outlives_nothing(form, clock, backend):
    """An entry that returns to L1 expires when it would have: its time is the frame's, not that of the refill."""
    function = form.function()
    cached = cache(ttl=10, backend=backend)(function)
    form.call(cached, 1)
    clock.move(8)
    cache.clear_l1()
    form.call(cached, 1)
    clock.move(1.9)
    form.call(cached, 1)
    assert function.ran == [1]
    clock.move(0.2)
    form.call(cached, 1)
    assert function.ran == [1, 1]


def test_a_shorter_ttl_does_not_serve_what_a_longer_one_stored(form, clock, backend):
    """After a deploy that shortens the ttl, an entry made to live longer is a miss."""
    function = form.function()
    form.call(cache(ttl=3600, backend=backend)(function), 1)
    form.call(cache(ttl=60, backend=backend)(function), 1)
    assert function.ran == [1, 1]


# -- which calls and functions share ---------------------------------------------------------------


@pytest.mark.parametrize("option, values", [("namespace", ["a", "b:c/d.e_f-1"]), ("version", [None, 1, "1", 2, "two"])])
def test_a_namespace_or_version_has_entries_of_its_own(form, backend, option, values):
    """A deploy with another one leaves the old entries behind, untouched: going back finds them."""
    function = form.function()
    for value in values:
        form.call(cache(backend=backend, **{option: value})(function), 1)
    assert len(function.ran) == len(values)
    for value in values:
        form.call(cache(backend=backend, **{option: value})(function), 1)
    assert len(function.ran) == len(values)


@pytest.mark.parametrize("ignore", ["who", ("who",), ["who"], {"who"}, ("who", "kwargs")], ids=repr)
def test_an_ignored_parameter_is_no_part_of_the_key(ignore, backend):
    """By position, by keyword, and for values that could be no part of a key."""
    ran = []

    @cache(backend=backend, ignore=ignore)
    def greet(n, who=None, **kwargs):
        ran.append(who)
        return n

    others = {"x": 1} if "kwargs" in ignore else {}
    assert [greet(1, "a"), greet(1, who=object(), **others), greet(1)] == [1, 1, 1]
    assert len(ran) == 1
    greet(2, "a")
    assert len(ran) == 2
    assert greet.key(1, "a") == greet.key(1)


def test_key_tells_calls_apart_by_what_it_returns(form, backend):
    """`key=` is called as the function is, and any stable value will do."""
    function = form.function()
    cached = cache(backend=backend, key=lambda n=0: ("parity", n % 2))(function)
    assert [form.call(cached, 1), form.call(cached, n=3), form.call(cached, 2), form.call(cached)] == [10, 10, 20, 20]
    assert cached.key(1) == cached.key(n=5) != cached.key(2)


def test_a_key_that_raises_does_not_fail_the_call(form, backend, caplog):
    """The value is the function's, counted each time and said once; `key` and the other verbs raise what it raised."""

    def key(n=0):
        raise KeyError("secret")

    function = form.function()
    cached = cache(backend=backend, key=key)(function)
    assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
    assert function.ran == [1, 1]
    assert (cached.cache_info().uncacheable, cached.cache_info().misses) == (2, 2)
    assert len(warnings_of(caplog)) == 1
    assert "key= raised KeyError" in warnings_of(caplog)[0]
    assert "secret" not in warnings_of(caplog)[0]
    for use in (cached.key, lambda n: form.call(cached.invalidate_cache, n), lambda n: form.call(cached.refresh, n)):
        with pytest.raises(KeyError, match="secret"):
            use(1)


def test_a_key_without_identity_is_refused(form):
    """`key=` that returns an arbitrary object is the decorator's mistake, and says so."""
    cached = cache(backend=None, key=lambda n: object())(form.function())
    with pytest.raises(UncacheableArgumentError, match="what key= returned"):
        form.call(cached, 1)


# -- layers and codecs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{"l1_enabled": False}, {"l1": L1CacheConfig(enabled=False)}])
def test_without_l1_every_hit_is_the_backends(form, backend, given):
    """L1 off by either way; `l1_enabled` stands above `l1.enabled`."""
    cached = cache(backend=backend, **given)(form.function())
    for _ in range(3):
        form.call(cached, 1)
    info = cached.cache_info()
    assert (info.misses, info.l1_hits, info.l2_hits, info.entries) == (1, 0, 2, 0)
    on = cache(backend=backend, l1_enabled=True, l1=L1CacheConfig(enabled=False))(form.function())
    for _ in range(2):
        form.call(on, 2)
    assert on.cache_info().l1_hits == 1


def test_functions_given_one_l1_share_its_budget(form):
    """One object is one budget for ten functions; two equal objects are two."""
    shared = L1CacheConfig(max_size_mb=1)
    large = "x" * 300_000
    together = [cache(backend=None, l1=shared)(form.function(lambda n: large)) for _ in range(10)]
    apart = [cache(backend=None, l1=L1CacheConfig(max_size_mb=1))(form.function(lambda n: large)) for _ in range(10)]
    for each in (*together, *apart):
        form.call(each, 1)
    assert 0 < sum(each.cache_info().bytes for each in together) <= 1 << 20
    assert sum(each.cache_info().entries for each in apart) == 10


class Tagged(StdSerializer):
    name = "tagged"


@pytest.mark.parametrize("serializer", ["std", "default", Tagged()], ids=str)
@pytest.mark.parametrize("compressor", ["zstd", "none", NoCompressor()], ids=str)
def test_codecs_by_name_and_by_object(form, backend, serializer, compressor):
    """What one wrote another process reads back, and the frame says who wrote it."""
    value = [("a" * 1000, {1: {2}})]
    function = form.function(lambda n: value)
    for _ in range(2):
        assert form.call(cache(backend=backend, serializer=serializer, compressor=compressor, l1_enabled=False)(function), 1) == value
    assert function.ran == [1]
    (frame,) = [stored for stored, _ in backend._entries.values() if stored[:2] == b"\xc5K"]
    assert (b"tagged" in frame) == isinstance(serializer, Tagged)
    assert (len(frame) < 500) == (compressor == "zstd")


@pytest.mark.parametrize("variable, small", [(None, True), ("true", True), ("false", False)])
def test_the_environment_switches_compression(form, backend, variable, small, monkeypatch):
    """`CACHEKIT_ENABLE_COMPRESSION=false` stores values as they are; what was compressed is still read."""
    if variable is not None:
        monkeypatch.setenv("CACHEKIT_ENABLE_COMPRESSION", variable)
    form.call(cache(backend=backend)(form.function(lambda n: "a" * 1000)), 1)
    (frame,) = [stored for stored, _ in backend._entries.values() if stored[:2] == b"\xc5K"]
    assert (len(frame) < 500) == small


# -- the environment -----------------------------------------------------------------------------------


def test_disabled_means_no_caching_at_all(form, backend, monkeypatch):
    """`CACHEKIT_ENABLED=false`: the function runs at every call, no backend is made or asked, and the verbs answer."""
    monkeypatch.setenv("CACHEKIT_ENABLED", "false")
    monkeypatch.setenv("CACHEKIT_BACKEND", "nowhere")
    for given in ({"backend": backend}, {"backend": None}, {}):
        function = form.function()
        cached = cache(**given)(function)
        assert [form.call(cached, 1), form.call(cached, 1), form.call(cached.refresh, 1)] == [10, 10, 10]
        assert function.ran == [1, 1, 1]
        assert form.call(cached.invalidate_cache, 1).done
        assert form.call(cached.cache_clear).done
        assert cached.key(1).startswith("ck:")
        assert cached.cache_info().entries == cached.cache_info().hits == 0
    assert backend._entries == {}


BAD = [
    ("CACHEKIT_DEFAULT_TTL", "0", "greater than 0"),
    ("CACHEKIT_DEFAULT_TTL", "soon", "number"),
    ("CACHEKIT_DEFAULT_TTL", "nan", "finite"),
    ("CACHEKIT_DEFAULT_TTL", "4e9", "3153600000"),
    ("CACHEKIT_COMPRESSION_LEVEL", "0", "1"),
    ("CACHEKIT_COMPRESSION_LEVEL", "10", "9"),
    ("CACHEKIT_ENABLED", "perhaps", "boolean"),
    ("CACHEKIT_ENABLE_COMPRESSION", "2", "boolean"),
    ("CACHEKIT_BACKEND", "memcache", "pip install cachekit-memcached"),
]


@pytest.mark.parametrize("variable, value, takes", BAD)
def test_a_bad_variable_is_an_error_at_the_first_call(form, variable, value, takes, monkeypatch):
    """It names the variable, what it got and what it takes, and the function does not run."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(_making, "_made", {})
    function = form.function()
    cached = cache(function)
    for _ in range(2):
        with pytest.raises(ConfigurationError) as refused:
            form.call(cached, 1)
        assert all(part in str(refused.value) for part in (variable, repr(value), takes)), str(refused.value)
    assert function.ran == []


def test_a_misspelt_prefix_is_pointed_out_once(monkeypatch, caplog):
    """`CACHE_DEFAULT_TTL` is not read, and one warning says what was meant."""
    monkeypatch.delenv("CACHEKIT_DEFAULT_TTL", raising=False)
    monkeypatch.setenv("CACHE_DEFAULT_TTL", "5")
    monkeypatch.setattr(loading, "_pointed_out", set())
    assert [load_settings(CachekitConfig).default_ttl for _ in range(3)] == [3600.0] * 3
    (said,) = warnings_of(caplog)
    assert "CACHE_DEFAULT_TTL is set but not read" in said
    assert "did you mean CACHEKIT_DEFAULT_TTL?" in said
