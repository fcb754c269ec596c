"""The QRS report, on small records written for it and on MIT-BIH where it is."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.ec57 import Span
from training.evaluate_qrs import (
    annotated_records,
    detect_with_stage,
    evaluate_qrs,
    find_records,
)
from vitalwire.errors import InputError

wfdb = pytest.importorskip("wfdb", reason="WFDB records are written with wfdb")

FS = 250
DURATION_S = 340
BEATS = np.arange(250, DURATION_S * FS - 250, 200)  # 75 a minute


def write_record(
    folder: Path, name: str, symbols: Sequence[str] | None = None, *, annotate: bool = True
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(3).normal(scale=0.01, size=DURATION_S * FS)
    width = np.exp(-0.5 * (np.arange(-25, 26) / 3.0) ** 2)
    for at in BEATS:
        x[at - 25 : at + 26] += width
    wfdb.wrsamp(
        name,
        fs=FS,
        units=["mV"],
        sig_name=["MLII"],
        p_signal=x[:, None],
        fmt=["16"],
        write_dir=str(folder),
    )
    if annotate:
        marks = list(symbols) if symbols is not None else ["N"] * len(BEATS)
        wfdb.wrann(name, "atr", BEATS[: len(marks)], symbol=marks, write_dir=str(folder))


def test_report_of_the_stage(tmp_path: Path) -> None:
    write_record(tmp_path / "mitdb", "100")
    write_record(tmp_path / "mitdb", "101")
    lines: list[str] = []
    result = evaluate_qrs(tmp_path, None, detect_with_stage, progress=lines.append)
    report = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert (report["qrs.se"], report["qrs.ppv"]) == (100.0, 100.0)
    assert report["n_records"] == 2
    assert report["tp"] == 2 * int(np.sum(BEATS >= 300 * FS))
    assert report["ds2"]["n_records"] == report["ds1"]["n_records"] == 1
    assert set(report["per_record"]) == {"100", "101"}
    assert report["noise"] == {}  # no nstdb beside it
    assert len(lines) == 2


def test_noise_beside_the_records_is_added(tmp_path: Path) -> None:
    write_record(tmp_path / "mitdb", "100")
    noise = np.random.default_rng(4).normal(scale=0.2, size=(400 * 360, 1))
    (tmp_path / "nstdb").mkdir()
    wfdb.wrsamp(
        "ma",
        fs=360,
        units=["mV"],
        sig_name=["noise1"],
        p_signal=noise,
        fmt=["16"],
        write_dir=str(tmp_path / "nstdb"),
    )
    heard: list[NDArray[np.float32]] = []

    def perfect(
        x_mv: NDArray[np.float32], _fs: float
    ) -> tuple[NDArray[np.int64], Sequence[Span]]:
        heard.append(x_mv)
        return BEATS.astype(np.int64), []

    report = evaluate_qrs(tmp_path, ["100"], perfect, snrs_db=(12.0, 6.0)).as_json()
    assert list(report["noise"]) == ["12", "6"]
    assert report["noise"]["6"]["se"] == 100.0
    clean, at_12, at_6 = heard
    power = [float(np.var(x[300 * FS :] - clean[300 * FS :])) for x in (at_12, at_6)]
    assert power[1] / power[0] == pytest.approx(10 ** (6 / 10), rel=0.01)
    np.testing.assert_array_equal(at_6[: 300 * FS], clean[: 300 * FS])


def test_beats_in_shutdown_are_missed_and_the_time_is_told(tmp_path: Path) -> None:
    write_record(tmp_path, "100")

    def gives_up(
        _x: NDArray[np.float32], _fs: float
    ) -> tuple[NDArray[np.int64], Sequence[Span]]:
        return BEATS.astype(np.int64), [(310 * FS, 320 * FS - 1)]

    report = evaluate_qrs(tmp_path, None, gives_up).as_json()
    assert report["shutdown_s"] == 10.0
    assert report["fn"] == int(np.sum((BEATS >= 310 * FS) & (BEATS < 320 * FS)))
    assert report["fp"] == 0


def test_bad_folders_and_records(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected WFDB records \(.hea\) with annotations"):
        find_records(tmp_path)
    write_record(tmp_path, "300", annotate=False)
    with pytest.raises(InputError, match="expected WFDB records"):
        evaluate_qrs(tmp_path, None, detect_with_stage)
    write_record(tmp_path, "301", ["+", "~"])
    assert annotated_records(tmp_path) == ["301"]
    with pytest.raises(InputError, match="record 301: its annotations hold no beat"):
        evaluate_qrs(tmp_path, None, detect_with_stage)
    with pytest.raises(InputError, match="300"):
        evaluate_qrs(tmp_path, ["300"], detect_with_stage)
    with pytest.raises(InputError, match="no such"):
        evaluate_qrs(tmp_path, ["999"], detect_with_stage)


def test_stage_takes_no_missing_samples() -> None:
    with pytest.raises(InputError, match="missing samples"):
        detect_with_stage(np.array([0.0, np.nan], dtype=np.float32), 250.0)


@pytest.mark.slow
def test_goal_on_some_records() -> None:
    """Training records only: a look at DS2 is written down, and a test would not."""
    data = os.environ.get("VITALWIRE_DATA")
    if not data:
        pytest.skip("set VITALWIRE_DATA to the folder that holds ecg/mitdb and ecg/nstdb")
    report = evaluate_qrs(
        Path(data),
        ["101", "108", "119", "203", "207", "223"],
        detect_with_stage,
        snrs_db=(12.0,),
    ).as_json()
    assert report["qrs.se"] >= 99.5
    assert report["qrs.ppv"] >= 99.5
    assert report["noise"]["12"]["se"] >= 99.0
    assert report["noise"]["12"]["ppv"] >= 95.0
