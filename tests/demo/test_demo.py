"""The demo is run as a user runs it, and its own numbers are held to what it claims."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import redis
from servers import RedisServer

ROOT = Path(__file__).resolve().parents[2]
MODULES = 20


def run_demo(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """``python -m demo`` with no settings but *variables*, its temporary files under *folder*."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CACHEKIT_") and name != "REDIS_URL"}
    command = [sys.executable, "-m", "demo", *options]
    environment = {**clean, "TMPDIR": str(folder), "PYTHONWARNINGS": "error", **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)


def results(folder: Path, **variables: str) -> dict[str, Any]:
    done = run_demo(folder, "--modules", str(MODULES), "--json", **variables)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=["file", "redis"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The results of one run over each backend."""
    folder = tmp_path_factory.mktemp("demo")
    if request.param == "file":
        yield results(folder)
    else:
        with RedisServer() as server:
            yield results(folder, REDIS_URL=server.url)


def counts(told: dict[str, Any], name: str) -> list[tuple[int, ...]]:
    """What the sync and the async pass called *name* counted: runs, L1 hits, L2 hits, misses."""
    return [tuple(each[count] for count in ("ran", "l1_hits", "l2_hits", "misses")) for each in told["passes"] if each["name"] == name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cold", (MODULES, 0, 0, MODULES)),
        ("from L1", (0, MODULES, 0, 0)),
        ("from L2", (0, 0, MODULES, 0)),
        ("second process", (0, 0, MODULES, 0)),
    ],
)
def test_each_pass_is_answered_by_its_layer(told: dict[str, Any], name: str, expected: tuple[int, ...]) -> None:
    """Cold runs the function once a module; warm is all L1; cleared L1 and another process are all L2, and run nothing."""
    assert counts(told, name) == [expected, expected]


def test_every_pass_returns_the_same_values(told: dict[str, Any]) -> None:
    """Values are equal in content and type whichever layer, process or style they came from."""
    assert len(told["passes"]) == 8
    assert len({each["fingerprint"] for each in told["passes"]}) == 1
    assert told["equal"] is True


def test_the_work_was_real_and_nothing_went_wrong(told: dict[str, Any]) -> None:
    """Modules were found and measured, no backend operation failed, and cachekit had nothing to warn of."""
    assert told["modules"] == MODULES
    assert min(told["lines"], told["functions"], told["classes"], told["imports"]) > 0
    assert (told["backend_errors"], told["logged"]) == (0, [])


def test_the_table_tells_a_newcomer(tmp_path: Path) -> None:
    """As text: both styles, a row for each pass, what was shown, what to try next; and no file is left."""
    done = run_demo(tmp_path, "--modules", str(MODULES))
    assert done.returncode == 0, done.stderr
    for words in ("sync, one call", "async, 8 calls", "L1 hits", "speed-up", "did not run the function once", "Try next"):
        assert words in done.stdout
    assert done.stdout.count("second process: through L2") == 2
    assert "\r" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_redis_is_left_as_it_was(tmp_path: Path) -> None:
    """A run removes its entries: all that stays is the two functions' markers."""
    with RedisServer() as server:
        results(tmp_path, CACHEKIT_REDIS_URL=server.url)
        with redis.Redis.from_url(server.url) as client:
            left: Any = client.execute_command("KEYS", "*")
        assert [key.startswith(b"ck:{0}:m:") for key in left] == [True, True]


def test_an_unreachable_redis_costs_nothing_but_the_sharing(tmp_path: Path) -> None:
    """With no server there, the demo says so in one line, counts the failures, and still ends with equal values."""
    done = run_demo(tmp_path, "--modules", str(MODULES), "--json", REDIS_URL="redis://:hidden@127.0.0.1:1/0")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len([line for line in done.stderr.splitlines() if "not usable" in line and "127.0.0.1:1" in line]) == 1
    assert "hidden" not in done.stdout + done.stderr
    assert told["equal"] is True
    asked = told["modules"]
    assert counts(told, "from L1") == [(0, asked, 0, 0)] * 2
    assert counts(told, "second process") == [(asked, 0, 0, asked)] * 2
    assert all(each["backend_errors"] >= asked for each in told["passes"] if each["name"] != "from L1")


@pytest.mark.parametrize(
    ("options", "variables", "words"),
    [
        (("--modules", "0"), {}, "--modules: takes a whole number from 1"),
        (("--modules", "few"), {}, "--modules: takes a whole number from 1"),
        ((), {"REDIS_URL": "http://:hidden@localhost"}, "REDIS_URL: takes a URL like redis://"),
    ],
)
def test_a_mistake_is_told_in_a_line(tmp_path: Path, options: tuple[str, ...], variables: dict[str, str], words: str) -> None:
    """A wrong option or variable is named, without a traceback or a secret, and nothing is run."""
    done = run_demo(tmp_path, *options, **variables)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr
