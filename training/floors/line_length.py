"""A detector that was not trained: line length and band power against a running background.

After Gotman (1982, Electroencephalogr Clin Neurophysiol 54:530), who compares the amplitude of
an epoch with the background before it, and Esteller (2001, Proc. IEEE EMBS 2:1707), who takes
line length. A lead is in seizure when both its line length and its power from 3 to 30 Hz stand
clear of their running means; the strongest third of the leads is what counts, since a seizure
need not be everywhere. Causal.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.pipeline.models import EpisodeRule
from edge.stages.eeg_signal import EEG_FS_HZ, N_LEADS_MAX
from training.floors.windows import N_WINDOW, STEP_S, Float32, Float64, Judgement

NAME: Final = "line-length"
RATIO: Final = 2.0
"""Line length so many times the background's, and the power its square: even odds."""

BACKGROUND_S: Final = 120.0
"""Time constant of the background; at first it is the plain mean of what was heard."""

DURING: Final = 0.1
"""While a seizure is likelier than not the background learns so much slower."""

RULE: Final = EpisodeRule(enter=0.5, leave=0.3, mean_s=4.0, least_s=4.0, end_s=8.0)

_BAND_HZ: Final = (3.0, 30.0)
_STEEP: Final = 6.0  # of the probability, by the logarithm of the ratio
_SHARE: Final = 1.0 / 3.0  # of the leads
_FLOOR: Final = 1e-6
_SLOW: Final = BACKGROUND_S / STEP_S


@dataclass(frozen=True, slots=True)
class LineLength:
    """See `training.floors.windows.Floor`.

    Its memory holds, for each lead, the mean logarithms of line length and band power, and how
    many windows they are of.
    """

    @property
    def n_memory(self) -> int:
        return 3 * N_LEADS_MAX

    def judge(self, window: Float64, leads: NDArray[np.int64], memory: Float32) -> Judgement:
        """Compare the window with the background, then let the background learn from it."""
        background = memory.reshape(3, N_LEADS_MAX).copy()
        newest = np.stack([_line_length(window), _band_amplitude(window)])  # (2, n_leads)
        usual, n_seen = background[:2, leads], background[2, leads]
        above = np.where(n_seen > 0, np.min(newest - usual, axis=0), 0.0)
        n_strong = max(1, round(_SHARE * len(leads)))
        score = float(np.sort(above)[-n_strong:].mean())
        probability = 1.0 / (1.0 + math.exp(-_STEEP * (score - math.log(RATIO))))
        weight = 1.0 / np.minimum(n_seen + 1.0, _SLOW)
        weight = np.where(n_seen > 0, weight * (DURING if probability >= 0.5 else 1.0), 1.0)
        background[:2, leads] += weight * (newest - usual)
        background[2, leads] = np.minimum(n_seen + 1.0, _SLOW)
        each = np.clip(above / max(float(above.max()), _FLOOR), 0.0, 1.0)
        return Judgement(probability, probability * each, background.ravel())


def _line_length(window: Float64) -> Float64:
    length: Float64 = np.log(np.abs(np.diff(window, axis=1)).mean(axis=1) + _FLOOR)
    return length


def _band_amplitude(window: Float64) -> Float64:
    """Half of the logarithm of the power: as a length, it grows with the amplitude."""
    spectrum = np.abs(np.fft.rfft(window * np.hanning(N_WINDOW), axis=1)) ** 2
    hz = np.fft.rfftfreq(N_WINDOW, 1.0 / EEG_FS_HZ)
    inside = (hz >= _BAND_HZ[0]) & (hz <= _BAND_HZ[1])
    amplitude: Float64 = 0.5 * np.log(spectrum[:, inside].mean(axis=1) + _FLOOR)
    return amplitude
