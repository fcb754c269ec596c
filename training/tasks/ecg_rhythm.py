"""The rhythm task: whole-record labels, annotated rhythms, and a score on held-out records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.inference import Model
from edge.rhythm_label import features
from edge.stages.rhythm_hops import N_HOP
from training.augment import AugmentConfig, Crop
from training.datasets.rhythm import LABELS, RhythmRecord
from training.datasets.rhythm_hints import hints_of
from training.datasets.rhythm_sets import RhythmData
from training.models import build_model
from training.ranges import Positive, Share, Whole
from training.tasks.crops import N_CROP, Hinted, crop_batch
from training.tasks.fitting import fit_logistic, fit_temperature, softmax
from training.tasks.rhythm_figures import (
    agreement,
    challenge_f1,
    label_of,
    record_label_figures,
    shockable_balance,
)
from training.tasks.rhythm_loss import HintedModel, rhythm_loss
from training.tasks.rhythm_streams import asked, logits_of, mean_logits
from vitalwire.bundle import Task
from vitalwire.contracts import Arrays, Rhythm
from vitalwire.errors import InputError

SECOND: Final = 5  # hops: probabilities are told once a second
SETTLE_S: Final = 4  # told seconds of a record that the temperature is not fitted on
RECORD_PENALTY: Final = 0.01  # on the squared weights of the record's label
RECORD_LABELS: Final = (Rhythm.NORMAL, Rhythm.AF, Rhythm.OTHER, Rhythm.NOISE)
AGREED: Final = 8  # annotated records that an export is scored on, where none has one label


@dataclass(frozen=True)
class RhythmConfig:
    """What is learned from, and what comes of the probabilities."""

    model: str = "tcn"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    steps: Whole = 0  # an epoch; 0: as many as show each record with one label once
    weak: Whole = 32  # records with one label, a batch
    strong: Whole = 0  # records with annotated rhythms, a batch
    p_shockable: Share = 0.5  # of the strong: crops in which a shockable rhythm begins
    oversample: Positive = 1.5  # of AF and noise, which are rare
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    init: str = ""  # a run to begin with
    episodes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class RhythmTask:
    """See `training.loop.Task`.

    Raises
    ------
    InputError
        There is no record of a kind that batches are made of, or `init` is of another model.
    """

    name: Final = Task.ECG_RHYTHM

    def __init__(
        self, config: RhythmConfig, data: RhythmData, init: Mapping[str, Tensor] | None = None
    ) -> None:
        _check(config, data)
        self._config, self._data, self._init = config, data, init
        if init is not None:
            self.build()  # fits, or says so before a run begins
        model = build_model(Task.ECG_RHYTHM, config.model, config.sizes)
        self._n_state = int(getattr(model, "n_state", 0))  # 0: a model of windows
        self._weak = [_hinted(one) for one in data.train_weak]
        self._strong = [_hinted(one) for one in data.train_strong]
        self._noises: Sequence[Crop] = data.noises
        self._odds = _odds(data.train_weak, config.oversample)
        self._shockable = [
            i for i, one in enumerate(data.train_strong) if is_shockable(one).any()
        ]

    @property
    def steps_per_epoch(self) -> int:
        """As configured, or so many that each record with one label is shown once."""
        once = len(self._weak) // max(self._config.weak, 1)
        return self._config.steps or max(once, 1)

    def build(self) -> nn.Module:
        """The model, and its head for hints."""
        hinted = HintedModel(
            build_model(Task.ECG_RHYTHM, self._config.model, self._config.sizes)
        )
        hinted(torch.zeros(1, 1, N_CROP))  # gives the lazy head its size
        if self._init is not None:
            try:
                hinted.load_state_dict(self._init)
            except RuntimeError:
                raise InputError(
                    f"task.init: {self._config.init} is a run of another model or other sizes"
                ) from None
        return hinted

    def batch(self, rng: np.random.Generator, epoch: int, step: int) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Crops of records drawn anew: the rare classes oftener."""
        config = self._config
        chosen: list[Hinted] = []
        at_onset = [False] * config.weak
        if config.weak:
            drawn = rng.choice(len(self._weak), config.weak, p=self._odds)
            chosen = [self._weak[i] for i in drawn]
        for _ in range(config.strong):
            wanted = bool(self._shockable) and rng.random() < config.p_shockable
            at_onset.append(wanted)
            pool = self._shockable if wanted else range(len(self._strong))
            chosen.append(self._strong[pool[int(rng.integers(len(pool)))]])
        return crop_batch(chosen, at_onset, rng, config.augment, self._noises).tensors()

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """See `rhythm_loss`."""
        return rhythm_loss(model, batch)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """F1 in percent on held-out records by the mean of their logits; how well VT and VF
        are told from the rest on held-out records that are annotated.

        Where only annotated records are there, the score is their agreement; with nobody held
        out it is 0, and the last epoch is kept.
        """
        weak, strong = self._data.held_out_weak, self._data.held_out_strong
        figures: dict[str, float] = {"score": 0.0}
        if weak:
            figures = challenge_f1([mean_logits(one) for one in logits_of(model, weak)], weak)
        if strong:
            logits = logits_of(model, strong)
            if not weak:
                figures["score"] = agreement([one.T for one in logits], strong)
            if (balance := shockable_balance(logits, strong)) is not None:
                figures["shockable"] = balance
        return figures

    def facts(self, model: nn.Module) -> dict[str, Any]:
        """Temperature and the record's label, fitted on held-out records with one label.

        Without such records the temperature is 1, and the record's label has no weights.
        """
        records = [one for one in self._data.held_out_weak if one.n_hops >= SECOND]
        told = [one[:, SECOND - 1 :: SECOND].T for one in logits_of(model, records)]
        labels = np.array([label_of(one) for one in records], np.int64)
        settled = [rows[SETTLE_S:] for rows in told]
        temperature = 1.0
        if any(len(rows) for rows in settled):
            temperature = fit_temperature(
                np.concatenate(settled), np.repeat(labels, [len(rows) for rows in settled])
            )
        streams = [softmax(one / temperature) for one in told]
        weights = _label_weights(streams, labels)
        return {
            "labels": [label.value for label in LABELS],
            "temperature": temperature,
            "thresholds": {},
            "episodes": {key: dict(value) for key, value in self._config.episodes.items()},
            "record_label": weights,
            "figures": record_label_figures(streams, labels, weights) if records else {},
        }

    def score(self, model: Model) -> float:
        """Mean F1 of N, A and O in percent on held-out records, hop by hop as a gateway asks.

        Where no record has one label, the agreement with annotated ones.

        Parameters
        ----------
        model : Model
            Of an exported file: `signal` and `state` in, `probability` and `next_state` out.
        """
        # By length: all records of a batch are asked about as often as its longest.
        weak = sorted(self._data.held_out_weak, key=lambda one: one.n_hops)
        if not weak:
            strong = (self._data.held_out_strong or self._data.train_strong)[:AGREED]
            return agreement(asked(model, strong, self._n_state), strong)
        told = asked(model, weak, self._n_state)
        means = [np.log(np.maximum(one, 1e-9)).mean(axis=0) for one in told]
        return challenge_f1(means, weak)["score"]

    def real_inputs(self, n: int) -> Arrays:
        """Consecutive hops of one record, held out if one is, `signal` (n, 25)."""
        data = self._data
        records = data.held_out_weak or data.train_weak or data.train_strong
        longest = max(records, key=lambda one: one.n_hops)
        n = min(n, longest.n_hops)
        return {"signal": longest.x_mv[: n * N_HOP].reshape(n, N_HOP)}


def _check(config: RhythmConfig, data: RhythmData) -> None:
    if not config.weak and not config.strong:
        raise InputError("ecg-rhythm: expected task.weak or task.strong above 0, both are 0")
    if config.weak and not data.train_weak:
        raise InputError(
            "ecg-rhythm: no record with a label for the whole to train on: add such records, "
            "or set task.weak to 0 and task.strong to some"
        )
    if config.strong and not data.train_strong:
        raise InputError(
            "ecg-rhythm: no record with annotated rhythms to train on: add such records, or "
            "set task.strong to 0"
        )


def _hinted(record: RhythmRecord) -> Hinted:
    certain = is_shockable(record).astype(np.int8)
    onsets = np.flatnonzero(np.diff(certain, prepend=0) > 0)
    return Hinted(record, hints_of(record.x_mv, record.n_hops), onsets)


def is_shockable(record: RhythmRecord) -> NDArray[np.bool_]:
    """Hops that are certainly shockable, (n_hops,)."""
    shockable = record.allowed[:, LABELS.index(Rhythm.SHOCKABLE)]
    certain: NDArray[np.bool_] = shockable & (record.allowed.sum(axis=1) == 1)
    return certain


def _odds(records: Sequence[RhythmRecord], oversample: float) -> NDArray[np.float64]:
    """How likely each record with one label is drawn."""
    rare = {LABELS.index(Rhythm.AF), LABELS.index(Rhythm.NOISE)}
    odds = np.array([oversample if label_of(one) in rare else 1.0 for one in records])
    drawn: NDArray[np.float64] = odds / odds.sum() if odds.any() else odds
    return drawn


def _label_weights(
    streams: Sequence[NDArray[np.float64]], labels: NDArray[np.int64]
) -> dict[str, list[float]]:
    """Of the record's label, see `edge.rhythm_label`; none where there is no record."""
    if not streams:
        return {}
    weights = fit_logistic(
        np.stack([features(one.astype(np.float32)) for one in streams]),
        np.array([RECORD_LABELS.index(LABELS[label]) for label in labels]),
        len(RECORD_LABELS),
        RECORD_PENALTY,
    )
    return {name.value: weights[i].tolist() for i, name in enumerate(RECORD_LABELS)}
