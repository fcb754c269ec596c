"""A logistic regression on features that do not know how large the EEG is.

Of each lead's last 4 s: line length over standard deviation, how concentrated its spectrum is,
and what share of the power lies in each band. Of these the mean over leads and the nine
deciles, so that any number of leads gives the same number of features.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.pipeline.models import EpisodeRule
from edge.stages.eeg_signal import EEG_FS_HZ, HIGH_HZ, LOW_HZ
from training.floors.windows import N_WINDOW, Float32, Float64, Judgement

NAME: Final = "logistic"
BANDS_HZ: Final = ((LOW_HZ, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, HIGH_HZ))
DECILES: Final = tuple(range(10, 100, 10))
N_FEATURES: Final = (2 + len(BANDS_HZ)) * (1 + len(DECILES))

RULE: Final = EpisodeRule(enter=0.5, leave=0.3, mean_s=4.0, least_s=4.0, end_s=8.0)
"""Four windows in a row, a second apart, with a mean probability of a half."""

_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Logistic:
    """See `training.floors.windows.Floor`; it remembers nothing."""

    weights: tuple[float, ...]  # (N_FEATURES,)
    bias: float

    @property
    def n_memory(self) -> int:
        return 0

    def judge(self, window: Float64, leads: NDArray[np.int64], memory: Float32) -> Judgement:
        """All leads speak alike: they are judged together."""
        score = float(features(window) @ np.array(self.weights)) + self.bias
        probability = 1.0 / (1.0 + np.exp(-np.clip(score, -50.0, 50.0)))
        return Judgement(probability, np.full(len(leads), probability), memory)


def features(window: Float64) -> Float64:
    """Of a window.

    Parameters
    ----------
    window : (n_leads, N_WINDOW); any scale

    Returns
    -------
    (N_FEATURES,)
    """
    each = _of_leads(window)  # (n_leads, 2 + n_bands)
    over = [each.mean(axis=0), *np.percentile(each, DECILES, axis=0)]
    return np.concatenate(over)


def _of_leads(window: Float64) -> Float64:
    spread = window.std(axis=1) + _LEAST
    length = np.abs(np.diff(window, axis=1)).mean(axis=1) + _LEAST * spread
    power = np.abs(np.fft.rfft(window * np.hanning(N_WINDOW), axis=1)) ** 2
    hz = np.fft.rfftfreq(N_WINDOW, 1.0 / EEG_FS_HZ)
    power = power[:, (hz >= LOW_HZ) & (hz < HIGH_HZ)]
    hz = hz[(hz >= LOW_HZ) & (hz < HIGH_HZ)]
    share = (power + _LEAST) / (power + _LEAST).sum(axis=1, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=1) / np.log(share.shape[1])
    bands = [share[:, (hz >= low) & (hz < high)].sum(axis=1) for low, high in BANDS_HZ]
    return np.stack([np.log(length / spread), 1.0 - entropy, *np.log(bands)], axis=1)
