"""Encoding and decoding of values beside the least that has to be done for them."""

from __future__ import annotations

import pickle
import random
import time
from collections.abc import Callable
from typing import Any

from cachekit._codec import Codec, Stamp
from cachekit.compressors import NoCompressor
from cachekit.serializers import ArrowSerializer, AutoSerializer, StdSerializer

from .measuring import Row, medians

SMALL = {"id": 1, "name": "Ada Lovelace", "active": True, "score": 1.5, "email": "ada@example.org"}
MIB = 1 << 20
ROUNDS = 41


def measure() -> list[Row]:
    return [*_dicts(), *_bytes(), *_arrays(), *_frames()]


def nested() -> dict[str, Any]:
    """JSON-like data that takes about 10 KB once serialized."""
    chance = random.Random(7)
    return {
        "users": [
            {**SMALL, "id": n, "tags": ["a", "bc", "def"], "address": {"city": "Oslo", "zip": f"{n:04}", "at": [chance.random(), 10.75]}}
            for n in range(72)
        ],
        "next": None,
    }


def _dicts() -> list[Row]:
    import msgspec
    import ormsgpack

    std, encoder, decoder = StdSerializer(), msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()
    rows = []
    for what, value, calls, limit in (("small dict", SMALL, 2000, 2.0), ("10 KB dict", nested(), 100, 1.5)):
        found = medians(
            {
                "msgspec": _loop(lambda value: decoder.decode(encoder.encode(value)), value, calls),
                "ormsgpack": _loop(lambda value: ormsgpack.unpackb(ormsgpack.packb(value)), value, calls),
                "std": _loop(lambda value: std.loads(std.dumps(value)), value, calls),
            },
            ROUNDS,
        )
        bare = min(("msgspec", "ormsgpack"), key=found.__getitem__)
        rows.append(Row(f"std, {what}", found["std"], "us", found["std"] / found[bare], f"bare {bare}", limit))
    return rows


def _bytes() -> list[Row]:
    """The whole codec, both ways, of what cannot be compressed: beside a copy and a checksum, both ways."""
    import xxhash

    codec, value, key = Codec(StdSerializer(), NoCompressor(), integrity=True), random.Random(7).randbytes(MIB), "ck:{0}:key"
    now = Stamp(1_700_000_000.0, 60.0)
    entry = codec.pack(codec.dumps(value), key, now, ()).entry
    found = medians(
        {
            "encode": _loop(lambda value: codec.pack(codec.dumps(value), key, now, ()), value, 20),
            "decode": _loop(lambda entry: codec.value_of(codec.unpack(codec.open(entry, key, now), key, now)), entry, 20),
            # Not b"".join of one, which copies nothing.
            "bare": _loop(lambda value: (xxhash.xxh3_64_digest(value), bytearray(value)), value, 20),
        },
        ROUNDS,
    )
    return [
        Row(f"1 MB bytes, {way} with its frame", found[way], "us", found[way] / found["bare"], "one copy and the checksum", 1.3)
        for way in ("encode", "decode")
    ]


def _arrays() -> list[Row]:
    import numpy as np

    auto, array = AutoSerializer(), np.random.default_rng(7).random(MIB // 8)
    stored = memoryview(b"".join(auto.dumps_buffers(array)))

    def both(array: Any) -> Any:
        auto.dumps_buffers(array)  # the frame joins them: what a copy there costs is measured with the bytes
        return auto.loads_buffer(stored)

    found = medians(
        {"auto": _loop(both, array, 20), "bare": _loop(lambda array: np.frombuffer(array.tobytes()), array, 20)},
        ROUNDS,
    )
    return [Row("auto, 1 MB array, writable", found["auto"], "us", found["auto"] / found["bare"], "tobytes and frombuffer", 1.5)]


def _frames() -> list[Row]:
    import numpy as np
    import pandas as pd
    import polars as pl

    rows, chance = 10_000, np.random.default_rng(7)
    columns = {"id": np.arange(rows), "price": chance.random(rows), "flag": chance.random(rows) < 0.5}
    mixed = columns | {"name": [f"name {n}" for n in range(rows)], "at": pd.date_range("2026", periods=rows, freq="s")}
    arrow = ArrowSerializer()
    timed: dict[str, Callable[[], float]] = {}
    frames = {"pandas, numbers": pd.DataFrame(columns), "pandas, mixed": pd.DataFrame(mixed), "polars, mixed": pl.DataFrame(mixed)}
    for what, frame in frames.items():
        timed[f"{what} arrow"] = _loop(lambda frame: arrow.loads(arrow.dumps(frame)), frame, 5)
        timed[f"{what} pickle"] = _loop(lambda frame: pickle.loads(pickle.dumps(frame, protocol=5)), frame, 5)
    found = medians(timed, ROUNDS)
    return [
        Row(f"arrow, 10,000 rows, {what}", found[f"{what} arrow"], "us", found[f"{what} arrow"] / found[f"{what} pickle"], "pickle", 1.0)
        for what in frames
    ]


def _loop(once: Callable[[Any], Any], value: Any, calls: int) -> Callable[[], float]:
    """Microseconds a call."""

    def timed() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            once(value)
        return (time.perf_counter() - begun) / calls * 1e6

    return timed
