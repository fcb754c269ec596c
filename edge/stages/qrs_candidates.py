"""Where in one ECG lead a heartbeat may be: the vectorised half of the QRS detector. Pure.

The lead's power in the band of the QRS, smoothed, peaks once a beat. A peak that nothing
within 200 ms exceeds is a candidate; whether it is a beat is the business of `qrs_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.signal import butter, lfilter, lfilter_zi

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The signal the decisions are taken on.
BAND_HZ: Final = (8.0, 16.0)  # QRS; P and T waves lie below, most muscle noise above
SMOOTHING_S: Final = 0.14  # a wide QRS and no more
BLANKING_S: Final = 0.2  # no heart beats again so soon: a candidate is the peak of this
FLOOR_MV: Final = 0.015  # of the smoothed band, of which a QRS of 0.06 mV has as much

# Where the R peak lies before the candidate's, and how its height is measured.
R_FIRST_S: Final = 0.17
R_LAST_S: Final = 0.03
UPRIGHT: Final = 0.7  # a positive peak is the R peak above this part of the negative one


@dataclass(frozen=True, slots=True)
class Candidate:
    """A peak of the smoothed band, seen to be one at `decided`."""

    at: int
    decided: int
    height_mv: float
    valley_mv: float  # lowest within `BLANKING_S`: beats stand alone, noise and VF do not
    slope_mv: float
    r_sample: int
    amplitude_mv: float


class CandidateFinder:
    """Samples in, candidates out: everything that is vectorised."""

    def __init__(self, fs: float) -> None:
        self._band_ba = butter(1, BAND_HZ, "bandpass", fs=fs)
        window = np.hanning(round(SMOOTHING_S * fs) + 2)[1:-1]
        # The second coefficient, 0, keeps lfilter recursive: its other path adds up in an
        # order that depends on the length.
        self._smooth_ba = window / window.sum(), np.array((1.0, 0.0))
        # The slope in mV: that of a sine of the band's centre is its amplitude.
        self._slope_scale = fs / (2 * np.pi * np.sqrt(BAND_HZ[0] * BAND_HZ[1]))
        self._blanking = round(BLANKING_S * fs)
        self._r_first, self._r_last = round(R_FIRST_S * fs), round(R_LAST_S * fs)
        self._n_kept = 2 * self._blanking + self._r_first + 1  # history that a peak needs
        self.n_seen = 0
        self._band_zi: NDArray[np.float64] | None = None
        self._smooth_zi = np.zeros(len(window) - 1)
        self._kept = np.zeros((3, self._n_kept))  # samples, band, envelope
        self._last_at = -self._blanking - 1

    def push(self, x: NDArray[np.float64]) -> list[Candidate]:
        if self._band_zi is None:
            # Settle on the first sample, and let the history be like it.
            self._band_zi = lfilter_zi(*self._band_ba) * x[0]
            self._kept[0] = x[0]
        band, self._band_zi = lfilter(*self._band_ba, x, zi=self._band_zi)
        power, self._smooth_zi = lfilter(*self._smooth_ba, band * band, zi=self._smooth_zi)
        envelope = np.sqrt(np.maximum(power, 0.0))
        signals = np.concatenate((self._kept, (x, band, envelope)), axis=1)
        self.n_seen += len(x)
        found = self._peaks(signals, signals[2], len(x))
        self._kept = signals[:, -self._n_kept :]
        return found

    def flush(self) -> list[Candidate]:
        """Peaks among the last samples, as if silence followed."""
        ahead = np.concatenate((self._kept[2], np.zeros(self._blanking)))
        return self._peaks(self._kept, ahead, self._blanking)

    def state(self) -> dict[str, Any]:
        return {
            "n_seen": self.n_seen,
            "band_zi": None if self._band_zi is None else self._band_zi.copy(),
            "smooth_zi": self._smooth_zi.copy(),
            "kept": self._kept.copy(),
            "last_at": self._last_at,
        }

    def restore(self, state: dict[str, Any]) -> None:
        band_zi = state["band_zi"]
        self.n_seen = int(state["n_seen"])
        self._band_zi = None if band_zi is None else np.array(band_zi, dtype=np.float64)
        self._smooth_zi = np.array(state["smooth_zi"], dtype=np.float64)
        self._kept = np.array(state["kept"], dtype=np.float64)
        self._last_at = int(state["last_at"])

    def _peaks(
        self, signals: NDArray[np.float64], envelope: NDArray[np.float64], n_new: int
    ) -> list[Candidate]:
        """Candidates that the `n_new` last values of the envelope confirm."""
        stop = len(envelope) - self._blanking
        values = envelope[stop - n_new : stop]
        rising = values > envelope[stop - n_new - 1 : stop - 1]
        kept_up = values >= envelope[stop - n_new + 1 : stop + 1]
        origin = self.n_seen - signals.shape[1]  # sample of the first column
        found = []
        for index in np.flatnonzero(rising & kept_up & (values > FLOOR_MV)).tolist():
            column = index + stop - n_new
            height_mv = envelope[column]
            around = envelope[column - self._blanking : column + self._blanking + 1]
            at = origin + column
            # Of two peaks of the same height the first one counts.
            if height_mv >= around.max() and at - self._last_at > self._blanking:
                self._last_at = at
                valley_mv = float(around.min())
                found.append(self._measure(signals, column, at, float(height_mv), valley_mv))
        return found

    def _measure(
        self,
        signals: NDArray[np.float64],
        column: int,
        at: int,
        height_mv: float,
        valley_mv: float,
    ) -> Candidate:
        """Steepness, R peak and its height for the peak of the envelope at `column`."""
        x = signals[0, column - self._r_first : column - self._r_last + 1]
        band = signals[1, column - self._r_first - 1 : column + 1]
        # The middle value, as np.partition finds it: np.median costs four times as much.
        deviation = x - np.partition(x, len(x) // 2)[len(x) // 2]
        highest, lowest = int(deviation.argmax()), int(deviation.argmin())
        upright = deviation[highest] >= UPRIGHT * -deviation[lowest]
        r_index = highest if upright else lowest
        return Candidate(
            at=at,
            decided=min(at + self._blanking, self.n_seen - 1),
            height_mv=height_mv,
            valley_mv=valley_mv,
            slope_mv=float(np.abs(band[1:] - band[:-1]).max() * self._slope_scale),
            r_sample=max(at - self._r_first + r_index, 0),
            amplitude_mv=float(deviation[r_index]),
        )
