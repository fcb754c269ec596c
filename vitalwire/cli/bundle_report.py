"""What `vitalwire bundle show` prints."""

from pathlib import Path
from typing import Any

from vitalwire.bundle import Manifest
from vitalwire.bundle.manifest import CARD


def bundle_fields(
    path: Path, manifest: Manifest, digest: str, trusted: bool, told: str
) -> dict[str, Any]:
    """For `--json`; `told` is who stands for it, or why nobody does."""
    return {
        "path": str(path),
        "card": str(path / CARD),
        "digest": digest,
        "trusted": trusted,
        ("trusted_by" if trusted else "reason"): told,
        "manifest": manifest.model_dump(mode="json"),
    }


def bundle_lines(
    path: Path, manifest: Manifest, digest: str, trusted: bool, told: str
) -> list[str]:
    """For people."""
    rows = [
        ("bundle", f"{manifest.task} version {manifest.version}, {manifest.created}"),
        ("digest", digest),
        ("trusted", f"by {told}" if trusted else f"NO: {told}"),
        ("model", f"{manifest.architecture}, {manifest.parameters:,} parameters"),
        ("signal", f"{manifest.signal}, {manifest.fs_hz:g} Hz, {manifest.unit}"),
        ("leads", manifest.leads),
        ("filters", manifest.filters),
        ("scale", manifest.normalisation),
        ("inputs", _shapes(manifest.inputs)),
        ("outputs", _shapes(manifest.outputs)),
        ("labels", ", ".join(manifest.labels)),
        ("thresholds", _numbers(manifest.thresholds)),
        *(("file", line) for line in _files(manifest)),
        *(("data", f"{entry.name}: {entry.what}") for entry in manifest.data),
        ("figures", _numbers(manifest.figures)),
        ("made by", f"{manifest.command} (git {manifest.git_revision}, seed {manifest.seed})"),
        ("card", str(path / CARD)),
    ]
    return [f"{name:<10}  {text}" for name, text in rows if text]


def _shapes(shapes: dict[str, list[int]]) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, of))})" for name, of in shapes.items())


def _numbers(numbers: dict[str, float] | dict[str, float | None]) -> str:
    told = ((name, "-" if value is None else f"{value:.4g}") for name, value in numbers.items())
    return ", ".join(f"{name} {value}" for name, value in told)


def _files(manifest: Manifest) -> list[str]:
    lines = []
    for name, entry in manifest.files.items():
        gates = _numbers(manifest.gates.get(name, {}))
        lines.append(f"{name}, {entry.bytes:,} bytes" + (f", {gates}" if gates else ""))
    return lines
