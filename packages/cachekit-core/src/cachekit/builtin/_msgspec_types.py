"""What an annotation lets hostile MessagePack do to msgspec: which types it names, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from msgspec.inspect import Type

UNIT = 64
"""Bytes of memory: what costs more by some factor may take less data by that factor."""

_PLAIN = 80  # a map with int keys, a list: somewhat more than `_unfolding` says, which knows maps with str keys only
_SET = 240  # measured, and rounded up: what a set may take that is a single byte of data
_DECIMAL = 1024  # 128 bytes, of what counts as a small int, which takes none but the 8 that point to it
_DEFAULT = 240  # what a field may take that the data does not mention: a set made for it

_UNKNOWN = ("CustomType", "RawType", "ExtType", "MemoryViewType")
# Nobody can choose many of these so that they share a hash, and a set or dict of them takes quadratic time.
_SAFE_KEYS = frozenset(
    f"{name}Type" for name in ("Str", "Bytes", "Int", "Float", "Bool", "None", "Enum", "Literal", "DateTime", "Date", "Time", "TimeDelta")
)


def types_of(annotation: Any) -> list[Type]:
    """All that *annotation* is made of, each once, or a `ConfigurationError` that says what msgspec cannot make."""
    try:
        return known_types_of(annotation)
    except (NameError, AttributeError) as error:
        raise _unserved(error) from None


def known_types_of(annotation: Any) -> list[Type]:
    """The same, but `NameError` or `AttributeError` where it names what is not there (yet)."""
    import msgspec.inspect

    try:
        msgspec.msgpack.Decoder(annotation)
        types = list(_walked(msgspec.inspect.type_info(annotation)))
    except TypeError as error:
        raise _unserved(error) from None
    for found in types:
        kind = _kind(found)
        if kind in _UNKNOWN:
            named = getattr(getattr(found, "cls", None), "__qualname__", kind.removesuffix("Type"))
            raise _unserved(
                f"msgspec does not know how to make a {named} out of bytes; "
                "annotate plain data, structs, dataclasses or attrs classes, or use another serializer"
            )
    return types


def _unserved(why: object) -> ConfigurationError:
    return ConfigurationError(f"serializer='msgspec' cannot serve this return annotation: {why}")


def cost(types: list[Type]) -> int:
    """Bytes of memory that one byte of data may take at most, by what is in it and what is not, in any of *types*."""
    return max([_PLAIN, *map(_cost, types)])


def has_any(types: list[Type]) -> bool:
    """Whether data may hold what the annotation does not say."""
    return any(_kind(found) == "AnyType" for found in types)


def has_open_keys(types: list[Type]) -> bool:
    """Whether elements of a set or keys of a dict are of types whose hash a stranger can choose."""
    keys = [found.key_type for found in types if _kind(found) == "DictType"]  # type: ignore[attr-defined]
    items = [found.item_type for found in types if _kind(found) in ("SetType", "FrozenSetType")]  # type: ignore[attr-defined]
    # A dict of anything may have keys of anything; but then `has_any` is true, and all keys are looked at.
    return not all(map(_is_safe, [*(key for key in keys if _kind(key) != "AnyType"), *items]))


def _is_safe(found: Type) -> bool:
    if _kind(found) == "UnionType":
        return all(map(_is_safe, found.types))  # type: ignore[attr-defined]
    return _kind(found) in _SAFE_KEYS


def _walked(found: Type) -> Iterator[Type]:
    seen: dict[int, Any] = {}
    todo: list[Any] = [found]
    for part in todo:  # it grows while it goes; classes may contain themselves
        if isinstance(part, tuple):
            todo += part
        elif id(part) not in seen and type(part).__module__ == "msgspec.inspect":
            seen[id(part)] = part
            if _kind(part) != "Field":
                yield part
            todo += [getattr(part, name) for name in part.__struct_fields__]


def _cost(found: Type) -> int:
    absent = sum(8 + _DEFAULT for field in getattr(found, "fields", ()) if not field.required)
    return absent + {"SetType": _SET, "FrozenSetType": _SET, "DecimalType": _DECIMAL}.get(_kind(found), _PLAIN)


def _kind(found: Any) -> str:
    return type(found).__name__
