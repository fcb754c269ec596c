"""Whether each lead of an EEG can be analysed, frame by frame, for all leads at once. Pure.

Law of this module: a seizure must stay `GOOD`. It is large (in CHB-MIT one frame in a hundred
deflects by over 1.1 mV), it comes with muscle (25 to 40 Hz, up to 80 uV in 95 % of the frames)
and after it the EEG may be almost flat. So it is asked only whether something lies over the
lead that no brain and no convulsion makes:

- `LEAD_OFF`: the sender says so. At once, and after it the lead starts anew.
- `UNKNOWN`: less than a second seen since the start.
- `POOR`: an electrode that jumps, samples at the converter's rail, muscle or mains so large
  that nothing else is seen, or missing samples. At once, and until 2 s without: as long as the
  high-pass of `eeg_signal` needs to forget a jump.
- `FLAT`: less than 2 uV within each fifth of a second for 2 s: electrocerebral inactivity, a
  dead electrode, or one short-circuited to its reference; in none of them is a seizure seen.

All amplitudes are in uV. Frames are those of `framing`, 0.2 s.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.eeg_signal import MAINS_HZ, Bools, Float64
from edge.stages.framing import FRAME_S
from edge.stages.items import State
from vitalwire.contracts import Samples, SignalState

STATES: Final = (
    SignalState.UNKNOWN,
    SignalState.GOOD,
    SignalState.POOR,
    SignalState.FLAT,
    SignalState.LEAD_OFF,
)
"""A code is a place in here."""

UNKNOWN, GOOD, POOR, FLAT, LEAD_OFF = range(len(STATES))

SETTLE_FRAMES: Final = 5  # 1 s; also the window of noise and of missing samples
POOR_LEAVE_FRAMES: Final = 10

FLAT_FRAMES: Final = 10
FLAT_UV: Final = 2.0  # as the guideline on electrocerebral inactivity has it (ACNS 2016)
FLAT_LEAVE_UV: Final = 3.0

DEFLECTION_UV: Final = 2000.0  # within a frame: in CHB-MIT's seizures one frame in a thousand
STEP_UV: Final = 1000.0  # between the means of two frames: in the same, one in two thousand
RAIL_RANGE_UV: Final = 1000.0  # a rail is an extreme of a range that no EEG rests at
RAIL_SHARE: Final = 0.4  # of a frame's samples
MUSCLE_BAND_HZ: Final = (25.0, 30.0, 35.0, 40.0)  # what every amplifier passes
MUSCLE_UV: Final = 200.0  # RMS; 99.8 % of the frames of CHB-MIT's seizures have less
MAINS_UV: Final = 100.0  # RMS at 50 or 60 Hz: the notch leaves 1 uV of it while it stands still
NOISE_LEAVE: Final = 0.5  # of muscle and mains, to be quiet again
MISSING_SHARE: Final = 0.25  # of a second's samples

LEAST_GOOD: Final = 0.5  # of the leads

Codes = NDArray[np.int8]


class EegQuality:
    """State of each lead after each frame.

    Parameters
    ----------
    fs : float
        Hz.
    n_leads : int
    """

    def __init__(self, fs: float, n_leads: int) -> None:
        self._fs, self._n_leads = fs, n_leads
        self._n_frame = round(fs * FRAME_S)
        self._bits = np.arange(n_leads)
        self.reset()

    @property
    def codes(self) -> Codes:
        """The states after the last frame, see `STATES`."""
        return self._codes

    def reset(self) -> None:
        """Start anew, as after a gap."""
        n = self._n_leads
        self._codes: Codes = np.full(n, UNKNOWN, np.int8)
        self._seen = np.zeros(n, np.int64)  # frames, up to those of SETTLE_FRAMES
        self._fair = np.full(n, POOR_LEAVE_FRAMES)  # frames in a row without what makes it poor
        self._still = np.zeros(n, np.int64)  # frames in a row without a deflection
        self._calm = False  # every lead is GOOD, and none is about to be something else
        self._mean: Float64 = np.zeros(n)
        # Muscle, mains and missing samples of the last second, in shares of their limits.
        self._window = np.zeros((SETTLE_FRAMES, n, 3))
        self._turn = 0  # the row that comes next
        self._lowest = np.full(n, np.inf)  # of all samples since the start
        self._highest = np.full(n, -np.inf)

    def push(self, x: Samples, missing: Sequence[int], lead_off: int) -> Codes:
        """States of the leads after one more frame.

        Parameters
        ----------
        x : (n_leads, n_samples) float32, uV, finite
            A frame shorter than half of a whole one adds nothing to what is known.
        missing : sequence of int
            How many samples of each lead were missing and hold the last value.
        lead_off : int
            Bit i: lead i was off somewhere in the frame.
        """
        if 2 * x.shape[1] >= self._n_frame:
            self._judge(x, missing)
        if lead_off:
            self._forget((lead_off >> self._bits & 1).astype(bool))
        return self._codes

    def _judge(self, x: Samples, missing: Sequence[int]) -> None:
        low = np.minimum.reduce(x, axis=1).astype(np.float64)
        high = np.maximum.reduce(x, axis=1).astype(np.float64)
        deflection = high - low
        waves = x @ _waves(self._fs, x.shape[1])
        step = np.abs(waves[:, 0] - self._mean)
        self._mean = waves[:, 0]
        bad = (deflection > DEFLECTION_UV) | self._railed(x, low, high)
        bad |= (step > STEP_UV) & (self._seen > 0)
        noise = self._noise(waves[:, 1:], missing, x.shape[1])
        bad |= np.logical_or.reduce(noise > self._noise_limit(), axis=1)
        if not (self._calm and not bad.any() and deflection.min() >= FLAT_UV):
            self._codes = self._decide(bad, deflection)

    def _railed(self, x: Samples, low: Float64, high: Float64) -> Bools:
        np.minimum(self._lowest, low, out=self._lowest)
        np.maximum(self._highest, high, out=self._highest)
        at_end: Bools = (low == self._lowest) | (high == self._highest)
        at_end &= self._highest - self._lowest >= RAIL_RANGE_UV
        for lead in np.flatnonzero(at_end):  # seldom any
            n_low = np.count_nonzero(x[lead] == self._lowest[lead])
            n_high = np.count_nonzero(x[lead] == self._highest[lead])
            at_end[lead] = max(n_low, n_high) >= RAIL_SHARE * x.shape[1]
        return at_end

    def _noise(self, waves: Float64, missing: Sequence[int], n_samples: int) -> Float64:
        """Muscle, mains and missing samples of each lead, in shares of their limits."""
        row = self._window[self._turn]
        self._turn = (self._turn + 1) % SETTLE_FRAMES
        row[:, :2] = (waves * waves) @ _SHARES[: waves.shape[1]]
        row[:, 2] = np.asarray(missing) / (n_samples * MISSING_SHARE) if any(missing) else 0.0
        mean: Float64 = np.add.reduce(self._window, axis=0) / SETTLE_FRAMES
        return mean

    def _noise_limit(self) -> Float64 | float:
        if self._calm:
            return 1.0
        easier = np.ones((self._n_leads, 3))
        easier[self._codes == POOR, :2] = NOISE_LEAVE**2
        return easier

    def _decide(self, bad: Bools, deflection: Float64) -> Codes:
        self._seen = np.minimum(self._seen + 1, SETTLE_FRAMES)
        self._fair = np.where(bad, 0, np.minimum(self._fair + 1, POOR_LEAVE_FRAMES))
        limit = np.where(self._codes == FLAT, FLAT_LEAVE_UV, FLAT_UV)
        still = np.minimum(self._still + 1, FLAT_FRAMES)
        self._still = np.where(deflection < limit, still, 0)
        codes = np.where(self._still == FLAT_FRAMES, FLAT, GOOD)
        codes = np.where(self._fair < POOR_LEAVE_FRAMES, POOR, codes)
        codes = np.where(self._seen < SETTLE_FRAMES, UNKNOWN, codes)
        self._calm = bool((codes == GOOD).all() and not self._still.any())
        return codes.astype(np.int8)

    def _forget(self, off: Bools) -> None:
        self._codes = np.where(off, LEAD_OFF, self._codes).astype(np.int8)
        self._calm = False
        self._seen[off] = self._still[off] = 0
        self._fair[off] = POOR_LEAVE_FRAMES
        self._window[:, off] = 0.0
        self._lowest[off], self._highest[off] = np.inf, -np.inf

    def state(self) -> State:
        return {
            "codes": self._codes.astype(np.int64),
            "calm": self._calm,
            "turn": self._turn,
            **{name: getattr(self, f"_{name}").copy() for name in _ARRAYS},
        }

    def restore(self, state: State) -> None:
        self._codes = np.array(state["codes"], np.int8)
        self._calm, self._turn = state["calm"], state["turn"]
        for name in _ARRAYS:
            setattr(self, f"_{name}", np.array(state[name]))


_ARRAYS: Final = ("seen", "fair", "still", "mean", "window", "lowest", "highest")


def stream_state(codes: Codes) -> SignalState:
    """What can be said of the whole: `GOOD` while at least half of the leads are.

    A seizure is told from noise by where it is: with fewer leads nobody would believe a model,
    or a neurologist. Otherwise the state that most of the leads have which are not good.
    """
    n_good = int(np.count_nonzero(codes == GOOD))
    if n_good and n_good >= LEAST_GOOD * len(codes):
        return SignalState.GOOD
    counts = Counter(int(code) for code in codes if code != GOOD)
    return STATES[max(counts, key=lambda code: (counts[code], code))]


@lru_cache(maxsize=64)
def _waves(fs: float, n: int) -> Float64:
    """From a frame's samples to its mean and its waves, `(n, 1 + n_waves)`.

    A wave's square is its part of the mean square: cosine and sine of each frequency under a
    Hann window, of what is left of the frame about its straight line.
    """
    window, t = np.hanning(n + 2)[1:-1], np.arange(n)
    line = np.vander(t - t.mean(), 2)
    about_line = np.eye(n) - line @ np.linalg.pinv(line)
    # Of noise each wave stands for the band to the next one; a tone is whole in its wave.
    share = (MUSCLE_BAND_HZ[1] - MUSCLE_BAND_HZ[0]) * n / fs
    of_noise, of_tone = (2.0 * share / (n * (window @ window))), 2.0 / window.sum() ** 2
    scales = dict.fromkeys(MUSCLE_BAND_HZ, of_noise)
    scales |= {hz: of_tone for hz in MAINS_HZ if hz < 0.49 * fs}
    columns = [np.full(n, 1.0 / n)]
    for hz, scale in scales.items():
        angle = 2 * np.pi * hz * t / fs
        for wave in (np.cos(angle), np.sin(angle)):
            columns.append(about_line @ (window * wave) * np.sqrt(scale))
    matrix: Float64 = np.stack(columns, axis=1)
    matrix.setflags(write=False)
    return matrix


def _shares() -> Float64:
    """From the squares of the waves to muscle and mains in shares of their limits."""
    n_muscle, n_mains = 2 * len(MUSCLE_BAND_HZ), 2 * len(MAINS_HZ)
    of_muscle = [(1.0 / MUSCLE_UV**2, 0.0)] * n_muscle
    return np.array(of_muscle + [(0.0, 1.0 / MAINS_UV**2)] * n_mains)


_SHARES: Final = _shares()
