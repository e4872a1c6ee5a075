"""The registry on its own: entry points of distributions that lie in a folder, as an installer would leave them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

import pytest

from cachekit._plugins import BUILT_IN, KINDS, Provider, Registry
from cachekit.builtin import plugin as built_in
from cachekit.contracts import API_VERSION
from cachekit.errors import (
    BrokenPluginError,
    ConfigurationError,
    DuplicatePluginError,
    IncompatiblePluginError,
    PluginError,
    UnknownPluginError,
)

Discover = Callable[..., Registry]
HOOKS = {
    "backend": "cachekit_register_backends",
    "serializer": "cachekit_register_serializers",
    "compressor": "cachekit_register_compressors",
    "encryptor": "cachekit_register_encryptors",
}


@pytest.fixture
def discover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Discover:
    """Discovers plugins given as ``name="the text of its module"``, each of a distribution of its own, version 1.0."""
    monkeypatch.syspath_prepend(tmp_path)

    def discovered(environ: dict[str, str] | None = None, /, **modules: str) -> Registry:
        for name, text in modules.items():
            module = f"{tmp_path.name}_{name}".replace("-", "_")
            (tmp_path / f"{module}.py").write_text(text)
            info = tmp_path / f"{name}_cache-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-cache\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[cachekit]\n{name} = {module}\n")
        registry = Registry()
        registry.add(built_in, Provider("built-in"))
        found: list[EntryPoint] = [entry for dist in distributions(path=[str(tmp_path)]) for entry in dist.entry_points]
        registry.discover(found, environ or {})
        return registry

    return discovered


def plugin(hook: str, returns: str, before: str = "") -> str:
    """The text of a plugin's module whose one hook has this result."""
    return f"from cachekit import hookimpl\nfrom cachekit.contracts import *\n{before}\n@hookimpl\ndef {hook}():\n    return {returns}\n"


def backend(name: str, **more: object) -> str:
    given = "".join(f", {key}={value!r}" for key, value in {"api_version": 1, **more}.items())
    return plugin(HOOKS["backend"], f"[BackendSpec(name={name!r}, factory=object{given})]")


@pytest.mark.parametrize("kind", KINDS)
def test_each_hook_registers(discover: Discover, kind: Any) -> None:
    """What a plugin's hook returns is found under its kind and its name, and under no other kind."""
    registry = discover(acme=plugin(HOOKS[kind], f"[{kind.title()}Spec(name='acme', api_version=1, factory=object)]"))
    assert registry.failures == []
    assert registry.resolve(kind, "acme").name == "acme"
    assert [other for other in KINDS if "acme" in registry.names(other)] == [kind]


def test_one_plugin_many_specs(discover: Discover) -> None:
    """A hook may return several specs, and any iterable of them."""
    registry = discover(acme=plugin(HOOKS["backend"], "(BackendSpec(name=name, api_version=1, factory=object) for name in ('b', 'a'))"))
    assert registry.names("backend") == ["a", "b"]
    assert [spec.name for spec in registry.specs("backend")] == ["a", "b"]


def test_the_built_in_plugin_is_one_of_them() -> None:
    """Core's own serializers and compressors are registered by the hooks that others have."""
    registry = Registry()
    assert registry.names("serializer") == []
    registry.add(built_in, Provider("built-in"))
    assert {"std", "default"} <= set(registry.names("serializer"))
    assert {"zstd", "none"} <= set(registry.names("compressor"))


WRONG = {
    "raises at import": ("raise OSError('no libacme')", "raised OSError: no libacme"),
    "exits at import": ("raise SystemExit(3)", "raised SystemExit: 3"),
    "is no Python": ("def (", "raised SyntaxError: invalid syntax"),
    "imports what is missing": ("import acme_that_is_missing", "raised ModuleNotFoundError: No module named 'acme_that_is_missing'"),
    "misspells a hook": (plugin("cachekit_register_backend", "[]"), "unknown hook 'cachekit_register_backend'"),
    "has no hook": ("", "it implements no cachekit hook; mark its functions with `cachekit.hookimpl`"),
    "asks for arguments": (
        plugin(HOOKS["backend"], "[]").replace("backends()", "backends(settings)"),
        "{'settings'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "raises in its hook": (plugin(HOOKS["backend"], "1 / 0"), "cachekit_register_backends() raised ZeroDivisionError: division by zero"),
    "exits in its hook": (plugin(HOOKS["backend"], "exit(3)", "from sys import exit"), "cachekit_register_backends() raised SystemExit: 3"),
    "returns None": (plugin(HOOKS["backend"], "None"), "cachekit_register_backends() raised TypeError"),
    "returns text": (plugin(HOOKS["backend"], "'acme'"), "takes a sequence of BackendSpec"),
    "returns a spec alone": (plugin(HOOKS["backend"], "BackendSpec(name='acme', api_version=1, factory=object)"), "raised TypeError"),
    "returns the spec of another kind": (
        plugin(HOOKS["backend"], "[SerializerSpec(name='acme', api_version=1, factory=object)]"),
        "takes a sequence of BackendSpec",
    ),
    "has a name in capitals": (backend("Acme"), "names a backend 'Acme'; a name is lower-case letters"),
    "has an empty name": (backend(""), "names a backend ''; a name is lower-case letters"),
    "has no text for a name": (
        plugin(HOOKS["backend"], "[BackendSpec(name=3, api_version=1, factory=object)]"),
        "names a backend 3; a name is",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_bad_plugin_is_kept_as_a_failure(discover: Discover, wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is wrong with a plugin is told with its distribution and version, logged once, and hurts no other plugin."""
    text, why = WRONG[wrong]
    registry = discover(acme=text, good=backend("good"))
    (failure,) = registry.failures
    assert str(failure).startswith("acme-cache 1.0 (entry point 'acme'): ")
    assert why in str(failure)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.WARNING, f"plugin not used: {failure}")]
    assert registry.names("backend") == ["good"]
    with pytest.raises(BrokenPluginError) as raised:
        registry.resolve("backend", "acme")
    assert str(failure) in str(raised.value)
    assert raised.value.__cause__ is failure.cause


def test_a_plugin_is_registered_whole_or_not_at_all(discover: Discover) -> None:
    """A plugin whose second hook is wrong provides nothing of its first either."""
    good, bad = backend("acme"), plugin(HOOKS["compressor"], "['acme']")
    registry = discover(acme=good + bad)
    assert registry.names("backend") == []
    assert len(registry.failures) == 1


def test_two_of_one_name(discover: Discover) -> None:
    """A name that two distributions provide is nobody's; both are named, and so is the remedy, which works."""
    registry = discover(first=backend("acme"), second=backend("acme"))
    with pytest.raises(DuplicatePluginError) as raised:
        registry.resolve("backend", "acme")
    for words in ("first-cache 1.0", "second-cache 1.0", "CACHEKIT_DISABLE_PLUGINS=first", "CACHEKIT_DISABLE_PLUGINS=second"):
        assert words in str(raised.value)
    assert [spec.name for spec in registry.specs("backend")] == ["acme"]  # so that its variables still lead to the error
    assert len(registry.failures) == 1


def test_one_name_of_two_kinds(discover: Discover) -> None:
    """A backend and a serializer may have one name."""
    registry = discover(
        first=backend("acme"), second=plugin(HOOKS["serializer"], "[SerializerSpec(name='acme', api_version=1, factory=object)]")
    )
    assert registry.failures == []


def test_one_module_of_two_entry_points(discover: Discover, tmp_path: Path) -> None:
    """A module that two entry points name is registered once, and the second is told."""
    registry = discover(acme=backend("acme"))
    entry = EntryPoint("twin", f"{tmp_path.name}_acme".replace("-", "_"), "cachekit")
    registry.discover([entry], {})
    assert registry.resolve("backend", "acme").name == "acme"
    assert str(registry.failures[0]) == "entry point 'twin': another entry point already registered this module"


@pytest.mark.parametrize(
    ("kind", "name"), [("serializer", "std"), ("serializer", "default"), ("compressor", "zstd"), ("compressor", "none")]
)
def test_built_in_names_are_not_given_away(discover: Discover, kind: Any, name: str) -> None:
    """A third party's spec of a built-in name is refused and told, and the built-in one stays."""
    registry = discover(acme=plugin(HOOKS[kind], f"[{kind.title()}Spec(name={name!r}, api_version=1, factory=object)]"))
    assert registry.resolve(kind, name).factory is not object
    assert str(registry.failures[0]) == f"{kind} {name!r} of acme-cache 1.0 (entry point 'acme'): {BUILT_IN} already provides this name"


@pytest.mark.parametrize("version", [0, API_VERSION + 1, 99, "1", None])
def test_another_api_version(discover: Discover, version: object) -> None:
    """A spec of another API version is refused by name, with both versions, and its plugin's other specs work."""
    specs = f"[BackendSpec(name='new', factory=object, api_version={version!r}), BackendSpec(name='old', api_version=1, factory=object)]"
    registry = discover(acme=plugin(HOOKS["backend"], specs))
    assert registry.names("backend") == ["old"]
    with pytest.raises(IncompatiblePluginError, match=rf"acme-cache 1\.0.*plugin API {version}.*speaks {API_VERSION}"):
        registry.resolve("backend", "new")


def test_another_api_version_beside_a_good_one(discover: Discover) -> None:
    """A name that one distribution provides well and another for a wrong API version is the first one's."""
    registry = discover(first=backend("acme", api_version=99), second=backend("acme"))
    assert registry.resolve("backend", "acme").api_version == API_VERSION


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acmee", "Did you mean 'acme'?"),
        ("memcache", "Did you mean 'memcached'? Install it: pip install cachekit-memcached"),
        ("redis", "Install it: pip install cachekit-redis"),
        ("file", "Install it: pip install cachekit-file"),
        ("io", "Install it: pip install cachekit-io"),
        ("something else", "Installed: acme."),
    ],
)
def test_an_unknown_name(discover: Discover, name: str, words: str) -> None:
    """An unknown name is answered with what is installed, the nearest name, and how to install it."""
    with pytest.raises(UnknownPluginError) as raised:
        discover(acme=backend("acme")).resolve("backend", name)
    assert str(raised.value).startswith(f"backend={name!r}: no installed plugin provides a backend of this name.")
    assert words in str(raised.value)


def test_an_unknown_serializer(discover: Discover) -> None:
    """Install lines of backends are no answer to other kinds."""
    with pytest.raises(UnknownPluginError) as raised:
        discover().resolve("serializer", "redis")
    assert "pip install" not in str(raised.value)
    assert "Installed: arrow, auto, default, msgspec, orjson, pickle, std." in str(raised.value)


@pytest.mark.parametrize("variable", ["CACHEKIT_PLUGINS", "CACHEKIT_DISABLE_PLUGINS"])
def test_a_name_in_a_variable_that_nobody_has(discover: Discover, variable: str) -> None:
    """What the variable names and nobody provides is told by its name."""
    registry = discover({variable: "good,goood"}, good=backend("good"))
    (failure,) = registry.failures
    assert variable in str(failure)
    assert "goood" in str(failure)


def test_empty_variables_mean_nothing(discover: Discover) -> None:
    """An empty variable, or one of commas, restricts nothing."""
    registry = discover({"CACHEKIT_PLUGINS": " , ", "CACHEKIT_DISABLE_PLUGINS": ""}, good=backend("good"))
    assert (registry.names("backend"), registry.failures) == (["good"], [])


@pytest.mark.parametrize(
    "environ", [{"CACHEKIT_DISABLE_PLUGINS": "acme"}, {"CACHEKIT_DISABLE_PLUGINS": "acme-cache"}, {"CACHEKIT_PLUGINS": "good"}]
)
def test_what_is_kept_out_is_not_imported(discover: Discover, environ: dict[str, str]) -> None:
    """The module of a plugin that a variable keeps out does not run, and the others work."""
    registry = discover(environ, acme="raise OSError", good=backend("good"))
    assert (registry.names("backend"), registry.failures) == (["good"], [])


def test_one_hierarchy() -> None:
    """Every error of a plugin is a `PluginError`, a `ConfigurationError` and a `ValueError`."""
    for error in (UnknownPluginError, BrokenPluginError, DuplicatePluginError, IncompatiblePluginError):
        assert issubclass(error, PluginError)
    assert issubclass(PluginError, ConfigurationError)
    assert issubclass(PluginError, ValueError)
