"""The variables: defaults, ranges, the rule between two of them, and what is said about a bad one."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cachekit.config import load_settings
from cachekit.errors import ConfigurationError
from cachekit_file import FileBackend, FileBackendConfig, settings

DIRECTORY = "CACHEKIT_FILE_CACHE_DIR"
SIZE = "CACHEKIT_FILE_MAX_SIZE_MB"
VALUE = "CACHEKIT_FILE_MAX_VALUE_MB"
COUNT = "CACHEKIT_FILE_MAX_ENTRY_COUNT"
TIMEOUT = "CACHEKIT_FILE_LOCK_TIMEOUT_SECONDS"


def test_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With nothing set, every setting has the documented default."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert load_settings(FileBackendConfig).model_dump() == {
        "cache_dir": tmp_path / "cachekit",
        "max_size_mb": 1024,
        "max_value_mb": 100,
        "max_entry_count": 10_000,
        "lock_timeout_seconds": 5.0,
    }


@pytest.mark.parametrize(("variable", "text", "field", "value"), [
    (DIRECTORY, "/srv/cache", "cache_dir", Path("/srv/cache")),
    (SIZE, "1", "max_size_mb", 1),
    (SIZE, "1000000", "max_size_mb", 1_000_000),
    (VALUE, "512", "max_value_mb", 512.0),
    (VALUE, "0.25", "max_value_mb", 0.25),
    (COUNT, "100", "max_entry_count", 100),
    (COUNT, "1000000", "max_entry_count", 1_000_000),
    (TIMEOUT, "0.5", "lock_timeout_seconds", 0.5),
    (TIMEOUT, "30", "lock_timeout_seconds", 30.0),
])  # fmt: skip
def test_each_variable_is_read(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, field: str, value: Any) -> None:
    """A variable is read, up to both ends of its range."""
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(FileBackendConfig), field) == value


@pytest.mark.parametrize(("variable", "text", "takes"), [
    (SIZE, "0", "from 1 to 1000000"),
    (SIZE, "1000001", "from 1 to 1000000"),
    (SIZE, "1.5", "from 1 to 1000000"),
    (SIZE, "plenty", "from 1 to 1000000"),
    (VALUE, "0", "greater than 0"),
    (VALUE, "nan", "greater than 0"),
    (VALUE, "inf", "at most 512, half of CACHEKIT_FILE_MAX_SIZE_MB=1024"),
    (VALUE, "512.5", "at most 512, half of CACHEKIT_FILE_MAX_SIZE_MB=1024"),
    (COUNT, "99", "from 100 to 1000000"),
    (COUNT, "1000001", "from 100 to 1000000"),
    (TIMEOUT, "0.4", "from 0.5 to 30"),
    (TIMEOUT, "30.1", "from 0.5 to 30"),
    (TIMEOUT, "nan", "from 0.5 to 30"),
])  # fmt: skip
def test_a_bad_value_names_its_variable_and_its_range(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, takes: str) -> None:
    """A bad value names the variable, what it got and what it takes."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(FileBackendConfig)
    said = str(caught.value)
    assert said.startswith(f"{variable}={text!r}: takes "), said
    assert takes in said


@pytest.mark.parametrize(("size", "value"), [(1024, 100.0), (200, 100.0), (199, 99.5), (8, 4.0), (1, 0.5)])
def test_an_unset_value_limit_is_half_the_size_and_at_most_100(size: int, value: float) -> None:
    """MAX_VALUE_MB left unset is the smaller of 100 and half of MAX_SIZE_MB."""
    assert FileBackendConfig(max_size_mb=size).max_value_mb == value


def test_a_value_limit_over_half_the_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """MAX_VALUE_MB is at most half of MAX_SIZE_MB, whichever of them was set."""
    monkeypatch.setenv(SIZE, "10")
    monkeypatch.setenv(VALUE, "6")
    with pytest.raises(ConfigurationError, match=r"CACHEKIT_FILE_MAX_VALUE_MB='6': .*at most 5, half of CACHEKIT_FILE_MAX_SIZE_MB=10"):
        load_settings(FileBackendConfig)
    with pytest.raises(ValidationError, match="half of CACHEKIT_FILE_MAX_SIZE_MB=10"):
        FileBackendConfig(max_size_mb=10, max_value_mb=6)


def test_a_bad_variable_stops_the_backend_before_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend made from a bad environment raises when it is made."""
    monkeypatch.setenv(COUNT, "7")
    with pytest.raises(ConfigurationError, match=COUNT):
        FileBackend()


def test_a_relative_directory_stays_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative path is fixed when read, and a tilde is the home directory: a later chdir does not move the cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert FileBackendConfig(cache_dir=Path("here")).cache_dir == tmp_path / "here"
    assert FileBackendConfig(cache_dir=Path("~/cache")).cache_dir == Path("/home/somebody/cache")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_anothers_default_directory_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the default directory belongs to another user, one of our own is used, and that is said once at INFO."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(settings, "_said", set())
    (tmp_path / "cachekit").mkdir()
    os.chown(tmp_path / "cachekit", 12345, 12345)
    with caplog.at_level(logging.INFO, logger="cachekit"):
        configs = [load_settings(FileBackendConfig) for _ in range(3)]
    assert {config.cache_dir for config in configs} == {tmp_path / f"cachekit-{os.geteuid()}"}
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "uid 12345" in caplog.text


@pytest.mark.parametrize("variable", [DIRECTORY, SIZE])
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """As for every other setting: an empty text is no value."""
    monkeypatch.delenv(variable, raising=False)
    unset = load_settings(FileBackendConfig)
    monkeypatch.setenv(variable, "")
    assert load_settings(FileBackendConfig) == unset


def test_a_path_in_place_of_a_config_is_told(tmp_path: Path) -> None:
    """The likeliest first attempt gets an error that says how it is written."""
    with pytest.raises(ConfigurationError, match="cache_dir="):
        FileBackend(str(tmp_path))
