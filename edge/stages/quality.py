"""Whether one ECG lead can be analysed, frame by frame. Pure.

Law of this module: it never looks for QRS complexes, because ventricular fibrillation has
none and must stay `GOOD`; it asks only whether something that is not the heart covers the
signal. And it is conservative: every second that is called unreadable is a second in which
a beat counts as missed. Noise is bad enough where the beats found in it are of no use: on DS1
with nstdb's `ma`, in stretches of 5 s at a noise of `NOISE_SHARE`, more than half have over
half as many false and missed beats as they have beats. It is good enough again at
`NOISE_LEAVE` of that, where one stretch in eight is as bad. So the gate is closed for 6 % of
the noisy time at 6 dB, and for half of it at 0 dB.

- `LEAD_OFF`: the sender says so. At once, and after it everything starts anew.
- `UNKNOWN`: less than a second seen since the start.
- `POOR`: muscle noise (power at 18 to 40 Hz that does not pause between beats), samples at
  the converter's rail, steps no heart makes, or missing samples; after about 2 s of it,
  and until 3 s without it.
- `FLAT`: less than 0.05 mV within each fifth of a second for 3.2 s: longer than the RR of a
  heart at 20 a minute, shorter than the 4 s of asystole. Ends with the first deflection,
  so that the beat that ends a pause counts.

All amplitudes are in mV. A sampling rate below 50 Hz leaves no band for muscle noise.
"""

import math
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin

from edge.stages.items import State
from vitalwire.contracts import SignalState
from vitalwire.errors import ContractError

SETTLE_FRAMES: Final = 5  # 1 s: UNKNOWN until then

FLAT_FRAMES: Final = 16
FLAT_MV: Final = 0.05
FLAT_LEAVE_MV: Final = 0.075

POOR_ENTER_FRAMES: Final = 3  # beside the 1.4 s in which noise fills its window
POOR_LEAVE_FRAMES: Final = 15

NOISE_BAND_HZ: Final = (18.0, 40.0)  # above P, T and VF, below the mains
NOISE_FRAMES: Final = 10
QUARTERS: Final = 4  # of a frame, 50 ms each
NOISE_VALUES: Final = NOISE_FRAMES * QUARTERS
QUIET_SHARE: Final = 0.5  # the noise is the median of these: QRS complexes fill less
NOISE_SHARE: Final = 0.20  # of the lead's usual deflection
NOISE_MV: Final = 0.60  # whatever the lead's deflection
NOISE_LEAVE: Final = 0.45  # of both, to be quiet again

USUAL_START_MV: Final = 1.5  # a first guess never above this: it may be noise
USUAL_MIN_MV: Final = 0.5
USUAL_MAX_MV: Final = 4.0
USUAL_RATE: Final = 0.02  # a frame: 10 s
STEADY_SHARE: Final = 0.02  # noise below this share of the deflection, or ...
STANDING_OUT: Final = 4.0  # ... frames this many times the quiet ones, show a clean lead

STEP_MV: Final = 4.0  # between the means of two successive seconds: VT is averaged out
DEFLECTION_MV: Final = 10.0  # within a frame
RAIL_RANGE_MV: Final = 4.0  # a rail is an extreme of a range that no heart fills
RAIL_SHARE: Final = 0.4  # of a frame's samples
MISSING_SHARE: Final = 0.25  # of a second's samples

Float64 = NDArray[np.float64]
Number = TypeVar("Number", int, float)


class EcgLeadQuality:
    """State of one ECG lead after each frame.

    Parameters
    ----------
    fs : sampling rate, Hz

    Raises
    ------
    ContractError
        A rate below 50 Hz.
    """

    def __init__(self, fs: float) -> None:
        if not fs >= 50.0:
            raise ContractError(f"ECG quality needs 50 Hz or more, got {fs} Hz")
        self._fs = float(fs)
        self._clear()

    @property
    def current(self) -> SignalState:
        """The state after the last frame."""
        return self._current

    def reset(self) -> None:
        """Start anew, as after a gap."""
        self._clear()

    def _clear(self) -> None:
        self._current = SignalState.UNKNOWN
        self._tail: Float64 | None = None  # the last samples, for the noise filter
        self._noise: list[float] = []  # power of each quarter frame in its band, mV^2
        self._quiet = 0.0  # their median as an amplitude, mV
        self._deflection: list[float] = []  # peak to peak of each frame, mV
        self._mean: list[float] = []
        self._missing: list[int] = []  # samples of each frame
        self._size: list[int] = []
        self._usual: float | None = None  # the lead's usual deflection while clean, mV
        self._range: tuple[float, float] | None = None  # all samples since the start, mV
        self._railed = False
        self._bad_frames = 0  # in a row
        self._fair_frames = 0

    def push(self, x: NDArray[np.float32], missing: int, lead_off: bool) -> SignalState:
        """State of the lead after one more frame.

        Parameters
        ----------
        x : float32 `(n_samples,)`, mV, finite; about 0.2 s
        missing : how many of them were missing and hold the last value
        lead_off : the sender said that the lead was off somewhere in the frame
        """
        if lead_off:
            self._clear()
            self._current = SignalState.LEAD_OFF
        elif x.size:
            self._measure(x, missing)
            self._current = self._decide()
        return self._current

    def _measure(self, x: NDArray[np.float32], missing: int) -> None:
        """Add a frame's measures to the windows."""
        n, n_tail = x.size, _n_taps(self._fs) - 1
        tail = np.full(n_tail, x[0]) if self._tail is None else self._tail
        joined = np.concatenate((tail, x), dtype=np.float64)
        self._tail = joined[n:]
        measures = _analysis(self._fs, n) @ joined
        self._noise += _quarter_powers(measures[:n])
        del self._noise[:-NOISE_VALUES]
        mean, *shape = measures[n:].tolist()
        _keep(self._deflection, max(shape) - min(shape), FLAT_FRAMES)
        _keep(self._mean, mean, 2 * SETTLE_FRAMES)
        _keep(self._missing, missing, SETTLE_FRAMES)
        _keep(self._size, n, SETTLE_FRAMES)
        self._railed = self._at_rail(x)
        # Noise between beats: what is there most of the time is not the heart.
        self._quiet = math.sqrt(sorted(self._noise)[int(QUIET_SHARE * len(self._noise))])
        self._learn_usual()

    def _at_rail(self, x: NDArray[np.float32]) -> bool:
        low, high = float(np.minimum.reduce(x)), float(np.maximum.reduce(x))
        lowest, highest = self._range or (low, high)
        self._range = lowest, highest = min(lowest, low), max(highest, high)
        if highest - lowest < RAIL_RANGE_MV:
            return False
        n_railed = int(np.count_nonzero(x == low)) if low == lowest else 0
        if high == highest:
            n_railed = max(n_railed, int(np.count_nonzero(x == high)))
        return n_railed >= RAIL_SHARE * x.size

    def _learn_usual(self) -> None:
        """Follow the lead's deflection (the R wave, mostly), while it can be seen."""
        if len(self._missing) < SETTLE_FRAMES:
            return
        deflection = max(self._deflection[-NOISE_FRAMES:])
        if self._usual is None:
            self._usual = min(deflection, USUAL_START_MV)
        loud = math.sqrt(max(self._noise))
        if self._quiet < max(STEADY_SHARE * deflection, loud / STANDING_OUT):
            self._usual += USUAL_RATE * (min(deflection, USUAL_MAX_MV) - self._usual)

    def _decide(self) -> SignalState:
        if len(self._missing) < SETTLE_FRAMES:
            return SignalState.UNKNOWN
        was_poor = self._current is SignalState.POOR
        bad = self._unreadable(was_poor)
        self._bad_frames = self._bad_frames + 1 if bad else 0
        self._fair_frames = 0 if bad else self._fair_frames + 1
        if self._bad_frames >= POOR_ENTER_FRAMES:
            return SignalState.POOR
        if was_poor and self._fair_frames < POOR_LEAVE_FRAMES:
            return SignalState.POOR
        return SignalState.FLAT if self._flat() else SignalState.GOOD

    def _unreadable(self, was_poor: bool) -> bool:
        limit = min(NOISE_SHARE * max(self._usual or 0.0, USUAL_MIN_MV), NOISE_MV)
        if was_poor:
            limit *= NOISE_LEAVE
        return (
            self._railed
            or sum(self._missing) > MISSING_SHARE * sum(self._size)
            or self._deflection[-1] > DEFLECTION_MV
            or self._step() > STEP_MV
            or self._quiet > limit
        )

    def _step(self) -> float:
        """Change of the mean from the second before to the last one, mV."""
        before, after = self._mean[:-SETTLE_FRAMES], self._mean[-SETTLE_FRAMES:]
        if not before:
            return 0.0
        return abs(sum(after) / len(after) - sum(before) / len(before))

    def _flat(self) -> bool:
        if self._current is SignalState.FLAT:
            return self._deflection[-1] < FLAT_LEAVE_MV
        return len(self._deflection) == FLAT_FRAMES and max(self._deflection) < FLAT_MV

    def state(self) -> State:
        return {
            "current": self._current.value,
            "tail": None if self._tail is None else self._tail.copy(),
            "noise": list(self._noise),
            "quiet": self._quiet,
            "deflection": list(self._deflection),
            "mean": list(self._mean),
            "missing": list(self._missing),
            "size": list(self._size),
            "usual": self._usual,
            "range": None if self._range is None else list(self._range),
            "railed": self._railed,
            "bad_frames": self._bad_frames,
            "fair_frames": self._fair_frames,
        }

    def restore(self, state: State) -> None:
        tail, extremes = state["tail"], state["range"]
        self._current = SignalState(state["current"])
        self._tail = None if tail is None else np.array(tail, dtype=np.float64)
        self._noise, self._quiet = list(state["noise"]), state["quiet"]
        self._deflection = list(state["deflection"])
        self._mean = list(state["mean"])
        self._missing = list(state["missing"])
        self._size = list(state["size"])
        self._usual = state["usual"]
        self._range = None if extremes is None else (extremes[0], extremes[1])
        self._railed = state["railed"]
        self._bad_frames, self._fair_frames = state["bad_frames"], state["fair_frames"]


def _n_taps(fs: float) -> int:
    return round(0.1 * fs) | 1


@lru_cache(maxsize=64)
def _analysis(fs: float, n: int) -> Float64:
    """All that is linear in a frame, as one matrix on its samples and the tail before them.

    Rows: the `n` samples in the noise band, the frame's mean, and its 20 ms means about
    their own straight line (their peak to peak is the deflection).
    """
    n_taps = _n_taps(fs)
    low, high = NOISE_BAND_HZ
    taps = firwin(n_taps, (min(low, 0.25 * fs), min(high, 0.45 * fs)), pass_zero=False, fs=fs)
    taps -= taps.mean()  # an electrode's offset may be a thousand times the noise
    band = np.zeros((n, n_taps - 1 + n))
    for i in range(n):
        band[i, i : i + n_taps] = taps
    k = min(max(1, round(0.02 * fs)), n)
    m = n // k
    means = np.zeros((m, n_taps - 1 + n))
    for i in range(m):
        start = n_taps - 1 + i * k
        means[i, start : start + k] = 1.0 / k
    line = np.vander(np.arange(m) - (m - 1) / 2.0, 2 if m > 1 else 1)
    about_line = np.eye(m) - line @ np.linalg.pinv(line)
    matrix: Float64 = np.vstack((band, means.mean(axis=0), about_line @ means))
    matrix.setflags(write=False)
    return matrix


def _quarter_powers(band: Float64) -> list[float]:
    """Mean square of each quarter of the frame: short enough to fit between two beats."""
    rows = min(QUARTERS, band.size)
    quarters = band[: band.size // rows * rows].reshape(rows, -1)
    squares = np.einsum("ij,ij->i", quarters, quarters)
    powers: list[float] = (squares / quarters.shape[1]).tolist()
    return powers


def _keep(window: list[Number], value: Number, n: int) -> None:
    """Append to a window of the last `n`."""
    window.append(value)
    if len(window) > n:
        del window[0]
