"""`vitalwire bench zoo`, as it is typed; what a file costs is tested where it is measured."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.made_data import beat_run, write_data
from training import runs
from vitalwire.bundle import Task
from vitalwire.cli import app


def test_a_file_that_takes_too_long_costs_its_cells_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the command sets them: they are as before, then
    data = write_data(tmp_path / "data")
    run = runs.start(Task.ECG_BEAT, beat_run(1), data, tmp_path / "run", "x", lambda _: None)
    # Loading torch alone takes longer than a second.
    done = CliRunner().invoke(app, ["bench", "zoo", str(run.path), "--limit", "1", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    (row,) = report["models"]
    assert row["score"] == run.history()[0]["score"]
    late = {"told": "not converted in 1 s", "why": ""}
    none = {"told": "none without fp32", "why": ""}
    assert row["files"] == {
        "model.fp32.onnx": late, "model.int8.onnx": none,
        "model.fp32.tflite": late, "model.int8.tflite": none,
    }  # fmt: skip
    assert "| not converted in 1 s | none without fp32 |" in done.stderr
    refused = CliRunner().invoke(app, ["bench", "zoo", str(tmp_path), "--limit", "0"])
    assert refused.exit_code == 2
