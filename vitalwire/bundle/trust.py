"""Who is trusted with a model: a pinned hash, or the holder of a site's key.

Both speak of the bytes of `manifest.json`, which has the hash of every other file in it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from vitalwire.bundle.files import is_there, read_regular
from vitalwire.bundle.manifest import SIGNATURE, Task
from vitalwire.errors import BundleError, InputError

PINS: Final = "pinned.json"
_MAX_PINS_BYTES: Final = 64 * 1024
_SIGNATURE_BYTES: Final = 64
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Trust:
    """What makes a bundle trusted; by default nothing does.

    Key files are read when a signature is to be checked, so a gateway that runs what it was
    shipped with needs no `cryptography`.
    """

    pinned: Mapping[Task, str] = field(default_factory=dict)  # sha256 of manifest.json
    keys: tuple[Path, ...] = ()  # public keys, PEM
    whoever: bool = False  # only the hashes of the files have to fit

    @classmethod
    def of_anybody(cls) -> Self:
        """The files have to fit the manifest, whoever made it.

        For a workstation that judges what it has just exported; never for a gateway.
        """
        return cls(whoever=True)

    @classmethod
    def of_site(cls, pins: Path, keys: Path, more: tuple[Path, ...] = ()) -> Self:
        """The pins in a file, the keys (`*.pem`) in a folder, and more key files.

        Raises
        ------
        BundleError
            The file of pins cannot be read.
        """
        return cls(read_pins(pins), (*sorted(keys.glob("*.pem")), *more))

    def vouch(self, folder: Path, raw: bytes, digest: str) -> str:
        """Who stands for this manifest: `pinned`, `key FINGERPRINT` or `nobody`.

        Parameters
        ----------
        folder : Path
            The bundle; `manifest.sig` is read from it where it is needed.
        raw : bytes
            Of its `manifest.json`.
        digest : str
            sha256 of `raw`.

        Raises
        ------
        BundleError
            Unsigned, or signed by no trusted key.
        """
        if digest in self.pinned.values():
            return "pinned"
        if self.whoever:
            return "nobody"
        if not is_there(folder / SIGNATURE):
            raise BundleError(
                f"{folder} has a manifest that this release was not shipped with, and no "
                f"{SIGNATURE}: altered, or still to be signed with a site's key"
            )
        signature = read_regular(folder / SIGNATURE, _SIGNATURE_BYTES)
        if len(signature) != _SIGNATURE_BYTES:
            raise BundleError(f"{SIGNATURE} in {folder} is no Ed25519 signature")
        return self._signer(folder, raw, signature)

    def _signer(self, folder: Path, raw: bytes, signature: bytes) -> str:
        # Here, so that who runs only pinned bundles does without the package.
        from vitalwire.bundle.keys import fingerprint, has_signed, read_public_key

        tried = []
        for path in self.keys:
            try:
                key = read_public_key(path)
            except InputError as error:  # one bad file must not make the others useless
                tried.append(str(error))
                continue
            if has_signed(key, signature, raw):
                return f"key {fingerprint(key)}"
            tried.append(f"not by {path.name} ({fingerprint(key)})")
        if not tried:
            raise BundleError(
                f"{folder} is signed, but no key is trusted here: give the public key of who "
                "signed it, or put it into bundles/keys of the gateway's data folder"
            )
        raise BundleError(
            f"{folder} is altered, or not signed by a key that is trusted here: "
            f"{'; '.join(tried)}"
        )


def read_pins(path: Path) -> dict[Task, str]:
    """The pinned digest of each task; none where there is no such file.

    Raises
    ------
    BundleError
        Not an object of known tasks and sha256 digests.
    """
    if not is_there(path):
        return {}
    try:
        fields = json.loads(read_regular(path, _MAX_PINS_BYTES))
        if not isinstance(fields, dict):
            raise ValueError(f"got {type(fields).__name__}")
        pins = {Task(task): digest for task, digest in fields.items()}
        if not all(_DIGEST.fullmatch(digest) for digest in pins.values()):
            raise ValueError("a digest is not a sha256 in hex")
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path}: expected {{task: sha256}}: {error}") from None
    return pins
