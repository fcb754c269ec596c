"""Which candidates are heartbeats: levels and rules, a few steps a second. Pure.

A candidate is a beat when it stands out of the levels of recent beats and recent noise,
unless it looks like the T wave of the beat before. A beat that is overdue is searched among
the candidates refused since. After Hamilton and Tompkins 1986 and Hamilton 2002, see `qrs`.

Ours is the doubt: where the signal does not come to rest between candidates, as under muscle
noise, one that is early or does not stand alone must be higher. On DS1 with nstdb's `ma` at
6 dB that takes away two in five false beats, and costs one in four hundred true ones. It has
its limit because ventricular tachycardia does not come to rest either: without it, or with one
of 0.8, vfdb's is seen less often.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge.stages.qrs_candidates import BLANKING_S, Candidate

if TYPE_CHECKING:
    from collections.abc import Sequence

# The levels.
N_LEVEL: Final = 8  # beats, or refused candidates, that a level is the median of
THRESHOLD: Final = 0.22  # how far from the noise level up to the beat level
CLIP: Final = 2.0  # a beat counts for no more than this many beat levels
FIRST_NOISE: Final = 0.1  # noise level before any was seen, in beat levels

# The rules.
T_WAVE_S: Final = 0.36
T_WAVE_SLOPE: Final = 0.4  # a T wave is less steep than this part of its QRS
EARLY_RR: Final = 0.7  # sooner than this part of an interval a beat is early ...
EARLY_DOUBT: Final = 2.0  # ... and must be higher, up to threefold, where there is noise;
CROWDED: Final = 0.1  # valley, in its height, above which a candidate does not stand alone:
CROWDED_DOUBT: Final = 4.0  # it must be higher too, by so much for a valley of its height,
DOUBT_LIMIT: Final = 0.7  # though never higher than this part of the beat level:
NOISE_FROM: Final = 0.04  # not at all where valleys lie at this part of the beat level,
NOISE_TO: Final = 0.1  # in full from this one on
OVERDUE_RR: Final = 1.5  # intervals after which a beat is searched for
SEARCH_THRESHOLD: Final = 0.5  # what the threshold is multiplied by in that search

# When the levels no longer fit, and at the start.
LEARNING_S: Final = 2.0
LOST_S: Final = 3.0  # without a beat: learn the level again from what was refused
LOST_DROP: Final = 0.3  # at most down to this part of it at a time
LOST_NOISE: Final = 0.3  # noise level then, at most, in beat levels
LOST_VALLEY: Final = 0.25  # ... but only if what was refused stands alone, as beats do
FIRST_RR_S: Final = 1.0


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


class BeatRules:
    """Candidates in, beats out: levels and rules, a few steps a second."""

    def __init__(self, fs: float) -> None:
        self._blanking = round(BLANKING_S * fs)
        self._t_wave = round(T_WAVE_S * fs)
        self._learning = round(LEARNING_S * fs)
        self._lost = round(LOST_S * fs)
        self._typical_rr = FIRST_RR_S * fs
        self._learned_at: int | None = None  # known with the first candidate
        self._refused: list[Candidate] = []  # since the last beat; while learning: all
        self._beat_heights: list[float] = []
        self._noise_heights: list[float] = []
        self._valleys = [0.0] * N_LEVEL  # of the last candidates, whatever they were
        self._rr: list[int] = []
        self._last: Candidate | None = None
        self._search_at: int | None = None  # None: searched since the last beat, in vain
        self._lost_at = 0

    def push(self, candidates: list[Candidate], n_seen: int) -> list[Detection]:
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

    def flush(self, candidates: list[Candidate], n_seen: int) -> list[Detection]:
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
            "valleys": list(self._valleys),
            "rr": list(self._rr),
            "typical_rr": self._typical_rr,
            "last": None if self._last is None else list(astuple(self._last)),
            "search_at": self._search_at,
            "lost_at": self._lost_at,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._learned_at = state["learned_at"]
        self._refused = [Candidate(*values) for values in state["refused"]]
        self._beat_heights = list(state["beat_heights"])
        self._noise_heights = list(state["noise_heights"])
        self._valleys = list(state["valleys"])
        self._rr = list(state["rr"])
        self._typical_rr = float(state["typical_rr"])
        self._last = None if state["last"] is None else Candidate(*state["last"])
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

    def _judge(self, candidate: Candidate, decided: int, found: list[Detection]) -> None:
        """Beat, T wave or noise."""
        self._valleys = [*self._valleys[1:], candidate.valley_mv]
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
        """A beat is overdue: take the likeliest of the refused candidates, if it will do."""
        self._search_at = None
        if not self._refused:
            return
        shares = [one.height_mv / self._threshold_for(one) for one in self._refused]
        likeliest = max(shares)
        if likeliest > SEARCH_THRESHOLD:
            self._accept(self._refused[shares.index(likeliest)], decided, found)

    def _accept(self, beat: Candidate, decided: int, found: list[Detection]) -> None:
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

    def _threshold_for(self, candidate: Candidate) -> float:
        """How high this candidate must be: in noise, higher where it is doubtful."""
        level, noise = _median(self._beat_heights), _median(self._noise_heights)
        threshold = noise + THRESHOLD * (level - noise)
        if self._last is None:
            return threshold
        earliness = 1.0 - (candidate.at - self._last.at) / (EARLY_RR * self._typical_rr)
        crowding = candidate.valley_mv / candidate.height_mv - CROWDED
        # Not by the heights of what was refused: those are T waves where there is no noise.
        restless = (_median(self._valleys) / level - NOISE_FROM) / (NOISE_TO - NOISE_FROM)
        doubt = min(1.0, max(0.0, restless)) * (
            EARLY_DOUBT * max(0.0, earliness) + CROWDED_DOUBT * max(0.0, crowding)
        )
        return max(threshold, min(threshold * (1.0 + doubt), DOUBT_LIMIT * level))

    def _is_repeat(self, candidate: Candidate) -> bool:
        """Its peak is far enough from the last beat's, its R peak is not."""
        return (
            self._last is not None and candidate.r_sample - self._last.r_sample < self._blanking
        )

    def _is_t_wave(self, candidate: Candidate) -> bool:
        return (
            self._last is not None
            and candidate.at - self._last.at < self._t_wave
            and candidate.slope_mv < T_WAVE_SLOPE * self._last.slope_mv
        )


def _level_of(candidates: list[Candidate]) -> float:
    """Height of the beats among candidates: the middle one of the upper half in height."""
    highest = max(candidate.height_mv for candidate in candidates)
    upper = [c.height_mv for c in candidates if c.height_mv > 0.5 * highest]
    return float(_median(upper))


def _stand_alone(candidates: list[Candidate]) -> bool:
    """Whether the signal falls to next to nothing around the higher ones."""
    half = 0.5 * max(candidate.height_mv for candidate in candidates)
    valleys = [c.valley_mv / c.height_mv for c in candidates if c.height_mv > half]
    return float(_median(valleys)) < LOST_VALLEY


def _median(values: Sequence[float]) -> float:
    """Median; of a few values faster than numpy's."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
