"""The table that compares models: all of them on one scale, and what is missing is said."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.export import children
from tests.training.export.trained import trained
from training import zoo_table
from training.export.gates import INT8_BYTES
from training.models import build_model
from training.zoo_files import Cost, Lack, made
from training.zoo_runs import measure_runs
from training.zoo_table import Row, measure, table, write
from vitalwire.bundle import Task
from vitalwire.errors import InputError

FILES = ("model.fp32.onnx", "model.int8.onnx", "model.fp32.tflite", "model.int8.tflite")
WIDE = {"rhythm": 256, "rhythm_dilations": [1], "beat_dilations": [1]}  # over 200 kB in int8


def row(model: str, score: float, lacks: dict[str, Lack] | None = None) -> Row:
    files = dict.fromkeys(FILES, Cost(64_036, 0.1234)) | (lacks or {})
    return Row(model, 12_480, 1.0, 1.2, files, score)


def test_the_best_score_stands_first_and_what_is_missing_is_told() -> None:
    lacks = {
        "model.int8.onnx": Lack("its state stays float"),
        "model.int8.tflite": Lack("not converted", "NotImplementedError: no such layer"),
    }
    told = table([row("lstm", 71.5, lacks), row("tcn", 80)])
    lines = told.splitlines()
    assert lines[2].startswith("| tcn | 12,480 | 1.00 | 64 | 64 | 0.123 | 0.123 | 0.123 |")
    assert lines[2].endswith("| 1.2 | 80.00 |")
    assert "| 64 | not converted | 0.123 | its state stays float | 0.123 | not con" in lines[3]
    note = "- `lstm`, `model.int8.tflite`: not converted: NotImplementedError: no such layer."
    assert lines[4:] == ["", note]
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_an_int8_file_that_is_too_large_to_ship_is_called_so() -> None:
    large = dict.fromkeys(FILES, Cost(200_001, 0.5))
    told = table([replace(row("tcn", 80), files=large), row("cnn1d", 70)])
    assert "| tcn | 12,480 | 1.00 | 200 | 200 (too large) | 0.5 | 0.5 | 0.5 | 0.5 |" in told
    notes = [line for line in told.splitlines() if line.startswith("- ")]
    assert [line.partition(":")[0] for line in notes] == [
        "- `tcn`, `model.int8.onnx`", "- `tcn`, `model.int8.tflite`",
    ]  # fmt: skip
    assert all(
        "200,001 bytes: an int8 file that ships has at most 200,000" in one for one in notes
    )
    fits = dict.fromkeys(FILES, Cost(200_000, 0.5))
    assert "too large" not in table([replace(row("tcn", 80), files=fits)])


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
        measure_runs([tmp_path], 60, lambda _: None)
    with pytest.raises(InputError, match="expected runs of one task, got none"):
        measure_runs([], 60, lambda _: None)


def test_what_is_not_made_in_time_costs_its_cells_alone() -> None:
    said: list[str] = []
    found = measure(Task.ECG_BEAT, trained(Task.ECG_BEAT), 70.0, 0.01, said.append)
    late, none = Lack("not converted in 0.01 s"), Lack("none without fp32")
    assert [found.files[name] for name in FILES] == [late, none, late, none]
    assert said == ["making model.fp32.onnx", "making model.fp32.tflite"]
    assert found.mflop_per_s > 0
    (_, _, line) = table([found]).splitlines()
    assert line.count("not converted in 0.01 s") == 3  # kB of one, ms of two
    assert line.endswith("| 1.2 | 70.00 |")


def test_a_converter_that_raises_is_told() -> None:
    assert made(600, children.refuses) == Lack(
        "not converted", "NotImplementedError: no such layer"
    )


@pytest.mark.slow
def test_a_model_is_measured_in_every_runtime_that_it_can_have() -> None:
    said: list[str] = []
    one = trained(Task.ECG_RHYTHM)
    wide = build_model(Task.ECG_RHYTHM, "tcn", WIDE)
    found = measure(Task.ECG_RHYTHM, replace(one, model=wide), 70.0, 3600, said.append)
    files = dict(found.files)
    assert files.pop("model.int8.onnx") == Lack("its state stays float")
    assert set(files) == set(FILES) - {"model.int8.onnx"}
    costs = {name: file for name, file in files.items() if isinstance(file, Cost)}
    assert costs == files
    assert all(one.ms > 0 for one in costs.values())
    assert found.calls_per_s == 5.0
    assert found.mflop_per_s > 0
    assert INT8_BYTES < costs["model.int8.tflite"].bytes < costs["model.fp32.tflite"].bytes
    assert "(too large)" in table([found])
