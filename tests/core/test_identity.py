"""Two functions never share entries, however alike they are: told apart, or refused when decorated."""

from __future__ import annotations

import functools
import gc
import threading

import pytest

from cachekit import cache
from cachekit.errors import ConfigurationError
from cachekit.testing import MemoryBackend
from corpus import Color, Fruit, exactly

pytest_plugins = ("ways",)


def over(captured):
    return captured


def doubled(captured):
    return [captured, captured]


def assert_own_values(*functions, args=()):
    """Each cached function gives what it gives without the cache, whoever was called before."""
    for function in (*functions, *functions):
        assert exactly(function(*args)) == exactly(function.__wrapped__(*args))


CAPTURED = {
    "ints": (1, 2),
    "int and bool": (1, True),
    "int and float": (1, 1.0),
    "zeros": (0.0, -0.0),
    "texts": ("a", "b"),
    "text and bytes": ("1", b"1"),
    "dicts": ({"a": 1}, {"a": 2}),
    "list and tuple": ([1], (1,)),
    "sets": ({1}, {1, 2}),
    "enums": (Color.RED, Fruit.RED),
    "classes": (str, float),
    "functions": (over, doubled),
    "lambdas": (lambda value: [value], lambda value: (value,)),
    "lambdas with defaults": (lambda value, by=2: value * by, lambda value, by=3: value * by),
    "lambdas with keyword defaults": (lambda value, *, by=2: value * by, lambda value, *, by=3: value * by),
    "nested closures": tuple((lambda n: lambda value: (n, value))(n) for n in (1, 2)),
    "partials": (functools.partial(divmod, 7), functools.partial(divmod, 8)),
    "bound methods": ("ab".index, "ba".index),
    "nothing and something": (None, 0),
}


@pytest.mark.parametrize("kind", CAPTURED)
def test_closures_over_different_things_are_told_apart_or_refused(way, kind):
    """One `def`, run twice, is two functions."""
    backend = MemoryBackend()

    def made(captured):
        return way.cached(lambda value: exactly(captured(value) if callable(captured) else captured), backend=backend)

    one, other = CAPTURED[kind]
    argument = "a" if kind == "bound methods" else 5
    plain = [exactly(captured(argument) if callable(captured) else captured) for captured in (one, other)]
    functions = [made(one)]
    try:
        functions.append(made(other))
    except ConfigurationError as refusal:
        assert "captured" in str(refusal)
    for _ in range(2):
        assert [function(argument) for function in functions] == plain[: len(functions)]


def test_closures_that_change_apart_after_decoration_are_told_apart_or_refused():
    """Two empty dicts are two dicts: what is put into one later is not in the other."""
    backend = MemoryBackend()

    def made(registry):
        return cache(backend=backend)(lambda name: registry.get(name))

    one, other = {}, {}
    try:
        functions = [made(one), made(other)]
    except ConfigurationError:
        return
    one["x"], other["x"] = 1, 2
    assert [function("x") for function in functions] == [1, 2]


def test_closures_that_rebind_what_they_closed_over_are_told_apart_or_refused():
    """A variable that a function assigns to began with a value, and that differs."""
    backend = MemoryBackend()

    def made(url):
        @cache(backend=backend)
        def fetch(path):
            nonlocal url
            url = url.rstrip("/")
            return url + path

        return fetch

    try:
        one, other = made("//a/"), made("//b/")
    except ConfigurationError:
        return
    assert (one("/"), other("/")) == ("//a/", "//b/")


def test_closures_with_a_borrowed_name_are_told_apart_or_refused():
    """`functools.wraps` gives a closure a module function's name, which does not make two closures one."""
    backend = MemoryBackend()

    def made(by):
        @cache(backend=backend)
        @functools.wraps(over)
        def inner(captured):
            return captured * by

        return inner

    try:
        assert (made(2)(10), made(3)(10)) == (20, 30)
    except ConfigurationError:
        pass


def test_lambdas_of_one_line_are_told_apart():
    """Position in a line is no name; what they do is."""
    cached = cache(backend=MemoryBackend())
    assert_own_values(*[cached(f) for f in (lambda x: x, lambda x: x + 1, lambda x: x + 1.0, lambda x: x + True, lambda y: [y])], args=(1,))
    assert_own_values(*[cached(f) for f in (lambda x: x in (1, 2), lambda x: x in {1, 2, 3}, lambda x: x in {1, 2, 4})], args=(3,))


def test_lambdas_that_differ_in_their_stars_are_told_apart():
    """`*a` is a tuple and `**a` a dict; the rest of their code is the same."""
    cached = cache(backend=MemoryBackend())
    assert_own_values(*[cached(f) for f in (lambda *a: a, lambda **a: a)])


def test_one_function_has_one_identity(way):
    """The same `def` over equal things shares its entries: a factory called twice does not start cold."""
    backend = MemoryBackend()
    one, other = (way.cached((lambda by: lambda value: value * by)(3), backend=backend) for _ in range(2))
    assert one(2) == other(2) == 6
    assert other.info.l2_hits == 1


def test_namespace_and_version_tell_functions_apart():
    """They are part of the identity, and 1 is not "1"."""
    options = [
        {},
        {"namespace": "a"},
        {"namespace": "b"},
        {"version": 1},
        {"version": "1"},
        {"version": 2},
        {"namespace": "a", "version": 1},
    ]
    assert len({cache(backend=None, **more)(over).key(1) for more in options}) == len(options)


def test_recursion_through_its_own_name_is_one_function():
    """A function that closes over itself can be decorated, and decorated again, and caches its inner calls."""

    def made():
        @cache(backend=None)
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        return fib

    for fib in (made(), made()):
        assert fib(30) == 832040
        assert fib.cache_info().misses == 31


def made_over(lock, backend, **options):
    def locked(value):
        with lock:
            return id(lock), value

    return cache(backend=backend, **options)(locked)


def test_closures_over_opaque_objects_are_told_apart_over_one_backend(caplog):
    """Living or gone, here or in another process: none reads what another stored. It is said once, with the remedies."""
    caplog.set_level("INFO", "cachekit")
    backend = MemoryBackend()
    first, second = made_over(threading.Lock(), backend), made_over(threading.Lock(), backend)
    assert_own_values(first, second, args=(1,))
    gone = first.key(1)
    del first
    gc.collect()
    assert made_over(threading.Lock(), backend).key(1) not in (gone, second.key(1))
    told = [message for message in caplog.messages if "made_over" in message]
    for said in told:
        for part in ("made_over.<locals>.locked", "lock", "argument", "version="):
            assert part in said
    assert len(told) == 2


def test_who_names_a_version_vouches_for_what_it_closes_over():
    """Then closures over equal things that no key can tell apart share their entries."""
    backend = MemoryBackend()
    first, second = (made_over(threading.Lock(), backend, version=1) for _ in range(2))
    assert first.key(1) == second.key(1)


def test_closures_over_one_opaque_object_are_one_function():
    """Equal code over the same object is the same function."""
    backend, lock = MemoryBackend(), threading.Lock()
    assert made_over(lock, backend)(1) == made_over(lock, backend)(1)


def test_closures_over_opaque_objects_are_told_apart_where_entries_cannot_mix():
    """Two backends, or none, keep two functions apart."""
    locks = [threading.Lock() for _ in range(4)]
    made = [made_over(lock, backend) for lock, backend in zip(locks, [None, None, MemoryBackend(), MemoryBackend()], strict=True)]
    assert [function(1) for function in made] == [(id(lock), 1) for lock in locks]


def test_a_closure_that_is_gone_blocks_nobody():
    """The refusal holds while both live."""
    backend = MemoryBackend()
    function = made_over(threading.Lock(), backend)
    del function
    gc.collect()
    made_over(threading.Lock(), backend)


class Modulo:
    """A key function that is an object."""

    def __init__(self, by):
        self.by = by

    def __call__(self, n):
        return n % self.by


def modulo(by, n):
    return n % by


KEYS = {
    "lambdas": (lambda n: n % 2, lambda n: n % 3),
    "closures": tuple((lambda by: lambda n: n % by)(by) for by in (2, 3)),
    "defaults": tuple(lambda n, by=by: n % by for by in (2, 3)),
    "partials": (functools.partial(modulo, 2), functools.partial(modulo, 3)),
    "objects": (Modulo(2), Modulo(3)),
    "bound methods": (Modulo(2).__call__, Modulo(3).__call__),
}


@pytest.mark.parametrize("kind", KEYS)
def test_two_key_functions_are_two_functions(kind):
    """What `key=` returns tells one decorated function's calls apart, not those of another."""
    backend = MemoryBackend()
    try:
        halves, thirds = (cache(backend=backend, key=key)(over) for key in KEYS[kind])
    except ConfigurationError:
        return
    assert (halves(4), thirds(3)) == (4, 3)
