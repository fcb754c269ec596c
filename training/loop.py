"""The training loop: one for every task and model.

Seeded so that two runs on one machine agree to the last digit, an interrupted one too: every
epoch draws from a generator of its own, and a checkpoint holds all that the next epoch needs.
What is validated and kept is a running mean of the weights (Polyak), which noisy labels move
less than the weights themselves.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from training.run_folder import RunFolder

Batch = tuple[Tensor, ...]
Say = Callable[[str], None]

_WARM_UP: Final = 0.15  # of all steps: the rate rises, then falls to nothing
_CLIP: Final = 1.0  # of the gradient's norm


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast."""

    epochs: int = 20
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    mean_decay: float = 0.998  # of the running mean of the weights, a step
    threads: int = 1


class Task(Protocol):
    """What is learned: the batches, the loss, and the score that chooses."""

    @property
    def steps_per_epoch(self) -> int: ...

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
    """Train until the run is finished; goes on where its last checkpoint ended."""
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    _seed(seed, 0)
    model = task.build()
    mean = {key: value.clone() for key, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    total = config.epochs * task.steps_per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=total, pct_start=_WARM_UP
    )
    history = run.history()
    if history:
        kept = run.load("last.pt")
        history = history[: kept["epoch"]]
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        schedule.load_state_dict(kept["schedule"])
        mean = kept["mean"]
    shadow = task.build()
    for epoch in range(len(history), config.epochs):
        started = time.monotonic()
        rng = _seed(seed, epoch + 1)
        loss = _epoch(task, model, optimiser, schedule, mean, config, rng, epoch)
        shadow.load_state_dict(mean)
        figures = task.validate(shadow.eval())
        history.append({"epoch": epoch, "loss": round(loss, 6), **_rounded(figures)})
        if figures["score"] >= max(one["score"] for one in history):
            run.save("best.pt", mean)
        run.write_history(history)
        checkpoint = {
            "epoch": epoch + 1, "model": model.state_dict(), "mean": mean,
            "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict(),
        }  # fmt: skip
        run.save("last.pt", checkpoint)
        left_s = (time.monotonic() - started) * (config.epochs - epoch - 1)
        say(_line(history[-1], config.epochs, left_s))
    shadow.load_state_dict(run.load("best.pt"))
    run.write_facts(task.facts(shadow.eval()))


def _epoch(
    task: Task,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    mean: dict[str, Tensor],
    config: LoopConfig,
    rng: np.random.Generator,
    epoch: int,
) -> float:
    model.train()
    losses = 0.0
    for step in range(task.steps_per_epoch):
        loss = task.loss(model, task.batch(rng, epoch, step))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimiser.step()
        schedule.step()
        losses += loss.item()
        done = epoch * task.steps_per_epoch + step + 1
        _follow(mean, model, min(config.mean_decay, (1 + done) / (10 + done)))
    return losses / task.steps_per_epoch


@torch.no_grad()
def _follow(mean: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    for key, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            mean[key].mul_(decay).add_(value, alpha=1 - decay)
        else:
            mean[key].copy_(value)


def _seed(seed: int, epoch: int) -> np.random.Generator:
    random.seed(seed * 1000 + epoch)
    torch.manual_seed(seed * 1000 + epoch)
    return np.random.default_rng([seed, epoch])


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(float(value), 4) for key, value in figures.items()}


def _line(record: dict[str, Any], epochs: int, left_s: float) -> str:
    shown = " ".join(f"{key} {value:g}" for key, value in record.items() if key != "epoch")
    return f"epoch {record['epoch'] + 1} of {epochs}: {shown}; {left_s / 60:.0f} min left"
