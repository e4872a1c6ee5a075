"""An annotation is evaluated once a function, each of its classes is looked at once, and neither is kept longer than they live."""

from __future__ import annotations

import dataclasses
import gc
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from cachekit import _annotations, _schemas, cache
from cachekit._walking import schemas_of
from cachekit.builtin.std import StdSerializer
from cachekit.errors import ConfigurationError
from forms import FiveVerbs
from models import Page, User

evaluated: list[str] = []


def noted() -> Any:
    evaluated.append("once")
    return list[User]


def test_an_annotation_is_evaluated_once() -> None:
    """When decorated; not again at the calls."""
    evaluated.clear()

    @cache(backend=FiveVerbs())
    def users(n: int) -> noted():  # type: ignore[valid-type]
        return [User(1)]  # type: ignore[arg-type]

    assert users(1) == users(2) == [User(1)]  # type: ignore[arg-type]
    assert evaluated == ["once"]


def test_an_annotation_that_was_replaced_is_read_anew() -> None:
    """What is kept is kept of what is written there."""

    def function() -> Any: ...

    for annotation in ("User", "list[User]", int):
        function.__annotations__["return"] = annotation
        assert _annotations.returned(function) == (eval(annotation) if isinstance(annotation, str) else annotation)


def test_a_class_is_looked_at_once_for_all_annotations() -> None:
    """As long as anybody uses what was found."""
    first = schemas_of(list[User])
    assert schemas_of(Page[User] | None)[id(User)] is first[id(User)]


def test_a_class_is_not_kept() -> None:
    """Nor a function whose class leads back to it."""

    def made() -> tuple[weakref.ref[type], int]:
        @dataclasses.dataclass
        class Local:
            a: int

        @cache(backend=FiveVerbs(), l1_enabled=False)
        def make(a: int) -> Local:
            return Local(a)

        Local.make = make  # type: ignore[attr-defined]
        assert make(1) == make(1) == Local(1)
        assert make.cache_info().l2_hits == 1
        assert id(Local) in _schemas._schemas
        return weakref.ref(Local), id(Local)

    living, at = made()
    gc.collect()
    assert living() is None
    assert at not in _schemas._schemas


def test_a_class_whose_fields_mean_nothing_yet_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first call, when the names are there."""
    module = types.ModuleType("growing")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    order = "import dataclasses\n@dataclasses.dataclass\nclass Order:\n    lines: 'list[Line]'\n"
    exec(order + "def orders(n: int) -> Order:\n    return made()\n", vars(module))
    function = cache(backend=FiveVerbs(), l1_enabled=False)(vars(module)["orders"])
    exec("@dataclasses.dataclass\nclass Line:\n    item: str\ndef made(): return Order([Line('tea')])\n", vars(module))
    assert function(1) == function(1)
    assert function.cache_info().l2_hits == 1
    assert _annotations.read(vars(module)["orders"]).fingerprint == _annotations.fingerprint(vars(module)["Order"])


def test_local_classes_find_one_another_beside_a_modules_of_the_same_name() -> None:
    """A name in a local class means the local one that the annotation names, whatever was found in other annotations."""

    def made() -> Any:
        @dataclasses.dataclass
        class Holder:
            user: User

        @dataclasses.dataclass
        class User:  # as models.User, which this module has
            local: int

        return Holder, User

    holder, local = made()
    alone = schemas_of(holder)
    assert id(User) in alone
    both = schemas_of(holder | local)
    assert both[id(holder)].fields["user"].annotation is local
    assert schemas_of(holder).keys() == alone.keys()


# -- classes that nothing tells apart


def twins(*fields: str) -> Iterator[Any]:
    for field in fields:
        yield dataclasses.make_dataclass("Twin", [(field, int)])


def test_classes_of_one_name_and_form_are_refused_when_decorated() -> None:
    """Since what was stored as one might come back as the other, by the order in which they are named."""
    first, second = twins("a", "a")

    def function() -> Any: ...

    function.__annotations__["return"] = list[first | second]
    with pytest.raises(ConfigurationError, match=r"2 classes called .*Twin with the same fields.*__qualname__"):
        cache(backend=FiveVerbs())(function)


def test_classes_of_one_name_keep_their_own_whatever_their_order() -> None:
    """Those of other fields."""
    first, second = twins("a", "b")
    one, other = StdSerializer().for_annotation(first | second), StdSerializer().for_annotation(second | first)
    assert _annotations.fingerprint(first | second) == _annotations.fingerprint(second | first)
    for value in (first(1), second(1)):
        assert type(other.loads(one.dumps(value))) is type(value)
