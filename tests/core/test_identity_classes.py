"""Classes and their instances as arguments: no two that differ share an entry, and own keys are honoured."""

from __future__ import annotations

import gc

import pytest

from cachekit import cache
from cachekit.errors import CachekitError, UncacheableArgumentError
from cachekit.testing import MemoryBackend
from corpus import Color, exactly

pytest_plugins = ("ways",)


def test_local_classes_of_one_name_are_told_apart_or_refused(way):
    """As an argument, as `cls`, and by their instances."""
    backend = MemoryBackend()

    def made(number):
        class Local:
            n = number

            @cache(backend=backend)
            @classmethod
            def of_class(cls):
                return cls.n

            @cache(backend=backend)
            def of_instance(self):
                return self.n

            def __cache_key__(self):
                return 1

        return Local

    taking = way.cached(lambda value: value.n, backend=backend)
    for call in (lambda made: made.of_class(), lambda made: made().of_instance(), taking, lambda made: taking(made())):
        alive = [made(1), made(2)]
        for number, cls in enumerate(alive, start=1):
            try:
                assert call(cls) == number
            except CachekitError as refusal:
                assert isinstance(refusal, UncacheableArgumentError)


def test_a_local_class_lends_its_name_to_no_other(way):
    """Neither while both live, nor once the first is gone and only its entry is left."""

    def made(number):
        class Local:
            n = number

            def __cache_key__(self):
                return 1

        return Local

    for backend in (None, MemoryBackend()):
        function = way.cached(lambda value: value.n, backend=backend)
        for wrap in (lambda cls: cls, lambda cls: cls()):
            for number in (1, 2):
                try:
                    assert function(wrap(made(number))) == number
                except UncacheableArgumentError:
                    pass
                gc.collect()


class Own:
    """What tells its instances apart is what it was made with."""

    def __init__(self, key):
        self.key = key

    def __cache_key__(self):
        if isinstance(self.key, Exception):
            raise self.key
        return self.key


def test_an_objects_own_key_is_its_identity(way):
    """Equal own keys are one entry, of whatever type the key is; others are not."""
    function = way.cached(lambda value: exactly(value.key), backend=MemoryBackend())
    keys = [1, True, 1.0, "1", (1,), [1], None, Color.RED]
    for key in (*keys, *keys):
        assert function(Own(key)) == exactly(key)
    assert function.info.misses == len(keys)


def test_an_own_key_that_is_no_key_is_refused_and_one_that_raises_is_uncached(way, caplog):
    """Bad keys are the caller's to mend; an error in the key's code fails no call, and is said once."""
    runs = []
    function = way.cached(lambda value: runs.append(1), backend=MemoryBackend())
    with pytest.raises(UncacheableArgumentError, match=r"builtins\.object"):
        function(Own(object()))
    assert runs == []
    for _ in range(3):
        function(Own(OSError("down")))
    assert len(runs) == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with pytest.raises(OSError, match="down"):
        function.key(Own(OSError("down")))


def test_a_key_function_that_makes_no_key_is_refused_with_a_remedy_that_works():
    """The error is about what `key=` returned, which `ignore=` cannot leave out."""
    function = cache(backend=None, key=lambda value: object())(exactly)
    with pytest.raises(UncacheableArgumentError, match="key=") as refusal:
        function(1)
    assert "ignore=('key='" not in str(refusal.value)
