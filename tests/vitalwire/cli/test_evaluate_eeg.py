"""`vitalwire evaluate eeg-seizure` as a person types it, from the download on."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.training.made_seizures import SEIZURE_TOML
from tests.training.scoring.made_brains import published, write_people
from tests.vitalwire.recordings.mirror import Mirror
from vitalwire.cli import app


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CHB-MIT, downloaded."""
    folder = tmp_path_factory.mktemp("chbmit")
    with Mirror("chbmit", "1.0.0", published(folder / "server")) as mirror:
        to = folder / "recordings"
        done = vitalwire("data", "fetch", "chbmit", "--base-url", mirror.url, "--to", to)
    assert done.exit_code == 0, done.output
    return to


@pytest.fixture(scope="module")
def folds(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for each person that has not seen them."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.toml").write_text(SEIZURE_TOML)
    words = ("--config", folder / "tiny.toml", "--data", recordings, "--out", folder / "folds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.eeg_folds.LEAST_FOLDS", 2)
        done = vitalwire("train", "eeg-seizure", *words, "--leave-one-out")
    assert done.exit_code == 0, done.output
    return folder / "folds"


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "results.md").write_text("# Results\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("VITALWIRE_DATA", raising=False)
    return folder


def vitalwire(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def evaluate(*words: str | Path) -> Result:
    return vitalwire("evaluate", "eeg-seizure", *words)


def report_of(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_from_the_download_to_the_report(recordings: Path, checkout: Path) -> None:
    words = ("--data", recordings, "--floor", "line-length", "--report", "eeg.html")
    done = evaluate(*words, "--results", "--json")
    report = report_of(done)
    assert (report["seizures.n"], report["seizures.found"]) == (2, 2)
    assert report["events.f1"] == report["events.pooled.f1"] == 1.0
    assert sorted(report["per_patient"]) == ["chb01", "chb03"]
    assert report["delay"]["n_timed"] == 2
    assert 4.0 <= report["delay_p50_s"] <= 12.0
    of_the_same = report["background"]["hours_of_people_with_seizures"]
    assert of_the_same == pytest.approx(160 / 3600, abs=1e-3)
    assert "2 seizures of 2 patients" in (checkout / "eeg.html").read_text()
    assert "--floor line-length --results" in (checkout / "docs" / "results.md").read_text()
    assert "Data: " in done.stderr


def test_from_the_download_to_models_and_their_report(
    recordings: Path, folds: Path, checkout: Path
) -> None:
    more = ("--leads", "2,all", "--against", "line-length", "--results", "--json")
    report = report_of(evaluate("--data", recordings, "--folds", folds, *more))
    assert sorted(report["per_patient"]) == ["chb01", "chb03"]
    assert report["bundles"]["eeg-seizure"].count("eeg-seizure 1 (") == 2
    compared = [(one["detector"], one["leads"]) for one in report["compared"]]
    names = ("folds by folds", "line-length")
    assert compared == [(name, n_leads) for name in names for n_leads in (2, None)]
    assert [one["seizures.found"] for one in report["compared"][2:]] == [2, 2]
    assert all(one["seizures.n"] == 2 for one in report["compared"])
    assert "that has not seen them" in " ".join(report["about"])
    page = (checkout / "docs" / "results.md").read_text()
    assert "<!-- eeg-seizure-folds: begin -->" in page
    assert "--folds RUN --leads 2,all --against line-length --results" in page


def test_from_the_download_to_what_a_gateway_runs(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SEIZURE_TOML)
    words = ("--config", tmp_path / "tiny.toml", "--data", recordings)
    done = vitalwire("train", "eeg-seizure", *words, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    bundle = tmp_path / "bundle"
    done = vitalwire("export", tmp_path / "run", "--data", recordings, "--out", bundle)
    assert done.exit_code == 0, done.output
    files = {"model.fp32.onnx", "model.fp32.tflite", "model.int8.tflite"}
    assert files <= {one.name for one in bundle.iterdir()}
    card = (bundle / "card.md").read_text()
    assert "2 seizures" in card
    assert "Not a medical device" in card
    heard = [
        report_of(
            evaluate("--data", recordings, "--bundle", bundle, "--runtime", runtime, "--json")
        )
        for runtime in ("litert", "onnxruntime")
    ]
    assert [one["seizures.n"] for one in heard] == [2, 2]
    assert "litert int8" in heard[0]["bundles"]["eeg-seizure"]
    assert "onnxruntime fp32" in heard[1]["bundles"]["eeg-seizure"]


def test_a_bundle_hears_everybody(recordings: Path, folds: Path) -> None:
    report = report_of(
        evaluate("--data", recordings, "--bundle", folds / "fold0-bundle", "--json")
    )
    assert report["n_patients"] == 2
    assert "where it has learned from these people" in " ".join(report["about"])


def test_who_is_in_no_fold_is_not_scored(recordings: Path, folds: Path, tmp_path: Path) -> None:
    shutil.copytree(folds, tmp_path / "some")
    places = json.loads((folds / "folds.json").read_text())
    (tmp_path / "some" / "folds.json").write_text(json.dumps({"chb01": places["chb01"]}))
    done = evaluate("--data", recordings, "--folds", tmp_path / "some", "--json")
    assert sorted(report_of(done)["per_patient"]) == ["chb01"]
    assert "not scored: chb03_02: some by folds: no model is there that has not" in done.stderr
    others = write_people(tmp_path / "others", n_s=5)
    done = evaluate("--data", others, "--folds", tmp_path / "some")
    assert done.exit_code == 2
    assert "names chb01; here are recordings of s01, s02: none of them" in done.stderr


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
    done = evaluate("--data", ".", *words)
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
