"""Model bundles: what a model is, who made it, and whether it is still what it was.

A bundle is a folder: models in several formats, `manifest.json` with the hash of each file,
`card.md`, and `manifest.sig` where it comes from elsewhere. docs/bundles.md has the rest.
"""

from vitalwire.bundle.loading import Bundle, load_bundle, read_manifest
from vitalwire.bundle.manifest import (
    DataEntry,
    FileEntry,
    Manifest,
    Precision,
    Runtime,
    Task,
)
from vitalwire.bundle.trust import Trust
from vitalwire.bundle.writing import describe, pin, sign, write_manifest

__all__ = [
    "Bundle",
    "DataEntry",
    "FileEntry",
    "Manifest",
    "Precision",
    "Runtime",
    "Task",
    "Trust",
    "describe",
    "load_bundle",
    "pin",
    "read_manifest",
    "sign",
    "write_manifest",
]
