"""Score a QRS detector on annotated records: EC57, and again under muscle noise.

Any detector will do that takes a lead and gives beats: the bare stage (`detect_with_stage`)
or the gateway's whole pipeline. The first lead of each record is scored.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.signal import resample_poly

from edge.stages.qrs import QrsDetector
from training import noise
from training.ec57 import (
    Pairs,
    QrsCounts,
    QrsSummary,
    Reference,
    Span,
    compare,
    count_qrs,
    read_reference,
    select_spans,
    shutdown_seconds,
    summarise_qrs,
)
from training.splits import DS1, DS2, SAME_MAN
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording, read_annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray

Detect = Callable[["NDArray[np.float32]", float], tuple["NDArray[np.int64]", Sequence[Span]]]
"""`(x_mv, fs) -> (beat_samples, shutdown_spans)`: a lead (n_samples,) in mV, NaN = missing;
beats strictly ascending; shutdown: where the device says "cannot analyse"."""

SNRS_DB: Final = (12.0, 6.0)
NOISE_RECORD: Final = Path("nstdb") / "ma"  # beside the folder of the records
NOISE_SEED: Final = 2025  # where in the noise each record begins
BLOCK_S: Final = 0.2  # as the gateway cuts the signal


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """First lead of a record and what its annotators saw."""

    name: str
    fs: float
    x_mv: NDArray[np.float32]  # (n_samples,)
    reference: Reference
    measured: NDArray[np.int64]  # beats that say how large the signal is, for the noise


@dataclass(frozen=True, slots=True)
class NoiseCounts:
    """Counts at one signal-to-noise ratio."""

    per_record: dict[str, QrsCounts]  # from minute 5 on, as `bxb` counts
    while_noisy: dict[str, QrsCounts]  # only where the noise is on


@dataclass(frozen=True, slots=True)
class QrsEvaluation:
    """What one detector did on a set of records."""

    per_record: dict[str, QrsCounts]
    noisy: dict[float, NoiseCounts] = field(default_factory=dict)  # by SNR in dB

    def as_json(self) -> dict[str, Any]:
        """The report, with `qrs.se` and `qrs.ppv` (percent, gross) at its top."""
        whole = _figures(self.per_record)
        return {
            "qrs.se": whole["se"],
            "qrs.ppv": whole["ppv"],
            **{key: value for key, value in whole.items() if key not in ("se", "ppv")},
            "ds1": _figures_of(self.per_record, DS1),
            "ds2": _figures_of(self.per_record, DS2),
            "ds2_without_202": _figures_of(
                self.per_record, [name for name in DS2 if name not in SAME_MAN]
            ),
            "per_record": {name: _row(counts) for name, counts in self.per_record.items()},
            "noise": {
                f"{snr_db:g}": {
                    **_figures(counts.per_record),
                    "ds2": _figures_of(counts.per_record, DS2),
                    "while_noisy": _figures(counts.while_noisy),
                }
                for snr_db, counts in self.noisy.items()
            },
            "noise_seed": NOISE_SEED,
        }


def evaluate_qrs(
    data_dir: Path,
    records: Sequence[str] | None,
    detect: Detect,
    *,
    snrs_db: Sequence[float] = SNRS_DB,
    progress: Callable[[str], None] = lambda _: None,
) -> QrsEvaluation:
    """Score a detector, clean and with muscle noise added.

    Parameters
    ----------
    data_dir : folder of WFDB records with `.atr` beside them, or one that holds `mitdb` or
        `ecg/mitdb`. Noise is taken from `nstdb` beside it; without it, none is added
    records : names; None for all annotated ones
    detect : see `Detect`
    snrs_db : signal-to-noise ratios, empty for none
    progress : told a line per record

    Raises
    ------
    InputError : no annotated record there, a record that is missing, without beats, or with
        symbols that are unknown
    """
    folder = find_records(data_dir)
    names = annotated_records(folder) if records is None else list(records)
    muscle = _read_noise(folder.parent / NOISE_RECORD) if snrs_db else None
    clean: dict[str, QrsCounts] = {}
    noisy = {snr_db: NoiseCounts({}, {}) for snr_db in (snrs_db if muscle is not None else ())}
    for name in names:
        record = read_annotated(folder, name)
        _, clean[name] = _score(record, record.x_mv, detect)
        for snr_db, counts in noisy.items():
            assert muscle is not None
            x_mv = with_noise(record, *muscle, snr_db=snr_db)
            pairs, counts.per_record[name] = _score(record, x_mv, detect)
            on = noise.noisy_spans(len(x_mv), fs=record.fs)
            counts.while_noisy[name] = count_qrs(select_spans(pairs, on))
        progress(f"{name}: Se {clean[name].se:.2f} +P {clean[name].ppv:.2f}")
    return QrsEvaluation(clean, noisy)


def detect_with_stage(
    x_mv: NDArray[np.float32], fs: float
) -> tuple[NDArray[np.int64], Sequence[Span]]:
    """Beats of the bare QRS stage, in the blocks the gateway uses; never shut down.

    Raises
    ------
    InputError : missing samples, which the stage is never given
    """
    if not bool(np.isfinite(x_mv).all()):
        raise InputError(
            "the record has missing samples, which the bare QRS stage cannot take: "
            "score the whole pipeline"
        )
    detector, block = QrsDetector(fs), round(BLOCK_S * fs)
    found = [
        beat
        for first in range(0, len(x_mv), block)
        for beat in detector.push(x_mv[first : first + block])
    ]
    found += detector.flush()
    return np.array([beat.sample for beat in found], dtype=np.int64), []


def find_records(data_dir: Path) -> Path:
    """The folder of annotated records: `data_dir`, or `mitdb` or `ecg/mitdb` in it.

    Raises
    ------
    InputError : none of them holds any
    """
    for folder in (data_dir, data_dir / "mitdb", data_dir / "ecg" / "mitdb"):
        if folder.is_dir() and annotated_records(folder):
            return folder
    raise InputError(
        f"{data_dir}: expected WFDB records (.hea) with annotations (.atr) in it, in mitdb/ "
        "or in ecg/mitdb/, found none: fetch them with `vitalwire data fetch mitdb`"
    )


def annotated_records(folder: Path) -> list[str]:
    """Names of the records that have annotations, sorted."""
    return sorted(
        path.stem for path in folder.glob("*.hea") if path.with_suffix(".atr").exists()
    )


def read_annotated(folder: Path, name: str) -> Annotated:
    """First lead, as float32 mV, and the reference.

    Raises
    ------
    InputError : unreadable, no beats, or unknown symbols
    """
    recording = open_recording(folder / name, signal=Signal.ECG, leads=["1"])
    annotations = read_annotations(folder / name).at_rate(recording.fs)
    measured = [symbol in noise.SUPRAVENTRICULAR for symbol in annotations.symbols]
    return Annotated(
        name=name,
        fs=recording.fs,
        x_mv=np.ascontiguousarray(recording.read()[0]),
        reference=read_reference(name, annotations.samples, annotations.symbols),
        measured=annotations.samples[np.array(measured, dtype=np.bool_)],
    )


def with_noise(
    record: Annotated, noise_mv: NDArray[np.float64], noise_fs: float, *, snr_db: float
) -> NDArray[np.float32]:
    """The record under noise; where the noise begins follows from its name and the seed."""
    ratio = Fraction(record.fs / noise_fs).limit_denominator(1000)
    if ratio != 1:
        noise_mv = resample_poly(noise_mv, ratio.numerator, ratio.denominator)
    x_mv = record.x_mv.astype(np.float64)
    gain = noise.noise_gain(x_mv, record.measured, noise_mv, fs=record.fs, snr_db=snr_db)
    rng = np.random.default_rng([NOISE_SEED, zlib.crc32(record.name.encode())])
    offset = int(rng.integers(len(noise_mv)))
    noisy = noise.add_noise(x_mv, noise_mv, fs=record.fs, gain=gain, offset=offset)
    return noisy.astype(np.float32)


def _score(
    record: Annotated, x_mv: NDArray[np.float32], detect: Detect
) -> tuple[Pairs, QrsCounts]:
    beats, shutdown = detect(x_mv, record.fs)
    pairs = compare(record.reference, beats, fs=record.fs, shutdown_spans=shutdown)
    shutdown_s = shutdown_seconds(shutdown, fs=record.fs, n_samples=len(x_mv))
    return pairs, count_qrs(pairs, shutdown_s=shutdown_s)


def _read_noise(path: Path) -> tuple[NDArray[np.float64], float] | None:
    """First lead of the noise record, None where there is no such record."""
    if not path.with_suffix(".hea").exists():
        return None
    recording = open_recording(path, signal=Signal.ECG, leads=["1"])
    return recording.read()[0].astype(np.float64), recording.fs


def _figures_of(per_record: Mapping[str, QrsCounts], names: Sequence[str]) -> dict[str, Any]:
    return _figures({name: per_record[name] for name in names if name in per_record})


def _figures(per_record: Mapping[str, QrsCounts]) -> dict[str, Any]:
    """Gross figures in percent with their intervals; null where nothing defines them."""
    if not per_record:
        return {"n_records": 0, "se": None, "ppv": None}
    summary: QrsSummary = summarise_qrs(per_record)
    return {
        "n_records": summary.n_records,
        **_row(summary.counts),
        "se_ci": [_known(summary.se_ci.low), _known(summary.se_ci.high)],
        "ppv_ci": [_known(summary.ppv_ci.low), _known(summary.ppv_ci.high)],
        "se_average": _known(summary.se_average),
        "ppv_average": _known(summary.ppv_average),
    }


def _row(counts: QrsCounts) -> dict[str, Any]:
    return {
        "se": _known(counts.se),
        "ppv": _known(counts.ppv),
        "tp": counts.tp,
        "fn": counts.fn,
        "fp": counts.fp,
        "shutdown_s": round(counts.shutdown_s, 3),
    }


def _known(percent: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(percent) else round(percent, 4)
