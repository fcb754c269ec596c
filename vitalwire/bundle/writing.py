"""Makes bundles: describes the files, writes the manifest, signs it, pins it."""

import hashlib
import json
from pathlib import Path

from vitalwire.bundle.files import read_regular, write_whole
from vitalwire.bundle.loading import check_files, load_bundle
from vitalwire.bundle.manifest import (
    MANIFEST,
    MAX_FILE_BYTES,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    FileEntry,
    Manifest,
    Precision,
    Runtime,
)
from vitalwire.bundle.trust import PINS, Trust, read_pins
from vitalwire.errors import BundleError, InputError


def describe(
    path: Path, runtime: Runtime | None = None, precision: Precision | None = None
) -> FileEntry:
    """The manifest's entry for a file as it is now.

    Raises
    ------
    BundleError
        It is missing, no regular file, or too large.
    """
    content = read_regular(path, MAX_FILE_BYTES)
    return FileEntry(
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        runtime=runtime,
        precision=precision,
    )


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Write `manifest.json` beside the files that it describes; give its digest.

    A signature of what was there before goes: it would be one of another manifest.

    Raises
    ------
    BundleError
        The files are not those of the manifest; then nothing is written.
    InputError
        The folder cannot be written to.
    """
    raw = manifest.to_json()
    check_files(folder, manifest)
    try:
        (folder / SIGNATURE).unlink(missing_ok=True)
        write_whole(folder / MANIFEST, raw)
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror or error}") from None
    return hashlib.sha256(raw).hexdigest()


def sign(folder: Path, private_key: Path) -> str:
    """Sign a bundle with a key in a PEM file; give the key's fingerprint.

    Raises
    ------
    BundleError
        The bundle is not whole: nobody should stand for it.
    InputError
        The key cannot be used, or the folder cannot be written to.
    """
    from vitalwire.bundle.keys import fingerprint, read_private_key

    key = read_private_key(private_key)
    bundle = load_bundle(folder, trust=Trust.of_anybody())
    raw = read_regular(folder / MANIFEST, MAX_MANIFEST_BYTES)
    if hashlib.sha256(raw).hexdigest() != bundle.digest:
        raise BundleError(f"{folder / MANIFEST} changed while it was read: try again")
    try:
        write_whole(folder / SIGNATURE, key.sign(raw))
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror or error}") from None
    return fingerprint(key.public_key())


def pin(folder: Path, digest: str) -> None:
    """Pin a shipped bundle in the `pinned.json` beside its folder, which is its task's name.

    Parameters
    ----------
    folder : Path
        `edge/bundles/TASK`.
    digest : str
        As `write_manifest` gave it: what is pinned is what was made.

    Raises
    ------
    BundleError
        The folder holds another bundle or a damaged one, or is named otherwise.
    """
    bundle = load_bundle(folder, trust=Trust.of_anybody())
    if bundle.digest != digest:
        raise BundleError(f"{folder} is {bundle.digest}, not {digest}: pinned nothing")
    task = bundle.manifest.task
    if folder.name != task:
        raise BundleError(f"{folder} holds a bundle for {task}: name it so")
    path = folder.parent / PINS
    pins = {**read_pins(path), task: digest}
    ordered = {name.value: pins[name] for name in sorted(pins)}
    write_whole(path, json.dumps(ordered, indent=1).encode() + b"\n")
