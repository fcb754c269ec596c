"""The commands' gateway: real pipeline, real runtime, random weights."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.offline import NOMINAL_START_NS
from tests.training.scoring.made_records import Made, beats_each_second, write_unknown_code
from training.scoring.bundled import LoadBundles, Named, read_folds
from training.scoring.observation import observe
from vitalwire.bundle import Task, read_manifest
from vitalwire.errors import BundleError, InputError

BEAT, RHYTHM = Task.ECG_BEAT, Task.ECG_RHYTHM
FS = 250.0


@pytest.fixture
def load(beat_bundle: Path, rhythm_bundle: Path) -> LoadBundles:
    return LoadBundles(BEAT, (Named(BEAT, beat_bundle), Named(RHYTHM, rhythm_bundle)))


def test_the_pipeline_is_heard(load: LoadBundles) -> None:
    x = Made(duration_s=30, beats=beats_each_second(30)).signal().astype(np.float32)
    gateway = load()
    seen = observe(gateway.listen(x, FS), fs=FS, n_samples=len(x), start_ns=NOMINAL_START_NS)
    assert len(seen.beats) >= 25
    assert bool(np.isfinite(seen.certainty).all())
    assert len(seen.told) >= 28  # once a second
    np.testing.assert_allclose(np.diff(seen.told_s), 1.0, atol=0.01)
    np.testing.assert_allclose(seen.told.sum(axis=1), 1.0, atol=1e-3)
    assert list(gateway.bundles) == ["ecg-beat", "ecg-rhythm"]


def test_annotated_beats_get_the_class_that_the_model_gives_them(load: LoadBundles) -> None:
    x = Made(duration_s=30, beats=beats_each_second(30)).signal().astype(np.float32)
    beats = (np.arange(30) * FS + FS / 2).astype(np.int64)
    labels = load().classify(x, FS, beats, np.zeros(150, np.float32))
    assert len(labels) == 30
    assert set(labels) <= {"N", "S", "V", "F", "Q"}


def test_a_bundle_of_another_task_altered_or_missing(
    beat_bundle: Path, rhythm_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="is a bundle for ecg-rhythm, expected one for ecg-"):
        LoadBundles(BEAT, (Named(BEAT, rhythm_bundle),))()
    altered = shutil.copytree(beat_bundle, tmp_path / "altered")
    (altered / "card.md").write_text("# another\n")
    with pytest.raises(BundleError, match="not what the manifest says"):
        LoadBundles(BEAT, (Named(BEAT, altered),))()
    with pytest.raises(BundleError, match="no bundle"):
        LoadBundles(BEAT, (Named(BEAT, tmp_path / "none"),))()
    with pytest.raises(InputError, match="--runtime"):
        LoadBundles(BEAT, (Named(BEAT, beat_bundle),), runtime="tea")()


def test_folds(rhythm_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(rhythm_bundle, tmp_path / "fold0")
    (tmp_path / "folds.json").write_text('{"418": "fold0", "419": "fold0"}')
    base = LoadBundles(RHYTHM, (Named(RHYTHM, Path("elsewhere")),))
    folds = read_folds(tmp_path, base)
    assert set(folds) == {"418", "419"}
    assert folds["418"] == folds["419"]
    digest = read_manifest(tmp_path / "fold0")[1]
    (tmp_path / "digests.json").write_text(json.dumps({"fold0": digest}))
    assert "pinned" in read_folds(tmp_path, base)["418"]().bundles["ecg-rhythm"]
    assert "nobody" in folds["418"]().bundles["ecg-rhythm"]
    (tmp_path / "digests.json").write_text(json.dumps({"fold0": "0" * 64}))
    with pytest.raises(BundleError):
        read_folds(tmp_path, base)["418"]()


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        (None, "cannot be read"),
        ("[]", "expected an object"),
        ('{"418": "../x"}', "expected a folder in"),
        ('{"418": "/x"}', "expected a folder in"),
    ],
)
def test_folds_that_cannot_be_used(tmp_path: Path, folds: str | None, said: str) -> None:
    if folds is not None:
        (tmp_path / "folds.json").write_text(folds)
    with pytest.raises(InputError, match=said):
        read_folds(tmp_path, LoadBundles(RHYTHM))


def evaluate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vitalwire", "evaluate", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_beat_command(beat_bundle: Path, rhythm_bundle: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "results.md").write_text("# Results\n")
    (docs / "test-set-log.md").write_text("| when | what | figures |\n")
    marks = [(n + 0.5, "V" if n % 7 == 0 else "N", "") for n in range(340)]
    beats = beats_each_second(340, dict.fromkeys(range(0, 340, 7), "V"))
    Made(beats=beats, marks=marks).write(tmp_path / "records", "100")
    write_unknown_code(tmp_path / "records", "bad")
    done = evaluate(
        tmp_path, "ecg-beat", "--data", "records", "--bundle", str(beat_bundle),
        "--beside", str(rhythm_bundle), "--second-lead", "--report", "page.html",
        "--results", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert {"qrs.se", "qrs.ppv", "VEB.f1", "SVEB.se"} <= set(report)
    assert report["qrs.se"] > 95
    assert [one["record"] for one in report["skipped"]] == ["bad"]
    assert "not scored: record bad: unknown annotation symbols ['nan']" in done.stderr
    assert "EC57" in (tmp_path / "page.html").read_text()
    results = (docs / "results.md").read_text()
    assert "## Beats (EC57)" in results
    assert "--data $VITALWIRE_DATA --second-lead --results`" in results
    log = (docs / "test-set-log.md").read_text()
    assert "DS2 (1): VEB Se" in log
    assert read_manifest(beat_bundle)[1][:12] in log


@pytest.mark.slow
def test_the_rhythm_command(rhythm_bundle: Path, tmp_path: Path) -> None:
    marks = [(0, "+", "(N"), (20, "+", "(VF"), (40, "+", "(N")]
    Made(duration_s=60, tones=[(20, 40, "shockable")], marks=marks).write(tmp_path / "r", "a")
    done = evaluate(
        tmp_path, "ecg-rhythm", "--data", "r", "--bundle", str(rhythm_bundle), "--json"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert {"shockable.se", "shockable.false_per_hour", "shockable.delay_p95_s"} <= set(report)
    assert report["shockable"]["rhythm_model"]["n_episodes"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ecg-beat", "--data", ".", "--bundle", "nowhere"), "nowhere is no bundle"),
        (("ecg-rhythm", "--data", ".", "--shockable-folds", "nowhere"), "folds.json"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = evaluate(tmp_path, *words)
    assert done.returncode != 0
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
