"""`vitalwire bench models` measures what is there, and says when there is nothing.

How long anything took is not tested: that is what the command is for.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.edge.runtimes.small import (
    Small,
    make_bundle,
    seizure_model,
    step_model,
    window_model,
)

FIGURES = {"figures": {"mflop_per_s": 0.4}}


def bench(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vitalwire", "bench", "models", "--seconds", "0.01"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return window_model(tmp_path_factory.mktemp("window") / "files")


@pytest.fixture(scope="module")
def bundles(window: Small, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    every = (window, step_model(folder / "step"), seizure_model(folder / "seizure"))
    return [make_bundle(folder / one.task, one, changes=FIGURES).path for one in every]


def test_every_file_in_every_runtime_and_the_models_together(
    bundles: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "results.md"
    page.write_text("# Results\n")
    named = [part for path in bundles for part in ("--bundle", path)]
    done = bench(tmp_path, *named, "--results", "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert len(done.stdout.splitlines()) == 1
    found = {(one["task"], one["runtime"], one["precision"]) for one in report["files"]}
    assert found == {
        (task, *kind)
        for task in ("ecg-beat", "ecg-rhythm", "eeg-seizure")
        for kind in [("onnxruntime", "fp32"), ("litert", "fp32"), ("litert", "int8")]
    }
    for one in report["files"]:
        calls = report["calls_per_s"][one["task"]]
        assert list(one["ms"]) == ["1", "8", "32", "64"]
        for n, ms in one["ms"].items():
            assert one["device_second_ms"][n] == pytest.approx(calls * ms / int(n))
        assert one["arithmetic_ms"] > 0
    assert {row["signal"] for row in report["device_second"]} == {"ECG", "EEG"}
    for row in report["device_second"]:
        parts = [
            one
            for one in report["files"]
            if one["runtime"] == row["runtime"]
            and one["precision"] == row["precision"].get(one["task"])
        ]
        assert row["ms"]["8"] == pytest.approx(sum(p["device_second_ms"]["8"] for p in parts))
    of_ecg = [row for row in report["device_second"] if row["signal"] == "ECG"]
    assert {row["runtime"]: row["precision"]["ecg-beat"] for row in of_ecg} == {
        "litert": "int8",
        "onnxruntime": "fp32",
    }
    written = page.read_text()
    assert "<!-- bench-models: begin -->" in written
    assert "`vitalwire bench models --results`" in written
    assert written.count("| `ecg-beat` 1 |") == 3
    assert report["machine"]["onnxruntime"] in written


def test_a_bundle_that_does_not_tell_its_operations(window: Small, tmp_path: Path) -> None:
    beat = make_bundle(tmp_path / "beat", window, ("tflite",)).path
    done = bench(tmp_path, "--bundle", beat, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    one = next(one for one in report["files"] if one["task"] == "ecg-beat")
    assert (one["mflop_per_s"], one["arithmetic_ms"]) == (None, None)
    assert "| ? | ? |" in done.stderr


def refused(done: subprocess.CompletedProcess[str], word: str) -> None:
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("vitalwire: ")]
    assert len(said) == 1, done.stderr
    assert word in said[0]
    assert "Traceback" not in done.stderr


def test_two_bundles_of_one_task(bundles: list[Path], tmp_path: Path) -> None:
    refused(bench(tmp_path, "--bundle", bundles[0], "--bundle", bundles[0]), "got two for")


def test_no_bundle_at_all(tmp_path: Path) -> None:
    refused(bench(tmp_path, "--bundle", tmp_path / "nowhere"), "is no bundle")


def test_results_outside_a_checkout(bundles: list[Path], tmp_path: Path) -> None:
    refused(bench(tmp_path, "--bundle", bundles[0], "--results"), "run in a checkout")
    assert list(tmp_path.iterdir()) == []
