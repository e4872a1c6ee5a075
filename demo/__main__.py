"""``python -m demo``: a cached function on real input, cold, from L1, from L2, and from a second process."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from cachekit.errors import CachekitError

from .logged import Logged
from .passes import first_process, forget
from .place import Place, chosen_place
from .report import Run, as_json, as_text
from .second import second_process
from .source import standard_library

_MOST_WITHOUT_BACKEND = 10
"""Modules measured when the backend is down: one that hangs costs each call its time-out."""


def main() -> int:
    """Run the demo; the exit code is 0 if every pass returned the same values."""
    options = _options()
    try:
        with chosen_place() as place:
            run = _run(place, options.modules)
    except (CachekitError, ImportError) as error:
        return _failed(str(error), 2)
    except subprocess.CalledProcessError as error:
        return _failed(f"the second process ended with exit code {error.returncode}", 1)
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    print(as_json(run) if options.json else as_text(run))
    return 0 if run.equal else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="demo", description="cachekit at work: measures the standard library's source, and caches what it finds."
    )
    parser.add_argument("--modules", type=_positive, metavar="N", help="measure N modules, evenly spread (default: all)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"takes a whole number from 1, not {text!r}")
    return int(text)


def _run(place: Place, most: int | None) -> Run:
    began = time.perf_counter()
    logged = Logged()
    if place.problem:
        most = min(most or _MOST_WITHOUT_BACKEND, _MOST_WITHOUT_BACKEND)
        _say(f"{place.name} is not usable ({place.problem}); going on without it, with at most {most} modules.")
    modules = standard_library(most)
    _say(f"Measuring {len(modules)} modules of the standard library; L2 is {place.name}.")
    passes, values = first_process(modules)
    of_second, logged_there = second_process(modules)
    if place.kind == "redis" and not place.problem:
        forget(modules)
    return Run(
        place=place,
        modules=modules,
        values=values,
        passes=[*passes, *of_second],
        logged=[*logged.texts, *logged_there],
        seconds=time.perf_counter() - began,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _failed(text: str, code: int) -> int:
    _say(f"demo: {text}")
    return code


if __name__ == "__main__":
    sys.exit(main())
