"""The beat task: annotated beats of a few people, unannotated ones of many, held-out people.

The annotated supraventricular beats come from few people, so a model learns those people.
So people weigh more alike than their beats do; their records are also shown with fewer normal
beats; hundreds of other hearts are there with weak labels, or with simulated ectopic beats
(`training.datasets.weak_beats`); and windows are altered as other devices would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edge.inference import Model
from training.datasets.beat_sets import BeatData
from training.datasets.beats import CLASSES, BeatSet
from training.datasets.records import check_patients
from training.datasets.weak_beats import SOURCES, WeakBeats, WeakSource
from training.models import build_model
from training.ranges import Amount, Count, Positive, Share, Whole
from training.tasks.beat_augment import BeatAugmentConfig, altered
from training.tasks.beat_choice import TOLD, chosen_thresholds, told_classes
from training.tasks.fitting import fit_temperature, softmax
from vitalwire.bundle import Task
from vitalwire.contracts import Arrays, BeatClass
from vitalwire.errors import InputError

SCORED_BATCH: Final = 4096

WEAK_SHARE: Final[Mapping[WeakSource, float]] = {
    WeakSource.NORMAL: 0.12,
    WeakSource.AF: 0.33,
    WeakSource.CLEAR_N: 0.06,
    WeakSource.CLEAR_S: 0.08,
    WeakSource.CLEAR_V: 0.06,
    WeakSource.SIMULATED_N: 0.14,
    WeakSource.SIMULATED_S: 0.14,
    WeakSource.SIMULATED_V: 0.04,
}


@dataclass(frozen=True)
class BeatConfig:
    """What is learned from."""

    model: str = "cnn1d"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    steps: Count = 100  # an epoch
    batch: Count = 256  # annotated beats
    weak: Whole = 320  # beats of records labelled as a whole
    weak_weight: Amount = 1.0
    weak_share: Mapping[WeakSource, Share] = field(default_factory=lambda: dict(WEAK_SHARE))
    share: Mapping[Literal["N", "S", "V", "F"], Share] = field(
        default_factory=lambda: {"N": 0.5, "S": 0.15, "V": 0.3, "F": 0.05}
    )
    patient_power: Share = 0.3  # 1: every beat alike; 0: every person
    smoothing: Share = 0.05
    augment: BeatAugmentConfig = field(default_factory=BeatAugmentConfig)
    hold_out: tuple[str, ...] = ()  # patients to choose by
    thresholds: Mapping[str, Positive] = field(default_factory=dict)  # {}: chosen on them
    temperature: Amount = 0.0  # 0: fitted on them
    rhythm: str = ""  # a run of ecg-rhythm that has seen none of these people: gives P(AF)


class BeatTask:
    """See `training.loop.Task`.

    Where nobody is held out, the figures are of those it was trained on: for a run on
    everybody, whose thresholds and temperature come from a cross-validation.

    Raises
    ------
    InputError
        Nobody is left to train on, somebody to hold out is not there, or thresholds are not
        for S, V and F.
    """

    name: Final = Task.ECG_BEAT

    def __init__(self, config: BeatConfig, data: BeatData) -> None:
        if config.thresholds and set(config.thresholds) != set(TOLD):
            raise InputError(
                f"task.thresholds: expected one each for {', '.join(TOLD)}, got "
                f"{', '.join(config.thresholds)}"
            )
        check_patients(config.hold_out, (one.patient for one in data.first_leads))
        self._config = config
        train = [one for one in data.sets if one.patient not in config.hold_out]
        held_out = [one for one in data.first_leads if one.patient in config.hold_out]
        if not train:
            raise InputError("ecg-beat: no annotated beat to train on")
        self._held_out = held_out or data.first_leads
        self._train = _joined(train)
        self._odds = np.cumsum(_odds(train, config))
        self._weak: WeakBeats = data.weak
        self._weak_odds = np.cumsum(_weak_odds(data.weak, config.weak_share))
        self._dense = [one for one in data.dense if one.patient in config.hold_out]

    @property
    def steps_per_epoch(self) -> int:
        """As configured."""
        return self._config.steps

    def build(self) -> nn.Module:
        """The model, with random weights."""
        return build_model(Task.ECG_BEAT, self._config.model, self._config.sizes)

    def batch(self, rng: np.random.Generator, epoch: int, step: int) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Annotated beats, then weak ones: windows, contexts, labels of the first, allowed
        classes of the rest."""
        config, (beats, contexts, labels) = self._config, self._train
        at = np.searchsorted(self._odds, rng.random(config.batch))
        at = np.minimum(at, len(labels) - 1)
        n_weak = config.weak if len(self._weak_odds) else 0
        weak = np.searchsorted(self._weak_odds, rng.random(n_weak))
        weak = np.minimum(weak, len(self._weak.beat) - 1)
        beat = np.concatenate([beats[at], self._weak.beat[weak].astype(np.float32)])
        context = np.concatenate([contexts[at], self._weak.context[weak]])
        beat, context = altered(beat, context, rng, config.augment)
        return (
            torch.from_numpy(beat),
            torch.from_numpy(context),
            torch.from_numpy(labels[at]),
            torch.from_numpy(self._weak.allowed[weak]),
        )

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Cross entropy of annotated beats; of weak ones -log P(allowed)."""
        beat, context, labels, allowed = batch
        logits = model(beat, context)[0]
        loss = functional.cross_entropy(
            logits[: len(labels)], labels, label_smoothing=self._config.smoothing
        )
        if len(allowed):
            log_p = functional.log_softmax(logits[len(labels) :], 1)
            lost = -torch.logsumexp(torch.where(allowed, log_p, -1e9), 1)
            share = self._config.weak_weight * len(allowed) / len(labels)
            loss = loss + share * lost.mean()
        return loss

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Average precision of V and S in percent on the held-out people."""
        labels = np.concatenate([one.label for one in self._held_out])
        p = softmax(self._logits(model, self._held_out))
        v = average_precision(p[:, 2], labels == 2)
        s = average_precision(p[:, 1], labels == 1)
        return {"score": (v + s) / 2, "ap_V": v, "ap_S": s, **self._of_dense(model)}

    def _of_dense(self, model: nn.Module) -> dict[str, float]:
        """The same where most beats are ectopic."""
        if not self._dense:
            return {}
        labels = np.concatenate([one.label for one in self._dense])
        p = softmax(self._logits(model, self._dense))
        return {"ap_S_dense": average_precision(p[:, 1], labels == 1)}

    def facts(self, model: nn.Module) -> dict[str, Any]:
        """Temperature and thresholds: as configured, else fitted on the held-out people."""
        labels = np.concatenate([one.label for one in self._held_out])
        logits = self._logits(model, self._held_out)
        temperature = self._config.temperature or fit_temperature(logits, labels)
        p = softmax(logits / temperature)
        thresholds = dict(self._config.thresholds) or chosen_thresholds(p, labels)
        return {
            "labels": [one.value for one in CLASSES],
            "temperature": temperature,
            "thresholds": thresholds,
            "episodes": {},
            "record_label": {},
            "figures": {
                f"held_out_{key}": round(value, 3)
                for key, value in class_figures(p, labels, thresholds).items()
            },
        }

    def score(self, model: Model) -> float:
        """Mean F1 of V and S in percent on the held-out people, of an exported file."""
        told = []
        for one in self._held_out:
            for first in range(0, len(one.label), SCORED_BATCH):
                rows = slice(first, first + SCORED_BATCH)
                answer = model.run({"beat": one.beat[rows], "context": one.context[rows]})
                told.append(answer["probability"])
        labels = np.concatenate([one.label for one in self._held_out])
        p = np.concatenate(told)
        thresholds = dict(self._config.thresholds) or chosen_thresholds(p, labels)
        figures = class_figures(p, labels, thresholds)
        return (figures["V_f1"] + figures["S_f1"]) / 2

    def real_inputs(self, n: int) -> Arrays:
        """Beats of the held-out people: `beat` (n, 3, 112), `context` (n, 24)."""
        beats, contexts, _ = _joined(self._held_out)
        at = np.linspace(0, len(beats) - 1, min(n, len(beats))).astype(int)
        return {"beat": beats[at], "context": contexts[at]}

    def out_of_fold(
        self, model: nn.Module
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
        """Logits, labels and record of the held-out beats."""
        labels = np.concatenate([one.label for one in self._held_out])
        names = [one.name for one in self._held_out for _ in one.label]
        return self._logits(model, self._held_out), labels, names

    @torch.no_grad()
    def _logits(self, model: nn.Module, sets: Sequence[BeatSet]) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        for one in sets:
            for first in range(0, len(one.label), SCORED_BATCH):
                rows = slice(first, first + SCORED_BATCH)
                beat = torch.from_numpy(one.beat[rows])
                parts.append(model(beat, torch.from_numpy(one.context[rows]))[0].numpy())
        return np.concatenate(parts)


def average_precision(p: NDArray[np.floating[Any]], wanted: NDArray[np.bool_]) -> float:
    """Area under precision over recall in percent; NaN-free: 0 where nothing is wanted."""
    if not wanted.any():
        return 0.0
    hits = wanted[np.argsort(-p, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return 100.0 * float(precision[hits].mean())


def class_figures(
    p: NDArray[np.floating[Any]], labels: NDArray[np.int64], thresholds: Mapping[str, float]
) -> dict[str, float]:
    """Se, +P and F1 of V and S in percent; a fusion called V counts neither way (EC57)."""
    told = told_classes(p, thresholds)
    figures = {}
    for at, name in enumerate(CLASSES):
        if name not in (BeatClass.S, BeatClass.V):
            continue
        neutral = (labels == CLASSES.index(BeatClass.F)) & (name is BeatClass.V)
        hits = int(((told == at) & (labels == at)).sum())
        n_wanted = int((labels == at).sum())
        n_told = int(((told == at) & ~neutral).sum())
        figures[f"{name.value}_se"] = 100.0 * hits / max(n_wanted, 1)
        figures[f"{name.value}_ppv"] = 100.0 * hits / max(n_told, 1)
        figures[f"{name.value}_f1"] = 200.0 * hits / max(n_wanted + n_told, 1)
    return figures


def _joined(
    sets: Sequence[BeatSet],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    return (
        np.concatenate([one.beat for one in sets]),
        np.concatenate([one.context for one in sets]),
        np.concatenate([one.label for one in sets]),
    )


def _odds(sets: Sequence[BeatSet], config: BeatConfig) -> NDArray[np.float64]:
    """How likely each beat is drawn: by class, and within it by person."""
    labels = np.concatenate([one.label for one in sets])
    people = np.concatenate([np.full(len(one.label), one.patient) for one in sets])
    share = {str(name): value for name, value in config.share.items()}
    odds = np.zeros(len(labels))
    for at, name in enumerate(CLASSES):
        of_class = labels == at
        for person in np.unique(people[of_class]):
            his = of_class & (people == person)
            odds[his] = float(his.sum()) ** (config.patient_power - 1.0)
        if of_class.any():
            odds[of_class] *= share.get(name.value, 0.0) / odds[of_class].sum()
    if not odds.any():
        raise InputError("task.share: no beat is of a class that has a share")
    told: NDArray[np.float64] = odds / odds.sum()
    return told


def _weak_odds(weak: WeakBeats, shares: Mapping[WeakSource, float]) -> NDArray[np.float64]:
    """How likely each weak beat is drawn; empty where none has a share."""
    odds = np.zeros(len(weak.source))
    for source, share in shares.items():
        of = weak.source == SOURCES.index(source)
        if of.any():
            odds[of] = share / of.sum()
    total = odds.sum()
    return odds / total if total > 0 else np.empty(0)
