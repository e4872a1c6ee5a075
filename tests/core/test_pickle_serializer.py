"""`pickle` says that it needs authentication, takes what pickle takes, and fails as a serializer does."""

from __future__ import annotations

import pickle

import pytest

from cachekit.errors import DecodeError, SerializationError
from cachekit.serializers import PickleSerializer
from corpus import Account, Place, Point

serializer = PickleSerializer()


class Raising:
    """Instances raise what they were made with when they are pickled, or read back."""

    def __init__(self, error, when):
        self.error, self.when = error, when

    def __getstate__(self):
        if self.when == "written":
            raise self.error
        return vars(self)

    def __setstate__(self, state):
        raise state["error"]


def test_it_is_marked_as_code_that_runs():
    """The class says so, so that it is refused without an encryptor before it is ever made."""
    assert PickleSerializer.needs_authentication is True
    assert PickleSerializer.name == "pickle"


def test_objects_come_back():
    """Instances, shared parts and cycles, which no other serializer takes."""
    cycle = [Account(7), Place(1, (2,)), Point(3, {4})]
    cycle.append(cycle)
    back = serializer.loads(serializer.dumps(cycle))
    assert back[3] is back
    assert (back[0].number, back[1], back[2]) == (7, Place(1, (2,)), Point(3, {4}))


def test_protocol_5_is_written():
    """Every supported Python reads it."""
    assert serializer.dumps([1])[:2] == b"\x80\x05"
    assert pickle.loads(serializer.dumps([1])) == [1]


@pytest.mark.parametrize("error", [ValueError("secret"), MemoryError(), RecursionError(), Exception()], ids=repr)
def test_what_cannot_be_pickled_is_a_serialization_error(error):
    """Whatever its class raises; the text names the class and shows nothing of its contents."""
    for value in (lambda: 1, Raising(error, "written"), (n for n in [1])):
        with pytest.raises(SerializationError) as refusal:
            serializer.dumps(value)
        assert type(value).__qualname__ in str(refusal.value)
        assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("error", [ValueError("secret"), MemoryError(), RecursionError(), AttributeError()], ids=repr)
def test_what_cannot_be_read_is_a_decode_error(error):
    """A class that has changed, is gone, or raises; truncated bytes, and garbage."""
    sound = serializer.dumps(Account(7))
    hostile = [serializer.dumps(Raising(error, "read")), sound.replace(b"Account", b"Absent_"), b"", b"garbage", sound[:-1]]
    for data in hostile:
        with pytest.raises(DecodeError) as refusal:
            serializer.loads(data)
        assert refusal.value.reason == "corrupt"
        assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_interrupt_passes(interrupt):
    """Ctrl-C while a value is written or read ends the program, as anywhere else."""
    with pytest.raises(type(interrupt)):
        serializer.dumps(Raising(interrupt, "written"))
    with pytest.raises(type(interrupt)):
        serializer.loads(serializer.dumps(Raising(interrupt, "read")))
