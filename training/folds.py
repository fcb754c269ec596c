"""Cross-validation by patient: runs that each leave some patients out.

For `ecg-beat` the beats that each run did not see are put together: they give the thresholds
and the temperature that a run on everybody ships with. For `ecg-rhythm` the patients with a
shockable rhythm are left out, some at a time; each run becomes a bundle, and `folds.json`
says which bundle has not seen which record: `vitalwire evaluate ecg-rhythm
--shockable-folds` scores by it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.datasets.rhythm import LABELS
from training.datasets.rhythm_sets import read_rhythm_data
from training.export import export_fold
from training.loop import Task, fit
from training.run_folder import RunFolder, provenance
from training.runs import BeatRun, RhythmRun, RunConfig, beat_data, rhythm_task
from training.tasks.beat_choice import chosen_thresholds
from training.tasks.ecg_beat import BeatTask, average_precision, class_figures
from training.tasks.fitting import fit_temperature
from vitalwire.bundle import Task as TaskName
from vitalwire.contracts import Rhythm
from vitalwire.errors import InputError
from vitalwire.recordings.atomic import staged

FOLDS: Final = "folds.json"
LEAST_SHOCKABLE_S: Final = 10.0  # of a record that is worth leaving out

Say = Callable[[str], None]


@dataclass(frozen=True)
class FoldReport:
    """What came of it, for people and for programs."""

    text: str
    figures: dict[str, Any]


def train_folds(
    config: RunConfig,
    data_dir: Path,
    out: Path,
    command: str,
    say: Say,
    n_folds: int,
) -> FoldReport:
    """Train `n_folds` runs under `out`; runs that are finished there are taken as they are.

    Raises
    ------
    InputError
        Fewer patients than folds.
    """
    if isinstance(config, BeatRun):
        return _beat(config, data_dir, out, command, say, n_folds)
    return _rhythm(config, data_dir, out, command, say, n_folds)


def _beat(
    config: BeatRun, data_dir: Path, out: Path, command: str, say: Say, n_folds: int
) -> FoldReport:
    data = beat_data(config.task, data_dir, say)
    supraventricular = {one.patient: int((one.label == 1).sum()) for one in data.first_leads}
    groups = spread(supraventricular, n_folds)
    logits, labels, names = [], [], []
    for number, group in enumerate(groups):
        task = BeatTask(replace(config.task, hold_out=group), data)
        run = _run(out / f"fold{number}", config, group, task, data.entries, command, say)
        model = task.build()
        model.load_state_dict(run.load("best.pt"))
        part = task.out_of_fold(model.eval())
        logits.append(part[0])
        labels.append(part[1])
        names += part[2]
    return _beat_report(np.concatenate(logits), np.concatenate(labels), names, out)


def _beat_report(
    logits: np.ndarray[Any, np.dtype[np.float32]],
    labels: np.ndarray[Any, np.dtype[np.int64]],
    names: Sequence[str],
    out: Path,
) -> FoldReport:
    temperature = fit_temperature(logits, labels)
    odds = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    p = odds / odds.sum(axis=1, keepdims=True)
    thresholds = chosen_thresholds(p, labels)
    figures: dict[str, Any] = {
        "temperature": temperature,
        "thresholds": thresholds,
        "ap_V": average_precision(p[:, 2], labels == 2),
        "ap_S": average_precision(p[:, 1], labels == 1),
        **class_figures(p, labels, thresholds),
        "n_records": len(set(names)),
    }
    with staged(out, ["folds-beat.json"]) as work:
        (work / "folds-beat.json").write_text(json.dumps(figures, indent=1) + "\n")
    shown = ", ".join(
        f"{key} {value:.2f}" for key, value in figures.items() if isinstance(value, float)
    )
    return FoldReport(f"out of fold: {shown}; thresholds {thresholds}", figures)


def _rhythm(
    config: RhythmRun, data_dir: Path, out: Path, command: str, say: Say, n_folds: int
) -> FoldReport:
    data = read_rhythm_data(data_dir)
    at, hops_per_s = LABELS.index(Rhythm.SHOCKABLE), 5
    shockable: dict[str, int] = {}
    for one in data.train_strong:
        sure = one.allowed[:, at] & (one.allowed.sum(axis=1) == 1)
        shockable[one.patient] = max(shockable.get(one.patient, 0), int(sure.sum()))
    left_out = [
        name for name, n in sorted(shockable.items()) if n >= LEAST_SHOCKABLE_S * hops_per_s
    ]
    if len(left_out) < n_folds:
        raise InputError(
            f"expected at least {n_folds} patients with a shockable rhythm, got {len(left_out)}"
        )
    places: dict[str, str] = {}
    for number, part in enumerate(np.array_split(np.array(left_out), n_folds)):
        group = tuple(str(name) for name in part)  # neighbours: often one person's
        place = f"fold{number}"
        task = rhythm_task(config.task, data.without(group))
        run = _run(out / place, config, group, task, data.entries, command, say)
        bundle = out / f"{place}-bundle"
        if not bundle.exists():
            export_fold(run, task, bundle)
        places |= dict.fromkeys(group, bundle.name)
    with staged(out, [FOLDS]) as work:
        (work / FOLDS).write_text(json.dumps(places, indent=1) + "\n")
    return FoldReport(
        f"{len(places)} records in {n_folds} folds: score them with `vitalwire evaluate "
        f"ecg-rhythm --shockable-folds {out}`",
        {"folds": places},
    )


def spread(weights: dict[str, int], n_folds: int) -> list[tuple[str, ...]]:
    """Patients in groups of about the same weight, the heaviest first.

    Raises
    ------
    InputError
        Fewer patients than folds.
    """
    if len(weights) < n_folds:
        raise InputError(f"expected at least {n_folds} patients, got {len(weights)}")
    groups: list[list[str]] = [[] for _ in range(n_folds)]
    load = [0.0] * n_folds
    for name in sorted(weights, key=lambda name: (-weights[name], name)):
        lightest = load.index(min(load))
        groups[lightest].append(name)
        load[lightest] += weights[name] + 1.0  # those without any are spread too
    return [tuple(group) for group in groups]


def _run(
    path: Path,
    config: RunConfig,
    group: tuple[str, ...],
    task: Task,
    entries: list[dict[str, str]],
    command: str,
    say: Say,
) -> RunFolder:
    """A run without these patients; one that was begun here goes on."""
    run = RunFolder(path)
    name = TaskName.ECG_BEAT if isinstance(config, BeatRun) else TaskName.ECG_RHYTHM
    if not (path / "config.json").exists():
        fields = {"task": name.value, "leave": list(group), **asdict(config)}
        run.create(fields, provenance(command, entries))
    if not (path / "facts.json").exists():
        say(f"{path.name}: without {', '.join(group)}")
        fit(task, config.loop, config.seed, run, say)
    return run
