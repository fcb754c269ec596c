"""Finished runs of one task to the rows of the table that compares them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from training.export.from_run import read_trained, task_name
from training.loop import kept_epoch
from training.run_folder import RunFolder
from training.runs import config_of
from training.zoo_table import Row, measure
from vitalwire.bundle import Task
from vitalwire.errors import InputError

Say = Callable[[str], None]


def measure_runs(paths: Sequence[Path], limit_s: float, say: Say) -> tuple[Task, list[Row]]:
    """A row for each run; each of its files is made in at most `limit_s` seconds.

    Raises
    ------
    InputError
        A run has not finished or cannot be read; they are of several tasks, or of one task but
        learned from other data: their scores do not compare.
    """
    folders = [RunFolder(path) for path in paths]
    tasks = {task_name(one) for one in folders}
    if len(tasks) != 1:
        told = ", ".join(sorted(tasks))
        raise InputError(f"bench zoo: expected runs of one task, got {told or 'none'}")
    task = tasks.pop()
    trained = [read_trained(one) for one in folders]  # all of them before the first minute
    other = [
        path for path, one in zip(paths, trained, strict=True) if one.data != trained[0].data
    ]
    if other:
        raise InputError(
            f"{other[0]}: was trained on other recordings than {paths[0]}: their scores do not "
            "compare"
        )
    rows = []
    for folder, one in zip(folders, trained, strict=True):
        say(f"measuring {folder.path}")
        history = folder.history()
        kept = kept_epoch(history, config_of(folder).loop)
        rows.append(measure(task, one, history[kept]["score"], limit_s, say))
    return task, rows
