"""Only type checkers run this: every line is right, and they must agree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TypeVar, assert_type

import cachekit
from cachekit import CacheInfo, Invalidation, cache
from cachekit.config import L1CacheConfig
from cachekit.testing import MemoryBackend

T = TypeVar("T")


# -- functions -------------------------------------------------------------------------------


@cache
def bare(number: int, /, text: str = "", *more: float, flag: bool = False, **rest: bytes) -> list[str]:
    return [text]


@cache()
def called(number: int) -> None:
    return None


@cache(
    ttl=dt.timedelta(minutes=5),
    namespace="typing",
    backend=MemoryBackend(),
    l1=L1CacheConfig(max_size_mb=1),
    l1_enabled=True,
    serializer="std",
    compressor="none",
    key=lambda number: number,
    ignore=("text",),
    version=2,
    integrity_checking=True,
)
def with_every_option(number: int, text: str = "") -> dict[str, int]:
    return {}


@cache(ttl=None, backend=None, ignore="text", version="two")
def generic(items: Sequence[T], text: str = "") -> T:
    return items[0]


def of_functions() -> None:
    assert_type(bare(1), list[str])
    assert_type(bare(1, "one", 1.0, 2.0, flag=True, more=b""), list[str])
    assert_type(bare.refresh(1, text="one"), list[str])
    assert_type(bare.key(1, flag=True), str)
    assert_type(bare.invalidate_cache(1, "one"), Invalidation)
    assert_type(bare.cache_clear(), Invalidation)
    assert_type(bare.cache_info(), CacheInfo)
    assert_type(bare.__wrapped__(1), list[str])
    assert_type(bare.__qualname__, str)
    assert_type(with_every_option(1, text="one"), dict[str, int])
    assert_type(generic([1, 2]), int)
    assert_type(generic(["a"], text=""), str)
    called(number=1)
    plain: Callable[[int], list[str]] = bare
    plain(1)


# -- coroutine functions ---------------------------------------------------------------------


@cache
async def fetched(number: int, *, text: str = "") -> bytes:
    return b""


@cache(ttl="5m")
async def fetched_generic(items: Sequence[T]) -> T:
    return items[0]


async def of_coroutine_functions() -> None:
    assert_type(await fetched(1, text="one"), bytes)
    assert_type(await fetched.refresh(1), bytes)
    assert_type(await fetched.invalidate_cache(1), Invalidation)
    assert_type(await fetched.cache_clear(), Invalidation)
    assert_type(await fetched.__wrapped__(1), bytes)
    assert_type(fetched.key(1, text=""), str)
    assert_type(fetched.cache_info().misses, int)
    assert_type(await fetched_generic([1, 2]), int)
    assert_type(await fetched_generic.invalidate_cache([1, 2]), Invalidation)


# -- methods ---------------------------------------------------------------------------------


class Shop:
    @cache
    def price(self, item: str, amount: int = 1) -> float:
        return 1.0

    @cache(ttl=60)
    async def stock(self, item: str) -> int:
        return 1

    @cache
    @classmethod
    def opened(cls, year: int) -> Shop:
        return cls()

    @cache(ttl=60)
    @classmethod
    async def closed(cls, year: int) -> str:
        return ""

    @cache
    @staticmethod
    def rounded(price: float) -> int:
        return 1

    @cache(ttl=60)
    @staticmethod
    async def exchanged(price: float) -> float:
        return price

    def inside(self) -> float:
        return self.price("tea") + Shop.rounded(1.0)


class CornerShop(Shop):
    def outside(self) -> float:
        return super().price("tea") + self.rounded(1.0)


def of_methods(shop: Shop, corner: CornerShop) -> None:
    assert_type(shop.price("tea", amount=2), float)
    assert_type(shop.price.refresh("tea"), float)
    assert_type(shop.price.key("tea"), str)
    assert_type(shop.price.invalidate_cache("tea", 2), Invalidation)
    assert_type(shop.price.cache_clear(), Invalidation)
    assert_type(Shop.price(shop, "tea"), float)
    assert_type(Shop.price.key(shop, "tea"), str)
    assert_type(corner.price("tea"), float)

    assert_type(Shop.opened(1999), Shop)
    assert_type(shop.opened(1999), Shop)
    assert_type(CornerShop.opened(1999), Shop)
    assert_type(Shop.opened.invalidate_cache(1999), Invalidation)

    assert_type(Shop.rounded(1.5), int)
    assert_type(shop.rounded(1.5), int)
    assert_type(corner.rounded.refresh(1.5), int)
    assert_type(shop.rounded.key(1.5), str)


async def of_coroutine_methods(shop: Shop, corner: CornerShop) -> None:
    assert_type(await shop.stock("tea"), int)
    assert_type(await shop.stock.refresh("tea"), int)
    assert_type(await corner.stock.invalidate_cache("tea"), Invalidation)
    assert_type(await shop.stock.cache_clear(), Invalidation)
    assert_type(await Shop.stock(shop, "tea"), int)
    assert_type(await Shop.closed(1999), str)
    assert_type(await corner.closed.refresh(1999), str)
    assert_type(await Shop.exchanged(1.5), float)
    assert_type(await shop.exchanged.invalidate_cache(1.5), Invalidation)


# -- intents ---------------------------------------------------------------------------------


@cache.minimal
def minimal(number: int) -> str:
    return ""


@cache.test()
def test(number: int) -> str:
    return ""


@cache.dev(ttl=5, backend=None)
async def dev(number: int) -> str:
    return ""


class Sold:
    @cache.production(namespace="sold")
    def production(self, number: int) -> str:
        return ""


async def of_intents() -> None:
    assert_type(minimal(1), str)
    assert_type(minimal.invalidate_cache(number=1), Invalidation)
    assert_type(test(1), str)
    assert_type(await dev(1), str)
    assert_type(await dev.refresh(1), str)
    assert_type(Sold().production(1), str)
    assert_type(Sold().production.key(1), str)


# -- the rest of the public surface ----------------------------------------------------------


async def of_the_module() -> None:
    cachekit.set_default_backend(MemoryBackend())
    cachekit.set_default_backend("redis")
    cachekit.set_default_backend(None)
    assert_type(cachekit.plugin_failures(), tuple[str, ...])
    cache.clear_l1()
    cache.close()
    await cache.aclose()
