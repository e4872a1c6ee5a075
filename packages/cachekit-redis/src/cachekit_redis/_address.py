"""Where the server is: a Redis URL, taken apart and checked.

The driver's own reading of a URL is lenient (a database that is no number becomes 0), so this is
the only one. No text made here shows a part of the URL in which a password could lie.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix")
_FORM = "a URL like redis://user:password@localhost:6379/0, rediss://… for TLS, or unix:///path/to/redis.sock?db=0"
_ENCODE = "In a user name or password, write : / ? # @ and % as %3A %2F %3F %23 %40 and %25"
_LARGEST_DATABASE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Address:
    """A server and a database on it; `str` of it is for people and holds no credentials."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    database: int = 0
    tls: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.path or f'{host}:{self.port}'} (database {self.database})"


def parse(url: str) -> Address:
    """Take *url* apart.

    Raises:
        ValueError: it is no Redis URL. The text reads on after "takes".
    """
    url = url.strip()
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", url)
    if scheme is None:
        raise _refused("this one does not begin with redis://, rediss:// or unix://")
    if scheme[1].lower() not in SCHEMES:
        raise _refused(f"this one's scheme is {scheme[1][:20]!r}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text repeats what may be half of a password
        raise _refused("the host or port of this one is malformed (a port is a number from 1 to 65535)", _ENCODE) from None
    if parts.fragment or "#" in url:
        raise _refused("this one holds a '#'", _ENCODE)
    options = _options(parts)
    username = _decoded(parts.username) or options.get("username")
    password = _decoded(parts.password) or options.get("password")
    if parts.scheme == "unix":
        if parts.hostname or len(parts.path) < 2:
            raise _refused("this one has no absolute path (unix:// takes three slashes, then the path of the socket)")
        return Address(path=unquote(parts.path), database=_database(options.get("db", "")), username=username, password=password)
    if port == 0:
        raise _refused("this one's port is 0 (a port is a number from 1 to 65535)")
    return Address(
        host=_decoded(parts.hostname) or "localhost",
        port=port or 6379,
        database=_database(options.get("db", unquote(parts.path).removeprefix("/"))),
        tls=parts.scheme == "rediss",
        username=username,
        password=password,
    )


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if (parts.query and not options) or not options.keys() <= {"db", "username", "password"}:
        raise _refused(
            "after its '?' this one has other options than db, username and password (pool size and time-outs are variables of their own)",
            _ENCODE,
        )
    return options


def _database(text: str) -> int:
    if not text:
        return 0
    if "@" in text:
        raise _refused("the database of this one is no number", _ENCODE)
    if not (text.isascii() and text.isdigit()) or int(text[:12]) > _LARGEST_DATABASE:
        raise _refused(f"the database of this one is {text[:20]!r} (a database is a whole number from 0)")
    return int(text)


def _decoded(text: str | None) -> str | None:
    return unquote(text) if text else None


def _refused(what: str, remedy: str | None = None) -> ValueError:
    return ValueError(f"{_FORM}, but {what}" + (f". {remedy}" if remedy else ""))
