"""Serializers with one fault in how they read hostile bytes, or in what more they offer, each with the tests that must notice it."""

from __future__ import annotations

import functools
import json
import os
import pickle
import threading

from cachekit.errors import DecodeError, SerializationError
from core.trials.serializers import Json, Trial

DAMAGED = "test_damaged_bytes_are_a_value_or_a_decode_error"
FOREIGN = "test_foreign_bytes_are_a_value_or_a_decode_error"


class BrokenByValueError(Trial):
    noticed_by = (DAMAGED, FOREIGN)

    class make(Json):
        def loads(self, data):
            return json.loads(data)


class BrokenReason(Trial):
    noticed_by = (DAMAGED, FOREIGN)

    class make(Json):
        def loads(self, data):
            try:
                return super().loads(data)
            except DecodeError as error:
                raise DecodeError("") from error


class BrokenHang(Trial):
    noticed_by = (FOREIGN,)
    patience = 0.2

    class make(Json):
        def loads(self, data):
            if data == b"":
                threading.Event().wait()
            return super().loads(data)


class BrokenMemory(Trial):
    noticed_by = (FOREIGN,)

    class make(Json):
        def loads(self, data):
            if data[:1] == b"\xdd":  # an array of so many items, and room for each
                return super().loads(data) if b" " * (900 << 20) == data else None
            return super().loads(data)


class BrokenNesting(Trial):
    noticed_by = ("test_deeply_nested_bytes_are_a_value_or_a_decode_error",)

    class make(Json):
        def loads(self, data):
            try:
                return json.loads(data)
            except ValueError as error:
                raise DecodeError("corrupt") from error


class BrokenNestingFatal(Trial):
    noticed_by = ("test_deeply_nested_bytes_are_a_value_or_a_decode_error",)

    class make(Json):
        def loads(self, data):
            try:
                return json.loads(data)
            except ValueError:
                raise DecodeError("corrupt") from None
            except RecursionError:
                os.abort()


class BrokenPickle(Trial):
    noticed_by = ("test_reading_runs_no_code",)

    class make(Json):
        def loads(self, data):
            try:
                return pickle.loads(data)
            except Exception:
                return super().loads(data)


class BrokenTelling(Trial):
    noticed_by = ("test_errors_show_nothing_of_the_value",)

    class make(Json):
        def dumps(self, value):
            try:
                return super().dumps(value)
            except SerializationError:
                raise SerializationError(f"cannot encode {value!r}") from None


class BrokenTellingOfBytes(Trial):
    noticed_by = ("test_errors_show_nothing_of_the_value",)

    class make(Json):
        def loads(self, data):
            try:
                return json.loads(data)
            except (ValueError, RecursionError) as error:
                raise DecodeError("corrupt") from ValueError(f"{error}: {data!r}")


class Offering(Json):
    """JSON with every capability."""

    def dumps_buffers(self, value):
        data = memoryview(self.dumps(value))
        return [bytes(data[:3]), data[3:]]

    def loads_buffer(self, data):
        return self.loads(bytes(data))

    def for_annotation(self, annotation):
        return self

    def loads_plain(self, data):
        return self.loads(data)


class BrokenPieces(Trial):
    noticed_by = ("test_the_pieces_are_what_dumps_returns",)

    class make(Offering):
        def dumps_buffers(self, value):
            return [json.dumps(value, indent=1).encode()]


class BrokenView(Trial):
    noticed_by = ("test_a_view_is_read_as_its_bytes",)

    class make(Offering):
        def loads_buffer(self, data):
            return self.loads(bytes(data.obj))


class BrokenViewOfOne(Trial):
    noticed_by = ("test_values_of_one_view_share_nothing_mutable",)

    class make(Offering):
        def __init__(self):
            self.loaded = functools.lru_cache(self.loads)

        def loads_buffer(self, data):
            return self.loaded(bytes(data))


class BrokenViewHostile(Trial):
    noticed_by = (DAMAGED, FOREIGN)

    class make(Offering):
        def loads_buffer(self, data):
            return json.loads(bytes(data))


class BrokenAnnotatedName(Trial):
    noticed_by = ("test_an_annotation_keeps_the_name",)

    class make(Offering):
        def for_annotation(self, annotation):
            made = type(self)()
            made.name = f"trial-{getattr(annotation, '__name__', annotation)}".lower()
            return made


class BrokenAnnotatedValue(Trial):
    noticed_by = ("test_an_annotated_value_comes_back_as_it_was",)

    class make(Offering):
        def for_annotation(self, annotation):
            made = type(self)()
            if annotation is bool:
                made.loads = lambda data: int(self.loads(data))
            return made


class BrokenPlainReads(Trial):
    noticed_by = ("test_plain_values_are_read_as_they_were",)

    class make(Offering):
        def loads_plain(self, data):
            value = self.loads(data)
            return value if type(value) is dict else {"value": value}
