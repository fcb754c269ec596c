"""From a folder of recordings to a finished run, in pieces or in one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.chunklog import open_reader
from edge.chunklog.export import FileFormat, export
from edge.chunklog.index import index_log
from edge.chunklog.layout import lay_out
from edge.chunklog.survey import Selection
from tests.edge.chunklog import streams
from tests.training.made_data import annotated, beat_run, rhythm_run, write_data
from training import runs
from training.datasets.rhythm_sets import read_rhythm_data
from training.folds import OUT_OF_FOLD, train_folds
from training.loop import LAST
from training.run_folder import RunFolder
from training.runs import RunConfig
from training.tasks.ecg_rhythm import RhythmTask
from training.tasks.rhythm_streams import logits_of, p_af_of
from vitalwire.bundle import Task
from vitalwire.contracts import Rhythm
from vitalwire.errors import InputError
from vitalwire.recordings import write_annotations

TASKS = [(Task.ECG_BEAT, beat_run()), (Task.ECG_RHYTHM, rhythm_run())]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def quiet(line: str) -> None:
    """Nobody listens."""


def weights(run: RunFolder) -> dict[str, list[float]]:
    return {key: value.tolist() for key, value in run.load(LAST)["model"].items()}


@pytest.mark.parametrize(("task", "config"), TASKS, ids=[task.value for task, _ in TASKS])
def test_an_interrupted_run_ends_as_if_it_had_not_been(
    data: Path, tmp_path: Path, task: Task, config: RunConfig
) -> None:
    def dies(line: str) -> None:
        if line.startswith("epoch 1 "):
            raise KeyboardInterrupt

    whole = runs.start(task, config, data, tmp_path / "whole", "x", quiet)
    with pytest.raises(KeyboardInterrupt):
        runs.start(task, config, data, tmp_path / "cut", "x", dies)
    cut = runs.resume(tmp_path / "cut", data, quiet)
    assert weights(cut) == weights(whole)
    assert (cut.history(), cut.facts) == (whole.history(), whole.facts)
    assert runs.config_of(cut) == config
    assert {path.name for path in cut.path.iterdir()} == {
        "config.json", "provenance.json", "history.jsonl", "last.pt", "best.pt", "facts.json",
        "curves.png",
    }  # fmt: skip
    runs.load_model(cut)


def test_other_recordings_are_not_gone_on_with(data: Path, tmp_path: Path) -> None:
    run = runs.start(Task.ECG_BEAT, beat_run(1), data, tmp_path / "run", "x", quiet)
    annotated().write(tmp_path / "other" / "mitdb", "101")
    with pytest.raises(InputError, match="are not those it began with"):
        runs.resume(run.path, tmp_path / "other", quiet)


class TestExported:
    """What a gateway recorded, with a person's annotations beside it."""

    @pytest.fixture
    def recorded(self, tmp_path: Path) -> Path:
        made = annotated(n_leads=1)
        x = np.tile(made.signal().astype(np.float32), (2, 1))
        streams.write(tmp_path / "log", map(streams.record, streams.cut(x)))
        parts = lay_out(index_log(open_reader(tmp_path / "log"), Selection()))
        (told,) = export(tmp_path / "log", parts, tmp_path / "out", FileFormat.WFDB)
        marks = sorted(made.marks)
        own = {"(N": "(normal", "(AFIB": "(af", "(VT": "(shockable"}
        write_annotations(
            tmp_path / "out", told["record"], "atr", told["fs_hz"],
            [round(at * told["fs_hz"]) for at, _, _ in marks],
            [symbol for _, symbol, _ in marks],
            [own.get(aux, aux) for _, _, aux in marks],
        )  # fmt: skip
        return tmp_path / "out"

    def test_both_tasks_train_on_it(self, recorded: Path, tmp_path: Path) -> None:
        strong = rhythm_run(2, weak=0, strong=2)
        run = runs.start(Task.ECG_RHYTHM, strong, recorded, tmp_path / "r", "x", quiet)
        assert run.facts["record_label"] == {}
        assert run.facts["temperature"] == 1.0
        (entry,) = run.provenance["data"]
        assert entry["what"] == "1 records, annotated rhythms"
        beat = replace(beat_run(), task=replace(beat_run().task, rhythm=str(run.path)))
        done = runs.start(Task.ECG_BEAT, beat, recorded, tmp_path / "b", "x", quiet)
        assert set(done.facts["thresholds"]) == {"S", "V", "F"}
        wrong = replace(beat.task, rhythm=str(done.path))
        with pytest.raises(InputError, match="is no run of ecg-rhythm"):
            runs.beat_data(wrong, recorded, quiet)

    def test_its_device_is_its_patient_and_its_names_are_known(self, recorded: Path) -> None:
        data = read_rhythm_data(recorded)
        (patient,) = {one.patient for one in data.train_strong}
        assert patient.endswith("/wrist-7")
        last = dict(zip(Rhythm, data.train_strong[0].allowed[-1].tolist(), strict=True))
        assert last == {one: one is Rhythm.SHOCKABLE for one in Rhythm}

    def test_where_nobody_has_one_label_the_agreement_chooses(self, recorded: Path) -> None:
        data = read_rhythm_data(recorded)
        held_out = data.without([data.train_strong[0].patient])
        held_out.train_strong.extend(data.train_strong)
        task = RhythmTask(rhythm_run(1, weak=0, strong=1).task, held_out)
        figures = task.validate(task.build().eval())
        assert 0.0 <= figures["score"] <= 100.0
        assert "shockable" in figures


def test_p_af_of_a_short_lead_is_of_no_hop(data: Path, tmp_path: Path) -> None:
    run = runs.start(Task.ECG_RHYTHM, rhythm_run(1), data, tmp_path / "r", "x", quiet)
    model = runs.load_model(run)
    assert len(p_af_of(model, 1.0, np.zeros(3, np.float32), 250.0)) == 0
    told = p_af_of(model, 1.0, np.zeros(2500, np.float32), 250.0)
    assert len(told) in (49, 50)
    assert ((told >= 0) & (told <= 1)).all()


def test_a_long_record_does_not_change_what_is_told_of_a_short_one(data: Path) -> None:
    torch.manual_seed(0)
    records = read_rhythm_data(data).train_strong[:1]
    n = 1100
    long = replace(
        records[0],
        x_mv=np.resize(records[0].x_mv, n * 25),
        allowed=np.ones((n, 5), np.bool_),
    )
    model = RhythmTask(rhythm_run().task, read_rhythm_data(data)).build().eval()
    alone = logits_of(model, records)[0]
    among = logits_of(model, [records[0], long, records[0]])
    np.testing.assert_allclose(among[0], alone, atol=1e-6)
    np.testing.assert_allclose(among[2], alone, atol=1e-6)
    assert among[1].shape == (5, n)


class TestFolds:
    def test_of_beats(self, data: Path, tmp_path: Path) -> None:
        report = train_folds(beat_run(1), data, tmp_path / "f", "x", quiet, 3)
        assert json.loads((tmp_path / "f" / OUT_OF_FOLD).read_text()) == report.figures
        assert report.figures["n_records"] == 3
        left = [RunFolder(tmp_path / "f" / f"fold{n}").config["leave"] for n in range(3)]
        assert sorted(name for group in left for name in group) == ["101", "106", "201"]
        said: list[str] = []
        again = train_folds(beat_run(1), data, tmp_path / "f", "x", said.append, 3)
        assert again.figures == report.figures
        assert said == []  # nothing was trained anew
        with pytest.raises(InputError, match="a run of another configuration"):
            train_folds(beat_run(2), data, tmp_path / "f", "x", quiet, 3)

    @pytest.mark.parametrize("n_folds", [1, 4])
    def test_a_number_that_cannot_be(self, data: Path, tmp_path: Path, n_folds: int) -> None:
        with pytest.raises(InputError, match="expected at least"):
            train_folds(beat_run(1), data, tmp_path / "f", "x", quiet, n_folds)


def test_init_of_other_sizes_is_told(data: Path, tmp_path: Path) -> None:
    run = runs.start(Task.ECG_RHYTHM, rhythm_run(1), data, tmp_path / "r", "x", quiet)
    config = rhythm_run(1)
    larger = {**config.task.sizes, "stem": 4}
    other = replace(config, task=replace(config.task, sizes=larger, init=str(run.path)))
    with pytest.raises(InputError, match="is a run of another model or other sizes"):
        runs.start(Task.ECG_RHYTHM, other, data, tmp_path / "s", "x", quiet)


def test_half_a_folder_is_no_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.create({"task": "ecg-sleep"}, {})
    with pytest.raises(InputError, match="expected a run of a task, got 'ecg-sleep'"):
        runs.config_of(run)


@pytest.mark.parametrize("config", [None, [], "tcn"])
def test_a_run_without_a_configuration_is_not_one_of_defaults(
    tmp_path: Path, config: object
) -> None:
    run = RunFolder(tmp_path / "run")
    run.create({"task": "ecg-beat", "leave": [], "config": config}, {})
    with pytest.raises(InputError, match="expected the run's configuration"):
        runs.config_of(run)
