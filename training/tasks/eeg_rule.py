"""When a probability becomes an alarm: the rule of seizure episodes, chosen. Pure.

Few false alarms come first. For each length of the running mean the threshold is set above
all that the mean reaches in background, with a margin; the length that then finds most of the
seizures is taken, of several the longest. What cannot be told from background is missed.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from edge.pipeline.models import EpisodeRule
from edge.stages.eeg_quality import LEAST_GOOD
from edge.stages.eeg_signal import HOP_S, Bools
from edge.stages.episodes import Episodes, Hop
from training.datasets.eeg_windows import EegWindow
from training.tasks.eeg_streams import Float64

MEANS_S: Final = (4.0, 5.0, 6.0)  # a cut piece of a seizure has 10 s
LEAST_S: Final = 3.0
END_S: Final = 10.0
LOWEST: Final = 0.65  # below it nothing is a seizure, however quiet the background was
HIGHEST: Final = 0.95
MARGIN: Final = 0.2  # of the way from the loudest background to 1
LEAVE: Final = 0.6  # of the threshold

Told = tuple[EegWindow, Float64]
"""A window, and the probability of a seizure in each of its hops."""


def chosen_rule(told: Sequence[Told]) -> dict[str, float]:
    """The numbers of an `EpisodeRule`, for the manifest."""
    found = []
    for mean_s in MEANS_S:
        loudest = max((_loudest(one, mean_s) for one in told), default=0.0)
        enter = min(max(loudest + MARGIN * (1.0 - loudest), LOWEST), HIGHEST)
        rule = numbers(round(enter, 3), mean_s)
        n_found = sum(n_alarms(one, rule)[0] for one in told)
        found.append((n_found, -enter, mean_s, rule))
    return max(found, key=lambda one: one[:3])[3]


def numbers(enter: float, mean_s: float) -> dict[str, float]:
    """A rule by what is chosen; the rest stands."""
    leave = round(enter * LEAVE, 3)
    return {
        "enter": enter,
        "leave": leave,
        "mean_s": mean_s,
        "least_s": LEAST_S,
        "end_s": END_S,
    }


def n_alarms(told: Told, rule: Mapping[str, float]) -> tuple[int, int]:
    """Alarms that began within a seizure (at most one each window), and those outside."""
    window, probability = told
    episodes, inside, outside = Episodes(EpisodeRule(**rule), HOP_S), False, 0
    heard = read(window)
    for hop, value in enumerate(probability):
        known = Hop(hop, hop + 1, float(value))
        changes = episodes.push(known) if heard[hop] else episodes.hold()
        for change in changes:
            if change.end is not None:
                continue
            ictal = bool(window.ictal[hop])
            inside |= ictal
            outside += not ictal
    return int(inside), outside


def read(window: EegWindow) -> Bools:
    """Hops that count for an alarm, (n_hops,): see `eeg_quality.stream_state`."""
    heard: Bools = window.good.mean(axis=0) >= LEAST_GOOD
    return heard


def _loudest(told: Told, mean_s: float) -> float:
    """The largest running mean over background; what is near a seizure does not count."""
    window, probability = told
    heard = read(window)
    n = round(mean_s / HOP_S)
    if heard.sum() < n:
        return 0.0
    mean = np.convolve(probability[heard], np.ones(n) / n, "valid")
    near = np.convolve(window.ictal[heard], np.ones(n), "valid") > 0
    return float(np.max(np.where(near, 0.0, mean)))
