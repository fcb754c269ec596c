"""Cross-validation of `eeg-seizure`: each person with a seizure is left out in turn.

The people without seizures are spread over the folds. Each run becomes a bundle, and
`folds.json` says which bundle has not seen which person: `vitalwire evaluate eeg-seizure
--folds` scores by it. Every fold fits its temperature and chooses its rule on people that it
was given, never on those it left out. What all folds say of whom they left out gives the
temperature and the rule that a run on everybody ships with: `folds-seizure.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from training.datasets.eeg_recording import Kind
from training.datasets.eeg_windows import EegData, EegWindow
from training.folds import FOLD_FILE, FOLDS, FoldReport, Work, run_in, write_json
from training.models import build_model
from training.run_folder import RunFolder
from training.runs import SeizureRun, eeg_data, load_model
from training.tasks.eeg_probe import device_probe
from training.tasks.eeg_rule import Told, chosen_rule, n_alarms
from training.tasks.eeg_seizure import SeizureTask, fitted_temperature
from training.tasks.eeg_streams import logits_of
from training.tasks.fitting import softmax
from vitalwire.bundle import Task
from vitalwire.contracts import Brain
from vitalwire.errors import InputError

LEAST_FOLDS: Final = 5
OUT_OF_FOLD: Final = "folds-seizure.json"


@dataclass(frozen=True, slots=True)
class Fold:
    """Whom a fold leaves out, and of whom it is the one that is scored."""

    left: tuple[str, ...]
    scored: tuple[str, ...]


def leave_one_out(config: SeizureRun, work: Work) -> FoldReport:
    """Train, export and score the folds; those that are finished are taken as they are.

    Raises
    ------
    InputError
        Nobody, or only one person, has a seizure.
    """
    # Its converters take seconds to import.
    from training.export.export_run import export_run
    from training.export.from_run import read_trained

    build_model(Task.EEG_SEIZURE, config.task.model, config.task.sizes)
    data = eeg_data(work.data_dir, work.say)
    own = replace(config, task=replace(config.task, temperature=0.0, episodes={}))
    places: dict[str, str] = {}
    parts: list[_Part] = []
    for number, fold in enumerate(folds_of(data, work.n_folds)):
        task = SeizureTask(own.task, data.without(fold.left), own.seed)
        run = run_in(f"fold{number}", own, fold.left, task, data.entries, work)
        bundle = work.out / f"fold{number}-bundle"
        if not bundle.exists():
            export_run(read_trained(run), task, bundle, only=(FOLD_FILE,), say=work.say)
        places |= dict.fromkeys(fold.scored, bundle.name)
        parts.append(_heard(run, data, fold))
    write_json(work.out, FOLDS, places)
    figures = _figures(parts) | {"folds": places}
    write_json(work.out, OUT_OF_FOLD, figures)
    return FoldReport(_text(figures, work), figures)


def folds_of(data: EegData, n_folds: int = 0) -> list[Fold]:
    """Who is left out of which fold.

    Parameters
    ----------
    n_folds : int
        0: as many as there are people with a seizure, at least `LEAST_FOLDS`.

    Raises
    ------
    InputError
        Fewer than two people with a seizure.
    """
    with_one, without = data.with_seizures, data.without_seizures
    if len(with_one) < 2:
        raise InputError(
            f"expected at least two people with a seizure to leave one out, got "
            f"{', '.join(with_one) or 'nobody'}"
        )
    n = n_folds or max(len(with_one), LEAST_FOLDS)
    folds = []
    for number in range(n):
        theirs = with_one[number::n]
        quiet = without[number::n]
        # Where there are more folds than people with a seizure, somebody is left out again:
        # what the quiet ones are scored by is then as poor in seizures as the other folds.
        others = theirs or [with_one[number % len(with_one)]]
        folds.append(Fold((*others, *quiet), (*theirs, *quiet)))
    return folds


@dataclass(frozen=True, slots=True)
class _Part:
    """What a fold says of whom it left out."""

    told: list[Told]  # calibrated by the fold itself
    logits: list[Any]
    windows: list[EegWindow]
    rule: dict[str, float]
    probe: dict[str, float]


def _heard(run: RunFolder, data: EegData, fold: Fold) -> _Part:
    model, facts = load_model(run), run.facts
    windows = [one for one in data.of(fold.scored) if not one.n_before or one.ictal.any()]
    logits = logits_of(model, windows)
    told = [
        (window, softmax(one / facts["temperature"])[:, 1])
        for window, one in zip(windows, logits, strict=True)
    ]
    probe = device_probe(model, data)
    return _Part(told, logits, windows, facts["episodes"][Brain.SEIZURE], probe)


def _figures(parts: Sequence[_Part]) -> dict[str, Any]:
    windows = [one for part in parts for one in part.windows]
    logits = [one for part in parts for one in part.logits]
    temperature = fitted_temperature(logits, windows)
    told = [
        (window, softmax(one / temperature)[:, 1])
        for window, one in zip(windows, logits, strict=True)
    ]
    probes = [part.probe["balanced_accuracy"] for part in parts if part.probe]
    return {
        "temperature": temperature,
        "episodes": {Brain.SEIZURE.value: chosen_rule(told)},
        "rules": [part.rule for part in parts],
        "device_probe": float(np.mean(probes)) if probes else None,
        "device_probe_people": int(parts[0].probe.get("n_people", 0)),
        **_counted([(one, part.rule) for part in parts for one in part.told]),
    }


def _counted(told: Sequence[tuple[Told, dict[str, float]]]) -> dict[str, Any]:
    """Seizures found, and alarms outside, each by the rule of its own fold."""
    sick = {window.patient for (window, _), _ in told if window.ictal.any()}
    found = near = far = 0
    for one, rule in told:
        inside, outside = n_alarms(one, rule)
        found += inside
        near += outside if one[0].patient in sick else 0
        far += 0 if one[0].patient in sick else outside
    quiet = [w for (w, _), _ in told if w.patient not in sick and w.kind is not Kind.CLIP]
    return {
        "seizures": sum(bool(window.ictal.any()) for (window, _), _ in told),
        "found": found,
        "false_alarms_of_people_with_seizures": near,
        "false_alarms_of_others": far,
        "hours_of_others": sum(one.n_hops for one in quiet) * 0.25 / 3600,
    }


def _text(figures: dict[str, Any], work: Work) -> str:
    probe = figures["device_probe"]
    shown = "" if probe is None else f"; a probe for the device is right in {probe:.0f} %"
    near = figures["false_alarms_of_people_with_seizures"]
    far, hours = figures["false_alarms_of_others"], figures["hours_of_others"]
    return (
        f"left out: {figures['found']} of {figures['seizures']} seizures found, {near} alarms "
        f"in the same people's background, {far} in {hours:.1f} h of others{shown}: score them "
        f"with `vitalwire evaluate eeg-seizure --folds {work.out}`"
    )
