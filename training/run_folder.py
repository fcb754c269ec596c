"""A run folder: everything about one training, whole at every moment.

`config.json` what was asked, `provenance.json` from what (code, data, versions),
`history.jsonl` a line an epoch, `last.pt` to go on from, `best.pt` the weights that scored
best on validation, `facts.json` what the bundle needs beside the weights (written last:
without it a run is not finished), `curves.png`. Each file appears whole or not at all, so a
full disk or a kill leaves the last checkpoint as it was.
"""

import hashlib
import json
import pickle
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from vitalwire import __version__
from vitalwire.errors import InputError
from vitalwire.recordings.atomic import staged

FORMAT: Final = 1

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder of one run."""

    path: Path

    def create(self, config: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Begin a run, in a folder that is new or empty.

        Raises
        ------
        InputError
            Something lies there already.
        """
        if self.path.exists() and any(self.path.iterdir()):
            raise InputError(
                f"{self.path}: is not empty: give a new folder, or --resume to go on with it"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self._write_json("provenance.json", {"format": FORMAT, **provenance})
        self._write_json("config.json", config)

    @property
    def config(self) -> Record:
        """What was asked.

        Raises
        ------
        InputError
            There is no run here, or one of another version.
        """
        if self.provenance.get("format") != FORMAT:
            raise InputError(
                f"{self.path}: expected a run of format {FORMAT}, got "
                f"{self.provenance.get('format')}: train it again with this version"
            )
        return self._read_json("config.json")

    @property
    def provenance(self) -> Record:
        """Code, data and versions that it was made from."""
        return self._read_json("provenance.json")

    @property
    def facts(self) -> Record:
        """What the bundle needs beside the weights.

        Raises
        ------
        InputError
            The run has not finished.
        """
        if not (self.path / "facts.json").exists():
            raise InputError(
                f"{self.path}: the run has not finished: go on with `vitalwire train --resume`"
            )
        return self._read_json("facts.json")

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """The end of the run."""
        self._write_json("facts.json", facts)

    def history(self) -> list[Record]:
        """A record an epoch; a last line that was cut off is not one."""
        path = self.path / "history.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def write_history(self, history: Sequence[Record]) -> None:
        text = "".join(f"{json.dumps(one)}\n" for one in history)
        self._write("history.jsonl", text.encode())

    def save(self, name: str, value: Any) -> None:
        """A checkpoint, by torch; the one before stays until this one is whole."""
        with staged(self.path, [name]) as work:
            torch.save(value, work / name)

    def load(self, name: str) -> Any:
        """A checkpoint: tensors and plain values, no code.

        Raises
        ------
        InputError
            Missing, or damaged.
        """
        path = self.path / name
        if not path.exists():
            raise InputError(f"{path}: no such checkpoint: the run has not come so far")
        try:
            return torch.load(path, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise InputError(
                f"{path}: cannot be read ({type(error).__name__}): it was altered or cut off"
            ) from None

    def digest(self, name: str) -> str:
        """Sha256 of one of its files."""
        return hashlib.sha256((self.path / name).read_bytes()).hexdigest()

    def _write_json(self, name: str, value: Mapping[str, Any]) -> None:
        self._write(name, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())

    def _write(self, name: str, data: bytes) -> None:
        with staged(self.path, [name]) as work:
            (work / name).write_bytes(data)

    def _read_json(self, name: str) -> Record:
        path = self.path / name
        try:
            value: Record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: no run is here ({error}): see `vitalwire train`"
            ) from None
        return value


def provenance(command: str, data: Sequence[Mapping[str, str]]) -> Record:
    """Where a run comes from: the code's revision, the data's hashes, the versions."""
    return {
        "command": command,
        "git_revision": git_revision(),
        "vitalwire": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "data": [dict(one) for one in data],
    }


def git_revision() -> str:
    """Of the checkout that runs; `+` behind it where files differ from it."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    revision = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return revision + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def data_hash(files: Sequence[Path], root: Path) -> str:
    """One hash of a set of files: of their names below `root` and their bytes."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(root).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
