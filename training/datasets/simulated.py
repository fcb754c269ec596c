"""Recordings with ectopic beats, simulated from recordings that have none.

Annotated premature beats come from a handful of people; hearts without any are recorded by the
hundred. So a normal recording is taken apart into its beats, each with its own P wave, QRS and
T wave, and put together again in the order of a heart with ectopic beats
(`training.datasets.ectopic_patterns`). A supraventricular beat keeps its QRS and T wave, comes
early, on the T wave before it if it must, and its P wave is flattened, inverted or moved. A
ventricular beat has no P wave, its QRS is wide and may be inverted, its T wave points the other
way. Noise stays as it was within the beats. Pure.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample

from training.datasets.ectopic_patterns import S, V, drawn_steps
from training.ec57 import Reference

N_BEATS: Final = 110
_LEAST_BEATS: Final = 8  # to take one from
_LEAST_INTERVAL_S: Final = 0.28
_BEFORE_S: Final = 0.30  # of the R peak belongs to its beat, or so much of the interval:
_BEFORE_SHARE: Final = 0.40
_AFTER_S: Final = 0.52
_TAPER_S: Final = 0.03
_P_END_S: Final = 0.09  # before the R peak
_QRS_S: Final = 0.07  # to each side of it
_T_S: Final = 0.24
_SMOOTHED_S: Final = 0.04

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Focus:
    """Where a heart's ectopic beats come from, as it shows in their shape."""

    p_gain: float  # of the P wave of a supraventricular beat
    p_shift_s: float
    width: float  # of a ventricular QRS, in times its own
    skew: float  # of that width: more to the left than to the right
    gain: float  # of a ventricular QRS
    t_gain: float  # of its T wave, against its QRS


def simulated(
    x_mv: NDArray[np.float32], fs: float, beats: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], Reference] | None:
    """A recording of `N_BEATS` with their classes; None where there are too few to begin with.

    Parameters
    ----------
    x_mv : (n_samples,) float32, finite, of one lead
    fs : float
        Hz.
    beats : (n,) int64, ascending
        R peaks, all of them normal.
    rng : numpy.random.Generator
        Everything is drawn from it.
    """
    beats = beats[(beats > 0.5 * fs) & (beats < len(x_mv) - 0.9 * fs)]
    if len(beats) < _LEAST_BEATS:
        return None
    intervals_s = np.diff(beats) / fs
    usual_s = float(np.median(intervals_s))
    steps, focus = drawn_steps(rng, N_BEATS), _focus(rng)
    n_sources = len(beats) - 1
    source = (int(rng.integers(n_sources)) + np.arange(len(steps))) % n_sources
    own_s = np.clip(intervals_s[source], 0.7 * usual_s, 1.4 * usual_s)
    own_s[[step.label in (S, V) for step in steps]] = usual_s
    wanted_s = own_s * np.array([step.interval for step in steps])
    at = np.round((1.0 + np.cumsum(np.maximum(wanted_s, _LEAST_INTERVAL_S))) * fs).astype(int)
    y = rng.normal(0, _noise(x_mv), at[-1] + round(1.5 * fs))
    for step, k, peak in zip(steps, source, at, strict=True):
        before_s = intervals_s[k - 1] if k else usual_s
        piece, n_before = _piece(x_mv, fs, int(beats[k]), before_s, intervals_s[k])
        if step.label is S:
            piece = _supraventricular(piece, n_before, fs, focus)
        elif step.label is V:
            piece, n_before = _ventricular(piece, n_before, fs, focus)
        first = peak - n_before
        y[first : first + len(piece)] += piece[: len(y) - first]
    labels = np.array([step.label.value for step in steps])
    return y.astype(np.float32), Reference(at.astype(np.int64), labels)


def _focus(rng: np.random.Generator) -> _Focus:
    sign = float(rng.choice([-1.0, 1.0]))
    return _Focus(
        p_gain=rng.uniform(-1.3, 0.4) if rng.random() < 0.8 else rng.uniform(0.6, 1.1),
        p_shift_s=rng.normal(0, 0.02),
        width=rng.uniform(1.5, 2.6),
        skew=rng.uniform(0.6, 1.6),
        gain=sign * rng.uniform(0.6, 1.6),
        t_gain=-sign * rng.uniform(0.2, 1.0),
    )


def _noise(x: NDArray[np.float32]) -> float:
    """Deviation of what differs from sample to sample in most places."""
    steps = np.diff(x)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2.0))


def _piece(
    x: NDArray[np.float32], fs: float, peak: int, before_s: float, after_s: float
) -> tuple[Float64, int]:
    """A beat's own signal, from its baseline to its baseline, and how much comes before R."""
    n_before = int(min(_BEFORE_S, _BEFORE_SHARE * before_s) * fs)
    n_after = int(min(_AFTER_S, (1.0 - _BEFORE_SHARE) * after_s) * fs)
    piece = x[peak - n_before : peak + n_after].astype(np.float64)
    n_end, n_taper = max(int(0.02 * fs), 2), max(int(_TAPER_S * fs), 2)
    piece -= np.linspace(np.median(piece[:n_end]), np.median(piece[-n_end:]), len(piece))
    piece[:n_taper] *= np.linspace(0, 1, n_taper)
    piece[-n_taper:] *= np.linspace(1, 0, n_taper)
    return piece, n_before


def _supraventricular(piece: Float64, n_before: int, fs: float, focus: _Focus) -> Float64:
    n_p, n_turn = max(n_before - int(_P_END_S * fs), 1), max(int(0.02 * fs), 1)
    gain = np.ones(len(piece))
    gain[:n_p] = focus.p_gain
    gain[n_p : n_p + n_turn] = np.linspace(focus.p_gain, 1.0, n_turn)
    piece = piece * gain
    piece[:n_p] = np.roll(piece[:n_p], int(focus.p_shift_s * fs))
    return piece


def _ventricular(
    piece: Float64, n_before: int, fs: float, focus: _Focus
) -> tuple[Float64, int]:
    """The QRS stretched to both sides, smoothed, and a T wave against it."""
    n = int(_QRS_S * fs)
    qrs = piece[n_before - n : n_before + n]
    left = resample(qrs[:n], max(int(n * focus.width * focus.skew**0.5), 4))
    right = resample(qrs[n:], max(int(n * focus.width / focus.skew**0.5), 4))
    window = np.hanning(max(int(_SMOOTHED_S * fs), 3))
    wide = np.convolve(np.concatenate([left, right]), window / window.sum(), "same")
    wide *= focus.gain
    wide[:4] *= np.linspace(0, 1, 4)
    points = np.sign(qrs[np.abs(qrs).argmax()])
    t_wave = np.hanning(int(_T_S * fs)) * focus.t_gain * points * 0.35 * np.abs(qrs).max()
    return np.concatenate([wide, t_wave]), int(np.abs(wide).argmax())
