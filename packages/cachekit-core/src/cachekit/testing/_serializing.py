"""Many users of one serializer, and what a serializer may offer beyond `dumps` and `loads`."""

# ruff: noqa: S101 - these are tests, though they live in a package
from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from cachekit.contracts import AnnotatedSerializer, BufferedSerializer, PlainReads

from ._cases import need
from ._codecs import read_all, write_all
from ._likeness import mutable_parts, same
from ._round_trips import SerializerCases, titled

ROUNDS = 30
_LEAVES = (type(None), bool, int, float, str, bytes)


class SharingCases(SerializerCases):
    """Threads, instances, processes."""

    def test_callers_at_once_get_their_own_values(self, serializer: Any, promised: list[Any]) -> None:
        """One instance serves every thread of a process: none reads another's value, or a torn one."""
        values = titled(promised)

        def work(number: int) -> str:
            for turn in range(ROUNDS):
                title, value = values[(number * 7 + turn) % len(values)]
                if not self.same(value, serializer.loads(serializer.dumps(value))):
                    return f"{title} came back changed while other threads used the serializer"
            return ""

        self.at_once(work)

    def test_two_instances_read_each_others_bytes(self, serializer: Any, another: Any, promised: list[Any]) -> None:
        """Nothing that reading needs stays in the instance that wrote."""
        for title, value in titled(promised):
            assert self.same(value, another.loads(serializer.dumps(value))), title
            assert self.same(value, serializer.loads(another.dumps(value))), title

    def test_two_processes_read_each_others_bytes(self, serializer: Any, promised: list[Any], tmp_path: Path) -> None:
        """Nothing that reading needs stays in the process that wrote; and a fork leaves the serializer usable."""
        text = [uuid.uuid4().hex] if any(type(value) is str for value in promised) else []  # what no table has yet
        values = [*promised, *text]
        theirs, ours = tmp_path / "theirs", tmp_path / "ours"

        def check(file: os.PathLike[str]) -> None:
            for (title, value), data in zip(titled(values), read_all(file), strict=True):
                assert self.same(value, serializer.loads(data)), title

        # The child writes first, and in another order, so that no table of ours has what it wrote.
        self.in_child(lambda: write_all(theirs, [serializer.dumps(value) for value in reversed(values)][::-1]))
        check(theirs)
        write_all(ours, [serializer.dumps(value) for value in values])
        self.in_child(lambda: check(ours))


class BufferCases(SerializerCases):
    """`BufferedSerializer`: the same bytes, in pieces and in place."""

    @pytest.fixture
    def buffered(self, serializer: Any) -> Any:
        """The serializer, if it takes and gives buffers."""
        need(serializer, BufferedSerializer)
        return serializer

    def test_the_pieces_are_what_dumps_returns(self, buffered: Any, promised: list[Any]) -> None:
        """Joined, `dumps_buffers` is `dumps`: either may have written an entry."""
        for title, value in titled(promised):
            pieces = buffered.dumps_buffers(value)
            assert {type(piece) for piece in pieces} <= {bytes, memoryview}, title
            assert b"".join(pieces) == buffered.dumps(value), title

    def test_a_view_is_read_as_its_bytes(self, buffered: Any, promised: list[Any]) -> None:
        """`loads_buffer` gives what `loads` gives, from a view that begins anywhere, and changes nothing in it."""
        for title, value in titled(promised):
            data = buffered.dumps(value)
            for lead in range(9):
                room = bytearray(lead) + data
                assert self.same(value, buffered.loads_buffer(memoryview(room).toreadonly()[lead:])), f"{title}, {lead} bytes into a buffer"
                assert room[lead:] == data, f"{title}: the buffer was changed"

    def test_values_of_one_view_share_nothing_mutable(self, buffered: Any, promised: list[Any]) -> None:
        """Two values that were read from one view are not one object, though both may keep the view."""
        for title, value in titled(promised):
            view = memoryview(buffered.dumps(value))
            first, other = mutable_parts(buffered.loads_buffer(view)), mutable_parts(buffered.loads_buffer(view))
            assert not first.keys() & other.keys(), title


class AnnotationCases(SerializerCases):
    """`AnnotatedSerializer`: a serializer for what a function returns."""

    @pytest.fixture
    def annotated(self, serializer: Any) -> Any:
        """The serializer, if it heeds annotations."""
        need(serializer, AnnotatedSerializer)
        return serializer

    def test_an_annotation_keeps_the_name(self, annotated: Any, promised: list[Any]) -> None:
        """An entry names the serializer, not the annotation, so all of its serializers have one name."""
        for annotation in (Any, *{type(value) for value in promised}):
            assert annotated.for_annotation(annotation).name == annotated.name, annotation

    def test_an_annotated_value_comes_back_as_it_was(self, annotated: Any, promised: list[Any]) -> None:
        """With a value's own type as the annotation, or with one that says nothing."""
        for title, value in titled(promised):
            for annotation in (Any, type(value)):
                made = annotated.for_annotation(annotation)
                assert self.same(value, made.loads(made.dumps(value))), f"{title}, -> {annotation}"


class PlainReadCases(SerializerCases):
    """`PlainReads`: what was written for a class, without the class."""

    def test_plain_values_are_read_as_they_were(self, serializer: Any, promised: list[Any]) -> None:
        """`loads_plain` gives what `loads` gives wherever no annotated class is in it."""
        need(serializer, PlainReads)
        for title, value in titled(promised):
            back = serializer.loads_plain(serializer.dumps(value))
            assert not is_plain(value) or same(value, back), title


def is_plain(value: Any) -> bool:
    """Whether *value* is made of built-in types alone."""
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return type(value) in _LEAVES
