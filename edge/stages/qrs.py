"""Find heartbeats in one ECG lead as they happen.

How: the lead's power in the band of the QRS, smoothed over 140 ms, peaks once a beat. A
peak that nothing within 200 ms exceeds is a candidate; it is a beat when it stands out of
the levels of recent beats and recent noise, unless it looks like the T wave of the beat
before. A beat that is overdue is searched among the candidates refused since. The decision
rules follow Hamilton and Tompkins 1986 (IEEE Trans. Biomed. Eng. 33(12)) and Hamilton's
open-source detector (Computers in Cardiology 2002); the levels are medians of eight, which
one artefact does not move.

Law of the module: all decisions fall on sample counts and all filters run sample by
sample, so what comes out does not depend on how the signal was cut.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.signal import butter, lfilter, lfilter_zi

from vitalwire.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FS_MIN_HZ: Final = 100.0
FS_MAX_HZ: Final = 1024.0

# The signal the decisions are taken on.
BAND_HZ: Final = (8.0, 16.0)  # QRS; P and T waves lie below, most muscle noise above
SMOOTHING_S: Final = 0.14  # a wide QRS and no more
BLANKING_S: Final = 0.2  # no heart beats again so soon: a candidate is the peak of this
FLOOR_MV: Final = 0.015  # of the smoothed band, of which a QRS of 0.06 mV has as much

# The levels.
N_LEVEL: Final = 8  # beats, or refused candidates, that a level is the median of
THRESHOLD: Final = 0.22  # how far from the noise level up to the beat level
CLIP: Final = 2.0  # a beat counts for no more than this many beat levels
FIRST_NOISE: Final = 0.1  # noise level before any was seen, in beat levels

# The rules.
T_WAVE_S: Final = 0.36
T_WAVE_SLOPE: Final = 0.4  # a T wave is less steep than this part of its QRS
EARLY_RR: Final = 0.7  # sooner than this part of an interval a beat is early ...
EARLY_DOUBT: Final = 2.0  # ... and must be higher, up to threefold, where there is noise,
EARLY_LIMIT: Final = 0.8  # though never higher than this part of the beat level:
NOISE_FROM: Final = 0.1  # not at all at this noise level, in beat levels,
NOISE_TO: Final = 0.3  # in full from this one on
OVERDUE_RR: Final = 1.5  # intervals after which a beat is searched for
SEARCH_THRESHOLD: Final = 0.5  # what the threshold is multiplied by in that search

# When the levels no longer fit, and at the start.
LEARNING_S: Final = 2.0
LOST_S: Final = 3.0  # without a beat: learn the level again from what was refused
LOST_DROP: Final = 0.3  # at most down to this part of it at a time
LOST_NOISE: Final = 0.3  # noise level then, at most, in beat levels
LOST_VALLEY: Final = 0.25  # ... but only if what was refused stands alone, as beats do
FIRST_RR_S: Final = 1.0

# Where the R peak lies before the candidate's, and how its height is measured.
R_FIRST_S: Final = 0.17
R_LAST_S: Final = 0.03
UPRIGHT: Final = 0.7  # a positive peak is the R peak above this part of the negative one


@dataclass(frozen=True, slots=True)
class Detection:
    """One heartbeat.

    Attributes
    ----------
    sample : R peak, samples since the detector's start
    decided_sample : the last sample that had to be seen for this decision, a function of
        the signal alone, never of how it was cut
    amplitude_mv : R peak against the median around it; negative where the QRS points down
    """

    sample: int
    decided_sample: int
    amplitude_mv: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A peak of the smoothed band, seen to be one at `decided`."""

    at: int
    decided: int
    height_mv: float
    valley_mv: float  # lowest within `BLANKING_S`: beats stand alone, noise and VF do not
    slope_mv: float
    r_sample: int
    amplitude_mv: float


class QrsDetector:
    """Streaming QRS detector for one lead.

    A beat normally comes out 0.23 s to 0.37 s after its R peak: the filters' delay, which
    depends on the shape of the QRS, and `BLANKING_S`. A beat found by searching back comes
    1.5 typical intervals after the one before it; after a loss of level, within `LOST_S`
    and one more candidate. The first two seconds after something stirs are held back to
    learn the levels, then released.

    Parameters
    ----------
    fs : sampling rate, `FS_MIN_HZ` to `FS_MAX_HZ`

    Raises
    ------
    ContractError : a sampling rate out of range
    """

    def __init__(self, fs: float) -> None:
        if not FS_MIN_HZ <= fs <= FS_MAX_HZ:
            raise ContractError(
                f"QrsDetector needs fs of {FS_MIN_HZ:g} to {FS_MAX_HZ:g} Hz, got {fs}: "
                "resample upstream"
            )
        self._fs = fs
        self._finder = _CandidateFinder(fs)
        self._rules = _BeatRules(fs)
        self._flushed = False

    def push(self, x: NDArray[np.float32]) -> list[Detection]:
        """Take the next samples, give the beats decided by them.

        Parameters
        ----------
        x : (n_samples,) mV, finite, one sample or more

        Raises
        ------
        ContractError : another shape, or samples after `flush`
        """
        if x.ndim != 1 or not len(x):
            raise ContractError(
                f"QrsDetector.push needs the (n_samples,) of one lead, got {x.shape}: "
                "check the caller's lead selection"
            )
        if self._flushed:
            raise ContractError("QrsDetector.push after flush: start a new detector")
        candidates = self._finder.push(x.astype(np.float64))
        return self._rules.push(candidates, self._finder.n_seen)

    def flush(self) -> list[Detection]:
        """Beats that were waiting for samples which will not come: the recording ended."""
        if self._flushed:
            return []
        self._flushed = True
        return self._rules.flush(self._finder.flush(), self._finder.n_seen)

    def state(self) -> dict[str, Any]:
        """All that the future depends on, as plain values and arrays."""
        return {
            "fs": self._fs,
            "flushed": self._flushed,
            "finder": self._finder.state(),
            "rules": self._rules.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state` was taken.

        Raises
        ------
        ContractError : the state of a detector at another rate
        """
        if state["fs"] != self._fs:
            raise ContractError(
                f"QrsDetector at {self._fs} Hz cannot go on from a state at {state['fs']} Hz"
            )
        self._flushed = bool(state["flushed"])
        self._finder.restore(state["finder"])
        self._rules.restore(state["rules"])


class _CandidateFinder:
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

    def push(self, x: NDArray[np.float64]) -> list[_Candidate]:
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

    def flush(self) -> list[_Candidate]:
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
    ) -> list[_Candidate]:
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
    ) -> _Candidate:
        """Steepness, R peak and its height for the peak of the envelope at `column`."""
        x = signals[0, column - self._r_first : column - self._r_last + 1]
        band = signals[1, column - self._r_first - 1 : column + 1]
        # The middle value, as np.partition finds it: np.median costs four times as much.
        deviation = x - np.partition(x, len(x) // 2)[len(x) // 2]
        highest, lowest = int(deviation.argmax()), int(deviation.argmin())
        upright = deviation[highest] >= UPRIGHT * -deviation[lowest]
        r_index = highest if upright else lowest
        return _Candidate(
            at=at,
            decided=min(at + self._blanking, self.n_seen - 1),
            height_mv=height_mv,
            valley_mv=valley_mv,
            slope_mv=float(np.abs(band[1:] - band[:-1]).max() * self._slope_scale),
            r_sample=max(at - self._r_first + r_index, 0),
            amplitude_mv=float(deviation[r_index]),
        )


class _BeatRules:
    """Candidates in, beats out: levels and rules, a few steps a second."""

    def __init__(self, fs: float) -> None:
        self._blanking = round(BLANKING_S * fs)
        self._t_wave = round(T_WAVE_S * fs)
        self._learning = round(LEARNING_S * fs)
        self._lost = round(LOST_S * fs)
        self._typical_rr = FIRST_RR_S * fs
        self._learned_at: int | None = None  # known with the first candidate
        self._refused: list[_Candidate] = []  # since the last beat; while learning: all
        self._beat_heights: list[float] = []
        self._noise_heights: list[float] = []
        self._rr: list[int] = []
        self._last: _Candidate | None = None
        self._search_at: int | None = None  # None: searched since the last beat, in vain
        self._lost_at = 0

    def push(self, candidates: list[_Candidate], n_seen: int) -> list[Detection]:
        found: list[Detection] = []
        for candidate in candidates:
            self._wait_until(candidate.decided, found)
            if self._last is None:
                if self._learned_at is None:
                    self._learned_at = candidate.at + self._learning
                self._refused.append(candidate)
            else:
                self._judge(candidate, candidate.decided, found)
        self._wait_until(n_seen - 1, found)
        return found

    def flush(self, candidates: list[_Candidate], n_seen: int) -> list[Detection]:
        found = self.push(candidates, n_seen)
        if self._last is None and self._refused:
            self._learn(n_seen - 1, found)
        return found

    def state(self) -> dict[str, Any]:
        return {
            "learned_at": self._learned_at,
            "refused": [list(astuple(candidate)) for candidate in self._refused],
            "beat_heights": list(self._beat_heights),
            "noise_heights": list(self._noise_heights),
            "rr": list(self._rr),
            "typical_rr": self._typical_rr,
            "last": None if self._last is None else list(astuple(self._last)),
            "search_at": self._search_at,
            "lost_at": self._lost_at,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._learned_at = state["learned_at"]
        self._refused = [_Candidate(*values) for values in state["refused"]]
        self._beat_heights = list(state["beat_heights"])
        self._noise_heights = list(state["noise_heights"])
        self._rr = list(state["rr"])
        self._typical_rr = float(state["typical_rr"])
        self._last = None if state["last"] is None else _Candidate(*state["last"])
        self._search_at = state["search_at"]
        self._lost_at = int(state["lost_at"])

    def _wait_until(self, now: int, found: list[Detection]) -> None:
        """What time alone brings about: learning ends, a beat is overdue, all are lost."""
        if self._last is None:
            if self._learned_at is None or self._learned_at > now:
                return
            self._learn(self._learned_at, found)
        while True:
            if self._search_at is not None and self._search_at <= min(now, self._lost_at):
                self._search_back(self._search_at, found)
            elif self._lost_at <= now:
                self._learn_again(self._lost_at, found)
            else:
                return

    def _learn(self, decided: int, found: list[Detection]) -> None:
        """Set the first levels and release what was held back."""
        waiting, self._refused = self._refused, []
        level = _level_of(waiting)
        self._beat_heights = [level] * N_LEVEL
        self._noise_heights = [FIRST_NOISE * level] * N_LEVEL
        self._lost_at = decided + self._lost
        for candidate in waiting:
            self._judge(candidate, decided, found)

    def _learn_again(self, decided: int, found: list[Detection]) -> None:
        """No beat for long: lower the level to what was refused, and judge that again.

        Not to noise, and not to fibrillation: an asystole must not be filled with beats.
        """
        self._lost_at = decided + self._lost
        waiting, self._refused = self._refused, []
        if not waiting or not _stand_alone(waiting):
            return
        old = _median(self._beat_heights)
        level = min(old, max(_level_of(waiting), LOST_DROP * old))
        self._beat_heights = [level] * N_LEVEL
        self._noise_heights = [min(h, LOST_NOISE * level) for h in self._noise_heights]
        for candidate in waiting:
            self._judge(candidate, decided, found)

    def _judge(self, candidate: _Candidate, decided: int, found: list[Detection]) -> None:
        """Beat, T wave or noise."""
        excluded = self._is_repeat(candidate) or self._is_t_wave(candidate)
        if not excluded and candidate.height_mv > self._threshold_for(candidate):
            self._accept(candidate, decided, found)
            return
        self._noise_heights = [*self._noise_heights[1:], candidate.height_mv]
        if not excluded:
            self._refused.append(candidate)
            if self._search_at is None:  # overdue already
                self._search_back(decided, found)

    def _search_back(self, decided: int, found: list[Detection]) -> None:
        """A beat is overdue: take the highest refused candidate, if it will do."""
        self._search_at = None
        if not self._refused:
            return
        best = max(self._refused, key=lambda candidate: candidate.height_mv)
        if best.height_mv > SEARCH_THRESHOLD * self._threshold():
            self._accept(best, decided, found)

    def _accept(self, beat: _Candidate, decided: int, found: list[Detection]) -> None:
        level = _median(self._beat_heights)
        self._beat_heights = [*self._beat_heights[1:], min(beat.height_mv, CLIP * level)]
        if self._last is not None:
            self._rr = [*self._rr[1 - N_LEVEL :], beat.at - self._last.at]
            self._typical_rr = _median(self._rr)
        self._last = beat
        self._refused = [later for later in self._refused if later.at > beat.at]
        self._search_at = beat.at + round(OVERDUE_RR * self._typical_rr) + self._blanking
        self._lost_at = beat.at + self._lost + self._blanking
        found.append(Detection(beat.r_sample, decided, beat.amplitude_mv))

    def _threshold(self) -> float:
        noise = _median(self._noise_heights)
        return noise + THRESHOLD * (_median(self._beat_heights) - noise)

    def _threshold_for(self, candidate: _Candidate) -> float:
        """In noise, what comes early is seldom a beat: it must be higher."""
        threshold = self._threshold()
        if self._last is None:
            return threshold
        level = _median(self._beat_heights)
        earliness = 1.0 - (candidate.at - self._last.at) / (EARLY_RR * self._typical_rr)
        noise = _median(self._noise_heights) / level
        noisiness = min(1.0, max(0.0, (noise - NOISE_FROM) / (NOISE_TO - NOISE_FROM)))
        doubted = threshold * (1.0 + EARLY_DOUBT * max(0.0, earliness) * noisiness)
        return max(threshold, min(doubted, EARLY_LIMIT * level))

    def _is_repeat(self, candidate: _Candidate) -> bool:
        """Its peak is far enough from the last beat's, its R peak is not."""
        return (
            self._last is not None and candidate.r_sample - self._last.r_sample < self._blanking
        )

    def _is_t_wave(self, candidate: _Candidate) -> bool:
        return (
            self._last is not None
            and candidate.at - self._last.at < self._t_wave
            and candidate.slope_mv < T_WAVE_SLOPE * self._last.slope_mv
        )


def _level_of(candidates: list[_Candidate]) -> float:
    """Height of the beats among candidates: the middle one of the upper half in height."""
    highest = max(candidate.height_mv for candidate in candidates)
    upper = [c.height_mv for c in candidates if c.height_mv > 0.5 * highest]
    return float(_median(upper))


def _stand_alone(candidates: list[_Candidate]) -> bool:
    """Whether the signal falls to next to nothing around the higher ones."""
    half = 0.5 * max(candidate.height_mv for candidate in candidates)
    valleys = [c.valley_mv / c.height_mv for c in candidates if c.height_mv > half]
    return float(_median(valleys)) < LOST_VALLEY


def _median(values: Sequence[float]) -> float:
    """Median; of a few values faster than numpy's."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
