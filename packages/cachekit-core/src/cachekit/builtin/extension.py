"""How `std` is taught more types: those of a return annotation, arrays and frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ormsgpack import Ext

Encoder = Callable[[Any], list[Any]]
"""A value → an array that begins with `mark`, whose other items are anything `std` writes."""

Decoder = Callable[[list[Any]], Any]
"""The items after the mark, already decoded → the value, or any exception."""


@dataclass(frozen=True, slots=True)
class Extension:
    """More types for one serializer.

    Parameters:
        encoder: a class → how its instances are written, or None if this extension does not
            know the class. Asked once a class and serializer.
        decoders: tag → how an array with that mark is read.
    """

    encoder: Callable[[type], Encoder | None]
    decoders: Mapping[int, Decoder]


def mark(tag: int) -> Ext:
    """What stands first in an array to say what the rest of it is."""
    return Ext(tag, b"")
