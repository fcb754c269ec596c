"""A bundle's folder, put in place as a whole: one that is there stays until the new one is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitalwire.bundle.files import sync_folder
from vitalwire.bundle.manifest import MANIFEST
from vitalwire.errors import InputError


def check_target(out: Path) -> None:
    """Nothing but another bundle is ever replaced.

    Raises
    ------
    InputError
        Something else lies there.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"{out}: expected a folder, or nothing: give another --out")
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise InputError(f"{out}: holds something that is no bundle: give another --out")


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """Give an empty folder; when all went well it takes the place of `out`.

    Raises
    ------
    InputError
        Nothing can be written there.
    """
    check_target(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".part-", dir=out.parent))
    except OSError as error:
        raise InputError(f"cannot write into {out.parent}: {error.strerror}") from None
    try:
        new = work / "new"
        new.mkdir()
        yield new
        for path in new.iterdir():
            _sync(path)
        sync_folder(new)
        if out.exists():
            out.rename(work / "old")
        try:
            new.rename(out)
        except OSError:
            if (work / "old").exists():
                (work / "old").rename(out)
            raise
        sync_folder(out.parent)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
