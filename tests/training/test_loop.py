"""The loop: repeatable to the last digit, however often it was interrupted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.loop import BEST, LAST, LoopConfig, fit, kept_epoch
from training.run_folder import RunFolder
from vitalwire.errors import InputError

CONFIG = LoopConfig(epochs=4)


class Line:
    """A task of its own: fit a line, with dropout and noise, so that every generator counts."""

    steps_per_epoch = 3

    def __init__(self, scores: Sequence[float] = ()) -> None:
        self._scores = list(scores)
        self.seen: list[dict[str, Tensor]] = []

    def build(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)
        )

    def batch(self, rng: np.random.Generator, epoch: int, step: int) -> tuple[Tensor, ...]:  # noqa: ARG002
        x = rng.normal(size=(8, 2)).astype(np.float32)
        return torch.from_numpy(x), torch.from_numpy(x.sum(axis=1, keepdims=True))

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        x, y = batch
        return nn.functional.mse_loss(model(x), y)

    def validate(self, model: nn.Module) -> dict[str, float]:
        weights = {key: value.clone() for key, value in model.state_dict().items()}
        self.seen.append(weights)
        told = float(model(torch.ones(1, 2)).item())
        return {"score": self._scores[len(self.seen) - 1] if self._scores else told}

    def facts(self, model: nn.Module) -> dict[str, Any]:
        return {"told": float(model(torch.ones(1, 2)).item())}


def folder(path: Path) -> RunFolder:
    run = RunFolder(path)
    run.create({}, {})
    return run


def trained(path: Path, stops: Sequence[int] = ()) -> RunFolder:
    """A run that is interrupted after each of these epochs, and goes on."""
    run, left = folder(path), list(stops)

    def say(line: str) -> None:
        if left and line.startswith(f"epoch {left[0]} "):
            del left[0]
            raise KeyboardInterrupt

    for _ in range(len(stops)):
        with pytest.raises(KeyboardInterrupt):
            fit(Line(), CONFIG, 7, run, say)
    fit(Line(), CONFIG, 7, run, say)
    return run


def assert_same(one: RunFolder, other: RunFolder) -> None:
    assert one.history() == other.history()
    assert one.facts == other.facts
    for name in (BEST, LAST):
        assert _plain(one.load(name)) == _plain(other.load(name))


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def test_two_runs_agree_to_the_last_digit(tmp_path: Path) -> None:
    one = trained(tmp_path / "a")
    torch.rand(5)  # whatever was drawn before
    assert_same(one, trained(tmp_path / "b"))


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "a"), folder(tmp_path / "b")
    fit(Line(), CONFIG, 1, one, print)
    fit(Line(), CONFIG, 2, other, print)
    assert one.history() != other.history()


@pytest.mark.parametrize("stops", [(1,), (2,), (1, 2, 3), (4,)])
def test_an_interrupted_run_ends_as_if_it_had_not_been(
    tmp_path: Path, stops: tuple[int, ...]
) -> None:
    assert_same(trained(tmp_path / "a", stops), trained(tmp_path / "b"))


@pytest.mark.parametrize("written", ["history.jsonl", BEST])
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_kill_between_two_files_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, epoch: int
) -> None:
    """Best weights, history and checkpoint are three files: each may be the last written."""
    run, write, n = folder(tmp_path / "a"), RunFolder._write, 0

    def dies(self: RunFolder, name: str, data: bytes) -> None:
        nonlocal n
        write(self, name, data)
        n += name == written
        if name == written and n == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "_write", dies)
    scores = [1.0, 2.0, 3.0, 4.0]  # each epoch is the best so far
    with pytest.raises(KeyboardInterrupt):
        fit(Line(scores), CONFIG, 7, run, print)
    monkeypatch.undo()
    fit(Line(scores[epoch - 1 :]), CONFIG, 7, run, print)
    whole = folder(tmp_path / "b")
    fit(Line(scores), CONFIG, 7, whole, print)
    assert_same(run, whole)


def test_a_history_that_lost_its_end_is_in_the_checkpoint_too(tmp_path: Path) -> None:
    run = trained(tmp_path / "a")
    text = (run.path / "history.jsonl").read_text()
    (run.path / "history.jsonl").write_text(text[:-30])
    (run.path / "facts.json").unlink()
    fit(Line(), CONFIG, 7, run, print)
    assert_same(run, trained(tmp_path / "b"))


@pytest.mark.parametrize("weights", [[1, 2], {"w": torch.zeros(3)}, None])
def test_the_best_weights_of_something_else(tmp_path: Path, weights: Any) -> None:
    run = trained(tmp_path / "a")
    (run.path / "facts.json").unlink()
    run.save(BEST, weights)
    with pytest.raises(InputError, match=r"best\.pt: holds no weights of this run's model"):
        fit(Line(), CONFIG, 7, run, print)
    assert not (run.path / "facts.json").exists()


@pytest.mark.parametrize(
    "scores",
    [(10.0, 80.12346, 30.0, 20.0), (80.12344, 1.0, 1.0, 1.0), (1.0, 5.0, 5.0, 2.0)],
    ids=["rounded up", "first, rounded down", "twice the best"],
)
def test_the_best_epochs_weights_are_kept(tmp_path: Path, scores: tuple[float, ...]) -> None:
    run, task = folder(tmp_path / "a"), Line(scores)
    fit(task, CONFIG, 7, run, print)
    best = kept_epoch(run.history(), CONFIG)
    assert scores[best] == max(scores)
    assert _plain(run.load(BEST)) == _plain(task.seen[best])


def test_a_run_may_keep_its_last_weights(tmp_path: Path) -> None:
    run, task = folder(tmp_path / "a"), Line((9.0, 3.0, 2.0, 1.0))
    fit(task, replace(CONFIG, keep="last"), 7, run, print)
    assert _plain(run.load(BEST)) == _plain(task.seen[-1])


def test_scores_that_are_no_numbers_are_never_the_best(tmp_path: Path) -> None:
    nan = float("nan")
    assert kept_epoch([{"score": one} for one in (nan, 2.0, nan, 1.0)], CONFIG) == 1
    run = folder(tmp_path / "a")
    fit(Line([nan] * 4), CONFIG, 7, run, print)
    assert run.has(BEST)


@pytest.mark.parametrize(
    "content", [{"epoch": 1}, [1, 2], {"epoch": 9, "history": [], "model": {}}]
)
def test_a_checkpoint_of_something_else(tmp_path: Path, content: Any) -> None:
    run = folder(tmp_path / "a")
    run.save(LAST, content)
    with pytest.raises(InputError, match="is no checkpoint of this run"):
        fit(Line(), CONFIG, 7, run, print)


def test_each_epoch_says_where_it_is(tmp_path: Path) -> None:
    said: list[str] = []
    fit(Line(), CONFIG, 7, folder(tmp_path / "a"), said.append)
    assert [line.split(":")[0] for line in said] == [f"epoch {n} of 4" for n in (1, 2, 3, 4)]
    assert all("loss" in line and "score" in line and "min left" in line for line in said)
