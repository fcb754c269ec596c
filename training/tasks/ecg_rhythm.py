"""The rhythm task: whole-record labels, annotated rhythms, and a score on held-out records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.inference import Model
from edge.rhythm_label import features, record_label
from edge.stages.rhythm_hops import N_HOP
from training.augment import AugmentConfig, Crop
from training.datasets.rhythm import LABELS, RhythmRecord, model_signal
from training.datasets.rhythm_hints import hints_of
from training.datasets.rhythm_sets import RhythmData
from training.models import build_model
from training.scoring.challenge_score import MEAN_OF, answered_class, confusion, f1_of
from training.tasks.crops import N_CROP, Hinted, crop_batch
from training.tasks.fitting import fit_logistic, fit_temperature
from training.tasks.rhythm_loss import HintedModel, rhythm_loss
from vitalwire.bundle import Task
from vitalwire.contracts import Arrays, Rhythm
from vitalwire.errors import InputError

SECOND: Final = 5  # hops: probabilities are told once a second
SCORED_BATCH: Final = 64
POOLED_FROM: Final = 25  # hops: a rhythm cannot be told sooner
RECORD_PENALTY: Final = 0.02  # on the squared weights of the record's label


@dataclass(frozen=True)
class RhythmConfig:
    """What is learned from, and what comes of the probabilities."""

    model: str = "tcn"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    weak: int = 32  # records with one label, a batch
    strong: int = 0  # records with annotated rhythms, a batch
    p_shockable: float = 0.5  # of the strong: drawn among those with a shockable rhythm
    oversample: float = 1.5  # of AF and noise, which are rare
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    init: str = ""  # a run to begin with
    episodes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class RhythmTask:
    """See `training.loop.Task`."""

    name: Final = Task.ECG_RHYTHM

    def __init__(
        self, config: RhythmConfig, data: RhythmData, init: Mapping[str, Tensor] | None = None
    ) -> None:
        if config.weak and not data.train_weak:
            raise InputError("ecg-rhythm: no record with a label for the whole to train on")
        if config.strong and not data.train_strong:
            raise InputError("ecg-rhythm: no record with annotated rhythms to train on")
        self._config, self._data, self._init = config, data, init
        model = build_model(Task.ECG_RHYTHM, config.model, config.sizes)
        self._n_state = int(getattr(model, "n_state", 0))  # 0: a model of windows
        self._weak = [_hinted(one) for one in data.train_weak]
        self._strong = [_hinted(one) for one in data.train_strong]
        self._noises: Sequence[Crop] = data.noises
        rare = {LABELS.index(Rhythm.AF), LABELS.index(Rhythm.NOISE)}
        odds = np.array(
            [
                config.oversample if int(one.record.allowed[0].argmax()) in rare else 1.0
                for one in self._weak
            ]
        )
        self._odds = odds / odds.sum() if len(odds) else odds
        shockable = LABELS.index(Rhythm.SHOCKABLE)
        self._shockable = [
            i
            for i, one in enumerate(self._strong)
            if (one.record.allowed[:, shockable] & (one.record.allowed.sum(axis=1) == 1)).any()
        ]

    @property
    def steps_per_epoch(self) -> int:
        if self._config.weak:
            return max(len(self._weak) // self._config.weak, 1)
        return max(4 * len(self._strong) // max(self._config.strong, 1), 1)

    def build(self) -> nn.Module:
        """The model, and its head for hints."""
        hinted = HintedModel(
            build_model(Task.ECG_RHYTHM, self._config.model, self._config.sizes)
        )
        hinted(torch.zeros(1, 1, 30 * 125))  # gives the lazy head its size
        if self._init is not None:
            hinted.load_state_dict(self._init)
        return hinted

    def batch(self, rng: np.random.Generator, epoch: int, step: int) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Crops of records drawn anew: the rare classes oftener."""
        config = self._config
        weak = rng.choice(len(self._weak), config.weak, p=self._odds) if config.weak else []
        chosen = [self._weak[i] for i in weak]
        for _ in range(config.strong):
            wanted = self._shockable and rng.random() < config.p_shockable
            pool = self._shockable if wanted else range(len(self._strong))
            chosen.append(self._strong[pool[int(rng.integers(len(pool)))]])
        return crop_batch(chosen, rng, config.augment, self._noises).tensors()

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """See `rhythm_loss`."""
        return rhythm_loss(model, batch)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """F1 in percent on held-out records by the mean of their logits; how well VT and VF
        are told from the rest on held-out records that are annotated."""
        figures: dict[str, float] = {"score": 0.0}
        if self._data.held_out_weak:
            streams = [
                _mean_logits(one) for one in self._streams(model, self._data.held_out_weak)
            ]
            figures = _f1(streams, self._data.held_out_weak)
        if self._data.held_out_strong:
            logits = self._streams(model, self._data.held_out_strong)
            figures["shockable"] = _shockable(logits, self._data.held_out_strong)
        return figures

    def facts(self, model: nn.Module) -> dict[str, Any]:
        """Temperature and the record's label, fitted on held-out records."""
        records = self._data.held_out_weak
        logits = self._streams(model, records)
        labels = np.array([int(one.allowed[0].argmax()) for one in records])
        told = [one[:, SECOND - 1 :: SECOND].T for one in logits]
        pairs = [
            (row, label) for rows, label in zip(told, labels, strict=True) for row in rows[4:]
        ]
        temperature = fit_temperature(
            np.stack([row for row, _ in pairs]), np.array([label for _, label in pairs])
        )
        streams = [_softmax(one / temperature) for one in told]
        names = [Rhythm.NORMAL, Rhythm.AF, Rhythm.OTHER, Rhythm.NOISE]
        wanted = np.array([names.index(LABELS[label]) for label in labels])
        weights = fit_logistic(
            np.stack([features(one.astype(np.float32)) for one in streams]),
            wanted,
            len(names),
            RECORD_PENALTY,
        )
        named = {name.value: weights[i].tolist() for i, name in enumerate(names)}
        return {
            "labels": [label.value for label in LABELS],
            "temperature": temperature,
            "thresholds": {},
            "episodes": {key: dict(value) for key, value in self._config.episodes.items()},
            "record_label": named,
            "figures": _label_figures(streams, labels, named),
        }

    def score(self, model: Model) -> float:
        """Mean F1 of N, A and O in percent on held-out records, hop by hop as a gateway asks.

        Parameters
        ----------
        model : Model
            Of an exported file: `signal` and `state` in, `probability` and `next_state` out.
        """
        told, kept = [], []
        for group in _batches(self._data.held_out_weak):
            streams = (
                _stepped(model, group, self._n_state)
                if self._n_state
                else _windowed(model, group)
            )
            for record, stream in zip(group, streams, strict=True):
                told.append(np.log(np.maximum(stream, 1e-9)).mean(axis=0))
                kept.append(record)
        return _f1(told, kept)["score"]

    def real_inputs(self, n: int) -> Arrays:
        """Consecutive hops of one held-out record, `signal` (n, 25)."""
        longest = max(self._data.held_out_weak or self._data.train_weak, key=lambda r: r.n_hops)
        n = min(n, longest.n_hops)
        return {"signal": longest.x_mv[: n * N_HOP].reshape(n, N_HOP)}

    @torch.no_grad()
    def _streams(
        self, model: nn.Module, records: Sequence[RhythmRecord]
    ) -> list[NDArray[np.float32]]:
        """Logits of whole records, each (n_labels, n_hops)."""
        streams: list[NDArray[np.float32]] = []
        for group in _batches(records):
            n_hops = max(one.n_hops for one in group)
            x = np.zeros((len(group), 1, n_hops * N_HOP), np.float32)
            for row, one in zip(x, group, strict=True):
                row[0, : one.n_hops * N_HOP] = one.x_mv[: one.n_hops * N_HOP]
            logits = model(torch.from_numpy(x))[0].numpy()
            streams += [row[:, : one.n_hops] for row, one in zip(logits, group, strict=True)]
        return streams


def _hinted(record: RhythmRecord) -> Hinted:
    return Hinted(record, hints_of(record.x_mv, record.n_hops))


def _batches(records: Sequence[RhythmRecord]) -> list[list[RhythmRecord]]:
    """In the order given, so that answers fit; bounded in memory."""
    groups: list[list[RhythmRecord]] = []
    for record in records:
        full = not groups or len(groups[-1]) >= SCORED_BATCH or record.n_hops > 1000
        if full:
            groups.append([])
        groups[-1].append(record)
    return groups


def _windowed(model: Model, records: Sequence[RhythmRecord]) -> list[NDArray[np.float32]]:
    """A window model's probabilities of the last 30 s, each (1, n_labels)."""
    tails = [one.x_mv[: one.n_hops * N_HOP][-N_CROP:] for one in records]
    signal = np.stack([np.pad(tail, (N_CROP - len(tail), 0)) for tail in tails])
    return list(model.run({"signal": signal})["probability"][:, None, :])


def _stepped(
    model: Model, records: Sequence[RhythmRecord], n_state: int
) -> list[NDArray[np.float32]]:
    """Probabilities hop by hop, each (n_hops, n_labels)."""
    n_hops = max(one.n_hops for one in records)
    state = np.zeros((len(records), n_state), np.float32)
    rows = []
    for hop in range(n_hops):
        at = slice(hop * N_HOP, (hop + 1) * N_HOP)
        signal = np.stack([_padded(one.x_mv[at]) for one in records])
        answer = model.run({"signal": signal, "state": state})
        state = answer["next_state"]
        rows.append(answer["probability"])
    told = np.stack(rows, axis=1)
    first = POOLED_FROM
    return [
        one[min(first, r.n_hops - 1) : r.n_hops] for one, r in zip(told, records, strict=True)
    ]


def _padded(hop: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.pad(hop, (0, N_HOP - len(hop)))


def _mean_logits(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a record, from where a rhythm can be told."""
    first = min(POOLED_FROM, logits.shape[1] - 1)
    mean: NDArray[np.float32] = logits[:, first:].mean(axis=1)
    return mean


def _f1(
    means: Sequence[NDArray[np.float32]], records: Sequence[RhythmRecord]
) -> dict[str, float]:
    """F1 by the largest of (n_labels,) values a record; shockable is none of the labels."""
    values = np.stack(means)
    values[:, LABELS.index(Rhythm.SHOCKABLE)] = -np.inf
    told = values.argmax(axis=1)
    labels = np.array([int(one.allowed[0].argmax()) for one in records])
    return _percent_f1(told, labels)


def _percent_f1(told: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, float]:
    matrix = confusion(
        [answered_class(LABELS[i]) for i in labels.tolist()],
        [answered_class(LABELS[i]) for i in told.tolist()],
    )
    f1 = 100 * np.nan_to_num(f1_of(matrix.astype(np.float64))[:MEAN_OF])
    return {"score": float(f1.mean()), "f1_N": f1[0], "f1_A": f1[1], "f1_O": f1[2]}


def _label_figures(
    streams: Sequence[NDArray[np.float64]],
    labels: NDArray[np.int64],
    weights: Mapping[str, Sequence[float]],
) -> dict[str, float]:
    """The record's label on the records that it was fitted on: optimistic, and said so."""
    told = [record_label(one.astype(np.float32), weights)[0] for one in streams]
    index = np.array([LABELS.index(Rhythm(name)) for name in told])
    figures = _percent_f1(index, labels)
    return {f"validation_label_{key}": round(value, 3) for key, value in figures.items()}


def _shockable(logits: Sequence[NDArray[np.float32]], records: Sequence[RhythmRecord]) -> float:
    """Mean of sensitivity and specificity by hop, percent, at a probability of a half."""
    at = LABELS.index(Rhythm.SHOCKABLE)
    p = np.concatenate([_softmax(one.T)[:, at] for one in logits])
    allowed = np.concatenate([one.allowed for one in records])
    sure = allowed[:, at] & (allowed.sum(axis=1) == 1)
    never = ~allowed[:, at]
    if not sure.any() or not never.any():
        return float("nan")
    return 50.0 * (float((p[sure] >= 0.5).mean()) + float((p[never] < 0.5).mean()))


def _softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Over the last axis."""
    odds = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = odds / odds.sum(axis=-1, keepdims=True)
    return shares


@torch.no_grad()
def p_af_of(
    model: nn.Module, temperature: float, x_mv: NDArray[np.float32], fs: float
) -> NDArray[np.float32]:
    """P(AF) after each hop of a lead, (n_hops,), by a trained rhythm model."""
    x = model_signal(x_mv, fs)
    n_hops = len(x) // N_HOP
    logits = model(torch.from_numpy(x[None, None, : n_hops * N_HOP]))[0, :, :n_hops].numpy()
    told: NDArray[np.float32] = _softmax(logits.T / temperature)[:, LABELS.index(Rhythm.AF)]
    return told.astype(np.float32)
