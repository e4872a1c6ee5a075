"""Fuzz the decoding of stored bytes.

    hatch run fuzz [SECONDS] [libFuzzer options]

A minute without SECONDS. Whatever the bytes, decoding ends in a value or a `DecodeError`, and what
`std` or `auto` decoded they encode so that an equal value is decoded again, or refuse. Anything else
is a crash, which is written to a file that reproduces it (`hatch run fuzz 0 FILE`).

Each input begins with three bytes that choose a serializer, a compressor and what the rest is, so
that mutations reach behind the checksum too: see `Form`.
"""

from __future__ import annotations

import enum
import pkgutil
import struct
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

try:
    import atheris
except ImportError:
    print("fuzz: not run, since atheris is not installed; there are wheels of it for CPython 3.11 to 3.13 on Linux, x86-64")
    sys.exit()

with atheris.instrument_imports(include=["cachekit"]):
    import cachekit.builtin
    from cachekit import _frame, compressors, serializers
    from cachekit._codec import Codec, Limits, Stamp
    from cachekit.contracts import PlainReads
    from cachekit.errors import DecodeError, SerializationError
    from cachekit.testing._likeness import same

    # Core imports these when it first needs them, which is too late to be instrumented.
    for found in pkgutil.iter_modules(cachekit.builtin.__path__):
        import_module(f"cachekit.builtin.{found.name}")

from . import samples

MIB = 1 << 20
KEY = "ck:{0}:fuzz"
NOW = Stamp(1_700_000_000.0, 60.0)
LIMIT = 8 * MIB

SERIALIZERS: list[Any] = [
    serializers.StdSerializer(max_bytes=LIMIT).for_annotation(samples.Everything),
    serializers.AutoSerializer(max_bytes=LIMIT),
    serializers.ArrowSerializer(max_bytes=LIMIT),
    serializers.OrjsonSerializer(max_bytes=LIMIT),
    serializers.MsgspecSerializer(max_bytes=LIMIT),
    serializers.MsgspecSerializer(max_bytes=LIMIT).for_annotation(list[samples.Everything] | dict[str, set[int]]),
]
COMPRESSORS: list[Any] = [
    compressors.ZstdCompressor(),
    compressors.Lz4Compressor(),
    compressors.GzipCompressor(),
    compressors.NoCompressor(),
]
CODECS = {
    (serializer, compressor, integrity): Codec(
        SERIALIZERS[serializer], COMPRESSORS[compressor], integrity=integrity, limits=Limits(value=LIMIT, compress_from=0)
    )
    for serializer in range(len(SERIALIZERS))
    for compressor in range(len(COMPRESSORS))
    for integrity in (False, True)
}
_ROUND_TRIPS = ("std", "auto")
_CHECKSUM = slice(4, 12)
_LENGTH = struct.Struct(">36xI")  # of the fields, which begin behind it


class Form(enum.IntEnum):
    """What an input is after its first three bytes."""

    ENTRY = 0  # as a backend would return it
    CHECKED = 1  # an entry whose checksum is then made right, as whoever can write to the backend can
    PAYLOAD = 2  # four bytes of size, and the payload of an entry that is otherwise sound
    DATA = 3  # serialized data
    PLAIN = 4  # the same, of a class that has changed since


def decode(data: bytes) -> None:
    """One input. Raises nothing, or there is something to mend."""
    if len(data) < 3:
        return
    serializer, compressor, form = data[0] % len(SERIALIZERS), data[1] % len(COMPRESSORS), Form((data[2] & 0x7F) % len(Form))
    codec, rest = CODECS[serializer, compressor, bool(data[2] & 0x80)], data[3:]
    try:
        if form is Form.PLAIN:
            _plain(serializer, rest)
        else:
            value = codec.loads(rest) if form is Form.DATA else _value(codec, _entry(form, serializer, compressor, rest))
            _come_again(serializer, value)
    except DecodeError:
        pass


def _value(codec: Codec, raw: bytes) -> Any:
    value, _ = codec.value_of(codec.unpack(codec.open(raw, KEY, NOW), KEY, NOW))
    return value


def _plain(serializer: int, data: bytes) -> None:
    if isinstance(SERIALIZERS[serializer], PlainReads):
        SERIALIZERS[serializer].loads_plain(data)


def _entry(form: Form, serializer: int, compressor: int, rest: bytes) -> bytes:
    if form is Form.PAYLOAD:
        created = int(NOW.created * 1e6)
        size, payload = int.from_bytes(rest[:4], "big"), rest[4:]
        names = SERIALIZERS[serializer].name, COMPRESSORS[compressor].name
        header = _frame.Header(created, created + 1, created + 1_000_000, *names, size)
        return _frame.pack(header, KEY, (payload,), integrity=True) + payload
    if form is Form.ENTRY or len(rest) < _LENGTH.size:
        return rest
    end = _LENGTH.size + _LENGTH.unpack_from(rest)[0]
    unchecked = rest[:3] + b"\x01" + bytes(8) + rest[_CHECKSUM.stop : end]
    checksum = _frame._checksum(unchecked, KEY, (rest[end:],))
    return unchecked[: _CHECKSUM.start] + checksum + unchecked[_CHECKSUM.stop :] + rest[end:]


def _come_again(serializer: int, value: Any) -> None:
    """Fail if *value* can be encoded, and comes back as another."""
    chosen = SERIALIZERS[serializer]
    if chosen.name not in _ROUND_TRIPS:
        return
    try:
        data = chosen.dumps(value)
    except SerializationError:
        return
    back = chosen.loads(data)
    # nan is not itself to `==`, and a set of them may come in another order.
    assert same(value, back) or sorted(data) == sorted(chosen.dumps(back)), "a value came back as another"  # noqa: S101


def seed(folder: Path) -> None:
    """Sound inputs of each kind for the fuzzer to begin with."""
    for (serializer, compressor, integrity), codec in CODECS.items():
        for number, value in enumerate(samples.values(serializer, SERIALIZERS[serializer].name)):
            data = codec.dumps(value)
            whole = b"".join(data)
            entry = codec.pack(data, KEY, NOW, ()).entry
            payload = len(whole).to_bytes(4, "big") + COMPRESSORS[compressor].compress(whole)
            for form in Form:
                rest = whole if form >= Form.DATA else payload if form is Form.PAYLOAD else entry
                if form >= Form.DATA and (compressor or integrity):
                    continue  # neither has to do with it
                start = bytes([serializer, compressor, form | 0x80 * integrity])
                name = f"{serializer}-{compressor}-{integrity:d}-{number}-{form}"
                (folder / name).write_bytes(start + rest)


def main() -> None:
    """Fuzz for as long as the first argument says."""
    seconds, options = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("60", [])
    with tempfile.TemporaryDirectory(prefix="cachekit-fuzz-") as folder:
        files = [option for option in options if not option.startswith("-")]
        if not files:
            seed(Path(folder))
        limits = [f"-max_total_time={seconds}", "-rss_limit_mb=768", "-timeout=10", "-max_len=65536", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *limits, *options, *([] if files else [folder])], decode)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
