"""Serializers with one fault in what they give back or refuse, each with the tests that must notice it."""

from __future__ import annotations

import functools
import json
import os
import time
from typing import ClassVar

import pytest

from cachekit.errors import DecodeError, SerializationError
from cachekit.testing import SerializerSuite


def is_plain(value, kinds=(type(None), bool, int, float, str)):
    if type(value) is list:
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    return type(value) in kinds and value == value


class Json:
    """JSON, strictly: for one fault to be put in."""

    name = "trial"

    def dumps(self, value):
        try:
            if is_plain(value):
                return json.dumps(value).encode()
        except (ValueError, RecursionError):
            pass
        raise SerializationError(f"a {type(value).__qualname__} that JSON would change")

    def loads(self, data):
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise DecodeError("corrupt") from None


class Trial(SerializerSuite):
    """A suite over `make()`."""

    make = Json
    noticed_by: tuple[str, ...] = ()

    @pytest.fixture
    def serializer(self):
        return type(self).make()


class BrokenName(Trial):
    noticed_by = ("test_the_name_can_stand_in_a_frame",)

    class make(Json):
        name = "Trial JSON"


class BrokenFloats(Trial):
    noticed_by = ("test_a_value_comes_back_as_it_was",)

    class make(Json):
        def loads(self, data):
            value = super().loads(data)
            return int(value) if type(value) is float and value.is_integer() else value


class BrokenOrder(Trial):
    noticed_by = ("test_a_value_comes_back_as_it_was",)

    class make(Json):
        def dumps(self, value):
            super().dumps(value)
            return json.dumps(value, sort_keys=True).encode()


class BrokenTuples(Trial):
    noticed_by = ("test_odd_values_come_back_or_are_refused", "test_subclasses_come_back_or_are_refused")

    class make(Json):
        def dumps(self, value):
            try:
                return json.dumps(value).encode()
            except (TypeError, ValueError, RecursionError):
                raise SerializationError("not JSON") from None


class BrokenKeys(Trial):
    noticed_by = ("test_odd_values_come_back_or_are_refused", "test_a_subclass_as_a_key_comes_back_or_is_refused")

    class make(Json):
        def dumps(self, value):
            if type(value) is dict:
                value = {str(key): item for key, item in value.items()}
            return super().dumps(value)


class BrokenType(Trial):
    noticed_by = ("test_dumps_returns_bytes",)

    class make(Json):
        def dumps(self, value):
            return bytearray(super().dumps(value))


class BrokenValueOfTheCaller(Trial):
    noticed_by = ("test_dumps_leaves_the_value_as_it_was",)

    class make(Json):
        def dumps(self, value):
            data = super().dumps(value)
            if type(value) is dict and "b" in value:
                value["b"] = str(value["b"])
            return data


class BrokenAliasing(Trial):
    noticed_by = ("test_loaded_values_share_nothing_mutable",)

    class make(Json):
        def __init__(self):
            self.loads = functools.lru_cache(super().loads)


class BrokenRefusal(Trial):
    noticed_by = ("test_what_no_bytes_give_back_is_refused",)

    class make(Json):
        def dumps(self, value):
            try:
                return super().dumps(value)
            except SerializationError as error:
                raise TypeError("not JSON serializable") from error


class BrokenDefault(Trial):
    noticed_by = ("test_what_no_bytes_give_back_is_refused", "test_odd_values_come_back_or_are_refused")

    class make(Json):
        def dumps(self, value):
            try:
                return super().dumps(value)
            except SerializationError:
                return json.dumps(str(type(value))).encode()


class BrokenEndless(Trial):
    noticed_by = ("test_endless_values_come_back_or_are_refused",)

    class make(Json):
        def dumps(self, value):
            if not is_plain(value):
                raise SerializationError("not plain")
            return json.dumps(value).encode()


class BrokenEndlessFatal(Trial):
    noticed_by = ("test_endless_values_come_back_or_are_refused",)

    class make(Json):
        def dumps(self, value):
            try:
                is_plain(value)
            except RecursionError:
                os._exit(7)
            return super().dumps(value)


class BrokenAfterARefusal(Trial):
    noticed_by = ("test_a_refusal_leaves_the_serializer_usable",)

    class make(Json):
        def __init__(self):
            self.open = []

        def dumps(self, value):
            self.open.append(value)
            data = super().dumps(self.open[0])
            self.open.pop()
            return data


class BrokenThreads(Trial):
    noticed_by = ("test_callers_at_once_get_their_own_values",)

    class make(Json):
        def dumps(self, value):
            self.buffer = super().dumps(value)
            time.sleep(0)  # where another thread comes in
            return self.buffer


class BrokenInstances(Trial):
    noticed_by = ("test_two_instances_read_each_others_bytes",)

    class make(Json):
        def __init__(self):
            self.salt = os.urandom(8)

        def dumps(self, value):
            return self.salt + super().dumps(value)

        def loads(self, data):
            if data[:8] != self.salt:
                raise DecodeError("foreign")
            return super().loads(data[8:])


class BrokenProcesses(Trial):
    noticed_by = ("test_two_processes_read_each_others_bytes",)

    class make(Json):
        table: ClassVar[dict[bytes, bytes]] = {}

        def dumps(self, value):
            key = b"%d" % len(self.table)
            self.table[key] = super().dumps(value)
            return key

        def loads(self, data):
            if data not in self.table:
                raise DecodeError("foreign")
            return super().loads(self.table[data])
