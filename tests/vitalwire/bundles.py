"""Small bundles with models that nobody could run, for tests of everything around them."""

from pathlib import Path
from typing import Any

from vitalwire.bundle import Manifest, Task, describe, pin, sign, write_manifest
from vitalwire.bundle.keys import make_key_pair

MODELS: dict[str, tuple[Any, Any]] = {
    "model.fp32.onnx": ("onnxruntime", "fp32"),
    "model.int8.tflite": ("litert", "int8"),
}


def manifest_fields(
    folder: Path, task: Task = Task.ECG_BEAT, version: int = 3
) -> dict[str, Any]:
    """What `Manifest` takes, for the files that are in the folder."""
    eeg = task is Task.EEG_SEIZURE
    files = {name: describe(folder / name, *kind) for name, kind in MODELS.items()}
    return {
        "task": task,
        "version": version,
        "created": "2026-03-01T12:00:00Z",
        "architecture": "cnn1d",
        "parameters": 51_234,
        "signal": "eeg" if eeg else "ecg",
        "unit": "uV" if eeg else "mV",
        "fs_hz": 128.0 if eeg else 125.0,
        "leads": "the first that can be analysed",
        "filters": "0.5-40 Hz",
        "normalisation": "none",
        "inputs": {"beat": [3, 112], "context": [12]},
        "outputs": {"probability": [5], "activation": [20]},
        "labels": ["N", "S", "V", "F", "Q"],
        "thresholds": {"S": 0.3, "V": 0.5},
        "temperature": 1.3,
        "files": {**files, "card.md": describe(folder / "card.md")},
        "gates": {"model.int8.tflite": {"parity_max_abs": 0.01, "score": 0.9}},
        "figures": {"VEB.se": 0.97, "SVEB.se": None},
        "command": "vitalwire export run --out ecg-beat",
        "git_revision": "0123abc",
        "seed": 7,
    }


def make_bundle(
    folder: Path, task: Task = Task.ECG_BEAT, version: int = 3, say: str = ""
) -> str:
    """Write a bundle, give its digest; another `say` makes another one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        (folder / name).write_bytes(f"{name} {task} {version} {say}".encode())
    (folder / "card.md").write_text(f"# {task}\n\nNot a medical device. {say}\n")
    return write_manifest(folder, Manifest(**manifest_fields(folder, task, version)))


def make_shipped(shipped: Path, version: int = 3, task: Task = Task.ECG_BEAT) -> str:
    """A bundle as a release has it: pinned."""
    digest = make_bundle(shipped / task, task, version, say="of the release")
    pin(shipped / task, digest)
    return digest


def make_signed(
    folder: Path, keys: Path, version: int = 3, say: str = "", task: Task = Task.ECG_BEAT
) -> str:
    """A bundle signed with `keys/site-private.pem`, made where it is missing."""
    if not keys.exists():
        make_key_pair(keys)
    digest = make_bundle(folder, task, version, say)
    sign(folder, keys / "site-private.pem")
    return digest
