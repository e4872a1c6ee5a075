"""The plugin: found by its entry point, and light until it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import cachekit_file
from cachekit_file import FileBackend, FileBackendConfig, plugin


def test_the_entry_point_is_the_plugin() -> None:
    """The distribution registers its plugin under the group `cachekit`."""
    (found,) = [entry for entry in entry_points(group="cachekit") if entry.name == "file"]
    assert found.load() is plugin


def test_the_spec_makes_a_backend(directory: Path) -> None:
    """The one spec is named `file`, is recognised by its variable, and makes a backend from its settings."""
    (spec,) = plugin.cachekit_register_backends()
    assert (spec.name, spec.variables, spec.shared_variables, spec.works_unconfigured) == ("file", ("CACHEKIT_FILE_CACHE_DIR",), (), False)
    assert spec.settings is not None
    assert spec.settings() is FileBackendConfig
    backend = spec.factory(FileBackendConfig(cache_dir=directory))
    assert isinstance(backend, FileBackend)


def test_the_plugin_imports_neither_sqlite_nor_pydantic() -> None:
    """Discovery imports no driver and no settings."""
    code = (
        "import sys, cachekit_file.plugin as plugin; plugin.cachekit_register_backends();"
        "print({'sqlite3', '_sqlite3', 'pydantic'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_public_names() -> None:
    """The public names are there, and a misspelt one is an AttributeError."""
    assert cachekit_file.__all__ == ["FileBackend", "FileBackendConfig"]
    assert all(getattr(cachekit_file, name).__name__ == name for name in cachekit_file.__all__)
    with pytest.raises(AttributeError, match="FileBackened"):
        cachekit_file.FileBackened
