"""An export is judged on whom the run held out, and reads nobody else."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.made_data import annotated, beat_run, rhythm_run, write_data
from training import runs
from training.export.from_run import Options, export_folder
from training.export.graphs import graph_of
from training.export.held_out import read_held_out, validation_of
from training.run_folder import RunFolder
from training.runs import RunConfig, fields_of
from training.tasks.ecg_beat import BeatTask
from vitalwire.bundle import Task
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def quiet(line: str) -> None:
    """Nobody listens."""


def begun(path: Path, config: RunConfig, leave: tuple[str, ...] = ()) -> RunFolder:
    """A run as far as an export's validation asks it."""
    run = RunFolder(path)
    task = Task.ECG_BEAT if isinstance(config, runs.BeatRun) else Task.ECG_RHYTHM
    run.create(fields_of(task, config, leave), {})
    return run


@pytest.mark.parametrize(
    ("hold_out", "leave", "hears_rhythm"), [(("106",), ("201",), True), ((), (), False)]
)
def test_the_numbers_are_those_of_all_the_data(
    data: Path,
    tmp_path: Path,
    hold_out: tuple[str, ...],
    leave: tuple[str, ...],
    hears_rhythm: bool,
) -> None:
    """As training itself judges, down to the last bit, and with the rhythm model's word."""
    own = replace(beat_run().task, hold_out=hold_out, share={"F": 1.0, "N": 0.1})
    if hears_rhythm:
        rhythm = runs.start(Task.ECG_RHYTHM, rhythm_run(1), data, tmp_path / "r", "x", quiet)
        own = replace(own, rhythm=str(rhythm.path))
    run = begun(tmp_path / "run", replace(beat_run(), task=own), leave)
    everything = BeatTask(
        replace(own, hold_out=(*hold_out, *leave)), runs.beat_data(own, data, quiet)
    )
    few = validation_of(run, data, quiet)
    wanted, found = everything.real_inputs(40), few.real_inputs(40)
    assert wanted.keys() == found.keys()
    for key, value in wanted.items():
        np.testing.assert_array_equal(found[key], value)
    assert bool(found["context"].any())
    torch.manual_seed(1)
    model = everything.build().eval()
    assert few.validate(model) == everything.validate(model)
    assert few.facts(model) == everything.facts(model)
    graph = graph_of(Task.ECG_BEAT, model, 1.0, 4)
    assert few.score(graph) == everything.score(graph)


def test_nobody_else_is_read(tmp_path: Path) -> None:
    for name in ("101", "106", "201"):
        annotated(shift_s=0.01 * int(name)).write(tmp_path / "mitdb", name)
    before = read_held_out(tmp_path, ["106"])
    for name in ("101", "201"):
        (tmp_path / "mitdb" / f"{name}.dat").write_bytes(b"")
    (tmp_path / "mitdb" / "201.atr").write_bytes(b"x")
    after = read_held_out(tmp_path, ["106"])
    assert after.skipped == []
    (one,), (other,) = before.first_leads, after.first_leads
    assert (one.name, one.patient) == ("106/L0", "106")
    np.testing.assert_array_equal(one.beat, other.beat)
    np.testing.assert_array_equal(one.label, other.label)
    everybody = read_held_out(tmp_path, [])
    assert [one.patient for one in everybody.first_leads] == ["106"]
    assert sorted("101" in line or "201" in line for line in everybody.skipped) == [True, True]


@pytest.mark.parametrize(
    ("leave", "said"), [(("999",), "to train on is of 999"), (("100",), "is of 100")]
)
def test_who_is_not_there_or_never_trained_on(
    data: Path, tmp_path: Path, leave: tuple[str, ...], said: str
) -> None:
    annotated().write(tmp_path / "mitdb", "100")
    run = begun(tmp_path / "run", beat_run(), leave)
    with pytest.raises(InputError, match=said):
        validation_of(run, data, quiet)
    with pytest.raises(InputError, match="no record with annotated beats to judge by"):
        read_held_out(tmp_path, [])
    assert open_recording(tmp_path / "mitdb" / "100").n_samples > 0


def test_a_rhythm_run_is_judged_as_it_was(data: Path, tmp_path: Path) -> None:
    run = begun(tmp_path / "run", rhythm_run(), ("101",))
    found = validation_of(run, data, quiet)
    assert found.name is Task.ECG_RHYTHM
    assert found.real_inputs(20)["signal"].shape == (20, 25)


def test_whom_nothing_could_be_drawn_from_can_judge(tmp_path: Path) -> None:
    annotated().write(tmp_path / "mitdb", "101")
    annotated(duration_s=8.0).write(tmp_path / "mitdb", "106")  # all of them normal
    own = replace(beat_run().task, hold_out=("106",), share={"V": 1.0})
    run = begun(tmp_path / "run", replace(beat_run(), task=own))
    validation = validation_of(run, tmp_path / "mitdb", quiet)
    assert len(validation.real_inputs(100)["beat"]) in range(3, 8)


def test_an_export_begins_where_only_they_are(data: Path, tmp_path: Path) -> None:
    class BegunError(Exception):
        """Far enough: what follows takes long, and is tested elsewhere."""

    def say(line: str) -> None:
        if line.startswith("making"):
            raise BegunError

    run = runs.start(Task.ECG_BEAT, beat_run(1), data, tmp_path / "run", "x", quiet, ["106"])
    shutil.copytree(
        data / "mitdb", tmp_path / "few", ignore=shutil.ignore_patterns("101*", "201*")
    )
    with pytest.raises(BegunError):
        export_folder(run.path, tmp_path / "few", None, Options(), say)
    assert not (run.path / "bundle").exists()
