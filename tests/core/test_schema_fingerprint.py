"""The fingerprint of an annotation changes when what it describes does, and at nothing else, in every process."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import itertools
import pathlib
import subprocess
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, NewType, Optional, TypeVar, Union

import pytest
import typing_extensions
from typing_extensions import TypeAliasType

from cachekit import _annotations
from models import VALUES, Batch, Color, Model, Options, Page, Point, User

fingerprint = _annotations.fingerprint
Id = NewType("Id", int)
T = TypeVar("T")
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | None")  # type: ignore[misc]
Two = TypeAliasType("Two", tuple[T, T], type_params=(T,))


@pytest.mark.parametrize("annotation", [_annotations.NO_ANNOTATION, Any, object, Annotated[Any, 1]], ids=repr)
def test_what_says_nothing_has_none(annotation: Any) -> None:
    """The empty one, as of a function without an annotation."""
    assert fingerprint(annotation) == b""


SAME: list[list[Any]] = [
    [Optional[int], int | None, Union[int, None], None | int, Annotated[int | None, 1] | None, Optional[Optional[int]]],  # noqa: UP007, UP045
    [list[int], typing.List[int], Annotated[list[Annotated[int, "x"]], "y"], list[Id], Final[list[int]]],  # noqa: UP006
    [dict[str, User], typing.Dict[str, User], typing_extensions.Dict[str, User]],  # type: ignore[type-arg] # noqa: UP006
    [Sequence[int], typing.Sequence[int]],
    [User | Model, Union[Model, User], Union[User, Model | User]],  # noqa: UP007
    [Literal[1, 2], Literal[2, 1]],
    [None, type(None)],
    [int, Id, TypeAliasType("Whole", int), TypeAliasType("Quoted", "int")],
]
DIFFERENT: list[Any] = [
    *(int, str, bool, None, list, list[int], list[str], list[Any], set[int], frozenset[int], Sequence[int]),
    *(tuple[int], tuple[int, ...], tuple[int, int], tuple[()], tuple, dict[str, int], dict[int, str]),
    *(int | None, int | str, int | str | None, list[int | None], list[int] | None, Literal[1], Literal["1"], Literal[True], Literal[1, 2]),
    *(User, list[User], User | None, Model, Point, Options, Color, Page, Page[int], Page[User], Page[list[User]], Batch, Batch[int]),
    *(Batch[Model], pathlib.Path, dt.date, dt.datetime, Callable[[int], str], Callable[[str], str], Callable[..., str], type[int]),
    *(Json, Two[int], Two[str], Literal[Color.RED], Literal[Color.BLUE]),  # type: ignore[misc]
]


@pytest.mark.parametrize("spellings", SAME, ids=repr)
def test_spellings_of_one_type_are_one(spellings: list[Any]) -> None:
    """However it is written, and whatever is annotated beside it."""
    assert len({fingerprint(spelling) for spelling in spellings}) == 1


def test_types_are_told_apart() -> None:
    """Any two."""
    found = collections.Counter(fingerprint(annotation) for annotation in DIFFERENT)
    assert [annotation for annotation in DIFFERENT if found[fingerprint(annotation)] > 1] == []
    assert {len(each) for each in found} == {16}


@pytest.fixture
def classes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a module of a source, of another name each time, and returns its class C."""
    numbers = itertools.count()

    def made(source: str, *, future: bool = False) -> Any:
        module = types.ModuleType(f"deployed_{next(numbers)}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        imports = "import attrs, dataclasses, enum, msgspec, pydantic, pydantic.dataclasses, typing\nfrom typing import *\n"
        text = ("from __future__ import annotations\n" if future else "") + imports + textwrap.dedent(source)
        exec(compile(text, "deployed", "exec", dont_inherit=True), vars(module))
        return vars(module)["C"]

    return made


Made = Callable[..., Any]


KINDS = {
    "dataclass": "@dataclasses.dataclass\nclass C:\n{}",
    "pydantic dataclass": "@pydantic.dataclasses.dataclass\nclass C:\n{}",
    "attrs": "@attrs.define\nclass C:\n{}",
    "pydantic": "class C(pydantic.BaseModel):\n{}",
    "struct": "class C(msgspec.Struct):\n{}",
    "named tuple": "class C(NamedTuple):\n{}",
    "typed dict": "class C(TypedDict):\n{}",
}
BODY = ["a: int", "b: str | None"]
NEUTRAL = {
    "a docstring": ["'What it is.'", *BODY],
    "another spelling": ["a: 'int'", "b: Optional[str]"],
    "metadata": ["a: Annotated[int, 'x']", "b: None | str"],
}
CHANGES = {
    "added": [*BODY, "c: int"],
    "removed": ["a: int"],
    "renamed": ["a: int", "c: str | None"],
    "retyped": ["a: float", "b: str | None"],
    "retyped within": ["a: int", "b: bytes | None"],
    "no longer optional": ["a: int", "b: str"],
    "reordered": BODY[::-1],
}


def of(kind: str, body: list[str]) -> str:
    return KINDS[kind].format(textwrap.indent("\n".join(body), "    "))


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_class_is_another(kind: str, classes: Made) -> None:
    """A field added, removed, renamed, retyped or moved, for every kind of class, however deep it lies."""
    before = classes(of(kind, BODY))
    for name, body in CHANGES.items():
        for wrap in (lambda c: c, lambda c: dict[str, list[c] | None], lambda c: Page[c]):
            assert fingerprint(wrap(classes(of(kind, body)))) != fingerprint(wrap(before)), name


@pytest.mark.parametrize("kind", KINDS)
def test_what_says_nothing_of_values_does_not_count(kind: str, classes: Made) -> None:
    """Docstrings, metadata, spellings, and which module it stands in."""
    before = classes(of(kind, BODY))
    for name, body in NEUTRAL.items():
        after = classes(of(kind, body))
        after.__module__ = "moved"
        assert fingerprint(after) == fingerprint(before), name
    assert fingerprint(classes(of(kind, BODY), future=True)) == fingerprint(before)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "typed dict"])
def test_a_default_counts_as_one_but_not_by_its_value(kind: str, classes: Made) -> None:
    """Whether a field may be left out is part of the class; what stands in for it is not."""
    first, second, without = (classes(of(kind, [f"a: int{default}"])) for default in (" = 1", " = 2", ""))
    assert fingerprint(first) == fingerprint(second) != fingerprint(without)


def test_keys_that_may_be_left_out(classes: Made) -> None:
    """Of a TypedDict, by its total= and by each key, quoted or not."""
    whole, part, each, quoted, both = (
        classes(f"class C(TypedDict{total}):\n    a: {a}")
        for total, a in (
            ("", "int"),
            (", total=False", "int"),
            ("", "NotRequired[int]"),
            ("", "'NotRequired[int]'"),
            (", total=False", "'Required[int]'"),
        )
    )
    assert fingerprint(part) == fingerprint(each) == fingerprint(quoted) != fingerprint(whole)
    assert fingerprint(both) == fingerprint(whole)


MEMBERS = ["A = 1", "A = 1\n    B = 3", "A = 2\n    B = 2", "A = '1'\n    B = 2", "B = 2\n    C = 1", "A = 1\n    B = 2\n    D = 2"]


@pytest.mark.parametrize("body", MEMBERS)
def test_a_changed_enum_is_another(body: str, classes: Made) -> None:
    """A member added, removed, renamed, or of another value."""
    before, after = (classes(f"class C(enum.Enum):\n    {each}") for each in ("A = 1\n    B = 2", body))
    assert fingerprint(list[before]) != fingerprint(list[after])


STATE = {
    "private": ["class C(pydantic.BaseModel):\n    a: int\n    {}", "_b: int = 1", "_c: int = 1", "_b: str = ''", "b: int = 1", "pass"],
    "extra": ["class C(pydantic.BaseModel, {}):\n    a: int", "extra='allow'", "extra='ignore'"],
    "wire names": [
        "class C(msgspec.Struct{}):\n    a_b: int = 1\n    c: int = 2",
        *("", ", rename='camel'", ", rename={'c': 'd'}", ", array_like=True", ", tag=True", ", tag='t'", ", tag=1", ", tag_field='k'"),
        *(", omit_defaults=True",),
    ],
    "a wire name": ["class C(msgspec.Struct):\n    a: int = {}", "1", "msgspec.field(name='b', default=1)"],
    "omitted": [
        "import datetime, decimal\nclass C(msgspec.Struct, omit_defaults=True):\n    a: Any = {}",
        *("1", "2", "'1'", "None", "msgspec.field(default_factory=list)", "msgspec.field(default_factory=dict)"),
        *("decimal.Decimal(1)", "decimal.Decimal(2)", "datetime.date(2020, 1, 1)", "datetime.date(2020, 1, 2)"),
    ],
    "parameters": [
        "T = TypeVar('T')\nU = TypeVar('U')\n@dataclasses.dataclass\nclass B(Generic[{}]):\n    a: T\n    b: U\nC = B[int, str]",
        *("T, U", "U, T"),
    ],
    "parameters of a base": [
        "T = TypeVar('T')\nU = TypeVar('U')\n@dataclasses.dataclass\nclass B(Generic[{}]):\n    a: T\n    b: U\nclass C(B[int, str]): pass",
        *("T, U", "U, T"),
    ],
}


@pytest.mark.parametrize("case", STATE)
def test_what_else_says_how_an_instance_is_written(case: str, classes: Made) -> None:
    """Private attributes, kept extra, a Struct's form on the wire, which parameter is which: each form is another."""
    source, *changes = STATE[case]
    assert len({fingerprint(classes(source.format(change))) for change in changes}) == len(changes)


def test_a_change_in_the_class_of_a_private_attribute(classes: Made) -> None:
    """As in that of a field."""
    source = "@dataclasses.dataclass\nclass B:\n    a: {}\nclass C(pydantic.BaseModel):\n    _b: B = None"
    assert fingerprint(classes(source.format("int"))) != fingerprint(classes(source.format("str")))


def test_a_change_in_a_class_that_a_class_refers_to(classes: Made) -> None:
    """By text, recursively, or as the argument of a generic base."""
    source = """
        T = TypeVar("T")
        @dataclasses.dataclass
        class Item:
            owner: "C"
            x: {}
        @dataclasses.dataclass
        class Base(Generic[T]):
            items: "list[T]"
        @dataclasses.dataclass
        class C(Base["Item"]):
            pass
    """
    first, second, third = (classes(source.format(x)) for x in ("int", "str", "int"))
    assert fingerprint(first) == fingerprint(third) != fingerprint(second)


def test_no_addresses_in_it() -> None:
    """Members with values of no fixed text are the same in every run."""
    first, second = (enum.Enum("C", {"A": object(), "B": len}) for _ in range(2))
    assert fingerprint(first) == fingerprint(second)


def test_every_process_has_the_same() -> None:
    """Whatever the seed of its hashes."""
    program = (
        "import models; from cachekit._annotations import fingerprint\n"
        "print([fingerprint(annotation).hex() for annotation, _ in models.VALUES.values()])"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(pathlib.Path(__file__).parents[1])},
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert found == [str([fingerprint(annotation).hex() for annotation, _ in VALUES.values()])] * 2


FROZEN = {
    "int | None": (int | None, "b43d37265878f05d56716ad6704be8e8"),
    "Point": (Point, "38918d77a069dd1595eb1db2a50c1031"),
    "Model": (list[Model], "b2cc5cae699a82d6badd0d402ea18037"),
    "Page[User]": (Page[User], "194ab5fca2d062c7ea33ba7ba1788714"),
}


@pytest.mark.parametrize("case", FROZEN)
def test_releases_keep_it(case: str) -> None:
    """Entries of one release are read by the next, and by another version of Python."""
    annotation, expected = FROZEN[case]
    assert fingerprint(annotation).hex() == expected
