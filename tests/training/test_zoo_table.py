"""The table that compares models: all of them on one scale, and what is missing is said."""

from pathlib import Path

import pytest

from tests.training.export.trained import trained
from training import zoo_table
from training.zoo_runs import measure_runs
from training.zoo_table import Row, measure, table, write
from vitalwire.bundle import Task
from vitalwire.errors import InputError

FILES = ("model.fp32.onnx", "model.int8.onnx", "model.fp32.tflite", "model.int8.tflite")


def row(model: str, score: float, missing: dict[str, str] | None = None) -> Row:
    there = [name for name in FILES if name not in (missing or {})]
    return Row(
        model, 12_480, 1.0, 1.2, dict.fromkeys(there, 64_036), dict.fromkeys(there, 0.1234),
        missing or {}, score,
    )  # fmt: skip


def test_the_best_score_stands_first_and_what_is_missing_is_told() -> None:
    told = table(
        [row("lstm", 71.5, {"model.int8.onnx": "its state stays float"}), row("tcn", 80)]
    )
    lines = told.splitlines()
    assert lines[2].startswith("| tcn | 12,480 | 1.00 | 64 | 64 | 0.123 | 0.123 | 0.123 |")
    assert lines[2].endswith("| 1.2 | 80.00 |")
    assert "| 0.123 | none | 0.123 |" in lines[3]
    assert "- `lstm` has no `model.int8.onnx`: its state stays float." in told
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_a_task_has_a_section_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "results.md"
    page.write_text("# Results\n")
    monkeypatch.setattr(zoo_table, "RESULTS", page)
    write(Task.ECG_BEAT, [row("tcn", 70)])
    write(Task.ECG_RHYTHM, [row("lstm", 60)])
    write(Task.ECG_BEAT, [row("cnn1d", 75)])
    text = page.read_text()
    assert "cnn1d" in text
    assert "lstm" in text
    assert "tcn" not in text
    assert text.count("side by side") == 2


def test_runs_that_are_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run is here"):
        measure_runs([tmp_path], lambda _: None)
    with pytest.raises(InputError, match="expected runs of one task, got none"):
        measure_runs([], lambda _: None)


@pytest.mark.slow
def test_a_model_is_measured_in_every_runtime_that_it_can_have() -> None:
    said: list[str] = []
    found = measure(Task.ECG_RHYTHM, trained(Task.ECG_RHYTHM), 70.0, said.append)
    assert set(found.missing) == {"model.int8.onnx"}
    assert set(found.bytes) == set(found.ms) == set(FILES) - {"model.int8.onnx"}
    assert found.calls_per_s == 5.0
    assert found.mflop_per_s > 0
    assert all(found.bytes.values())
    assert found.bytes["model.int8.tflite"] < found.bytes["model.fp32.tflite"]
