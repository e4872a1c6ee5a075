"""All classes that one annotation leads to, each with a name; and the annotation in words made of these."""

from __future__ import annotations

import collections
import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from ._names import module_name
from ._schemas import ENUM, Schema, kind_of, schema_of, specialised
from ._shapes import ALIAS, UNION, constant, led_to, shape
from .errors import ConfigurationError


def schemas_of(annotation: Any) -> dict[int, Schema]:
    """The schemas of all classes *annotation* leads to, by the class's address, in an order that is always the same."""
    known: dict[str, list[type]] = {}
    before = 0
    while True:
        found = _walked(annotation, known)
        known = {}
        for schema in found.values():
            known.setdefault(schema.cls.__name__, []).append(schema.cls)
        # A string may mean a class that was met after it.
        if len(found) == before or all(known.keys().isdisjoint(schema.asked) for schema in found.values()):
            return found
        before = len(found)


def _walked(annotation: Any, known: dict[str, list[type]]) -> dict[int, Schema]:
    found: dict[int, Schema] = {}
    pending = collections.deque(led_to([annotation]))
    while pending:
        cls = pending.popleft().cls
        kind = kind_of(cls) if cls is not None and id(cls) not in found else None
        if cls is not None and kind is not None:
            schema = found[id(cls)] = schema_of(cls, kind, known)
            pending.extend(schema.leads)
    return found


def names_of(schemas: dict[int, Schema]) -> dict[int, str]:
    """A name for each class, by its address: its qualified name; with its module where two share one, and with what it is like where
    two share both.

    Raises:
        ConfigurationError: two share all of that, so that nothing would tell their instances apart once they are stored.
    """
    names = {at: _qualname(schema.cls) for at, schema in schemas.items()}
    if len(set(names.values())) == len(names):
        return names
    longer: tuple[Callable[[Schema], str], ...] = (
        lambda schema: f"{module_name(schema.cls.__module__)}:{_qualname(schema.cls)}",
        lambda schema: f"{module_name(schema.cls.__module__)}:{schema.cls.__qualname__}",  # pydantic's own says what is `Annotated`
        lambda schema: f"{names[id(schema.cls)]}#{hashlib.blake2b(described_class(schema, names).encode(), digest_size=8).hexdigest()}",
    )
    for name_of in longer:
        shared = Counter(names.values())
        names = names | {at: name_of(schema) for at, schema in schemas.items() if shared[names[at]] > 1}
    for name, number in Counter(names.values()).items():
        if number > 1:
            raise ConfigurationError(
                f"the return annotation leads to {number} classes called {name.partition('#')[0]} with the same fields, and nothing "
                "would tell their instances apart once they are stored; give each a __qualname__ of its own, or define them in a module"
            )
    return names


def _qualname(cls: type) -> str:
    origin, arguments = specialised(cls)
    if origin is None:
        return cls.__qualname__
    # pydantic's own name for it has the arguments as this version of Python writes them.
    return f"{origin.__qualname__}[{', '.join(described(argument, {}) for argument in arguments)}]"


def described(annotation: Any, names: dict[int, str], within: tuple[int, ...] = ()) -> str:
    """*annotation* in words that are the same in every process, and other for any other."""
    met = shape(annotation)
    if met.knot is not None:
        if id(met.knot) in within:
            arguments = met.of[1:] if met.label == ALIAS else ()
            return f"^{met.knot.__name__!a}[{','.join(described(each, names, within) for each in arguments)}]"
        within = (*within, id(met.knot))
    inner = [described(each, names, within) for each in met.of]
    if met.label == UNION:
        inner = sorted(set(inner))
    if len(inner) == 1 and met.label in (UNION, ALIAS):
        return inner[0]
    label = ascii(names[id(met.cls)]) if id(met.cls) in names else met.label
    return f"{label}[{','.join(inner)}]" if inner else label


def described_class(schema: Schema, names: dict[int, str]) -> str:
    of = ",".join(described(each, names) for each in schema.of)
    if schema.kind == ENUM:
        members = getattr(schema.cls, "__members__", {}).items()
        content = ",".join(f"{name!a}={constant(member._value_)}" for name, member in members)
    else:
        fields = schema.fields.items()
        content = ",".join(f"{name!a}{':' if field.required else '?'}{described(field.annotation, names)}" for name, field in fields)
    others = [f"private {name!a}:{described(annotation, names)}" for name, annotation in schema.private.items()]
    return f"{schema.kind} {names[id(schema.cls)]!a}[{of}]({content}){';'.join((*schema.traits, *others))}"
