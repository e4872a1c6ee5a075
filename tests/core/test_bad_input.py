"""A mistake in a decorator is an error at once: it names the argument, the value and the remedy, and shows nobody's secrets."""

from __future__ import annotations

import datetime as dt
import functools

import pytest

from cachekit import cache, set_default_backend
from cachekit.config import L1CacheConfig
from cachekit.errors import CachekitError, ConfigurationError, UncacheableArgumentError, UnknownPluginError, UnsupportedFunctionError
from cachekit.testing import MemoryBackend
from forms import FORMS, FiveVerbs


class Secretive:
    """An object whose repr and text hold a password."""

    name = "secretive"

    def __repr__(self):
        return "Secretive(password='hunter2')"

    __str__ = __repr__


class WithoutSet(Secretive):
    def get(self, key): ...
    def delete(self, key): ...
    def exists(self, key): ...
    def health_check(self): ...


class Misspelt(WithoutSet):
    def sett(self, key, value, ttl): ...


class AsyncGet(FiveVerbs, Secretive):
    async def get(self, key): ...


class OnlyDumps(Secretive):
    def dumps(self, value): ...


class NoName(OnlyDumps):
    name = None

    def loads(self, data): ...


async def awaited_key(n):
    return n


BAD = {
    # option: (value, what the text names beside the option)
    "ttl": [
        (0, ["ttl=0", "more than 0", "5m", "None for no expiry"]),
        (-1, ["ttl=-1", "more than 0"]),
        (-0.5, ["ttl=-0.5", "more than 0"]),
        (float("nan"), ["ttl=nan", "more than 0"]),
        (float("inf"), ["ttl=inf", "100 years", "None for no expiry"]),
        (10**400, ["ttl=", "100 years"]),
        (10**5000, ["ttl=", "100 years"]),  # Python itself refuses to write it out
        (4e9, ["ttl=4000000000.0", "100 years"]),
        ("5 parsecs", ["ttl='5 parsecs'", "units ms, s, m, h, d, w"]),
        ("", ["ttl=''", "5m"]),
        ("0s", ["ttl='0s'", "more than 0"]),
        ("-5m", ["ttl='-5m'", "5m"]),
        ("5", ["ttl='5'", "units"]),
        ("٥m", ["ttl='٥m'", "units"]),  # a digit to Python, though not one that anybody types here
        ("5m\u00b2", ["ttl=", "units"]),
        (True, ["ttl=True", "seconds"]),
        (b"5m", ["ttl=b'5m'", "seconds"]),
        (dt.timedelta(0), ["ttl=", "more than 0"]),
        (dt.timedelta(seconds=-1), ["ttl=", "more than 0"]),
        (Secretive(), ["ttl=<Secretive object>", "seconds"]),
    ],
    "namespace": [
        ("prix-élevé", ["namespace='prix-élevé'", "ASCII"]),
        ("", ["namespace=''", "1 to 100"]),
        ("a b", ["namespace='a b'", "_ . : / -"]),
        ("a\n", ["namespace='a\\n'", "ASCII"]),
        ("n" * 101, ["namespace='nnn", "1 to 100"]),
        (None, ["namespace=None", "letters"]),
        (Secretive(), ["namespace=<Secretive object>", "letters"]),
    ],
    "key": [
        ("name", ["key='name'", "a function"]),
        (Secretive(), ["key=<Secretive object>", "a function"]),
        (awaited_key, ["key=<function object>", "a plain function", "awaited"]),
    ],
    "ignore": [
        ("m", ["ignore='m'", "no such parameter", "it has n"]),
        (("n", "nn"), ["ignore='nn'", "no such parameter", "did you mean 'n'?"]),
        (3, ["ignore=3", "names of parameters"]),
        ((3,), ["ignore=", "names of parameters"]),
    ],
    "version": [
        (1.5, ["version=1.5", "a whole number or a text"]),
        (Secretive(), ["version=<Secretive object>", "a whole number or a text"]),
    ],
    "l1": [
        (100, ["l1=100", "cachekit.config.L1CacheConfig"]),
        ({"max_size_mb": 1}, ["l1=<dict object>", "L1CacheConfig"]),
        (L1CacheConfig, ["l1=", "L1CacheConfig"]),
    ],
    "l1_enabled": [("yes", ["l1_enabled='yes'", "True or False"]), (1, ["l1_enabled=1", "True or False"])],
    "integrity_checking": [("no", ["integrity_checking='no'", "True or False"])],
    "backend": [
        ("memcache", ["backend='memcache'", "'memcached'", "pip install cachekit-memcached", "Installed:"]),
        ("nothing-like-it", ["backend='nothing-like-it'", "Installed:"]),
        (MemoryBackend, ["backend=", "MemoryBackend()", "not its class"]),
        (WithoutSet(), ["backend=<WithoutSet object>", "lacks set", "get, set, delete, exists, health_check"]),
        (Misspelt(), ["backend=<Misspelt object>", "lacks set", "did you mean set by sett?"]),
        (AsyncGet(), ["backend=<AsyncGet object>", "get must be plain", "aget"]),
        (object(), ["backend=<object object>", "lacks get, set, delete, exists, health_check"]),
        (7, ["backend=7", "lacks get"]),
    ],
    "serializer": [
        ("stdd", ["serializer='stdd'", "Did you mean 'std'?"]),
        (OnlyDumps(), ["serializer=<OnlyDumps object>", "dumps and loads"]),
        (NoName(), ["serializer=<NoName object>", "and a name (lower-case"]),
        (OnlyDumps, ["serializer=", "dumps and loads"]),
        (None, ["serializer=None", "an installed name"]),
    ],
    "compressor": [
        ("zstdd", ["compressor='zstdd'", "Did you mean 'zstd'?"]),
        (Secretive(), ["compressor=<Secretive object>", "compress and decompress"]),
        (None, ["compressor=None", "an installed name"]),
    ],
    "tll": [(60, ["tll=", "did you mean ttl=?"])],
    "name_space": [("a", ["name_space=", "did you mean namespace=?"])],
    "wholly_unknown": [(Secretive(), ["wholly_unknown=", "no such option", "ttl, namespace, backend"])],
}
CASES = [pytest.param(option, value, parts, id=f"{option}-{i}") for option, cases in BAD.items() for i, (value, parts) in enumerate(cases)]


@pytest.mark.parametrize("option, value, parts", CASES)
@pytest.mark.parametrize("intent", [cache, cache.minimal, cache.production], ids=repr)
def test_a_bad_option_is_an_error_at_decoration(option, value, parts, intent):
    """Each is of our hierarchy, names argument, value and remedy, and shows no user's repr, before any traffic."""
    ran = []
    with pytest.raises(ConfigurationError) as refused:
        intent(**{option: value})(lambda n: ran.append(n))
    text = str(refused.value)
    for part in parts:
        assert part in text
    assert "hunter2" not in text
    assert "Unset" not in text
    assert " at 0x" not in text
    assert len(text) < 700
    assert ran == []


@pytest.mark.parametrize("backend", ["memcache", MemoryBackend, WithoutSet(), 7])
def test_a_bad_default_backend_is_an_error_at_once(backend):
    """`set_default_backend` takes what `backend=` takes."""
    with pytest.raises(ConfigurationError, match="backend="):
        set_default_backend(backend)


def test_an_unknown_name_is_of_its_own_class():
    """Who wants to tell a missing plugin from a bad value can; both are CachekitError and ValueError."""
    with pytest.raises(UnknownPluginError) as refused:
        cache(backend="memcache")
    assert isinstance(refused.value, CachekitError | ValueError)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "100", None, Secretive()])
def test_a_bad_l1_size_is_an_error_when_made(size):
    """`L1CacheConfig` is checked when it is made, not when it is used."""
    with pytest.raises(ConfigurationError, match=r"L1CacheConfig\.max_size_mb=.*whole number of MiB, 1 or more") as refused:
        L1CacheConfig(max_size_mb=size)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigurationError, match=r"L1CacheConfig\.enabled='no'.*True or False"):
        L1CacheConfig(enabled="no")


@pytest.mark.parametrize("options", [{"l1_enabled": False}, {"l1": L1CacheConfig(enabled=False)}], ids=["l1_enabled", "l1"])
def test_no_layer_at_all_is_an_error(options):
    """Without a backend and without L1 nothing would be cached; the text says so and what to do."""
    with pytest.raises(ConfigurationError, match="backend=None with L1 off would cache nothing; give a backend, or leave L1 on"):
        cache(backend=None, **options)


# -- what cannot be decorated ------------------------------------------------------------------


def generator():
    yield 1


async def async_generator():
    yield 1


class Whole:
    def method(self): ...


without_module = type("Callable", (Secretive,), {"__call__": lambda self: 1, "__module__": None})()
without_module.__name__ = without_module.__qualname__ = "borrowed"

REFUSED = {
    "generator": (generator, ["generator", "return a list"]),
    "async generator": (async_generator, ["async_generator", "return a list"]),
    "class method of a generator": (classmethod(generator), ["generator", "return a list"]),
    "static method of an async generator": (staticmethod(async_generator), ["async_generator", "return a list"]),
    "property": (property(lambda self: 1), ["put @property above @cache"]),
    "class": (Whole, ["Whole is a class", "a function that makes it"]),
    "bound method": (Whole().method, ["<method object>", "in the class"]),
    "bound builtin": ("text".upper, ["bound to an object", "in the class"]),
    "partial": (functools.partial(max, 1), ["<partial object>", "a def of your own"]),
    "object with __call__": (type("Callable", (Secretive,), {"__call__": lambda self: 1})(), ["<Callable object>", "a def of your own"]),
    "method of a builtin class": (dict.get, ["<method_descriptor object>", "a def of your own"]),
    "object without a module": (without_module, ["<Callable object>", "a def of your own"]),
    "number": (60, ["got 60", "@cache(ttl=60)"]),
    "text": ("5m", ["got '5m'", "by name"]),
    "None": (None, ["got None", "by name"]),
    "any object": (Secretive(), ["<Secretive object>", "by name"]),
    "no signature": (dict.fromkeys, ["in the class"]),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("way", [cache, cache(ttl=60), cache.test], ids=["bare", "called", "intent"])
def test_what_cannot_be_cached_is_refused_when_decorated(what, way):
    """Each is refused with the remedy that is its own, and shows no user's repr."""
    refused_thing, parts = REFUSED[what]
    with pytest.raises(UnsupportedFunctionError) as refused:
        way(refused_thing)
    text = str(refused.value)
    for part in parts:
        assert part in text
    assert "hunter2" not in text
    assert " at 0x" not in text


# -- arguments without an identity ---------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=repr)
@pytest.mark.parametrize(
    "argument", [Secretive(), dt.datetime(2024, 1, 1), [Secretive()], {1: Secretive()}], ids=lambda value: type(value).__name__
)
def test_an_unstable_argument_is_refused_when_first_called(form, argument):
    """The error names function, argument, type and the three remedies; the function does not run and nothing is shown of the value."""
    function = form.function()
    cached = cache(backend=None)(function)
    for use in (cached, cached.invalidate_cache, cached.refresh):
        with pytest.raises(UncacheableArgumentError) as refused:
            form.call(use, argument)
        text = str(refused.value)
        for part in ("numbered()", "'n'", "ignore=('n',)", "key=", "__cache_key__()"):
            assert part in text
        assert "hunter2" not in text
    assert function.ran == []


class Unstable(Secretive):
    @cache(backend=None)
    def plain(self): ...

    @cache(backend=None)
    async def awaited(self): ...


@pytest.mark.parametrize("form, name", [(FORMS[0], "plain"), (FORMS[1], "awaited")], ids=repr)
def test_an_unstable_self_is_refused_with_every_remedy(form, name):
    """A plain object has no identity elsewhere; the error says so and what to do, and shows no repr."""
    method = getattr(Unstable(), name)
    for use in (lambda: form.call(method), lambda: method.key(), lambda: form.call(method.refresh)):
        with pytest.raises(UncacheableArgumentError) as refused:
            use()
        text = str(refused.value)
        for part in (f"Unstable.{name}()", "'self'", "test_bad_input.Unstable", "ignore=('self',)", "key=", "__cache_key__()"):
            assert part in text
        assert "hunter2" not in text
