"""In which order sinus and ectopic beats may come: for simulated recordings. Pure.

Single ectopic beats, bigeminy and trigeminy, runs, hearts in which most beats are premature,
and what must not be taken for any of them: sinus arrhythmia and blocked beats.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from vitalwire.contracts import BeatClass

N, S, V = BeatClass.N, BeatClass.S, BeatClass.V

_COMPENSATED: Final = 2.0  # a ventricular beat and the one after it take two sinus intervals


@dataclass(frozen=True, slots=True)
class Step:
    """The next beat: its class, and its interval in sinus intervals."""

    label: BeatClass
    interval: float


class Heart:
    """One heart's habits, drawn once: how early its ectopic beats come, how long it pauses."""

    def __init__(self, rng: np.random.Generator, p_ventricular: float) -> None:
        self._rng = rng
        self._p_ventricular = p_ventricular
        self._early = {S: rng.uniform(0.45, 0.78), V: rng.uniform(0.45, 0.8)}
        self._jitter = {S: rng.uniform(0.01, 0.05), V: 0.03}
        self._pause = rng.uniform(0.95, 1.3)
        self._compensates = rng.random() < 0.7

    def ectopic(self) -> Step:
        """A beat that comes before its time."""
        label = V if self._rng.random() < self._p_ventricular else S
        interval = self._early[label] * self.spread(self._jitter[label])
        return Step(label, float(np.clip(interval, 0.4, 0.82)))

    def after(self, last: Step) -> Step:
        """The sinus beat behind an ectopic one."""
        if last.label is V and self._compensates:
            return Step(N, _COMPENSATED - last.interval)
        return Step(N, self._pause * self.spread(0.04))

    def spread(self, deviation: float) -> float:
        """A factor about 1."""
        return float(np.exp(self._rng.normal(0, deviation)))


def _isolated(rng: np.random.Generator, heart: Heart) -> list[Step]:
    return [*_sinus(int(rng.geometric(0.12))), *_ended(heart, [heart.ectopic()])]


def _grouped(rng: np.random.Generator, heart: Heart) -> list[Step]:
    """Bigeminy, trigeminy, quadrigeminy, now and then with a couplet."""
    ectopic = [heart.ectopic() for _ in range(2 if rng.random() < 0.2 else 1)]
    return [*_sinus(int(rng.integers(0, 3))), *_ended(heart, ectopic)]


def _run(rng: np.random.Generator, heart: Heart) -> list[Step]:
    first = heart.ectopic()
    longest = 8 if first.label is V else 30
    rest = [heart.ectopic() for _ in range(int(rng.integers(2, longest)))]
    return [*_sinus(int(rng.integers(2, 25))), *_ended(heart, [first, *rest])]


def _mostly(rng: np.random.Generator, heart: Heart) -> list[Step]:
    """Runs with single late beats between them: no interval in it is the sinus interval."""
    ectopic = [heart.ectopic() for _ in range(int(rng.geometric(rng.uniform(0.15, 0.4))))]
    late = Step(N, float(rng.uniform(1.05, 2.2)) * heart.spread(0.1))
    return [*ectopic, late, *_sinus(int(rng.random() < 0.3))]


def _blocked(rng: np.random.Generator, heart: Heart) -> list[Step]:
    """Beats that are not conducted: what follows a pause here is on time."""
    p = rng.choice([0.05, 0.2, 0.5])
    return [Step(N, 2.0 * heart.spread(0.03) if rng.random() < p else 1.0) for _ in range(20)]


def _arrhythmic(rng: np.random.Generator, heart: Heart) -> list[Step]:
    """Sinus arrhythmia, with a pause now and then."""
    period, depth = rng.uniform(3, 9), rng.uniform(0.05, 0.25)
    steps = [
        Step(N, float(1 + depth * np.sin(2 * np.pi * i / period)) * heart.spread(0.02))
        for i in range(20)
    ]
    return [*steps, Step(N, rng.uniform(1.4, 2.2))] if rng.random() < 0.4 else steps


_PATTERNS: Final[Mapping[Callable[[np.random.Generator, Heart], list[Step]], float]] = {
    _isolated: 0.25,
    _grouped: 0.2,
    _run: 0.15,
    _mostly: 0.2,
    _blocked: 0.07,
    _arrhythmic: 0.13,
}  # how often


def drawn_steps(rng: np.random.Generator, n: int) -> list[Step]:
    """`n` beats of a heart that is drawn with its pattern."""
    patterns = list(_PATTERNS)
    pattern = patterns[int(rng.choice(len(patterns), p=list(_PATTERNS.values())))]
    p_ventricular = float(rng.choice([0.0, 1.0, 0.5], p=[0.6, 0.3, 0.1]))
    heart = Heart(rng, 0.0 if pattern is _mostly else p_ventricular)
    steps = _sinus(int(rng.integers(0, 6) if pattern is _mostly else rng.integers(5, 40)))
    while len(steps) < n:
        steps += pattern(rng, heart)
    return steps[:n]


def _sinus(n: int) -> list[Step]:
    return [Step(N, 1.0)] * n


def _ended(heart: Heart, ectopic: list[Step]) -> list[Step]:
    return [*ectopic, heart.after(ectopic[-1])]
