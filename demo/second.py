"""The second process: nothing in memory, the same functions, the same backend from the environment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cachekit import cache

from .logged import Logged
from .passes import Pass, async_pass, sync_pass
from .source import Module, standard_library

NAME = "second process"


def second_process(modules: Sequence[Module]) -> tuple[list[Pass], list[str]]:
    """Run this module in a new Python; its passes, and what cachekit logged there."""
    command = [sys.executable, "-m", __name__, str(len(modules))]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, env=os.environ, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout)
    return [Pass(**each) for each in told["passes"]], told["logged"]


def main() -> None:
    """Ask for the modules that the first process asked for, and print what came of it as JSON."""
    logged = Logged()
    modules = standard_library(int(sys.argv[1]))
    of_sync, _ = sync_pass(NAME, modules)
    passes = [of_sync, asyncio.run(async_pass(NAME, modules))]
    cache.close()
    json.dump({"passes": [asdict(each) for each in passes], "logged": logged.texts}, sys.stdout)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # the first process says it
        main()
