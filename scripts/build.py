"""Build every distribution's wheel and sdist.

    hatch run build [FOLDER]

Without a folder they go to `dist/`.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = sorted(path.parent for path in (ROOT / "packages").glob("*/pyproject.toml"))


def build(source: Path, folder: Path, *kinds: str) -> None:
    """Build *source*, a project or an sdist, into *folder*.

    Parameters:
        kinds: ``"--wheel"``, ``"--sdist"`` or both; each is built from *source* itself.
    """
    command = [sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", str(folder), *kinds, str(source)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"could not build {source}:\n{ran.stdout}{ran.stderr}")


def build_all(folder: Path) -> None:
    """Build every distribution into *folder*."""
    with ThreadPoolExecutor(2) as builders:
        list(builders.map(lambda source: build(source, folder, "--sdist", "--wheel"), DISTRIBUTIONS))


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")
    build_all(target)
    for built in sorted([*target.glob("*.whl"), *target.glob("*.tar.gz")]):
        print(f"{built.stat().st_size:>9,} bytes  {built}")
