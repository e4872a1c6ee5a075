"""A backend that is configured and cannot be used is an error that says why, never a silent choice of another."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint

import pytest

from cachekit import _making, _plugins, _resolve, cache, hookimpl
from cachekit.builtin import plugin as built_in
from cachekit.contracts import BackendSpec, CompressorSpec, EncryptorSpec, SerializerSpec
from cachekit.errors import (
    BrokenPluginError,
    DuplicatePluginError,
    IncompatiblePluginError,
    UnknownPluginError,
)
from cachekit.testing import MemoryBackend
from crowd import Background
from forms import FORMS

SPECS = {"backend": BackendSpec, "serializer": SerializerSpec, "compressor": CompressorSpec, "encryptor": EncryptorSpec}


def providing(kind, *specs):
    """A plugin of these."""

    def hook(self):
        return specs

    hook.__name__ = f"cachekit_register_{kind}s"
    return type("Plugin", (), {hook.__name__: hookimpl(hook)})()


class Raising:
    @hookimpl
    def cachekit_register_backends(self):
        raise OSError("no libacorn")


@pytest.fixture
def registry(monkeypatch):
    """A machine on which nothing is installed, configured or made yet."""
    for variable in [variable for variable in os.environ if variable.startswith("CACHEKIT_") or variable == "REDIS_URL"]:
        monkeypatch.delenv(variable)
    registry = _plugins.Registry()
    registry.add(built_in, _plugins.Provider("built-in"))
    monkeypatch.setattr(_plugins, "registry", registry)
    monkeypatch.setattr(_making, "_made", {})
    monkeypatch.setattr(_resolve, "_stores", {})
    monkeypatch.setattr(_resolve, "_default", _resolve.UNSET)
    return registry


def acorn(factory=lambda settings: MemoryBackend(), **more):
    return BackendSpec(**{"name": "acorn", "api_version": 1, "factory": factory, "variables": ("CACHEKIT_ACORN_URL",), **more})


def twice(registry):
    for provider in ("one", "other"):
        registry.add(providing("backend", acorn()), _plugins.Provider(provider, EntryPoint(provider, "trees", "cachekit")))


def broken(registry):
    registry.add(Raising(), _plugins.Provider("acorn"))


def incompatible(registry):
    registry.add(providing("backend", acorn(api_version=99)), _plugins.Provider("acorn"))


def missing_module(registry):
    registry.discover([EntryPoint("acorn", "acorn_that_is_missing", "cachekit")], {})


def disabled(registry):
    registry.discover([EntryPoint("acorn", "acorn_that_is_missing", "cachekit")], {"CACHEKIT_DISABLE_PLUGINS": "acorn"})


def left_out(registry):
    oak = EntryPoint("oak", "cachekit.builtin.plugin", "cachekit")
    registry.discover([EntryPoint("acorn", "acorn_that_is_missing", "cachekit"), oak], {"CACHEKIT_PLUGINS": "oak"})


UNUSABLE = {
    # how: (variable that is set, error, words of it)
    twice: ("CACHEKIT_ACORN_URL", DuplicatePluginError, ["Uninstall one", "CACHEKIT_DISABLE_PLUGINS=one"]),
    broken: ("CACHEKIT_ACORN_URL", BrokenPluginError, ["CACHEKIT_ACORN_URL is set", "no libacorn"]),
    incompatible: ("CACHEKIT_ACORN_URL", IncompatiblePluginError, ["API 99", "install matching versions"]),
    missing_module: ("CACHEKIT_ACORN_POOL_SIZE", BrokenPluginError, ["CACHEKIT_ACORN_POOL_SIZE is set", "acorn_that_is_missing"]),
    disabled: ("CACHEKIT_ACORN_URL", UnknownPluginError, ["CACHEKIT_ACORN_URL is set", "CACHEKIT_DISABLE_PLUGINS leaves it out"]),
    left_out: ("CACHEKIT_ACORN_URL", UnknownPluginError, ["CACHEKIT_ACORN_URL is set", "CACHEKIT_PLUGINS leaves it out"]),
}
OURS = {
    "redis": ("CACHEKIT_REDIS_URL", "pip install cachekit-redis"),
    "memcached": ("CACHEKIT_MEMCACHED_SERVERS", "pip install cachekit-memcached"),
    "file": ("CACHEKIT_FILE_CACHE_DIR", "pip install cachekit-file"),
}


def refused(form, error):
    function = form.function()
    cached = cache(function)  # not yet: what is configured at the first call counts
    for _ in range(2):
        with pytest.raises(error) as raised:
            form.call(cached, 1)
    assert function.ran == []
    return str(raised.value)


@pytest.mark.parametrize("form", FORMS, ids=repr)
@pytest.mark.parametrize("how", UNUSABLE, ids=lambda how: how.__name__)
def test_a_configured_plugin_that_cannot_be_used_is_an_error(form, how, registry, monkeypatch):
    """Its variable is set, so L1 alone is not what was meant: each call says why it cannot be used and what to do."""
    variable, error, words = UNUSABLE[how]
    how(registry)
    monkeypatch.setenv(variable, "x")
    text = refused(form, error)
    for word in (*words, "acorn"):
        assert word in text


@pytest.mark.parametrize("form", FORMS, ids=repr)
@pytest.mark.parametrize("name", OURS)
def test_a_configured_backend_that_is_not_installed_is_an_error(form, name, registry, monkeypatch):
    """The text names the variable that nothing reads and the line that installs what would."""
    variable, install = OURS[name]
    monkeypatch.setenv(variable, "x")
    text = refused(form, UnknownPluginError)
    assert f"{variable} is set" in text
    assert install in text


@pytest.mark.parametrize("form", FORMS, ids=repr)
@pytest.mark.parametrize("how", [broken, incompatible, missing_module, disabled, left_out], ids=lambda how: how.__name__)
def test_an_unusable_plugin_that_nothing_configures_stops_nobody(form, how, registry):
    """Without its variable it was not asked for: the function is cached in this process."""
    how(registry)
    function = form.function()
    cached = cache(function)
    assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
    assert function.ran == [1]


@pytest.mark.parametrize("how, variable", [(disabled, "CACHEKIT_DISABLE_PLUGINS"), (left_out, "CACHEKIT_PLUGINS")])
def test_a_disabled_plugin_says_which_variable_leaves_it_out(how, variable, registry):
    """Asked for by name it is not "not installed": installing it again would change nothing."""
    how(registry)
    with pytest.raises(UnknownPluginError, match=f"installed, and {variable} leaves it out"):
        cache(backend="acorn")


@pytest.mark.parametrize("kind", SPECS)
def test_a_spec_says_which_api_it_is_written_for(kind):
    """A default would make every old plugin claim to be written for the API of today."""
    with pytest.raises(TypeError, match="api_version"):
        SPECS[kind](name="acorn", factory=MemoryBackend)


class Nameless:
    """The methods of every kind, and no name."""

    dumps = loads = compress = decompress = bytes


PRODUCTS = [
    ("backend", None, "which lacks get, set, delete, exists, health_check"),
    ("backend", {}, "returned a dict, which lacks set"),
    ("serializer", None, "returned a NoneType, which lacks dumps, loads"),
    ("serializer", Nameless(), "returned a Nameless, which has no name"),
    ("compressor", object(), "returned a object, which lacks compress, decompress"),
    ("compressor", Nameless(), "returned a Nameless, which has no name"),
]


@pytest.mark.parametrize("form", FORMS, ids=repr)
@pytest.mark.parametrize("kind, product, words", PRODUCTS)
def test_what_a_factory_makes_is_checked(form, kind, product, words, registry):
    """What is no such thing is an error that blames the plugin at the first call, not a failure of each call after it."""
    registry.add(providing(kind, SPECS[kind](name="acorn", api_version=1, factory=lambda settings: product)), _plugins.Provider("acorn"))
    function = form.function()
    cached = cache(**{"backend": None, kind: "acorn"})(function)
    with pytest.raises(BrokenPluginError, match=f"{kind}='acorn' could not be made: its factory .*{words}"):
        form.call(cached, 1)
    assert function.ran == []


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_factory_may_call_a_cached_function(form, registry):
    """Credentials that come through a cached function of another backend, which is made there and then, stop nobody."""
    asked = []

    def made(settings):
        asked.append(secret(1))
        # Another thread's first call, waited for: the factory is not run under a lock of everybody's.
        asked.append(Background(secret, 2).result())
        return MemoryBackend()

    birch = BackendSpec(name="birch", api_version=1, factory=lambda settings: MemoryBackend())
    registry.add(providing("backend", acorn(factory=made), birch), _plugins.Provider("trees"))
    secret = cache(backend="birch")(lambda n: n * 7)
    assert Background(form.call, cache(backend="acorn")(form.function()), 1).result() == 10
    assert asked == [7, 14]
