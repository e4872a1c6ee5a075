"""A machine where everything is installed from wheels: ours, and those of third parties, most of them bad."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
THIRD_PARTY = sorted((Path(__file__).parent / "dists").iterdir())


def uv(*arguments: Any) -> None:
    """Run uv; its output is shown when it fails."""
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [sys.executable, "-m", "uv", *map(str, arguments)]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")


class Installed:
    """A fresh virtual environment with cachekit and third-party plugins, each installed from its wheel.

    Parameters:
        folder: where wheels and environment go.
        distributions: the source folders to build and install.
    """

    def __init__(self, folder: Path, distributions: Iterable[Path]) -> None:
        with ThreadPoolExecutor(2) as builders:
            list(builders.map(lambda source: uv("build", "--quiet", "--wheel", "--out-dir", folder / "wheels", source), distributions))
        uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
        self._python = folder / "venv" / "bin" / "python"
        uv("pip", "install", "--quiet", "--python", self._python, *sorted((folder / "wheels").glob("*.whl")))

    def run(self, program: str, **environ: str) -> str:
        """What *program* prints, run in a process of its own; *environ* is all it has of variables."""
        ran = self.try_run(program, **environ)
        if ran.returncode:
            pytest.fail(f"exit {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def try_run(self, program: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """As `run`, for programs that fail."""
        # -I: neither this repository nor the caller's PYTHONPATH is on the path.
        command = [str(self._python), "-I", "-c", program]
        return subprocess.run(command, env=environ, cwd=self._python.parent, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """All of our distributions beside all of the third parties'."""
    ours = [path.parent for path in sorted((ROOT / "packages").glob("*/pyproject.toml"))]
    return Installed(tmp_path_factory.mktemp("installed"), [*ours, *THIRD_PARTY])
