"""Only type checkers run this: each marked line is wrong, and they must both say so of it and of no other."""

from __future__ import annotations

import cachekit
from cachekit import cache


@cache
def area(width: int, height: int = 1) -> int:
    return width * height


@cache(ttl=60)
async def fetched(number: int) -> bytes:
    return b""


class Shop:
    @cache
    def price(self, item: str) -> float:
        return 1.0

    @cache
    async def stock(self, item: str) -> int:
        return 1

    @cache
    @classmethod
    def opened(cls, year: int) -> str:
        return ""

    @cache
    @staticmethod
    def rounded(price: float) -> int:
        return 1


@cache.production
def produced(number: int) -> str:
    return ""


# -- wrong arguments -------------------------------------------------------------------------

area()  # error
area("2")  # error
area(1, 2, 3)  # error
area(1, depth=2)  # error
area.key("2")  # error
area.key(1, depth=2)  # error
area.refresh()  # error
area.refresh(1, height="2")  # error
area.invalidate_cache("2")  # error
area.invalidate_cache(1, 2, 3)  # error
area.cache_clear(1)  # error
area.__wrapped__("2")  # error
produced("1")  # error
produced.key(1, 2)  # error


async def of_a_coroutine_function() -> None:
    await fetched("1")  # error
    await fetched.refresh(number="1")  # error
    await fetched.invalidate_cache()  # error
    fetched.key()  # error


async def of_methods(shop: Shop) -> None:
    shop.price(1)  # error
    shop.price("tea", "coffee")  # error
    shop.price.key(1)  # error
    shop.price.invalidate_cache(shop, "tea")  # error
    shop.price.refresh(what="tea")  # error
    Shop.price("tea")  # error
    await shop.stock(1)  # error
    await shop.stock.invalidate_cache(1)  # error
    Shop.opened("1999")  # error
    shop.opened(Shop, 1999)  # error
    Shop.opened.key(Shop, 1999)  # error
    Shop.rounded("1")  # error
    shop.rounded(shop, 1.0)  # error
    shop.rounded.key()  # error


# -- wrong uses of a result ------------------------------------------------------------------


async def of_results(shop: Shop) -> None:
    text: str = area(1)  # error
    text = area.refresh(1)  # error
    number: int = fetched(1)  # error
    number = await fetched(1)  # error
    number = await fetched.refresh(1)  # error
    number = area.key(1)  # error
    number = area.invalidate_cache(1)  # error
    fetched.invalidate_cache(1).done  # error
    fetched.cache_clear().status  # error
    await area(1)  # error
    await area.invalidate_cache(1)  # error
    number = shop.price("tea").upper()  # error
    number = shop.opened(1999)  # error
    number = produced(1)  # error
    area.cache_info().rate  # error
    area.invalidate(1)  # error


# -- wrong options ---------------------------------------------------------------------------

cache(ttl=[60])  # error
cache(time_to_live=60)  # error
cache(60)  # error
cache(backend=3)  # error
cache(backend=object())  # error
cache(namespace=b"bytes")  # error
cache(l1={"max_size_mb": 1})  # error
cache(l1_enabled="yes")  # error
cache(serializer=object())  # error
cache(key="number")  # error
cache(ignore=1)  # error
cache.minimal(integrity_checking="no")  # error
cache.fast  # error
cachekit.set_default_backend(object())  # error
