"""A gateway with a shipped bundle and a site's key, for tests of its bundles."""

import json
import shutil
from pathlib import Path
from typing import Any

from edge.bundle_store import BundleStore
from tests.vitalwire.bundles import make_shipped, make_signed
from vitalwire.bundle import Task
from vitalwire.bundle.keys import make_key_pair

BEAT = Task.ECG_BEAT


class Site:
    """A gateway's data folder, a release with version 3, and a key to sign with."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.data.mkdir()
        self.shipped = root / "shipped"
        make_shipped(self.shipped)
        self.public = make_key_pair(root / "keys")[1]
        self.trusted = self.data / "bundles" / "keys"
        self.trusted.mkdir(parents=True)
        shutil.copy(self.public, self.trusted / "site.pem")
        self.store = BundleStore(self.data, self.shipped)

    def signed(self, version: int, say: str = "") -> Path:
        folder = self.root / f"offered-{version}-{say}"
        make_signed(folder, self.root / "keys", version, say)
        return folder

    def running(self) -> int | None:
        bundle = self.store.load(BEAT)
        return bundle.manifest.version if bundle else None

    def installed(self) -> list[str]:
        folder = self.data / "bundles" / BEAT
        return sorted(path.name for path in folder.iterdir())

    def left(self) -> list[str]:
        """Of bundles, whole or not, in the task's folder."""
        folder = self.data / "bundles" / BEAT
        return sorted(path.name for path in folder.glob("*") if path.is_dir())

    def audit(self) -> list[dict[str, Any]]:
        path = self.data / "bundles" / "audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


def files(folder: Path) -> dict[str, bytes | None]:
    """All that is there."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
