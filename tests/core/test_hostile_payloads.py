"""What passes the checksum, or meets none, is decoded: that costs bounded memory, and never the call or the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostile import CASES, LIMIT

PATHS = os.pathsep.join(str(Path(__file__).parents[level]) for level in (1, 0))
MIB = 1 << 20
SLACK = 12 * MIB
"""What the interpreter and the libraries take beside values: arenas, lazily made tables, pools."""

# In a process of its own, which a crash would end: damage to an entry without a checksum, and to a payload whose
# checksum is then made right; read directly, and some through a decorated function. Says how it went and what it took.
DAMAGED = """
import json, sys, warnings
warnings.simplefilter("ignore")
import hostile
from cachekit import _codec
from cachekit._making import made
from cachekit.errors import DecodeError
from forms import BulkVerbs
from measured import peak, reset_peak, resident
from ways import Way

case, directly, called = hostile.CASES[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
said = {"tries": 0, "read": 0, "refused": 0, "wrong": []}
NOW = _codec.Stamp(1_700_000_000.0, 60.0)

def tried(raw, key, forged, count):
    if forged:
        return [hostile.repacked(raw, key, payload) for payload in hostile.sample(hostile.payload_of(raw, key), count)]
    return hostile.sample(raw, count)

def note(raw, read, sound):
    said["tries"] += 1
    said["read" if read else "refused"] += 1
    if not sound:
        said["wrong"].append(raw.hex())

def decode(compressor, forged):
    serializer = case.serializer if case.returns is hostile.Any else case.serializer.for_annotation(case.returns)
    limits = _codec.Limits(value=hostile.LIMIT, compress_from=0)
    codec = _codec.Codec(serializer, made("compressor", compressor), case.options.get("encryptor"), integrity=forged, limits=limits)
    raw = codec.pack(codec.dumps(case.value), "key", NOW, ()).entry
    for damaged in tried(raw, "key", forged, directly):
        try:
            value, _ = codec.value_of(codec.unpack(codec.open(damaged, "key", NOW), "key", NOW))
        except DecodeError:
            note(damaged, False, True)
        else:
            note(damaged, True, case.has_form(value))

def call(compressor, forged):
    backend = BulkVerbs()
    function = hostile.cached(Way("sync", lambda value: value), backend, case, compressor=compressor, integrity_checking=forged)
    function()
    assert case.same(function()), "the whole entry is served"
    key, raw = function.key(), backend.entries[function.key()]
    for damaged in tried(raw, key, forged, called):
        backend.entries[key] = damaged
        before = function.info
        value = function()
        read = function.info.l2_hits > before.l2_hits
        assert read or sum(function.info.unread.values()) == sum(before.unread.values()) + 1
        note(damaged, read, case.has_form(value) if read else case.same(value))

call("none", False)
reset_peak()
before = resident()
for compressor in hostile.COMPRESSORS:
    for forged in (False, True):
        decode(compressor, forged)
        call(compressor, forged)
print(json.dumps(said | {"growth": peak() - before}))
"""


def run(program: str, *arguments: str, **environment: str) -> dict:
    """What *program* says at its end, in a process that lives until then."""
    settings = {"PYTHONPATH": PATHS, "CACHEKIT_MAX_VALUE_SIZE_MB": str(LIMIT // MIB), **environment}
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=100, env=os.environ | settings, check=False
    )
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    return json.loads(ended.stdout)


@pytest.mark.parametrize("name", CASES)
def test_damage_that_no_checksum_shows_never_fails_a_call(name):
    """A miss with a reason, or a value of the serializer's; a sealed entry is a miss. Of all the damage 300 each, drawn once."""
    said = run(DAMAGED, name, "300", "12", CACHEKIT_COMPRESSION_THRESHOLD="0")
    assert said["wrong"] == []
    assert said["tries"] > 1500
    assert said["refused"] > 0
    assert not CASES[name].options or said["read"] == 0
    assert said["growth"] < 2 * LIMIT + SLACK
