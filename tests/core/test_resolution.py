"""Which backend a function gets: the call's, the default, `CACHEKIT_BACKEND`, the environment's; chosen at the first call, then fixed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys

import pytest

from cachekit import _plugins, _resolve, cache, hookimpl, set_default_backend
from cachekit.builtin import plugin as built_in
from cachekit.contracts import BackendSpec
from cachekit.errors import ConfigurationError, UnknownPluginError
from cachekit.testing import MemoryBackend
from forms import FORMS, moved_clock

VARIABLES = (
    "CACHEKIT_BACKEND", "REDIS_URL", "CACHEKIT_REDIS_URL", "CACHEKIT_FILE_CACHE_DIR", "ACORN_URL", "CACHEKIT_ACORN", "CACHEKIT_BIRCH",
    "CACHEKIT_BIRCH_TOO", "CEDAR_URL",
)  # fmt: skip


class Named(MemoryBackend):
    """A backend that knows what it was registered as."""

    def __init__(self, name):
        super().__init__()
        self.name = name


def spec(name, **recognised):
    return BackendSpec(name=name, api_version=1, factory=lambda settings: Named(name), **recognised)


ACORN = spec("acorn", variables=("CACHEKIT_ACORN",), shared_variables=("ACORN_URL",), works_unconfigured=True)
BIRCH = spec("birch", variables=("CACHEKIT_BIRCH", "CACHEKIT_BIRCH_TOO"))
CEDAR = spec("cedar", shared_variables=("CEDAR_URL",))
DATE = spec("date", works_unconfigured=True)


@pytest.fixture
def installed(monkeypatch):
    """A machine on which just these are installed, and nothing is configured or made yet."""

    def install(*specs):
        class Plugin:
            @staticmethod
            @hookimpl
            def cachekit_register_backends():
                return specs

        registry = _plugins.Registry()
        registry.add(built_in, _plugins.Provider("built-in"))
        registry.add(Plugin(), _plugins.Provider("trees"))
        assert registry.failures == []
        monkeypatch.setattr(_plugins, "registry", registry)

    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(_resolve, "_stores", {})
    monkeypatch.setattr(_resolve, "_default", _resolve.UNSET)
    monkeypatch.setattr(_resolve, "_said_l1_only", False)
    install(ACORN, BIRCH, CEDAR)
    return install


@pytest.fixture(params=FORMS, ids=repr)
def form(request):
    return request.param


def used(form, cached):
    """The names of the made backends that hold an entry once *cached* was called."""
    form.call(cached, 1)
    return [name for name, store in sorted(_resolve._stores.items()) if store.backend._entries]


ENVIRONMENTS = [
    # what is set, which backend it means
    ({}, ["acorn"]),
    ({"CACHEKIT_ACORN": "x"}, ["acorn"]),
    ({"CACHEKIT_BIRCH": "x"}, ["birch"]),
    ({"CACHEKIT_BIRCH_TOO": "x"}, ["birch"]),
    ({"CACHEKIT_BIRCH": "x", "CACHEKIT_BIRCH_TOO": "x"}, ["birch"]),
    ({"CEDAR_URL": "x"}, ["cedar"]),
    ({"ACORN_URL": "x"}, ["acorn"]),
    ({"ACORN_URL": "x", "CACHEKIT_BIRCH": "x"}, ["birch"]),  # what others read too yields to our own
    ({"CEDAR_URL": "x", "CACHEKIT_BIRCH": "x"}, ["birch"]),
    ({"CEDAR_URL": "x", "CACHEKIT_ACORN": "x"}, ["acorn"]),
    ({"CACHEKIT_BIRCH": ""}, ["acorn"]),  # empty is not set
    ({"CACHEKIT_BACKEND": "cedar"}, ["cedar"]),
    ({"CACHEKIT_BACKEND": "cedar", "CACHEKIT_BIRCH": "x", "CACHEKIT_ACORN": "x"}, ["cedar"]),
]


@pytest.mark.parametrize("environment, names", ENVIRONMENTS, ids=repr)
def test_the_environment_names_the_backend(form, installed, environment, names, monkeypatch):
    """A variable of its own selects a backend, `CACHEKIT_BACKEND` stands above, a shared one yields, then what needs no configuration."""
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert used(form, cache(form.function())) == names


@pytest.mark.parametrize(
    "variables", [("CACHEKIT_ACORN", "CACHEKIT_BIRCH"), ("CACHEKIT_BIRCH_TOO", "CACHEKIT_ACORN"), ("ACORN_URL", "CEDAR_URL")]
)
def test_two_backends_in_the_environment_are_an_error_that_names_them(form, installed, variables, monkeypatch):
    """Never a silent choice: the text names both variables, both backends and the way out, and the function does not run."""
    for variable in variables:
        monkeypatch.setenv(variable, "redis://:hunter2@example")
    function = form.function()
    with pytest.raises(ConfigurationError) as refused:
        form.call(cache(function), 1)
    for part in (*variables, "acorn", "CACHEKIT_BACKEND=", "unset all but one"):
        assert part in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert function.ran == []
    monkeypatch.setenv("CACHEKIT_BACKEND", "acorn")
    assert used(form, cache(function)) == ["acorn"]


def test_two_that_need_no_configuration_are_an_error_that_names_them(form, installed):
    """Which of them was meant nobody can know."""
    installed(ACORN, DATE)
    with pytest.raises(ConfigurationError, match=r"acorn, date are installed and none is configured; choose with CACHEKIT_BACKEND=acorn"):
        form.call(cache(form.function()), 1)


def test_with_nothing_installed_it_is_l1_only_and_said_once(form, installed, caplog):
    """At INFO, once a process; `backend=None` says so without a word."""
    installed()
    caplog.set_level(logging.INFO, logger="cachekit")
    form.call(cache(backend=None)(form.function()), 1)
    assert caplog.records == []
    for _ in range(3):
        function = form.function()
        cached = cache(function)
        assert [form.call(cached, 1), form.call(cached, 1)] == [10, 10]
        assert function.ran == [1]
    (said,) = caplog.records
    assert said.levelno == logging.INFO
    assert "this process only" in said.getMessage()


def test_the_call_stands_above_the_default_and_the_default_above_the_environment(form, installed, monkeypatch):
    """`backend=` (object, name or None) › `set_default_backend` (object, name or None) › `CACHEKIT_BACKEND`."""
    monkeypatch.setenv("CACHEKIT_BACKEND", "birch")
    assert used(form, cache(form.function())) == ["birch"]
    set_default_backend("cedar")
    assert used(form, cache(form.function())) == ["birch", "cedar"]
    assert used(form, cache(backend="acorn")(form.function())) == ["acorn", "birch", "cedar"]
    theirs, ours = MemoryBackend(), MemoryBackend()
    set_default_backend(theirs)
    form.call(cache(form.function()), 1)
    form.call(cache(backend=ours)(form.function()), 1)
    assert len(theirs._entries) == len(ours._entries) == 2  # a marker and an entry each
    for store in _resolve._stores.values():
        store.backend._entries.clear()
    set_default_backend(None)
    assert used(form, cache(form.function())) == []
    set_default_backend("birch")
    assert used(form, cache(backend=None)(form.function())) == []


def test_the_backend_is_chosen_at_the_first_call_and_then_fixed(form, installed, monkeypatch):
    """Not at decoration: what is configured between the two counts. And not later: what is configured after it does not."""
    first, second = MemoryBackend(), MemoryBackend()
    cached = cache(l1_enabled=False)(form.function())
    set_default_backend(first)
    form.call(cached, 1)
    set_default_backend(second)
    monkeypatch.setenv("CACHEKIT_BACKEND", "birch")
    form.call(cached, 2)
    assert len(first._entries) == 3
    assert second._entries == {}
    assert _resolve._stores == {}


def test_the_ttl_is_read_at_the_first_call_and_then_fixed(form, installed, monkeypatch):
    """As the backend is."""
    clock = moved_clock(monkeypatch)
    function = form.function()
    cached = cache(backend=None)(function)
    monkeypatch.setenv("CACHEKIT_DEFAULT_TTL", "100")
    form.call(cached, 1)
    monkeypatch.setenv("CACHEKIT_DEFAULT_TTL", "1")
    form.call(cached, 2)
    clock.move(30)
    form.call(cached, 2)
    assert function.ran == [1, 2]


def test_a_named_backend_is_made_once_a_process(form, installed):
    """Functions that name one share it, by whichever way they came to the name."""
    set_default_backend("birch")
    for given in ({"backend": "birch"}, {}, {"backend": "birch"}):
        form.call(cache(**given)(form.function(lambda n: given)), 1)
    assert list(_resolve._stores) == ["birch"]


def test_a_name_is_checked_at_decoration_and_its_backend_made_at_the_first_call(form, installed):
    """A mistake shows before traffic; a connection is not made before it is needed."""
    cached = cache(backend="birch")(form.function())
    assert _resolve._stores == {}
    assert cached.key(1)
    assert _resolve._stores == {}
    form.call(cached, 1)
    assert list(_resolve._stores) == ["birch"]
    with pytest.raises(UnknownPluginError, match="Did you mean 'birch'"):
        cache(backend="brich")


def test_an_unknown_name_in_the_environment_is_an_error_that_names_the_variable(form, installed, monkeypatch):
    """At the first call, with the nearest name."""
    monkeypatch.setenv("CACHEKIT_BACKEND", "brich")
    function = form.function()
    with pytest.raises(UnknownPluginError, match=r"CACHEKIT_BACKEND.*'brich'.*Did you mean 'birch'"):
        form.call(cache(function), 1)
    assert function.ran == []


@pytest.mark.parametrize("closed_by", ["close", "aclose"])
def test_a_backend_that_cannot_be_closed_keeps_no_other_open(installed, closed_by, monkeypatch):
    """Each is closed, whatever happens to the one before it."""

    def fail(self):
        raise ConnectionError

    for name in ("acorn", "birch", "cedar"):
        cache(backend=name)(FORMS[0].function())(1)
    made = {name: store.backend for name, store in _resolve._stores.items()}
    monkeypatch.setattr(type(made["acorn"]), "close", lambda self: fail(self) if self.name == "birch" else MemoryBackend.close(self))
    with contextlib.suppress(ConnectionError):
        cache.close() if closed_by == "close" else asyncio.run(cache.aclose())
    assert [name for name, backend in made.items() if not backend.health_check()[0]] == ["acorn", "cedar"]


# -- the real ones -----------------------------------------------------------------------------------


PROGRAM = """
import logging, sys
logging.basicConfig(level=logging.ERROR)
from cachekit import _resolve, cache

@cache
def double(n):
    return 2 * n

try:
    double(4)
    print(*_resolve._stores)
except ValueError as error:
    print(type(error).__name__, error)
cache.close()
"""
UNREACHABLE = "redis://127.0.0.1:1/0"
REAL = [
    ({"CACHEKIT_FILE_CACHE_DIR": "{folder}"}, "file"),
    ({"CACHEKIT_FILE_CACHE_DIR": "{folder}", "REDIS_URL": UNREACHABLE}, "file"),
    ({"CACHEKIT_REDIS_URL": UNREACHABLE}, "redis"),
    ({"REDIS_URL": UNREACHABLE}, "redis"),
    ({"CACHEKIT_BACKEND": "file", "CACHEKIT_FILE_CACHE_DIR": "{folder}", "CACHEKIT_REDIS_URL": UNREACHABLE}, "file"),
    ({"CACHEKIT_FILE_CACHE_DIR": "{folder}", "CACHEKIT_REDIS_URL": UNREACHABLE}, "ConfigurationError"),
    ({"CACHEKIT_ENABLED": "false", "CACHEKIT_REDIS_URL": UNREACHABLE}, ""),
]


@pytest.mark.parametrize("environment, expected", REAL, ids=repr)
def test_redis_and_file_are_recognised_by_their_variables(environment, expected, tmp_path):
    """With both installed, in a process of its own: each variable means its backend, two of them are an error naming both."""
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES and not name.startswith("CACHEKIT_")}
    given = {name: value.format(folder=tmp_path / "store") for name, value in environment.items()}
    process = subprocess.run([sys.executable, "-c", PROGRAM], env=clean | given, capture_output=True, text=True, timeout=60, check=True)
    said = process.stdout.strip()
    if expected == "ConfigurationError":
        assert said.startswith("ConfigurationError CACHEKIT_FILE_CACHE_DIR and CACHEKIT_REDIS_URL ")
        assert "127.0.0.1" not in said
    else:
        assert said == expected
