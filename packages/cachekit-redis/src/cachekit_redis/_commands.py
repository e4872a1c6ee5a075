"""The backend's verbs as Redis commands: what is sent, and which answers make sense.

Data, so that threads and event loops send the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from redis.exceptions import InvalidResponse

from cachekit.contracts import check_ttl
from cachekit.errors import ValueTooLargeError

Answer = TypeVar("Answer")

MAX_VALUE_BYTES = 512 * 1024 * 1024
"""The longest string Redis holds, unless its proto-max-bulk-len says otherwise."""


@dataclass(frozen=True, slots=True)
class Command(Generic[Answer]):
    """What `verb` sends, and how its answer is read (`InvalidResponse` for one that makes no sense)."""

    verb: str
    arguments: tuple[str | bytes | int, ...]
    read: Callable[[object], Answer]


def get(key: str) -> Command[bytes | None]:
    return Command("get", ("GET", _wire(key)), _bytes_or_none)


def get_many(keys: Sequence[str]) -> Command[Sequence[bytes | None]]:
    def read(answer: object) -> Sequence[bytes | None]:
        if not isinstance(answer, list) or len(answer) != len(keys):
            raise _senseless(answer)
        return [_bytes_or_none(each) for each in answer]

    return Command("get_many", ("MGET", *map(_wire, keys)), read)


def set(key: str, value: bytes, ttl: float | None) -> Command[None]:  # noqa: A001  the verb's name
    seconds = check_ttl(ttl)
    if not isinstance(value, bytes):
        raise TypeError(f"value of type {type(value).__name__}: takes bytes")
    if len(value) > MAX_VALUE_BYTES:
        raise ValueTooLargeError(f"set of {len(value)} bytes: Redis takes at most {MAX_VALUE_BYTES} (512 MiB); cache a smaller value")
    expiry = () if seconds is None else ("PX", max(1, round(seconds * 1000)))
    return Command("set", ("SET", _wire(key), value, *expiry), _done)


def delete(key: str) -> Command[bool]:
    return Command("delete", ("DEL", _wire(key)), _counted)


def exists(key: str) -> Command[bool]:
    return Command("exists", ("EXISTS", _wire(key)), _counted)


def ping() -> Command[None]:
    return Command("health_check", ("PING",), _done)


def version() -> Command[str]:
    def read(answer: object) -> str:
        text = (_bytes_or_none(answer) or b"").decode("utf-8", "replace")
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return facts.get("valkey_version") or facts.get("redis_version") or "unknown"

    return Command("health_check", ("INFO", "server"), read)


def _wire(key: str) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"key of type {type(key).__name__}: takes a str")
    return key.encode("utf-8", "surrogatepass")


def _bytes_or_none(answer: object) -> bytes | None:
    if answer is None or isinstance(answer, bytes):
        return answer
    raise _senseless(answer)


def _counted(answer: object) -> bool:
    if not isinstance(answer, int):
        raise _senseless(answer)
    return answer > 0


def _done(answer: object) -> None:
    if answer not in (b"OK", b"PONG"):
        raise _senseless(answer)


def _senseless(answer: object) -> InvalidResponse:
    return InvalidResponse(f"the answer is of type {type(answer).__name__}, which this command never gives")
