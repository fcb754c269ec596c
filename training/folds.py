"""Cross-validation by patient: runs that each leave some patients out.

For `ecg-beat` the beats that each run did not see are put together: they give the thresholds
and the temperature that a run on everybody ships with. For `ecg-rhythm` the patients with a
shockable rhythm are left out, some at a time; each run becomes a bundle, and `folds.json`
says which bundle has not seen which record: `vitalwire evaluate ecg-rhythm
--shockable-folds` scores by it. Those of `eeg-seizure` are in `eeg_folds`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.rhythm_hops import N_HOP
from training import curves
from training.datasets.rhythm_sets import RhythmData, read_rhythm_data
from training.loop import BEST, Say, Task, fit
from training.models import build_model
from training.run_folder import RunFolder, provenance
from training.runs import (
    BeatRun,
    RhythmRun,
    RunConfig,
    SeizureRun,
    beat_data,
    config_of,
    fields_of,
    name_of,
    rhythm_task,
)
from training.tasks.beat_choice import chosen_thresholds
from training.tasks.ecg_beat import BeatTask, average_precision, class_figures
from training.tasks.ecg_rhythm import is_shockable
from training.tasks.fitting import fit_temperature, softmax
from vitalwire.bundle import Task as TaskName
from vitalwire.errors import InputError
from vitalwire.recordings.atomic import staged

FOLDS: Final = "folds.json"
FOLD_FILE: Final = "model.fp32.onnx"
OUT_OF_FOLD: Final = "folds-beat.json"
ONE_OUT: Final = 0  # in place of a number of folds: one for each person with seizures
LEAST_SHOCKABLE_S: Final = 10.0  # of a record that is worth leaving out


@dataclass(frozen=True)
class FoldReport:
    """What came of it, for people and for programs."""

    text: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class Work:
    """What all folds share."""

    data_dir: Path
    out: Path
    command: str
    say: Say
    n_folds: int


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
        Fewer than two folds, fewer patients than folds, or runs of another configuration.
    """
    is_seizure = isinstance(config, SeizureRun)
    if n_folds < 2 and not (is_seizure and n_folds == ONE_OUT):
        raise InputError(f"--folds: expected at least 2, got {n_folds}")
    work = Work(data_dir, out, command, say, n_folds)
    if isinstance(config, BeatRun):
        build_model(TaskName.ECG_BEAT, config.task.model, config.task.sizes)
        return _beat(config, work)
    if isinstance(config, SeizureRun):
        from training.eeg_folds import leave_one_out

        return leave_one_out(config, work)
    build_model(TaskName.ECG_RHYTHM, config.task.model, config.task.sizes)
    return _rhythm(config, work)


def _beat(config: BeatRun, work: Work) -> FoldReport:
    data = beat_data(config.task, work.data_dir, work.say)
    supraventricular: dict[str, int] = {}
    for one in data.first_leads:
        n = supraventricular.get(one.patient, 0)
        supraventricular[one.patient] = n + int((one.label == 1).sum())
    parts = []
    for number, group in enumerate(spread(supraventricular, work.n_folds)):
        task = BeatTask(replace(config.task, hold_out=group), data)
        run = run_in(f"fold{number}", config, group, task, data.entries, work)
        model = task.build()
        model.load_state_dict(run.load(BEST))
        parts.append(task.out_of_fold(model.eval()))
    logits, labels = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    names = {name for part in parts for name in part[2]}
    return _beat_report(logits, labels, len(names), work.out)


def _beat_report(
    logits: NDArray[np.float32], labels: NDArray[np.int64], n_records: int, out: Path
) -> FoldReport:
    temperature = fit_temperature(logits, labels)
    p = softmax(logits / temperature)
    thresholds = chosen_thresholds(p, labels)
    figures: dict[str, Any] = {
        "temperature": temperature,
        "thresholds": thresholds,
        "ap_V": average_precision(p[:, 2], labels == 2),
        "ap_S": average_precision(p[:, 1], labels == 1),
        **class_figures(p, labels, thresholds),
        "n_records": n_records,
    }
    write_json(out, OUT_OF_FOLD, figures)
    shown = ", ".join(
        f"{key} {value:.2f}" for key, value in figures.items() if isinstance(value, float)
    )
    return FoldReport(f"out of fold: {shown}; thresholds {thresholds}", figures)


def _rhythm(config: RhythmRun, work: Work) -> FoldReport:
    # Its converters take seconds to import.
    from training.export.export_run import export_run
    from training.export.from_run import read_trained

    data = read_rhythm_data(work.data_dir)
    for line in data.skipped:
        work.say(f"left out: {line}")
    shockable = _with_shockable(data)
    if len(shockable) < work.n_folds:
        raise InputError(
            f"expected at least {work.n_folds} patients with a shockable rhythm, got "
            f"{len(shockable)}"
        )
    places: dict[str, str] = {}
    for number, part in enumerate(np.array_split(np.array(shockable), work.n_folds)):
        group = tuple(str(name) for name in part)  # neighbours: often one person's
        task = rhythm_task(config.task, data.without(group))
        run = run_in(f"fold{number}", config, group, task, data.entries, work)
        bundle = work.out / f"fold{number}-bundle"
        if not bundle.exists():
            export_run(read_trained(run), task, bundle, only=(FOLD_FILE,), say=work.say)
        places |= dict.fromkeys(_records_of(data, group), bundle.name)
    write_json(work.out, FOLDS, places)
    return FoldReport(
        f"{len(places)} records in {work.n_folds} folds: score them with `vitalwire evaluate "
        f"ecg-rhythm --shockable-folds {work.out}`",
        {"folds": places},
    )


def _with_shockable(data: RhythmData) -> list[str]:
    """Patients who are worth leaving out, in order."""
    hops: dict[str, int] = {}
    for one in data.train_strong:
        hops[one.patient] = max(hops.get(one.patient, 0), int(is_shockable(one).sum()))
    least = LEAST_SHOCKABLE_S * MODEL_FS_HZ / N_HOP
    return [name for name, n in sorted(hops.items()) if n >= least]


def _records_of(data: RhythmData, patients: Sequence[str]) -> list[str]:
    """Names of their records, without the lead's."""
    names = [
        one.name.rpartition("/")[0] for one in data.train_strong if one.patient in patients
    ]
    return list(dict.fromkeys(names))


def write_json(out: Path, name: str, fields: dict[str, Any]) -> None:
    with staged(out, [name]) as work:
        (work / name).write_text(json.dumps(fields, indent=1, allow_nan=False) + "\n")


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


def run_in(
    name: str,
    config: RunConfig,
    group: tuple[str, ...],
    task: Task,
    entries: list[dict[str, str]],
    work: Work,
) -> RunFolder:
    """A run without these patients in the work's folder; one that was begun there goes on."""
    run = RunFolder(work.out / name)
    if not run.has("config.json"):
        run.create(fields_of(name_of(config), config, group), provenance(work.command, entries))
    same = config_of(run) == config and run.config.get("leave") == list(group)
    if not same or run.provenance["data"] != entries:
        raise InputError(
            f"{run.path}: is a run of another configuration or other recordings: give --out a "
            "new folder"
        )
    if not run.has("facts.json"):
        work.say(f"{name}: without {', '.join(group)}" if group else name)
        fit(task, config.loop, config.seed, run, work.say)
        curves.draw(run)
    return run
