"""Installs a bundle, and is killed at the n-th step that it takes in the data folder.

A step is whatever opens, renames, makes or removes a file there; nothing is flushed or tidied
up after it, as with `kill -9`. Prints a line for each n: what runs after the kill.
"""

import itertools
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from edge.bundle_store import BundleStore
from vitalwire.bundle import Task

_STEPS = ("open", "os.")


def main(before: Path, shipped: Path, offered: Path, scratch: Path) -> None:
    """Try every n until the install ends by itself."""
    for n in itertools.count(1):
        data_dir = scratch / str(n)
        shutil.copytree(before, data_dir)
        store = BundleStore(data_dir, shipped)
        child = os.fork()
        if child == 0:
            sys.addaudithook(_killer(data_dir, n))
            code = 2
            try:
                store.install(offered)
                code = 0
            finally:
                os._exit(code)  # never into the parent's loop
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        running = store.load(Task.ECG_BEAT)
        print(n, code, running.manifest.version if running else None, flush=True)
        if code != 9:
            return


def _killer(data_dir: Path, n: int) -> Any:
    left = itertools.count(n - 1, -1)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        touches = any(
            isinstance(arg, str | Path) and str(arg).startswith(str(data_dir)) for arg in args
        )
        if event.startswith(_STEPS) and touches and next(left) == 0:
            os._exit(9)

    return hook


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
