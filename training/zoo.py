"""Every model of the zoo trained for one task: the same records, the same time, one seed.

`vitalwire bench zoo` puts the runs side by side.
"""

from collections.abc import Callable
from pathlib import Path

from training.datasets.rhythm_sets import read_rhythm_data
from training.folds import Work, run_in
from training.loop import kept_epoch
from training.models import MODELS
from training.runs import BeatRun, RhythmRun, RunConfig, beat_data, changed, rhythm_task
from training.tasks.ecg_beat import BeatConfig, BeatTask
from training.tasks.ecg_rhythm import RhythmConfig, RhythmTask

Say = Callable[[str], None]


def train_zoo(
    config: RunConfig, data_dir: Path, out: Path, command: str, say: Say
) -> dict[str, float]:
    """Train each model in a folder of its name; what is finished there is taken as it is.

    Returns
    -------
    dict
        Score of each on validation, percent.
    """
    work = Work(data_dir, out, command, say, len(MODELS))
    task_of, entries = _maker(config, work)
    scores: dict[str, float] = {}
    for model in MODELS:
        own = changed(config, model, None, None)
        run = run_in(model, own, (), task_of(own), entries, work)
        history = run.history()
        scores[model] = history[kept_epoch(history, own.loop)]["score"]
    return scores


def _maker(
    config: RunConfig, work: Work
) -> tuple[Callable[[RunConfig], BeatTask | RhythmTask], list[dict[str, str]]]:
    """The recordings are read once, for all models."""
    if isinstance(config, BeatRun):
        beats = beat_data(config.task, work.data_dir, work.say)
        return (lambda own: BeatTask(_beat(own), beats)), beats.entries
    rhythms = read_rhythm_data(work.data_dir)
    return (lambda own: rhythm_task(_rhythm(own), rhythms)), rhythms.entries


def _beat(config: RunConfig) -> BeatConfig:
    assert isinstance(config, BeatRun)
    return config.task


def _rhythm(config: RunConfig) -> RhythmConfig:
    assert isinstance(config, RhythmRun)
    return config.task
