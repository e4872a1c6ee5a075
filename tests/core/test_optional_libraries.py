"""Without an optional library all else works, and what needs it says what to install."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cachekit.compressors
import cachekit.serializers
from cachekit import _making, cache
from cachekit.errors import BrokenPluginError, CachekitError, ConfigurationError
from cachekit.testing import MemoryBackend

PROJECT = Path(__file__).parents[2] / "packages" / "cachekit-core" / "pyproject.toml"
PUBLIC = {"cachekit.serializers": cachekit.serializers, "cachekit.compressors": cachekit.compressors}

NEEDS = [("serializer", "orjson"), ("serializer", "msgspec"), ("compressor", "lz4")]
CLASSES = {"orjson": "OrjsonSerializer", "msgspec": "MsgspecSerializer", "lz4": "Lz4Compressor"}


@pytest.fixture
def missing(monkeypatch):
    """Blocks the import of a library, and forgets what was made with it."""

    def block(library):
        for module in [name for name in sys.modules if name.partition(".")[0] == library]:
            monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, library, None)
        monkeypatch.setattr(_making, "_made", {})

    return block


@pytest.mark.parametrize(("kind", "library"), NEEDS)
def test_a_missing_library_is_an_error_that_says_what_to_install(missing, kind, library):
    """By name at the latest in the first call; by class at once. It is a configuration error, and keeps its cause."""
    missing(library)

    def first_call():
        @cache(ttl=60, backend=MemoryBackend(), **{kind: library})
        def function(n: int) -> int:
            return n

        function(1)

    make = getattr(PUBLIC[f"cachekit.{kind}s"], CLASSES[library])
    for attempt in (first_call, make):
        with pytest.raises(BrokenPluginError) as refusal:
            attempt()
        assert f"pip install 'cachekit-core[{library}]'" in str(refusal.value)
        assert f"{kind} {library!r}" in str(refusal.value)
        assert isinstance(refusal.value, ConfigurationError)
        assert isinstance(refusal.value.__cause__, ImportError)


@pytest.mark.parametrize(("kind", "library"), NEEDS)
def test_a_missing_library_stops_nothing_else(missing, kind, library):
    """The names are known, and every other one works."""
    missing(library)
    for other_kind, other in NEEDS:
        if other != library:
            assert _making.made(other_kind, other).name == other
    assert _making.made("serializer", "std").name == "std"
    assert _making.made("compressor", "zstd").name == "zstd"


@pytest.mark.parametrize("module", PUBLIC)
def test_public_modules_offer_what_they_name(module):
    """Every name of `__all__` is a class with a `name`, and nothing else is there."""
    public = PUBLIC[module]
    for name in public.__all__:
        assert isinstance(getattr(public, name).name, str)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        public.Nothing


def test_importing_imports_no_library():
    """`import cachekit` and the public modules leave every codec's library for later."""
    program = "import sys, cachekit, cachekit.serializers, cachekit.compressors; print(sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    libraries = ("numpy", "pandas", "polars", "pyarrow", "orjson", "msgspec", "lz4", "attrs", "attr", "pydantic", "ormsgpack", "zstandard")
    assert [library for library in libraries if f"'{library}'" in run.stdout] == []


@pytest.mark.parametrize("name", ["std", "default", "orjson", "msgspec"])
def test_the_size_setting_reaches_a_serializer(monkeypatch, name):
    """`CACHEKIT_MAX_VALUE_SIZE_MB` bounds what it writes."""
    monkeypatch.setattr(_making, "_made", {})
    value = ["x" * (3 << 20)]
    assert len(_making.made("serializer", name).dumps(value)) > 3 << 20
    monkeypatch.setenv("CACHEKIT_MAX_VALUE_SIZE_MB", "2")
    monkeypatch.setattr(_making, "_made", {})
    with pytest.raises(CachekitError, match=r"CACHEKIT_MAX_VALUE_SIZE_MB|bytes"):
        _making.made("serializer", name).dumps(value)


@pytest.mark.parametrize("name", ["zstd", "lz4", "gzip"])
def test_the_level_setting_reaches_a_compressor(monkeypatch, name):
    """`CACHEKIT_COMPRESSION_LEVEL` is the level of every compressor that goes by its name."""
    data = bytes(range(256)) * 40 + b"".join(b"%d, " % (n * n) for n in range(5000))
    for level in (1, 9):
        monkeypatch.setenv("CACHEKIT_COMPRESSION_LEVEL", str(level))
        monkeypatch.setattr(_making, "_made", {})
        made = _making.made("compressor", name)
        assert made.compress(data) == type(made)(level).compress(data) != type(made)(10 - level).compress(data)


def test_every_library_has_an_extra_that_names_it():
    """What an error tells people to install exists, and `all` has it too."""
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for _, library in NEEDS:
        assert [requirement.partition(">")[0] for requirement in extras[library]] == [library]
        assert importlib.import_module(library)
        assert library in extras["all"][0]
    assert extras["json"] == extras["orjson"]
