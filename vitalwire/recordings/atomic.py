"""Files that are there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitalwire.errors import InputError


@contextmanager
def staged(folder: Path, names: list[str]) -> Iterator[Path]:
    """Give a temporary folder; move `names` out of it, in this order, when all went well.

    The files reach `folder` by rename after an fsync: a reader, or a power cut, sees an old
    file or a new one. Name the file that refers to the others last.

    Raises
    ------
    InputError
        `folder` cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror or error}") from error
    try:
        yield work
        for name in names:
            _sync(work / name)
            (work / name).replace(folder / name)
        _sync(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
