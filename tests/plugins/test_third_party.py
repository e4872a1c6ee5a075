"""Plugins as third parties ship them: found by name when good, and when bad a matter of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PRICES = """
import json, sys
from cachekit import cache
runs = 0
@cache(backend="acme", serializer="acme-json", compressor="acme-zlib")
def prices(item):
    global runs
    runs += 1
    return [item] * 1000
assert prices("tea") == ["tea"] * 1000
assert prices("tea") == ["tea"] * 1000
info = prices.cache_info()
print(json.dumps([runs, info.l1_hits, info.l2_hits, info.backend_errors, info.unread]))
"""

DOUBLE = """
from cachekit import cache
@cache(backend={backend!r})
def double(n):
    return 2 * n
assert double(4) == 8
"""

FAILURES = "import cachekit, json; print(json.dumps(cachekit.plugin_failures()))"

# What is said of each bad plugin: who it is, and why it is not used.
TOLD = {
    "broken": ["broken-cache 1.2.3", "entry point 'broken'", "OSError: libbroken.so.4 not found"],
    "exit": ["exit-cache 1.2.3", "entry point 'exit'", "SystemExit: exit-cache needs a licence"],
    "misspelt": ["misspelt-cache 1.2.3", "entry point 'misspelt'", "unknown hook 'cachekit_register_backend'"],
    "silent": ["silent-cache 1.2.3", "entry point 'silent'", "implements no cachekit hook", "cachekit.hookimpl"],
    "nonsense": ["nonsense-cache 1.2.3", "entry point 'nonsense'", "cachekit_register_backends()", "takes a sequence of BackendSpec"],
    "nonsense-specs": ["nonsense-cache 1.2.3", "entry point 'nonsense-specs'", "takes a sequence of CompressorSpec"],
    "wrongapi": ["backend 'wrongapi'", "wrongapi-cache 99.0", "plugin API 99", "speaks 1", "install matching versions"],
    "acme-spare": ["backend 'acme-spare'", "duplicate-cache 0.9", "acme-cache 2.1.0", "neither is used"],
    "std": ["serializer 'std'", "duplicate-cache 0.9", "cachekit-core already provides this name"],
}


def failures(installed: Any, **environ: str) -> list[str]:
    told: list[str] = json.loads(installed.run(FAILURES, **environ))
    return told


def test_found_by_name(installed: Any, tmp_path: Path) -> None:
    """A backend, a serializer and a compressor of a third party work by their names, from call to call and process to process."""
    acme = {"ACME_DIRECTORY": str(tmp_path)}
    assert json.loads(installed.run(PRICES, **acme)) == [1, 1, 0, 0, {}]
    assert json.loads(installed.run(PRICES, **acme)) == [0, 1, 1, 0, {}]


def test_found_by_its_variable(installed: Any, tmp_path: Path) -> None:
    """A third party's backend is recognised in the environment, as our own are."""
    program = PRICES.replace('backend="acme", ', "")
    assert json.loads(installed.run(program, ACME_DIRECTORY=str(tmp_path))) == [1, 1, 0, 0, {}]
    assert list(tmp_path.iterdir())


def test_used_as_an_instance(installed: Any, tmp_path: Path) -> None:
    """A third party's serializer and compressor work as objects too, and read what was written by name."""
    program = PRICES.replace('serializer="acme-json", compressor="acme-zlib"', "serializer=AcmeJson(), compressor=AcmeZlib()")
    acme = {"ACME_DIRECTORY": str(tmp_path)}
    assert json.loads(installed.run(PRICES, **acme)) == [1, 1, 0, 0, {}]
    assert json.loads(installed.run(f"from acme_cache.values import AcmeJson, AcmeZlib\n{program}", **acme)) == [0, 1, 1, 0, {}]


def test_each_bad_plugin_is_told_of(installed: Any) -> None:
    """Every bad plugin is one failure that names its distribution, its version and what is wrong, and no good plugin is one."""
    told = failures(installed)
    for name, words in TOLD.items():
        assert [text for text in told if all(word in text for word in words)] != [], (name, told)
    assert len(told) == len(TOLD), told


def test_one_warning_each(installed: Any) -> None:
    """Importing cachekit logs one WARNING for each failure, and nothing more."""
    program = """
import logging, json
records = []
class Kept(logging.Handler):
    def emit(self, record):
        records.append((record.name, record.levelname, record.getMessage()))
logging.getLogger().addHandler(Kept())
import cachekit
import cachekit.contracts
print(json.dumps([records, cachekit.plugin_failures()]))
"""
    records, told = json.loads(installed.run(program))
    assert records == [["cachekit", "WARNING", f"plugin not used: {text}"] for text in told]


@pytest.mark.parametrize("name", ["broken", "exit", "misspelt", "silent", "nonsense"])
def test_using_a_broken_plugin(installed: Any, name: str) -> None:
    """Asking for a plugin that could not be used raises when decorating, and says which distribution it is of and why."""
    ran = installed.try_run(DOUBLE.format(backend=name))
    error = ran.stderr.strip().splitlines()[-1]
    assert ran.returncode == 1
    assert error.startswith(f"cachekit.errors.BrokenPluginError: backend={name!r}: ")
    assert all(word in error for word in TOLD[name])


def test_using_a_plugin_of_another_api(installed: Any) -> None:
    """Asking for a plugin of another API version names the distribution, both versions and the remedy."""
    error = installed.try_run(DOUBLE.format(backend="wrongapi")).stderr.strip().splitlines()[-1]
    assert error.startswith("cachekit.errors.IncompatiblePluginError: backend='wrongapi': wrongapi-cache 99.0")
    assert all(word in error for word in TOLD["wrongapi"][1:])


def test_using_an_ambiguous_name(installed: Any) -> None:
    """A name that two distributions provide raises when decorating, and names both and the remedy."""
    error = installed.try_run(DOUBLE.format(backend="acme-spare")).stderr.strip().splitlines()[-1]
    assert error.startswith("cachekit.errors.DuplicatePluginError: backend='acme-spare': ")
    assert "acme-cache 2.1.0 (entry point 'acme')" in error
    assert "duplicate-cache 0.9 (entry point 'duplicate')" in error
    assert "CACHEKIT_DISABLE_PLUGINS=acme or CACHEKIT_DISABLE_PLUGINS=duplicate" in error


def test_an_ambiguous_name_is_settled(installed: Any, tmp_path: Path) -> None:
    """The remedy of an ambiguous name works: with one of the two disabled, the other is used."""
    installed.run(DOUBLE.format(backend="acme-spare"), CACHEKIT_DISABLE_PLUGINS="duplicate", ACME_DIRECTORY=str(tmp_path))
    assert list(tmp_path.iterdir())


def test_built_in_names_stay(installed: Any, tmp_path: Path) -> None:
    """A third party that registers a built-in name does not get it: core's own goes on working."""
    program = DOUBLE.format(backend="acme").replace("@cache(", "@cache(serializer='std', ")
    installed.run(program, ACME_DIRECTORY=str(tmp_path))
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", ["file", None])
def test_every_other_plugin_works(installed: Any, tmp_path: Path, backend: str | None) -> None:
    """With all the bad plugins installed our own backends work as ever."""
    installed.run(DOUBLE.format(backend=backend), CACHEKIT_FILE_CACHE_DIR=str(tmp_path / "files"))
    assert backend is None or list(tmp_path.iterdir())


def test_an_unknown_name(installed: Any) -> None:
    """An unknown name is told what is installed, the nearest name, and of the plugins that are not used."""
    error = installed.try_run(DOUBLE.format(backend="acmee")).stderr.strip().splitlines()[-1]
    assert error.startswith("cachekit.errors.UnknownPluginError: backend='acmee': ")
    assert "Did you mean 'acme'?" in error
    assert "broken-cache 1.2.3" in error


@pytest.mark.parametrize("only", ["acme", "acme-cache", " ACME , file,cachekit-redis"])
def test_only_these_plugins(installed: Any, tmp_path: Path, only: str) -> None:
    """CACHEKIT_PLUGINS keeps out, and does not import, what it does not name; a name is an entry point's or a distribution's."""
    assert failures(installed, CACHEKIT_PLUGINS=only) == []
    acme = {"CACHEKIT_PLUGINS": only, "ACME_DIRECTORY": str(tmp_path)}
    assert json.loads(installed.run(PRICES, **acme)) == [1, 1, 0, 0, {}]


@pytest.mark.parametrize("disabled", ["broken", "broken-cache", "exit-cache,broken"])
def test_disabled_plugins(installed: Any, disabled: str) -> None:
    """CACHEKIT_DISABLE_PLUGINS keeps these out, by entry point or by distribution, and no others."""
    told = failures(installed, CACHEKIT_DISABLE_PLUGINS=disabled)
    assert len(told) == len(TOLD) - len(disabled.split(","))
    assert not any("broken-cache" in text for text in told)


def test_disabled_wins(installed: Any) -> None:
    """A plugin that both variables name is kept out."""
    error = installed.try_run(DOUBLE.format(backend="acme"), CACHEKIT_PLUGINS="acme,file", CACHEKIT_DISABLE_PLUGINS="acme-cache").stderr
    assert "UnknownPluginError: backend='acme'" in error


@pytest.mark.parametrize("variable", ["CACHEKIT_PLUGINS", "CACHEKIT_DISABLE_PLUGINS"])
def test_names_that_nobody_has(installed: Any, variable: str) -> None:
    """A name in either variable that is no installed plugin's is told, and the others hold."""
    told = failures(installed, **{variable: "acme,acmee"})
    assert [text for text in told if variable in text and "acmee" in text] != []
    assert not any(variable in text and "'acme'" in text for text in told)


def test_importing_imports_no_driver(installed: Any) -> None:
    """`from cachekit import cache` imports no driver, settings library, codec or event loop, whatever is installed."""
    program = """
import sys
before = set(sys.modules)
from cachekit import cache
heavy = {"asyncio", "cryptography", "ormsgpack", "pydantic", "pydantic_settings", "redis", "sqlite3", "xxhash", "zstandard"}
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] in heavy or name.startswith("acme_cache.")))
"""
    assert installed.run(program).split() == ["acme_cache.plugin"]


def test_our_plugins_import_only_themselves(installed: Any) -> None:
    """Of our own backend distributions `import cachekit` imports their lazy package and their hooks."""
    program = "import cachekit, sys; print(*sorted(name for name in sys.modules if name.startswith(('cachekit_file', 'cachekit_redis'))))"
    assert installed.run(program).split() == ["cachekit_file", "cachekit_file.plugin", "cachekit_redis", "cachekit_redis.plugin"]
