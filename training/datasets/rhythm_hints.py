"""What a rhythm model can be asked beside the rhythm, so that it learns faster. Pure.

Records with one label for 30 s say little; where the heart beats, how fast and how unevenly
can be measured in each second without an annotator. A model that must tell these too learns
to see beats and intervals from the start. They are asked in training only.

Beats are the peaks of the power at 8 to 20 Hz, filtered without delay over the whole record:
good enough to learn from, and nothing that a gateway could do.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import percentile_filter, uniform_filter1d
from scipy.signal import butter, filtfilt, find_peaks

from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.rhythm_hops import N_HOP

QRS_HZ: Final = (8.0, 20.0)
SMOOTH_S: Final = 0.12
REFRACTORY_S: Final = 0.25
LEVEL_BEATS: Final = 11
LEVEL_SHARE: Final = 0.35  # of the 80th percentile of the peaks around
LEAST_MV: Final = 1e-6  # less is what computing leaves of a flat line
N_INTERVALS: Final = 8
SEEN_S: Final = 0.06  # a beat counts in a hop when so much of it has passed
IRREGULARITY_SCALE: Final = 5.0  # brings the median step to the size of the others

HINTS: Final = ("log_rate_hz", "irregularity", "largest_step")


@dataclass(frozen=True, slots=True, eq=False)
class Hints:
    """Of one record."""

    beats: NDArray[np.int64]  # (n_beats,) samples at MODEL_FS_HZ
    values: NDArray[np.float32]  # (n_hops, len(HINTS))
    known: NDArray[np.bool_]  # (n_hops,)


def hints_of(x_mv: NDArray[np.float32], n_hops: int) -> Hints:
    """Measure a record, (n_samples,) at MODEL_FS_HZ."""
    beats = _beats(x_mv)
    values = np.zeros((n_hops, len(HINTS)), np.float32)
    known = np.zeros(n_hops, np.bool_)
    if len(beats) > N_INTERVALS:
        log_rr = np.log(np.diff(beats) / MODEL_FS_HZ)
        rates = np.lib.stride_tricks.sliding_window_view(log_rr, N_INTERVALS)
        steps = np.lib.stride_tricks.sliding_window_view(
            np.abs(np.diff(log_rr)), N_INTERVALS - 1
        )
        per_beat = np.stack(
            [
                -rates.mean(axis=1),
                IRREGULARITY_SCALE * np.median(steps, axis=1),
                steps.max(axis=1),
            ],
            axis=1,
        )
        end = (np.arange(n_hops) + 1) * N_HOP - round(SEEN_S * MODEL_FS_HZ)
        newest = np.searchsorted(beats, end, side="right") - 1 - N_INTERVALS
        known = newest >= 0
        values[known] = per_beat[np.minimum(newest[known], len(per_beat) - 1)]
    return Hints(beats, values, known)


def _beats(x_mv: NDArray[np.float32]) -> NDArray[np.int64]:
    if len(x_mv) < MODEL_FS_HZ:
        return np.empty(0, np.int64)
    b, a = butter(2, QRS_HZ, "bandpass", fs=MODEL_FS_HZ)
    power = filtfilt(b, a, x_mv.astype(np.float64)) ** 2
    mean = uniform_filter1d(power, round(SMOOTH_S * MODEL_FS_HZ))
    height = np.sqrt(np.maximum(mean, 0.0))  # a running sum of nothing may be below it
    peaks, _ = find_peaks(height, distance=round(REFRACTORY_S * MODEL_FS_HZ))
    if not len(peaks):
        return np.empty(0, np.int64)
    level = percentile_filter(height[peaks], 80, size=LEVEL_BEATS, mode="nearest")
    found: NDArray[np.int64] = peaks[height[peaks] > np.maximum(LEVEL_SHARE * level, LEAST_MV)]
    return found
