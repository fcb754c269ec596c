"""A bundle is loaded whole and as it was made, or not at all."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vitalwire.bundle.files import is_there, read_regular
from vitalwire.bundle.manifest import (
    CARD,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    FileEntry,
    Manifest,
    Precision,
    Runtime,
    Task,
    parse_manifest,
)
from vitalwire.bundle.trust import Trust
from vitalwire.errors import BundleError


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose files were what its manifest says when it was loaded."""

    path: Path
    manifest: Manifest
    digest: str  # sha256 of manifest.json
    trusted_by: str  # pinned, key FINGERPRINT, or nobody

    @property
    def name(self) -> str:
        """As it is told of: task, version, start of the digest."""
        return f"{self.manifest.task} {self.manifest.version} ({self.digest[:12]})"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.path / CARD

    def file(self, runtime: Runtime, precision: Precision) -> Path | None:
        """The model for a runtime; None where none passed its gates."""
        for name, entry in self.manifest.files.items():
            if (entry.runtime, entry.precision) == (runtime, precision):
                return self.path / name
        return None

    def read(self, path: Path) -> bytes:
        """A file's content, checked again: hand this to a runtime, not the path.

        Raises
        ------
        BundleError
            It is none of the bundle's files, or no longer what it was.
        """
        entry = self.manifest.files.get(path.name)
        if entry is None:
            raise BundleError(f"{path.name} is no file of the bundle {self.path}")
        return _read_checked(self.path / path.name, entry)


def load_bundle(path: Path, *, trust: Trust, task: Task | None = None) -> Bundle:
    """Load a bundle and check all of it: trust first, then format, task and every file.

    Parameters
    ----------
    path : Path
        Its folder.
    trust : Trust
        Who may have made it.
    task : Task, optional
        What it has to be for; anything by default.

    Raises
    ------
    BundleError
        Missing, unsigned, altered, of another task or format; files missing or too many.
    """
    raw = _read_manifest(path)
    digest = hashlib.sha256(raw).hexdigest()
    trusted_by = trust.vouch(path, raw, digest)  # before anything in it is looked at
    manifest = parse_manifest(raw, str(path / MANIFEST))
    if task is not None and manifest.task != task:
        raise BundleError(f"{path} is a bundle for {manifest.task}, expected one for {task}")
    check_files(path, manifest)
    return Bundle(path, manifest, digest, trusted_by)


def read_manifest(path: Path) -> tuple[Manifest, str]:
    """What a bundle says of itself, and its digest; nothing is trusted or checked.

    Raises
    ------
    BundleError
        No bundle, or a manifest that cannot be read.
    """
    raw = _read_manifest(path)
    return parse_manifest(raw, str(path / MANIFEST)), hashlib.sha256(raw).hexdigest()


def check_files(folder: Path, manifest: Manifest) -> None:
    """The folder holds the manifest's files, unaltered, and nothing else.

    Raises
    ------
    BundleError
        A file is missing, altered, a link, or not in the manifest.
    """
    known = {*manifest.files, MANIFEST, SIGNATURE}
    try:
        extra = sorted({path.name for path in folder.iterdir()} - known)
    except OSError as error:
        raise BundleError(f"cannot list {folder}: {error.strerror}") from None
    if extra:
        raise BundleError(f"{extra[0]!a} in {folder} is not in its manifest: remove it")
    for name, entry in manifest.files.items():
        _read_checked(folder / name, entry)


def _read_manifest(path: Path) -> bytes:
    if not is_there(path) or not path.is_dir():
        raise BundleError(f"{path} is no bundle: expected a folder with a {MANIFEST}")
    return read_regular(path / MANIFEST, MAX_MANIFEST_BYTES)


def _read_checked(path: Path, entry: FileEntry) -> bytes:
    content = read_regular(path, max(entry.bytes, 1))
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise BundleError(f"{path} is not what the manifest says: altered or damaged")
    return content
