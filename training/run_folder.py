"""A run folder: everything about one training, whole at every moment.

`config.json` what was asked, `provenance.json` from what (code, data, versions),
`history.jsonl` a line an epoch, `last.pt` to go on from, `best.pt` the weights that scored
best on validation, `facts.json` what the bundle needs beside the weights (written last:
without it a run is not finished), `curves.png`. Each file appears whole or not at all, so a
full disk or a kill leaves the last checkpoint as it was.
"""

import hashlib
import io
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
from vitalwire.errors import InputError, UnavailableError
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
            Something lies there already, or the folder cannot be made.
        """
        self.check_new()
        self._write_json("provenance.json", {"format": FORMAT, **provenance})
        self._write_json("config.json", config)

    def check_new(self) -> None:
        """Nothing is there that a new run would overwrite.

        Raises
        ------
        InputError
            Something is.
        """
        try:
            taken = self.path.exists() and any(self.path.iterdir())
        except OSError as error:
            raise InputError(f"{self.path}: is no folder ({error.strerror})") from None
        if taken:
            raise InputError(
                f"{self.path}: is not empty: give a new folder, or --resume to go on with it"
            )

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
        """A record an epoch, up to the first line that is none: a last one may be cut off."""
        path = self.path / "history.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        records: list[Record] = []
        for line in lines:
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def write_history(self, history: Sequence[Record]) -> None:
        """All epochs so far."""
        text = "".join(f"{json.dumps(one)}\n" for one in history)
        self._write("history.jsonl", text.encode())

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).is_file()

    def save(self, name: str, value: Any) -> None:
        """A checkpoint, by torch; the one before stays until this one is whole.

        Raises
        ------
        UnavailableError
            The disk is full, or refuses.
        """
        whole = io.BytesIO()
        torch.save(value, whole)
        self._write(name, whole.getvalue())

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
        try:
            with staged(self.path, [name]) as work:
                (work / name).write_bytes(data)
        except OSError as error:
            raise UnavailableError(
                f"{self.path / name}: cannot be written ({error.strerror}): what was there is "
                "whole; make room, then go on with `vitalwire train --resume`"
            ) from error

    def _read_json(self, name: str) -> Record:
        path = self.path / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: no run is here ({error}): see `vitalwire train`"
            ) from None
        if not isinstance(value, dict):
            raise InputError(f"{path}: expected a JSON object: it was altered")
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
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *words], capture_output=True, text=True, check=False
            )
        except OSError:  # no git is installed
            return ""
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
