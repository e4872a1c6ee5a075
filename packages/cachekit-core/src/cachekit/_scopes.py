"""What the names in a class's annotations mean."""

from __future__ import annotations

import sys
import typing
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from ._shapes import evaluated_if_possible


class Scope:
    """What a name in the annotations of *owner*, a base of *cls*, may mean.

    The module's names go before those in the class, as `typing` has it.
    """

    def __init__(self, owner: type, cls: type, known: list[type], asked: set[str]) -> None:
        is_local = "<locals>" in owner.__qualname__
        own = [each for each in (owner, cls) if is_local and _scope(each) == _scope(owner)]
        local = {each.__name__: each for each in known if is_local and _scope(each) == _scope(owner)}
        parameters = {parameter.__name__: parameter for parameter in getattr(owner, "__type_params__", ())}
        others = {each.__name__: each for each in known}
        self._module = vars(sys.modules.get(owner.__module__, typing))
        first: Mapping[str, Any] = {each.__name__: each for each in own} | parameters
        near: Mapping[str, Any] = _Noting(local, asked) if is_local else {}
        self._names = ChainMap[str, Any](first, near, self._module, vars(owner), _Noting(others, asked))  # type: ignore[arg-type]

    def meaning(self, annotation: Any) -> Any:
        return evaluated_if_possible(annotation, self._names, self._module)


class _Noting(dict[str, Any]):
    """A namespace that notes which names were *asked* for."""

    def __init__(self, names: Mapping[str, Any], asked: set[str]) -> None:
        super().__init__(names)
        self._asked = asked

    def __getitem__(self, name: str) -> Any:
        self._asked.add(name)
        return super().__getitem__(name)


def _scope(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__.rpartition(".")[0]
