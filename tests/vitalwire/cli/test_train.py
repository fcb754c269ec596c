"""`vitalwire train`, as it is typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.training.made_data import BEAT_TOML, RHYTHM_TOML, write_data
from tests.training.made_seizures import SEIZURE_TOML, write_seizures
from vitalwire.cli import app

TOML = {"ecg-beat": BEAT_TOML, "ecg-rhythm": RHYTHM_TOML}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VITALWIRE_DATA", raising=False)


def train(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, words)])


@pytest.mark.parametrize("task", ["ecg-beat", "ecg-rhythm"])
def test_from_records_to_a_finished_run(data: Path, tmp_path: Path, task: str) -> None:
    (tmp_path / "tiny.toml").write_text(TOML[task])
    words = (
        task,
        "--config",
        tmp_path / "tiny.toml",
        "--data",
        data,
        "--out",
        tmp_path / "run",
    )
    done = train(*words, "--seed", "3", "--leave", "101, 106", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["run"] == str(tmp_path / "run")
    assert told["kept"]["epoch"] in (0, 1)
    assert set(told["facts"]) == {
        "labels", "temperature", "thresholds", "episodes", "record_label", "figures",
    }  # fmt: skip
    assert len(done.stdout.splitlines()) == 1
    assert "epoch 2 of 2" in done.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["task"], config["leave"]) == (task, ["101", "106"])
    assert config["config"]["seed"] == 3
    again = train(*words)
    assert again.exit_code == 2
    assert "is not empty" in again.stderr
    (tmp_path / "run" / "facts.json").unlink()
    other = {"ecg-beat": "ecg-rhythm", "ecg-rhythm": "ecg-beat"}[task]
    more = ("--data", data, "--out", tmp_path / "run", "--resume")
    refused = train(other, *more)
    assert refused.exit_code == 2
    assert f"is a run of {task}, expected one of {other}" in refused.stderr
    assert not (tmp_path / "run" / "facts.json").exists()
    resumed = train(task, *more)
    assert resumed.exit_code == 0, resumed.output
    assert "finished" in resumed.stdout
    assert json.loads((tmp_path / "run" / "facts.json").read_text()) == told["facts"]


BAD = [
    (("fly",), "", "expected a task of ecg-beat, ecg-rhythm, eeg-seizure, got 'fly'"),
    (("ecg-beat", "--leave-one-out"), "", "--leave-one-out: expected eeg-seizure"),
    (("eeg-seizure", "--zoo"), "", "--zoo: expected ecg-beat or ecg-rhythm"),
    (("eeg-seizure", "--leave-one-out", "--folds", "3"), "", "expected one of them"),
    (("eeg-seizure", "--model", "lstm"), "", "lstm: expected a task of ecg-beat, ecg-rhythm"),
    (("eeg-seizure",), "[task.mix]\nnear = -1", "task.mix.near: Input should be"),
    (("ecg-beat", "--model", "perceptron"), "", "expected one of cnn1d"),
    (("ecg-beat", "--leave", "999"), "", "to train on is of 999"),
    (("ecg-rhythm", "--leave", "101,888"), "", "to train on is of 888"),
    (("ecg-beat", "--folds", "1"), "", "expected at least 2, got 1"),
    (("ecg-beat", "--folds", "2", "--resume"), "", "neither --leave nor --resume"),
    (("ecg-beat", "--resume"), "", "no run is here"),
    (("ecg-beat", "--resume", "--epochs", "9"), "", "--resume goes on as the run was begun"),
    (("ecg-beat",), "epochs = 3", "unknown key epochs"),
    (("ecg-rhythm",), "[task.augment]\nloud = 1", "unknown key task.augment.loud"),
    (("ecg-beat",), "[loop]\nepochs = 0", "loop.epochs: Input should be greater"),
    (("ecg-beat",), "[loop]\nlearning_rate = 'fast'", "loop.learning_rate: Input should be"),
    (("ecg-beat",), "[task]\nsizes = 3", "task.sizes: Input should be"),
    (("ecg-beat",), "[task.sizes]\nwidth = 3", "expected sizes among"),
    (("ecg-beat",), "[task.share]\nQ = 0.5", "task.share"),
    (("ecg-beat",), "[task.thresholds]\nS = 0.5", "expected one each for S, V, F"),
    (("ecg-beat",), "[task]\nrhythm = 'nowhere'", "no run is here"),
    (("ecg-rhythm",), "[task]\nweak = 0", "both are 0"),
    (("ecg-rhythm",), "[task", "cannot be read"),
]


@pytest.mark.parametrize(("words", "toml", "said"), BAD, ids=[said for *_, said in BAD])
def test_bad_input_is_one_line(
    data: Path, tmp_path: Path, words: tuple[str, ...], toml: str, said: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(toml)
    out = tmp_path / "run"
    more = () if "--resume" in words else ("--config", config)
    done = train(*words, *more, "--data", data, "--out", out)
    assert done.exit_code == 2
    *before, last = done.stderr.splitlines()
    assert last.startswith("vitalwire: ")
    assert said in last
    assert all(line.startswith(("reading ", "left out: ")) for line in before)
    assert not out.exists()


def test_seizures_left_out_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.eeg_folds.LEAST_FOLDS", 2)
    (tmp_path / "tiny.toml").write_text(SEIZURE_TOML)
    data = write_seizures(tmp_path / "data")
    words = ("--config", tmp_path / "tiny.toml", "--data", data, "--out", tmp_path / "folds")
    done = train("eeg-seizure", *words, "--leave-one-out", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert json.loads((tmp_path / "folds" / "folds.json").read_text()) == told["folds"]
    assert told["folds"]["chb01"] != told["folds"]["chb03"]
    assert "of 4 seizures found" in done.stderr


@pytest.mark.usefixtures("no_data_folder")
def test_where_the_recordings_are_not(tmp_path: Path) -> None:
    done = train("ecg-beat", "--data", tmp_path / "nowhere", "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert "no such folder" in done.stderr.splitlines()[-1]
    done = train("ecg-beat", "--data", tmp_path, "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert "expected WFDB records" in done.stderr.splitlines()[-1]
    assert "--data" in train("ecg-beat", "--out", tmp_path / "run").output
    assert list(tmp_path.iterdir()) == []


def test_what_lies_in_the_folder_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = train("ecg-beat", "--data", data, "--out", tmp_path)
    assert done.exit_code == 2
    assert "is not empty" in done.stderr
    assert "reading" not in done.stderr  # it is told before the reading
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
