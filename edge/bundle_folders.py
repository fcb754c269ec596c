"""The folder of one task in a gateway's bundles: what is in it, and which one is current.

`VERSION-DIGEST/` is a bundle; `current` names the one that runs and, in further lines, what a
rollback goes back to. A folder gets its name when it is whole and on the disk.
"""

import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from vitalwire.bundle import Bundle, Trust, load_bundle
from vitalwire.bundle.files import is_there, read_regular, sync_folder, write_whole
from vitalwire.bundle.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE
from vitalwire.errors import BundleError

SHIPPED: Final = "shipped"  # in `current`: the one of the release, whichever that is
CURRENT: Final = "current"
KEPT: Final = 5  # bundles of a task, the one that runs among them: the disk is bounded

_NAME: Final = re.compile(r"[1-9][0-9]{0,17}-[0-9a-f]{12}")
_MAX_CURRENT_BYTES: Final = 4096
_PART: Final = ".part-"
_DAMAGED: Final = ".damaged-"


def folder_name(bundle: Bundle) -> str:
    """`VERSION-DIGEST`, the first 12 digits of the digest."""
    return f"{bundle.manifest.version}-{bundle.digest[:12]}"


def read_history(folder: Path) -> list[str] | None:
    """What `current` says: what runs, then what ran before it; None where there is none.

    Raises
    ------
    BundleError
        It is damaged.
    """
    path = folder / CURRENT
    if not is_there(path):
        return None
    names = read_regular(path, _MAX_CURRENT_BYTES).decode("ascii", "replace").splitlines()
    if not names or not all(name == SHIPPED or _NAME.fullmatch(name) for name in names):
        raise BundleError(f"{path} is damaged: remove it to run the shipped bundle")
    return names


def write_history(folder: Path, names: list[str]) -> None:
    """Make the first of the names the current one.

    Raises
    ------
    OSError
        It could not be written; what was current stays so.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_whole(folder / CURRENT, "".join(f"{name}\n" for name in names[:KEPT]).encode())


def load_named(folder: Path, name: str, trust: Trust) -> Bundle:
    """Load an installed bundle, and check that it is the one that its folder is named for.

    Raises
    ------
    BundleError
        Missing, altered, not trusted, or in another's place.
    """
    bundle = load_bundle(folder / name, trust=trust)
    if folder_name(bundle) != name or bundle.manifest.task != folder.name:
        raise BundleError(f"{folder / name} holds {bundle.name}: it was put in another's place")
    return bundle


def place(bundle: Bundle, folder: Path, trust: Trust) -> Bundle:
    """Copy a bundle to where it belongs in a task's folder; one that is there whole stays.

    Raises
    ------
    BundleError
        It changed since it was loaded.
    OSError
        It could not be written; nothing of it stays.
    """
    target = folder / folder_name(bundle)
    with suppress(BundleError):
        return load_named(folder, target.name, trust)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=_PART, dir=folder))
    try:
        _copy(bundle, part)
        if load_bundle(part, trust=trust).digest != bundle.digest:
            raise BundleError(f"{bundle.path} changed while it was copied: try again")
        if target.exists():
            target.rename(Path(tempfile.mkdtemp(prefix=_DAMAGED, dir=folder)) / target.name)
        part.rename(target)
        sync_folder(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_named(folder, target.name, trust)


def prune(folder: Path, keep: list[str]) -> None:
    """Remove bundles that no rollback goes back to, and what a killed install has left."""
    for path in folder.glob("*"):  # none where there is no folder
        left = path.name.startswith((_PART, _DAMAGED))
        if left or (_NAME.fullmatch(path.name) and path.name not in keep):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()


def _copy(bundle: Bundle, part: Path) -> None:
    part.chmod(0o755)  # who installs need not be the daemon's user
    for name in bundle.manifest.files:
        write_whole(part / name, bundle.read(bundle.path / name))
    for name in (MANIFEST, SIGNATURE):
        write_whole(part / name, read_regular(bundle.path / name, MAX_MANIFEST_BYTES))
