"""The training loop: one for every task and model.

Seeded so that two runs on one machine agree to the last digit, an interrupted one too: every
epoch draws from a generator of its own, and a checkpoint holds all that the next epoch needs.
What is validated and kept is a running mean of the weights (Polyak), which noisy labels move
less than the weights themselves.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from training.ranges import Amount, Count, Positive, Share
from training.run_folder import Record, RunFolder
from vitalwire.errors import InputError

Batch = tuple[Tensor, ...]
Say = Callable[[str], None]

BEST: Final = "best.pt"  # the mean weights that are kept: of the best epoch, or the last
LAST: Final = "last.pt"  # all that the next epoch needs

_WARM_UP: Final = 0.15  # of all steps: the rate rises, then falls to nothing
_CLIP: Final = 1.0  # of the gradient's norm


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast."""

    epochs: Count = 20
    learning_rate: Positive = 2e-3
    weight_decay: Amount = 0.02
    mean_decay: Share = 0.998  # of the running mean of the weights, a step
    threads: Count = 1
    keep: Literal["best", "last"] = "best"  # last: where the score does not see all that counts


class Task(Protocol):
    """What is learned: the batches, the loss, and the score that chooses."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch, at least 1."""
        ...

    def build(self) -> nn.Module:
        """The model, with the weights it begins with."""
        ...

    def batch(self, rng: np.random.Generator, epoch: int, step: int) -> Batch:
        """The next batch."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """What is made small."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures on patients that are not trained on; `score` is what chooses."""
        ...

    def facts(self, model: nn.Module) -> dict[str, Any]:
        """What the bundle needs beside the weights, once they are chosen."""
        ...


def fit(task: Task, config: LoopConfig, seed: int, run: RunFolder, say: Say) -> None:
    """Train until the run is finished; goes on where its last checkpoint ended.

    Raises
    ------
    InputError
        A checkpoint that is damaged, or of another run.
    UnavailableError
        The folder cannot be written to; the last checkpoint is whole.
    """
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    _seed(seed, 0)
    learner = _Learner(task, config)
    if run.has(LAST):
        learner.restore(run)
        run.write_history(learner.history)  # whose end may be torn
    shadow, history = task.build(), learner.history
    for epoch in range(len(history), config.epochs):
        started = time.monotonic()
        loss = learner.learn(_seed(seed, epoch + 1), epoch)
        shadow.load_state_dict(learner.mean)
        figures = task.validate(shadow.eval())
        history.append({"epoch": epoch, "loss": round(loss, 6), **_rounded(figures)})
        if kept_epoch(history, config) == epoch:
            run.save(BEST, learner.mean)
        run.write_history(history)
        run.save(LAST, learner.state())
        left_s = (time.monotonic() - started) * (config.epochs - epoch - 1)
        say(_line(history[-1], config.epochs, left_s))
    try:
        shadow.load_state_dict(run.load(BEST))
    except (RuntimeError, TypeError):  # torch's words for other weights
        raise InputError(f"{run.path / BEST}: holds no weights of this run's model") from None
    run.write_facts(task.facts(shadow.eval()))


def kept_epoch(history: Sequence[Record], config: LoopConfig) -> int:
    """The epoch, from 0, whose weights a run keeps: the last of those with the best score."""
    if config.keep == "last":
        return len(history) - 1
    scores = [-math.inf if math.isnan(one["score"]) else one["score"] for one in history]
    return max(range(len(scores)), key=lambda epoch: (scores[epoch], epoch))


class _Learner:
    """A model on its way, with all that its next step needs."""

    def __init__(self, task: Task, config: LoopConfig) -> None:
        self._task, self._config = task, config
        self._model = task.build()
        self.mean = {key: value.clone() for key, value in self._model.state_dict().items()}
        self.history: list[Record] = []
        self._optimiser = torch.optim.AdamW(
            self._model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser,
            config.learning_rate,
            total_steps=config.epochs * task.steps_per_epoch,
            pct_start=_WARM_UP,
        )

    def learn(self, rng: np.random.Generator, epoch: int) -> float:
        """One epoch; gives its mean loss."""
        task, losses = self._task, 0.0
        self._model.train()
        for step in range(task.steps_per_epoch):
            loss = task.loss(self._model, task.batch(rng, epoch, step))
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP)
            self._optimiser.step()
            self._schedule.step()
            losses += loss.item()
            done = epoch * task.steps_per_epoch + step + 1
            self._follow(min(self._config.mean_decay, (1 + done) / (10 + done)))
        return losses / task.steps_per_epoch

    def state(self) -> Record:
        """A checkpoint: tensors and plain values."""
        return {
            "epoch": len(self.history), "history": self.history, "mean": self.mean,
            "model": self._model.state_dict(), "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }  # fmt: skip

    def restore(self, run: RunFolder) -> None:
        """Go on from a run's last checkpoint."""
        kept = run.load(LAST)
        try:
            # A checkpoint of before this version has no history of its own.
            self.history = list(kept.get("history", run.history()))[: kept["epoch"]]
            self._model.load_state_dict(kept["model"])
            self._optimiser.load_state_dict(kept["optimiser"])
            self._schedule.load_state_dict(kept["schedule"])
            self.mean = kept["mean"]
            whole = len(self.history) == kept["epoch"]
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
            whole = False
        if not whole:
            raise InputError(f"{run.path / LAST}: is no checkpoint of this run: train it anew")

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        for key, value in self._model.state_dict().items():
            if value.dtype.is_floating_point:
                self.mean[key].mul_(decay).add_(value, alpha=1 - decay)
            else:
                self.mean[key].copy_(value)


def _seed(seed: int, epoch: int) -> np.random.Generator:
    random.seed(seed * 1000 + epoch)
    torch.manual_seed(seed * 1000 + epoch)
    return np.random.default_rng([seed, epoch])


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(float(value), 4) for key, value in figures.items()}


def _line(record: Record, epochs: int, left_s: float) -> str:
    shown = " ".join(f"{key} {value:g}" for key, value in record.items() if key != "epoch")
    return f"epoch {record['epoch'] + 1} of {epochs}: {shown}; {left_s / 60:.0f} min left"
