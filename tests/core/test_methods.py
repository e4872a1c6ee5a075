"""Methods, class methods and static methods: bound as Python binds them, with their verbs bound too."""

from __future__ import annotations

import abc
import copy
import inspect
import pickle
import sys

import pytest

from cachekit import cache
from cachekit.testing import MemoryBackend
from forms import FORMS

BACKEND = MemoryBackend()
RAN: list[object] = []
cached = cache(backend=BACKEND, namespace="methods")


class Shop:
    """Methods of every kind and in both orders, plain."""

    def __init__(self, name):
        self.name = name

    def __cache_key__(self):
        return self.name

    @cached
    def price(self, n, /, *, tax=1):
        """What it costs."""
        return ran(("Shop.price", self.name, n, tax))

    @cached
    @classmethod
    def cache_outside_class(cls, n):
        return ran((cls.__name__, "outside", n))

    @classmethod
    @cached
    def cache_inside_class(cls, n):
        return ran((cls.__name__, "inside", n))

    @cached
    @staticmethod
    def cache_outside_static(n):
        return ran(("static outside", n))

    @staticmethod
    @cached
    def cache_inside_static(n):
        return ran(("static inside", n))


class Cellar(Shop):
    """A subclass that overrides one method."""

    @cached
    def price(self, n, /, *, tax=1):
        return ran(("Cellar.price", super().price(n, tax=tax)))


class AsyncShop:
    """The same, as coroutines."""

    def __init__(self, name):
        self.name = name

    def __cache_key__(self):
        return self.name

    @cached
    async def price(self, n, /, *, tax=1):
        """What it costs."""
        return ran(("Shop.price", self.name, n, tax))

    @cached
    @classmethod
    async def cache_outside_class(cls, n):
        return ran((cls.__name__, "outside", n))

    @classmethod
    @cached
    async def cache_inside_class(cls, n):
        return ran((cls.__name__, "inside", n))

    @cached
    @staticmethod
    async def cache_outside_static(n):
        return ran(("static outside", n))

    @staticmethod
    @cached
    async def cache_inside_static(n):
        return ran(("static inside", n))


class AsyncCellar(AsyncShop):
    @cached
    async def price(self, n, /, *, tax=1):
        return ran(("Cellar.price", await super().price(n, tax=tax)))


def ran(what):
    RAN.append(what)
    return what


@pytest.fixture(params=[(FORMS[0], Shop, Cellar), (FORMS[1], AsyncShop, AsyncCellar)], ids=["def", "async def"])
def kinds(request):
    for shop in (request.param[1], request.param[2]):
        for name in ("price", "cache_outside_class", "cache_inside_class", "cache_outside_static", "cache_inside_static"):
            request.param[0].call(getattr(shop, name).cache_clear)
    RAN.clear()
    return request.param


def test_instances_share_by_their_cache_key(kinds):
    """Two objects of one `__cache_key__` share entries; two of different ones do not."""
    form, shop, _ = kinds
    for each in (shop("a"), shop("a"), shop("b")):
        assert form.call(each.price, 1) == ("Shop.price", each.name, 1, 1)
    assert form.call(shop("a").price, 1, tax=2) == ("Shop.price", "a", 1, 2)
    assert len(RAN) == 3


def test_a_method_through_its_class_is_the_same_entry(kinds):
    """`Shop.price(shop, 1)` and `shop.price(1)` are one call, and so are their verbs."""
    form, shop, _ = kinds
    each = shop("a")
    assert form.call(shop.price, each, 1) == form.call(each.price, 1)
    assert len(RAN) == 1
    assert shop.price.key(each, 1) == each.price.key(1)
    assert form.call(shop.price.invalidate_cache, each, 1).done
    form.call(each.price, 1)
    assert len(RAN) == 2


# From 3.13 on, classmethod no longer asks what it wraps to bind itself; docs/how-to/cache-methods.md says which order keeps the verbs.
INSIDE = [] if sys.version_info >= (3, 13) else ["cache_inside_class"]


@pytest.mark.parametrize("name", ["cache_outside_class", *INSIDE])
def test_a_class_method_keys_by_its_class(kinds, name):
    """In both decorator orders the class is bound, a subclass has entries of its own, and an object reaches those of its class."""
    form, shop, cellar = kinds
    word = name.split("_")[1]
    for each in (shop, cellar, shop("a"), cellar("a")):
        cls = each if isinstance(each, type) else type(each)
        assert form.call(getattr(each, name), 1) == (cls.__name__, word, 1)
    assert len(RAN) == 2


@pytest.mark.parametrize("name", ["cache_outside_static", "cache_inside_static"])
def test_a_static_method_is_bound_to_nothing(kinds, name):
    """In both decorator orders, and through class, subclass and object, it is one function."""
    form, shop, cellar = kinds
    values = {form.call(getattr(each, name), 1) for each in (shop, cellar, shop("a"), cellar("b"))}
    assert len(values) == len(RAN) == 1


def test_an_override_and_its_super_are_two_functions(kinds):
    """`super()` reaches the cached method of the base; both are cached apart."""
    form, shop, cellar = kinds
    each = cellar("a")
    for _ in range(2):
        assert form.call(each.price, 1) == ("Cellar.price", ("Shop.price", "a", 1, 1))
    assert len(RAN) == 2
    assert cellar.price.key(each, 1) != shop.price.key(each, 1) == super(cellar, each).price.key(1)


def test_an_inherited_method_tells_subclasses_apart():
    """An inherited method may do another thing in a subclass, so objects of equal key but of two classes do not share."""

    class Wine(Shop):
        pass

    assert Shop.price.key(Shop("a"), 1) != Shop.price.key(Wine("a"), 1)


@pytest.mark.parametrize("name", ["price", "cache_outside_class", *INSIDE, "cache_outside_static", "cache_inside_static"])
def test_the_verbs_are_bound_as_the_method_is(kinds, name):
    """`obj.m.key(1)`, `.invalidate_cache`, `.refresh`, `.cache_info`, `.cache_clear` and `__wrapped__` take what `obj.m` takes."""
    form, shop, _ = kinds
    method = getattr(shop("a"), name)
    value = form.call(method, 1)
    assert method.key(1) != method.key(2)
    assert method.cache_info().entries == 1
    assert form.call(method.refresh, 1) == value
    assert len(RAN) == 2
    assert form.call(method, 1) == value
    assert len(RAN) == 2
    assert form.call(method.invalidate_cache, 1).done
    assert method.cache_info().entries == 0
    form.call(method, 1)
    assert len(RAN) == 3
    assert form.call(method.cache_clear).done
    form.call(method, 1)
    assert form.call(method.__wrapped__, 1) == value
    assert len(RAN) == 5


def test_a_verb_of_one_object_leaves_the_others_alone(kinds):
    """Invalidating `a.price(1)` leaves `b.price(1)` and `a.price(2)` cached."""
    form, shop, _ = kinds
    a, b = shop("a"), shop("b")
    calls = [(a.price, 1), (a.price, 2), (b.price, 1)]
    for method, n in calls:
        form.call(method, n)
    form.call(a.price.invalidate_cache, 1)
    for method, n in calls:
        form.call(method, n)
    assert RAN[3:] == [("Shop.price", "a", 1, 1)]


def test_methods_are_introspected_as_methods(kinds):
    """Signature without the bound object, name, text, module, qualified name and kind are the function's."""
    form, shop, _ = kinds
    for method, signature in ((shop.price, "(self, n, /, *, tax=1)"), (shop("a").price, "(n, /, *, tax=1)")):
        assert str(inspect.signature(method)) == signature
        assert inspect.iscoroutinefunction(method) == form.is_async
        assert (method.__name__, method.__qualname__) == ("price", f"{shop.__name__}.price")
        assert (method.__module__, inspect.getdoc(method)) == (__name__, "What it costs.")
    assert str(inspect.signature(shop.cache_outside_class)) == str(inspect.signature(shop.cache_outside_static)) == "(n)"
    each = shop("a")
    assert each.price == each.price
    assert hash(each.price) == hash(each.price)
    assert each.price != shop("a").price
    assert each.price.__self__ is each


def test_methods_pickle_and_copy(kinds):
    """A bound cached method arrives in another process bound to a copy of its object; a copied object keeps its methods."""
    form, shop, _ = kinds
    each = shop("a")
    value = form.call(each.price, 1)
    for sent in (pickle.loads(pickle.dumps(each.price)), copy.copy(each).price, copy.deepcopy(each).price, copy.deepcopy(each.price)):
        assert form.call(sent, 1) == value
    assert pickle.loads(pickle.dumps(shop.price)) is shop.price
    assert copy.deepcopy(shop.price) is shop.price
    for bound in (shop.cache_outside_class, shop.cache_inside_class, shop.cache_outside_static, shop.cache_inside_static):
        assert pickle.loads(pickle.dumps(bound)) == bound
    assert len(RAN) == 1


@pytest.mark.parametrize("cache_first", [True, False])
def test_an_abstract_method_stays_abstract(cache_first):
    """In both decorator orders a class with an abstract cached method cannot be made, and its concrete subclass can."""

    def decorated(function):
        plain = cache(backend=None)
        return plain(abc.abstractmethod(function)) if cache_first else abc.abstractmethod(plain(function))

    class Base(abc.ABC):
        @decorated
        def price(self): ...

    class Concrete(Base):
        @cache(backend=None, ignore="self")
        def price(self):
            return 3

    with pytest.raises(TypeError, match="abstract"):
        Base()
    assert Concrete().price() == 3


def test_a_property_above_the_cache_works():
    """`@property` above `@cache` reads the cached value."""

    class Shelf:
        @property
        @cache(backend=None, ignore="self")
        def first(self):
            return ran("first")

    RAN.clear()
    shelf = Shelf()
    assert [shelf.first, shelf.first] == ["first", "first"]
    assert RAN == ["first"]


class Named:
    @cached
    @staticmethod
    def self_and_cls(self, cls):
        return self, cls


def test_a_static_method_may_call_its_parameters_self_and_cls():
    """By keyword too: what Python accepts in a call, the cache accepts."""
    assert Named.self_and_cls(self=1, cls=2) == Named().self_and_cls(1, cls=2) == (1, 2)
    assert Named.self_and_cls.key(self=1, cls=2) == Named.self_and_cls.key(1, 2)
