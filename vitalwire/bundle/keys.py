"""Ed25519 keys of a site, in PEM files. The one module that needs `cryptography`."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from vitalwire.errors import InputError

PRIVATE_NAME: Final = "site-private.pem"
PUBLIC_NAME: Final = "site-public.pem"
_MAX_PEM_BYTES: Final = 16 * 1024


def make_key_pair(folder: Path) -> tuple[Path, Path, str]:
    """Write a new pair: `site-private.pem` (mode 0600) and `site-public.pem`.

    Returns
    -------
    tuple of Path, Path, str
        The private file, the public file, the fingerprint.

    Raises
    ------
    InputError
        One of them is there already, or the folder cannot be written to.
    """
    key = Ed25519PrivateKey.generate()
    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    made: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (private, public):
            if path.exists() or path.is_symlink():
                raise InputError(f"{path} is there already and is not overwritten")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_new(private, pem, 0o600, made)
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _write_new(public, pem, 0o644, made)
    except OSError as error:
        for path in made:  # half a pair is of no use
            with suppress(OSError):
                path.unlink()
        raise InputError(
            f"cannot write a key into {folder}: {error.strerror or error}"
        ) from None
    return private, public, fingerprint(key.public_key())


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read the key to sign with.

    Raises
    ------
    InputError
        Not there, not an unencrypted Ed25519 private key in PEM, or readable by others.
    """
    pem = _read_pem(path)
    if b"PUBLIC KEY" in pem:
        raise InputError(f"{path} is a public key: sign with the private one of the pair")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise InputError(f"{path} has a passphrase: decrypt it with openssl first") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{path} is not an Ed25519 private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is a key of another kind: an Ed25519 key is expected")
    if path.stat().st_mode & 0o077:
        raise InputError(f"{path} is open to others than its owner: chmod 600 {path}")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read a key to check with.

    Raises
    ------
    InputError
        Not there, or not an Ed25519 public key in PEM.
    """
    pem = _read_pem(path)
    if b"PRIVATE KEY" in pem:
        raise InputError(
            f"{path} is a private key: give the public one, and keep the private one elsewhere"
        )
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{path} is not an Ed25519 public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} is a key of another kind: an Ed25519 key is expected")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """A short name of a key, 16 hex digits."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def has_signed(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether the holder of the key has signed exactly this."""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _read_pem(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_PEM_BYTES)
    except OSError as error:
        raise InputError(f"cannot read the key {path}: {error.strerror or error}") from None


def _write_new(path: Path, pem: bytes, mode: int, made: list[Path]) -> None:
    # O_EXCL: never over a key that is there, and never through a link.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    made.append(path)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
