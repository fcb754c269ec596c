"""One ECG lead as the models see it: 125 Hz, 0.5 to 40 Hz, in mV. Pure.

Training and gateway share this stage, so a model never meets another filter than the one it
learned behind. Positions are exact: output `k` is the lead at time `k / MODEL_FS_HZ` from the
stage's first sample.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.items import State
from vitalwire.dsp import CausalBandpass, Resampler

MODEL_FS_HZ: Final = 125.0
LOW_HZ: Final = 0.5  # the monitor band of IEC 60601-2-27: ST may drift, a baseline may not
HIGH_HZ: Final = 40.0
LIMIT_MV: Final = 5.0  # an electrode's jump is not larger to a model than this


class ModelSignal:
    """Samples of one lead in, samples at `MODEL_FS_HZ` out.

    Parameters
    ----------
    fs : float
        Hz.
    """

    def __init__(self, fs: float) -> None:
        self._resampler = Resampler(fs, MODEL_FS_HZ)
        self._bandpass = CausalBandpass(MODEL_FS_HZ, LOW_HZ, HIGH_HZ)

    def push(self, lead: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples, (n,) float32 in mV; give those that are ready, (m,)."""
        resampled = self._resampler.push(lead[None, :])
        filtered = self._bandpass.push(resampled)[0]
        clipped: NDArray[np.float32] = np.clip(filtered, -LIMIT_MV, LIMIT_MV)
        return clipped

    def state(self) -> State:
        return {"resampler": self._resampler.state(), "bandpass": self._bandpass.state()}

    def restore(self, state: State) -> None:
        self._resampler.restore(state["resampler"])
        self._bandpass.restore(state["bandpass"])
