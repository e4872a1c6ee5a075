"""What says that it equals another, or does not copy, is still itself."""

from __future__ import annotations

import gc
import weakref

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from crowd import Background, Followers, Gate


class Named(type):
    """A metaclass that says classes of one name are equal."""

    def __eq__(cls, other):
        return isinstance(other, Named) and cls.__name__ == other.__name__

    def __hash__(cls):
        return hash(cls.__name__)


def made_class(value):
    class Z(metaclass=Named):
        content = value

    return Z


def test_classes_that_say_they_are_equal_are_told_apart():
    """A metaclass's `__eq__` does not make two classes one."""
    one, other = made_class(1), made_class(2)
    function = cache(backend=None)(lambda cls: cls.content)
    assert [function(one), function(other)] == [1, 2]


class Client:
    __slots__ = ("rows",)

    def __init__(self, rows):
        self.rows = rows


class Fetch:
    """A callable whose instances are equal, as a frozen dataclass's with `field(compare=False)`."""

    def __init__(self, client):
        self.client = client
        self.__name__ = self.__qualname__ = "fetch"
        self.__module__ = __name__

    def __call__(self, key):
        return self.client.rows

    def __eq__(self, other):
        return isinstance(other, Fetch)

    def __hash__(self):
        return 1


def test_callables_that_say_they_are_equal_never_mix():
    """Private entries are an object's, not those of whatever equals it."""
    backend = MemoryBackend()
    first = cache(backend=backend)(Fetch(Client(-1)))
    assert first(1) == -1
    for client in [Client(rows) for rows in range(100)]:
        # Each is gone before the next is made, which often gets its place in memory.
        found = cache(backend=backend)(Fetch(client))(1)
        gc.collect()
        assert found == client.rows


@pytest.mark.parametrize("backend", [lambda: None, MemoryBackend], ids=["L1", "L2"])
def test_a_value_whose_class_cannot_be_asked_is_returned(backend):
    """A weak proxy whose object is gone is the function's value like any other that is not cached."""

    class Gone: ...

    @cache(backend=backend())
    def dead():
        return weakref.proxy(Gone())

    assert type(dead()) is weakref.ProxyType
    assert dead.cache_info().uncacheable == 1


class Uncopyable(Exception):
    """An exception as many libraries have: its arguments are not what it is made of."""

    def __init__(self, code, reason):
        super().__init__(f"{code}: {reason}")
        self.code = code


def test_the_error_of_a_leader_that_does_not_copy_is_the_leaders(monkeypatch):
    """A follower that raises inside `except` leaves no context, frames or notes in the leader's error."""
    followers, gate = Followers(monkeypatch), Gate()

    @cache(backend=None)
    def answer(n):
        gate.stop()
        error = Uncopyable(403, "no")
        error.add_note("the function's")
        raise error

    def leading():
        try:
            answer(1)
        except Uncopyable as error:
            return error

    def following():
        try:
            raise ValueError("the follower's private context")
        except ValueError:
            try:
                answer(1)
            except Uncopyable as error:
                return error

    leader = Background(leading)
    gate.reached()
    follower = Background(following)
    followers.until(1)
    gate.open()
    led, followed = leader.result(), follower.result()
    assert (followed.args, followed.code) == (led.args, led.code) == (("403: no",), 403)
    assert led.__context__ is None
    assert followed is not led
    followed.add_note("the follower's")
    assert led.__notes__ == ["the function's"]
