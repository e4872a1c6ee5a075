"""What may be a password is in no text: not of an error, not of a log, not of a traceback's own lines."""

from __future__ import annotations

import logging
import traceback

import pytest
from pydantic import Field, Secret, SecretBytes, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from cachekit import _resolve, cache, set_default_backend
from cachekit.config import load_settings
from cachekit.errors import ConfigurationError, UnknownPluginError
from forms import FORMS

SECRET = "hunter2"
URLS = [f"redis://:{SECRET}@cache.example/0", f"rediss://user:{SECRET}@cache.example:6380", f"user:{SECRET}@cache.example"]


def assert_nothing_shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the text and the repr, nor in what it came from, nor in a log."""
    said = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    # The lines of source that a traceback quotes are the test's own; none of them spells the secret.
    assert SECRET not in said


@pytest.fixture(autouse=True)
def log(caplog):
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("kind", ["backend", "serializer", "compressor"])
@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_a_url_in_the_place_of_a_name_is_not_shown(kind, url, caplog):
    """The text says that a name or an object goes there, and where a URL goes."""
    with pytest.raises(UnknownPluginError, match=f"{kind}=: takes an installed name .* a URL goes into") as refused:
        cache(**{kind: url})
    assert_nothing_shown(refused.value, caplog)


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_a_url_as_the_default_backend_is_not_shown(url, caplog):
    """`set_default_backend` takes what `backend=` takes, and is as discreet."""
    with pytest.raises(UnknownPluginError) as refused:
        set_default_backend(url)
    assert_nothing_shown(refused.value, caplog)


@pytest.mark.parametrize("form", FORMS, ids=repr)
@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_a_url_in_the_environment_is_not_shown(form, url, caplog, monkeypatch):
    """`CACHEKIT_BACKEND` takes a name: the error names the variable, and the function does not run."""
    monkeypatch.setattr(_resolve, "_default", _resolve.UNSET)
    monkeypatch.setenv("CACHEKIT_BACKEND", url)
    function = form.function()
    with pytest.raises(UnknownPluginError, match="CACHEKIT_BACKEND") as refused:
        form.call(cache(function), 1)
    assert_nothing_shown(refused.value, caplog)
    assert function.ran == []


@pytest.mark.parametrize("intent", [cache, cache.minimal, cache.test, cache.dev, cache.production], ids=repr)
@pytest.mark.parametrize("option", ["password", "redis_url", "master_key", "backendd"])
def test_the_value_of_an_unknown_option_is_not_shown(intent, option, caplog):
    """What an option that there is not was meant to be, nobody knows; its name is enough to find it."""
    with pytest.raises(ConfigurationError, match=f"{option}=: cache\\(\\) has no such option") as refused:
        intent(**{option: SECRET})
    assert_nothing_shown(refused.value, caplog)


class Vault(BaseSettings):
    """Secrets of every kind that pydantic has."""

    model_config = SettingsConfigDict(env_prefix="VAULT_")

    text: SecretStr = Field(default=SecretStr(""), min_length=40)
    data: SecretBytes = Field(default=SecretBytes(b""), min_length=40)
    pin: Secret[int] = Secret(3)
    maybe: SecretBytes | None = Field(default=None, min_length=40)
    tokens: list[SecretStr] = Field(default=[], min_length=3)


@pytest.mark.parametrize(
    "variable, value",
    [
        ("VAULT_TEXT", SECRET),
        ("VAULT_DATA", SECRET),
        ("VAULT_PIN", SECRET),
        ("VAULT_MAYBE", SECRET),
        ("VAULT_TOKENS", f'["{SECRET}"]'),
        ("VAULT_TOKENS", SECRET),
    ],
)
def test_a_bad_secret_in_the_environment_is_not_shown(variable, value, caplog, monkeypatch):
    """The error names the variable and what it takes, and not what it got."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"{variable}: takes") as refused:
        load_settings(Vault)
    assert_nothing_shown(refused.value, caplog)


class Servers(BaseSettings):
    """A setting that is a list, and one that its readers know by another name."""

    model_config = SettingsConfigDict(env_prefix="GROVE_")

    servers: list[str] = ["a"]
    weights: dict[str, int] = Field(default={}, validation_alias="GROVE_SHARES")


@pytest.mark.parametrize("variable", ["GROVE_SERVERS", "GROVE_SHARES"])
@pytest.mark.parametrize("value", ["mc1:11211", f"redis://:{SECRET}@mc1:11211", "[", "{'a': 1}"])
def test_a_list_that_is_no_json_is_a_configuration_error(variable, value, caplog, monkeypatch):
    """It names the variable and the form it takes, as every bad setting does, and shows nothing of a URL in it."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"^{variable}: takes JSON") as refused:
        load_settings(Servers)
    assert_nothing_shown(refused.value, caplog)
