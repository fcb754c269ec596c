"""`vitalwire evaluate eeg-seizure` as a person types it, from the download on."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.made_seizures import SEIZURE_TOML
from tests.training.scoring.made_brains import published
from tests.vitalwire.recordings.mirror import Mirror
from vitalwire.cli import app

runner = CliRunner()


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "results.md").write_text("# Results\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("VITALWIRE_DATA", raising=False)
    return folder


@pytest.fixture
def recordings(tmp_path: Path, checkout: Path) -> Path:
    """CHB-MIT, downloaded."""
    with Mirror("chbmit", "1.0.0", published(tmp_path / "server")) as mirror:
        words = ["data", "fetch", "chbmit", "--base-url", mirror.url, "--to", "recordings"]
        fetched = runner.invoke(app, words)
    assert fetched.exit_code == 0, fetched.output
    return checkout / "recordings"


@pytest.mark.usefixtures("recordings")
def test_from_the_download_to_the_report(checkout: Path) -> None:
    words = ["evaluate", "eeg-seizure", "--data", "recordings", "--floor", "line-length"]
    done = runner.invoke(app, [*words, "--report", "eeg.html", "--results", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["seizures.n"], report["seizures.found"]) == (2, 2)
    assert report["events.f1"] == 1.0
    assert sorted(report["per_patient"]) == ["chb01", "chb03"]
    assert report["delay"]["n_timed"] == 2
    assert 4.0 <= report["delay_p50_s"] <= 12.0
    of_the_same = report["background"]["hours_of_people_with_seizures"]
    assert of_the_same == pytest.approx(160 / 3600, abs=1e-3)
    assert "2 seizures of 2 patients" in (checkout / "eeg.html").read_text()
    assert "--floor line-length --results" in (checkout / "docs" / "results.md").read_text()
    assert "Data: " in done.stderr


@pytest.mark.usefixtures("recordings")
def test_from_the_download_to_models_and_their_report(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.eeg_folds.LEAST_FOLDS", 2)
    (checkout / "tiny.toml").write_text(SEIZURE_TOML)
    words = ["train", "eeg-seizure", "--config", "tiny.toml", "--data", "recordings"]
    trained = runner.invoke(app, [*words, "--leave-one-out", "--out", "folds"])
    assert trained.exit_code == 0, trained.output
    words = ["evaluate", "eeg-seizure", "--data", "recordings", "--folds", "folds", "--results"]
    done = runner.invoke(
        app, [*words, "--leads", "2,all", "--against", "line-length", "--json"]
    )
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert sorted(report["per_patient"]) == ["chb01", "chb03"]
    assert report["bundles"]["eeg-seizure"].count("eeg-seizure 1 (") == 2
    compared = [(one["detector"], one["leads"]) for one in report["compared"]]
    names = ("folds by folds", "line-length")
    assert compared == [(name, n_leads) for name in names for n_leads in (2, None)]
    assert [one["seizures.found"] for one in report["compared"][2:]] == [2, 2]
    assert all(one["seizures.n"] == 2 for one in report["compared"])
    page = (checkout / "docs" / "results.md").read_text()
    assert "<!-- eeg-seizure-folds: begin -->" in page
    assert "--folds RUN --leads 2,all --against line-length --results" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--floor", "gotman"], "--floor: expected one of line-length, logistic, got 'gotman'"),
        (["--model-free", "--bundle", "b"], "got --bundle and --model-free"),
        (
            ["--model-free", "--leads", "2,many"],
            "--leads: expected numbers from 1 to 32 or all",
        ),
        (["--model-free"], "found none that can be read"),
        (["--folds", "."], "folds.json: cannot be read"),
        (["--bundle", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str) -> None:
    done = runner.invoke(app, ["evaluate", "eeg-seizure", "--data", ".", *words])
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
