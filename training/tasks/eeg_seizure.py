"""The seizure task: crops of seizures and of background, and a rule on whom it held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from edge.inference import Model
from edge.stages.eeg_signal import HOP_S, N_HOP, Bools
from training.datasets.eeg_recording import Kind
from training.datasets.eeg_windows import EegData, EegWindow
from training.eeg_augment import EegAugmentConfig
from training.models import build_model
from training.ranges import Amount, Count
from training.tasks.eeg_crops import UNSURE, WARM_HOPS, Crops, MixConfig
from training.tasks.eeg_pools import pools_of
from training.tasks.eeg_rule import Told, chosen_rule, n_alarms
from training.tasks.eeg_shuffle import shuffled
from training.tasks.eeg_streams import Float64, asked, in_places, logits_of
from training.tasks.fitting import fit_temperature, softmax
from vitalwire.bundle import Task
from vitalwire.bundle.manifest import EPISODE_NUMBERS
from vitalwire.contracts import Arrays, Brain
from vitalwire.errors import InputError

VALIDATION_SHARE: Final = 5
LEAST_PEOPLE: Final = 10  # with seizures: with fewer of them nobody is held out
LEAD_SHARE: Final = 0.2  # of the leads' own words in the loss
JUDGED: Final = 12  # windows that an export is scored on
JUDGED_HOPS: Final = 240
LABELS: Final = (Brain.BACKGROUND, Brain.SEIZURE)


@dataclass(frozen=True)
class SeizureConfig:
    """What is learned from, and what comes of the probabilities."""

    model: str = "tcn"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    steps: Count = 50  # an epoch
    batch: Count = 24  # crops of few leads
    mix: MixConfig = field(default_factory=MixConfig)
    augment: EegAugmentConfig = field(default_factory=EegAugmentConfig)
    shuffle_labels: bool = False  # learn nonsense, to see that nothing else is learned
    temperature: Amount = 0.0  # 0: fitted on whom it holds out
    episodes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # none: chosen


class SeizureTask:
    """See `training.loop.Task`.

    Without a recording of a seizure to spare, the seizures it chooses by are those that it
    learns from; the background is that of people it does not learn from.

    Parameters
    ----------
    config : SeizureConfig
    data : EegData
        Without the people who are left out.
    seed : int
        Of the labels, where they are shuffled.

    Raises
    ------
    InputError
        There is no seizure, or no background, or a rule of episodes that is none.
    """

    name: Final = Task.EEG_SEIZURE

    def __init__(self, config: SeizureConfig, data: EegData, seed: int = 0) -> None:
        for rule in config.episodes.values():
            if rule.keys() != EPISODE_NUMBERS:
                raise InputError(
                    f"task.episodes: expected {', '.join(sorted(EPISODE_NUMBERS))}, got "
                    f"{', '.join(sorted(rule)) or 'nothing'}"
                )
        self._config = config
        self._held_out = held_out = set(held_out_people(data))
        learned = [one for one in data.windows if one.patient not in held_out]
        clips = [one for one in learned if one.kind is Kind.CLIP and is_held_out(one.name)]
        learned = [one for one in learned if one not in clips]
        mix = config.mix
        if config.shuffle_labels:
            learned = shuffled(learned, seed)
            mix = replace(mix, made=0.0)  # their labels are right
        pools = pools_of(learned)
        if not pools.seizures and not pools.ictal_clips:
            raise InputError("eeg-seizure: no seizure to learn from is left")
        if not pools.near and not pools.far and not pools.clips:
            raise InputError("eeg-seizure: no background to learn from is left")
        self._crops = Crops(pools, mix, config.augment)
        self._chosen_by = [one for one in data.windows if one.patient in held_out]
        if not any(one.ictal.any() for one in self._chosen_by):
            self._chosen_by += [
                one for one in learned if one.kind is not Kind.CLIP and _near(one, learned)
            ]
        self._chosen_by += clips

    @property
    def steps_per_epoch(self) -> int:
        """As configured."""
        return self._config.steps

    def build(self) -> nn.Module:
        """The model."""
        return build_model(Task.EEG_SEIZURE, self._config.model, self._config.sizes)

    def batch(self, rng: np.random.Generator, epoch: int, step: int) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Crops drawn anew."""
        return self._crops.batch(rng, self._config.batch)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Of each hop, and less of each lead by itself."""
        signal, good, labels, weights = batch
        logits, leads = model(signal, good)
        off = functional.cross_entropy(logits, labels, reduction="none")
        wanted = labels[:, None].float().expand_as(leads)
        lead_off = functional.binary_cross_entropy_with_logits(leads, wanted, reduction="none")
        counted = good * weights[:, None]
        of_leads = (lead_off * counted).sum() / counted.sum().clamp(min=1)
        loss: Tensor = (off * weights).sum() / weights.sum().clamp(
            min=1
        ) + LEAD_SHARE * of_leads
        return loss

    def validate(self, model: nn.Module) -> dict[str, float]:
        """How many hops are told rightly, background and seizures weighing alike, percent."""
        told = [softmax(one)[:, 1] for one in logits_of(model, self._chosen_by)]
        return _balance(told, self._chosen_by)

    def facts(self, model: nn.Module) -> dict[str, Any]:
        """Temperature and the rule of episodes."""
        logits = logits_of(model, self._chosen_by)
        temperature = self._config.temperature or fitted_temperature(logits, self._chosen_by)
        told: list[Told] = [
            (window, softmax(one / temperature)[:, 1])
            for window, one in zip(self._chosen_by, logits, strict=True)
            if window.kind is not Kind.CLIP
        ]
        episodes = {key: dict(rule) for key, rule in self._config.episodes.items()}
        if Brain.SEIZURE not in episodes:
            episodes[Brain.SEIZURE.value] = chosen_rule(told)
        return {
            "labels": [label.value for label in LABELS],
            "temperature": temperature,
            "thresholds": {},
            "episodes": episodes,
            "record_label": {},
            "figures": _figures(
                [one for one in told if one[0].patient in self._held_out],
                episodes[Brain.SEIZURE],
            ),
        }

    def score(self, model: Model) -> float:
        """The same as `validate`, of some windows, asked as a gateway asks."""
        windows = self._judged()
        told = asked(model, windows, int(self.build().n_state))  # type: ignore[arg-type]
        return _balance(told, windows)["score"]

    def real_inputs(self, n: int) -> Arrays:
        """Consecutive hops of one window: `signal` (n, 32, 32) and `good` (n, 32)."""
        window = max(self._chosen_by, key=lambda one: one.n_hops)
        return in_places(window, 0, min(n, window.n_hops))

    def _judged(self) -> list[EegWindow]:
        """Some with seizures, some without, none long."""
        with_one = [one for one in self._chosen_by if one.ictal.any()][: JUDGED // 2]
        quiet = [one for one in self._chosen_by if not one.ictal.any()][: JUDGED // 2]
        return [_first(one, JUDGED_HOPS) for one in (*with_one, *quiet)]


def held_out_people(data: EegData) -> list[str]:
    """A fifth of the people, by name: of those with a seizure only where there are many."""
    people = data.without_seizures
    if len(data.with_seizures) >= LEAST_PEOPLE:
        people = people + data.with_seizures
    return [one for one in people if is_held_out(one)]


def is_held_out(name: str) -> bool:
    """Whether a person, or a clip, is held out to choose by."""
    return int(sha256(name.encode()).hexdigest(), 16) % VALIDATION_SHARE == 1


def fitted_temperature(logits: Sequence[Any], windows: Sequence[EegWindow]) -> float:
    """By the likelihood of the labels, as many hops of seizures as of background."""
    rows = [one[counted(w)] for one, w in zip(logits, windows, strict=True)]
    labels = [w.ictal[counted(w)].astype(np.int64) for w in windows]
    x, y = np.concatenate(rows), np.concatenate(labels)
    n = int(y.sum())
    if not n or n == len(y):
        return 1.0
    quiet = np.flatnonzero(y == 0)
    quiet = quiet[np.linspace(0, len(quiet) - 1, min(n, len(quiet))).astype(np.int64)]
    kept = np.concatenate([np.flatnonzero(y == 1), quiet])
    return max(fit_temperature(x[kept], y[kept]), 1.0)


def counted(window: EegWindow) -> Bools:
    """Hops whose label is sure and of which a lead can be read, (n_hops,)."""
    sure: Bools = np.array(window.good.any(axis=0))
    sure[:WARM_HOPS] = False
    for change in np.flatnonzero(np.diff(window.ictal)) + 1:
        sure[max(change - UNSURE[0], 0) : change + UNSURE[1]] = False
    return sure


def _figures(told: Sequence[Told], rule: Mapping[str, float]) -> dict[str, float]:
    """Of people that were not learned from; nothing of seizures where none of them has one."""
    alarms = [n_alarms(one, rule) for one in told]
    figures = {
        "validation_false_alarms": float(sum(outside for _, outside in alarms)),
        "validation_hours": float(sum((~w.ictal).sum() for w, _ in told)) * HOP_S / 3600,
    }
    n_seizures = sum(bool(window.ictal.any()) for window, _ in told)
    if n_seizures:
        figures["validation_seizures"] = float(n_seizures)
        figures["validation_seizures_found"] = float(sum(found for found, _ in alarms))
    return figures


def _balance(told: Sequence[Float64], windows: Sequence[EegWindow]) -> dict[str, float]:
    right: list[list[float]] = [[], []]
    for p, window in zip(told, windows, strict=True):
        sure = counted(window)
        for label in (0, 1):
            hops = sure & (window.ictal == bool(label))
            right[label] += ((p[hops] >= 0.5) == bool(label)).astype(float).tolist()
    shares = [100.0 * float(np.mean(one)) if one else 0.0 for one in right]
    there = [share for share, one in zip(shares, right, strict=True) if one]
    score = float(np.mean(there)) if there else 0.0
    return {"score": score, "background": shares[0], "seizure": shares[1]}


def _near(window: EegWindow, windows: Sequence[EegWindow]) -> bool:
    """Of a person with a seizure."""
    return any(one.ictal.any() for one in windows if one.patient == window.patient)


def _first(window: EegWindow, n: int) -> EegWindow:
    if window.n_hops <= n:
        return window
    at = max(int(np.argmax(window.ictal)) - n // 2, 0) if window.ictal.any() else 0
    at = min(at, window.n_hops - n)
    return EegWindow(
        window.patient, window.name, window.kind,
        window.signal[:, at * N_HOP : (at + n) * N_HOP], window.good[:, at : at + n],
        window.ictal[at : at + n],
    )  # fmt: skip
