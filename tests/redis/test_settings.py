"""The variables: defaults, ranges, precedence, and what is said about a bad one."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from cachekit.config import load_settings
from cachekit.errors import ConfigurationError
from cachekit_redis import RedisBackend, RedisBackendConfig
from cachekit_redis._address import Address, parse

NUMBERS = {
    "CACHEKIT_CONNECTION_POOL_SIZE": ("connection_pool_size", 10),
    "CACHEKIT_SOCKET_TIMEOUT": ("socket_timeout", 1.0),
    "CACHEKIT_SOCKET_CONNECT_TIMEOUT": ("socket_connect_timeout", 1.0),
}


def loaded_url() -> str:
    return load_settings(RedisBackendConfig).url.get_secret_value()


def test_defaults() -> None:
    """With nothing set, every setting has the documented default."""
    config = load_settings(RedisBackendConfig)
    assert config.url.get_secret_value() == "redis://localhost:6379/0"
    assert {name: getattr(config, field) for name, (field, _) in NUMBERS.items()} == {
        name: default for name, (_, default) in NUMBERS.items()
    }


@pytest.mark.parametrize(("variable", "text", "value"), [
    ("CACHEKIT_CONNECTION_POOL_SIZE", "1", 1),
    ("CACHEKIT_CONNECTION_POOL_SIZE", "250", 250),
    ("CACHEKIT_SOCKET_TIMEOUT", "0.001", 0.001),
    ("CACHEKIT_SOCKET_TIMEOUT", "86400", 86400.0),
    ("CACHEKIT_SOCKET_CONNECT_TIMEOUT", "5.5", 5.5),
])  # fmt: skip
def test_each_number_is_read(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, value: float) -> None:
    """A number within its range is read from its variable."""
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(RedisBackendConfig), NUMBERS[variable][0]) == value


@pytest.mark.parametrize(("variable", "text"), [
    *[("CACHEKIT_CONNECTION_POOL_SIZE", text) for text in ("0", "-1", "many", "1.5")],
    *[(f"CACHEKIT_SOCKET_{which}TIMEOUT", text) for which in ("", "CONNECT_") for text in ("0", "-1", "nan", "inf", "soon", "86401")],
])  # fmt: skip
def test_a_bad_number_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    """A number out of range or no number is refused, with the variable and what it got."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(RedisBackendConfig)
    assert f"{variable}={text!r}: takes " in str(caught.value)


def test_an_empty_number_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as unset."""
    monkeypatch.setenv("CACHEKIT_SOCKET_TIMEOUT", "")
    assert load_settings(RedisBackendConfig).socket_timeout == 1.0


def test_url_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument goes before CACHEKIT_REDIS_URL, and that before REDIS_URL; an empty variable counts as unset."""
    monkeypatch.setenv("REDIS_URL", "redis://shared")
    assert loaded_url() == "redis://shared"
    monkeypatch.setenv("CACHEKIT_REDIS_URL", "")
    assert loaded_url() == "redis://shared"
    monkeypatch.setenv("CACHEKIT_REDIS_URL", "redis://own")
    assert loaded_url() == "redis://own"
    assert RedisBackendConfig(url=SecretStr("redis://argument")).url.get_secret_value() == "redis://argument"


def test_only_documented_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other variable names the server."""
    for name in ("URL", "CACHEKIT_URL", "CACHEKIT_REDIS_REDIS_URL"):
        monkeypatch.setenv(name, "redis://other")
    assert loaded_url() == "redis://localhost:6379/0"


@pytest.mark.parametrize(("url", "address"), [
    ("redis://localhost:6379/0", Address()),
    ("redis://localhost", Address()),
    ("redis://", Address()),
    (" redis://localhost/ ", Address()),
    ("redis://cache.example:7000/15", Address("cache.example", 7000, database=15)),
    ("redis://cache.example?db=3", Address("cache.example", database=3)),
    ("redis://[::1]:7000/1", Address("::1", 7000, database=1)),
    ("rediss://cache.example", Address("cache.example", tls=True)),
    ("redis://:p%40ss%2Fw%3A%23@h", Address("h", password="p@ss/w:#")),
    ("redis://me:p@ss@h", Address("h", username="me", password="p@ss")),
    ("unix:///run/redis.sock", Address(path="/run/redis.sock")),
    ("unix://me@/run/redis.sock?db=2&password=pw", Address(path="/run/redis.sock", database=2, username="me", password="pw")),
])  # fmt: skip
def test_good_urls(url: str, address: Address) -> None:
    """Every documented form of URL says where the server is."""
    assert parse(url) == address
    assert address.password is None or address.password not in f"{address} {address!r}"


BAD_URLS = {
    "http://localhost": "scheme is 'http'",
    "redis:localhost:6379": "does not begin with redis://",
    "redis/localhost:6379": "does not begin with redis://",
    "localhost": "does not begin with redis://",
    "   ": "does not begin with redis://",
    "redis://h:port": "host or port",
    "redis://h:0": "port is 0",
    "redis://h:65536": "host or port",
    "redis://h:-1": "host or port",
    "redis://[::1": "host or port",
    "redis://h/-1": "database of this one is '-1'",
    "redis://h/one": "database of this one is 'one'",
    "redis://h/1/2": "database of this one is '1/2'",
    "redis://h/2147483648": "database of this one is '2147483648'",
    "redis://h/٣": "database of this one is '٣'",
    "redis://h?db=x": "database of this one is 'x'",
    "redis://h?decode_responses=1": "other options",
    "redis://h#1": "'#'",
    "unix://redis.sock": "no absolute path",
    "unix://": "no absolute path",
    # Reserved characters in a password that was not encoded put its pieces into other places.
    "redis://:sec/ret@h": "%2F",
    "redis://:12/ret@h": "%2F",
    "redis://:12#ret@h": "%23",
    "redis://:12?ret@h": "%3F",
    "redis://:12?ret=1@h": "%3F",
    "redis://:secret": "host or port",
}


@pytest.mark.parametrize("variable", ["CACHEKIT_REDIS_URL", "REDIS_URL"])
@pytest.mark.parametrize("url", BAD_URLS)
def test_a_bad_url_is_explained(monkeypatch: pytest.MonkeyPatch, variable: str, url: str) -> None:
    """A bad URL is refused with its variable, what is wrong and what it takes, and shows no piece of a password."""
    monkeypatch.setenv(variable, url)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(RedisBackendConfig)
    text = str(caught.value)
    assert text.startswith(f"{variable}: takes a URL like redis://user:password@localhost:6379/0")
    assert BAD_URLS[url] in text
    assert "sec" not in text.removeprefix(variable).replace("rediss", "")
    assert "ret" not in text


@pytest.mark.parametrize("bad", [{}, {"socket_timeout": 0}, {"pool": 1}])
def test_a_bad_argument_is_explained(bad: dict[str, int]) -> None:
    """A mistake in an argument raises at once, and neither text nor details show the password."""
    url = "redis://:s3cret@h" if bad else "redis://:s3cret@h:port"
    with pytest.raises(ConfigurationError, match=next(iter(bad), "url")) as caught:
        RedisBackend.from_url(url, **bad)
    with pytest.raises(ValidationError) as invalid:
        RedisBackendConfig(**{"url": url, **bad})
    assert "s3cret" not in f"{caught.value} {invalid.value} {invalid.value.errors()!r}"


def test_nothing_shows_the_password() -> None:
    """Neither the settings nor the backend show a password."""
    config = RedisBackendConfig(url=SecretStr("redis://me:s3cret@h/2"))
    backend = RedisBackend(config)
    assert "s3cret" not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()} {backend!r}"
    assert repr(backend) == "RedisBackend('h:6379 (database 2)')"


def test_a_url_in_place_of_a_config_is_told() -> None:
    """The likeliest first attempt gets an error that says how it is written, without the password."""
    with pytest.raises(ConfigurationError, match="from_url") as raised:
        RedisBackend("redis://:hunter2@localhost/0")
    assert "hunter2" not in str(raised.value)
