"""Odd records through the real pipeline: each is scored or costs one line, never the run."""

from pathlib import Path

import numpy as np
import pytest

from edge.models import NOTHING
from tests.training.scoring.made_records import Made, beats_each_second
from training.scoring.bundled import BundledGateway
from training.scoring.jobs import Job, Skipped, run_jobs
from training.scoring.observation import Observation

wfdb = pytest.importorskip("wfdb", reason="WFDB records are written with wfdb")


def load_bare() -> BundledGateway:
    """The pipeline without any model."""
    return BundledGateway(NOTHING, {})


def one(folder: Path, name: str = "r") -> Observation | Skipped:
    [(job, result)] = run_jobs([Job(folder / name)], load_bare, n_workers=1)
    assert job.name == name
    return result


def write(folder: Path, steps: np.ndarray, fs: float) -> None:
    wfdb.wrsamp(
        "r", fs=fs, units=["mV"], sig_name=["I"], d_signal=steps.astype(np.int64)[:, None],
        adc_gain=[200.0], baseline=[0], fmt=["16"], write_dir=str(folder),
    )  # fmt: skip


def test_one_sample(tmp_path: Path) -> None:
    write(tmp_path, np.array([7]), 250)
    seen = one(tmp_path)
    assert isinstance(seen, Observation)
    assert (seen.n_samples, len(seen.beats), seen.shutdown) == (1, 0, ())


@pytest.mark.parametrize("value", [0, 300, -32768])
def test_flat_and_all_missing(tmp_path: Path, value: int) -> None:
    write(tmp_path, np.full(20 * 250, value), 250)
    seen = one(tmp_path)
    assert isinstance(seen, Observation)
    assert len(seen.beats) == 0
    assert seen.duration_s == 20


@pytest.mark.parametrize("fs", [127.3, 333, 1000])
def test_odd_rates_are_analysed(tmp_path: Path, fs: float) -> None:
    made = Made(duration_s=20, fs=fs, beats=beats_each_second(20))
    write(tmp_path, np.rint(made.signal() * 200), fs)
    seen = one(tmp_path)
    assert isinstance(seen, Observation)
    assert 16 <= len(seen.beats) <= 20
    phase = seen.beats / fs % 1
    assert np.median(phase) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("fs", [12.5, 9000])
def test_a_rate_that_cannot_be_analysed_is_one_line(tmp_path: Path, fs: float) -> None:
    write(tmp_path, np.arange(100) % 7, fs)
    why = one(tmp_path)
    assert isinstance(why, Skipped)
    assert f"{fs:g}" in why.why
    assert "\n" not in why.why


def test_a_record_that_is_gone(tmp_path: Path) -> None:
    why = one(tmp_path, "gone")
    assert isinstance(why, Skipped)
    assert "no such recording" in why.why
