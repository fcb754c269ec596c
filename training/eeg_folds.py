"""Cross-validation of `eeg-seizure`: each person with a seizure is left out in turn.

The people without seizures are spread over the folds. Each run becomes a bundle, and
`folds.json` says which bundle has not seen which person: `vitalwire evaluate eeg-seizure
--folds` scores by it. A fold's temperature and its rule of alarms are by what the other folds
say of whom they left out: people that those models had not seen, and none of those the fold is
scored by. What all folds say gives the temperature and the rule that a run on everybody ships
with: `folds-seizure.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.datasets.eeg_recording import Kind
from training.datasets.eeg_windows import EegData, EegWindow
from training.folds import FOLD_FILE, FOLDS, FoldReport, Work, run_in, write_json
from training.models import build_model
from training.run_folder import RunFolder
from training.runs import SeizureRun, eeg_data, load_model
from training.scoring.bundled import SEIZURE_FOLDS
from training.tasks.eeg_probe import device_probe
from training.tasks.eeg_rule import Told, chosen_rule, n_alarms
from training.tasks.eeg_seizure import SeizureTask, fitted_temperature
from training.tasks.eeg_streams import logits_of
from training.tasks.fitting import softmax
from vitalwire.bundle import Task
from vitalwire.contracts import Brain
from vitalwire.errors import InputError

LEAST_FOLDS: Final = 5


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
    folds = folds_of(data, work.n_folds)
    tasks = [SeizureTask(own.task, data.without(fold.left), own.seed) for fold in folds]
    runs = [
        run_in(f"fold{number}", own, fold.left, task, data.entries, work)
        for number, (fold, task) in enumerate(zip(folds, tasks, strict=True))
    ]
    parts = [_heard(run, data, fold) for run, fold in zip(runs, folds, strict=True)]
    places: dict[str, str] = {}
    decisions = []
    for number, (run, task) in enumerate(zip(runs, tasks, strict=True)):
        decisions.append(_decided([part for part in parts if part is not parts[number]]))
        bundle = work.out / f"fold{number}-bundle"
        if not bundle.exists():
            trained = read_trained(run)
            trained = replace(trained, facts={**trained.facts, **decisions[-1].facts()})
            export_run(trained, task, bundle, only=(FOLD_FILE,), say=work.say)
        places |= dict.fromkeys(folds[number].scored, bundle.name)
    write_json(work.out, FOLDS, places)
    figures = _figures(parts, decisions) | {"folds": places}
    write_json(work.out, SEIZURE_FOLDS, figures)
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
    """What a fold's model says of whom it left out and is scored by."""

    windows: list[EegWindow]
    logits: list[NDArray[np.float32]]
    probe: dict[str, float]

    def told(self, temperature: float) -> list[Told]:
        return [
            (window, softmax(one / temperature)[:, 1])
            for window, one in zip(self.windows, self.logits, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Decision:
    """How probabilities are calibrated, and when they are an alarm."""

    temperature: float
    rule: dict[str, float]

    def facts(self) -> dict[str, Any]:
        """As a run has them."""
        return {
            "temperature": self.temperature,
            "episodes": {Brain.SEIZURE.value: self.rule},
            "figures": {},  # they were by another rule
        }


def _heard(run: RunFolder, data: EegData, fold: Fold) -> _Part:
    model = load_model(run)
    windows = [one for one in data.of(fold.scored) if not one.n_before or one.ictal.any()]
    return _Part(windows, logits_of(model, windows), device_probe(model, data))


def _decided(parts: Sequence[_Part]) -> _Decision:
    """By what models say of people that they have not seen."""
    temperature = fitted_temperature(
        [one for part in parts for one in part.logits],
        [one for part in parts for one in part.windows],
    )
    told = [one for part in parts for one in part.told(temperature)]
    return _Decision(temperature, chosen_rule(told))


def _figures(parts: Sequence[_Part], decisions: Sequence[_Decision]) -> dict[str, Any]:
    everybody = _decided(parts)
    probes = [part.probe["balanced_accuracy"] for part in parts if part.probe]
    told = [
        (one, decision.rule)
        for part, decision in zip(parts, decisions, strict=True)
        for one in part.told(decision.temperature)
    ]
    return {
        "temperature": everybody.temperature,
        "episodes": {Brain.SEIZURE.value: everybody.rule},
        "rules": [one.rule for one in decisions],
        "device_probe": float(np.mean(probes)) if probes else None,
        "device_probe_people": int(parts[0].probe.get("n_people", 0)),
        **_counted(told),
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
