"""Scores the gateway's rhythm: whole records, shockable episodes, atrial fibrillation.

- Records with one label each (CinC 2017): by default the test fifth alone.
- Records with rhythm annotations: shockable episodes and false alarms, AF by episode and time.
  Of MIT-BIH's records by default DS2 alone: the others may have been learned from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edge.rhythm_label import record_label
from training.scoring import rhythm_parts
from training.scoring.challenge_score import answered_class, reference_class
from training.scoring.evaluate_beat import Track
from training.scoring.jobs import Job, Load, Skipped, nothing_scored, run_jobs
from training.scoring.observation import Observation
from training.scoring.record_sets import RecordSets, find_sets
from training.scoring.reference import RhythmReference, read_rhythm_reference
from training.scoring.rhythm_parts import Heard, Labelled
from training.splits import DS1, DS2, PACED, is_test_record
from vitalwire.errors import InputError

ALL: Final = "all"
"""Of `records`: every record, also what may have been learned from."""

_LEARNED: Final = frozenset({*DS1, *PACED})


@dataclass(slots=True)
class _Work:
    """Records to score."""

    symbols: dict[str, str] = field(default_factory=dict)  # of labelled records
    references: dict[str, RhythmReference] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)  # annotated record to its folder's name
    paths: dict[str, Path] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    left_out: int = 0  # labelled records that are not of the test fifth
    learned: int = 0  # annotated records of DS1, and paced ones


def evaluate_rhythm(
    data_dir: Path,
    records: Sequence[str] | None,
    load: Load,
    *,
    folds: Mapping[str, Load] | None = None,
    n_workers: int | None = None,
    track: Track,
) -> dict[str, Any]:
    """The report, with `challenge2017.f1.N`, `shockable.se` and their like at its top.

    Parameters
    ----------
    data_dir : folder of labelled or annotated records, or one that holds such folders
    records : names; `["all"]` for all; None for those that nothing was learned from
    folds : the gateway that has not seen it, by record; then these records are scored, and
        DS2 with the usual gateway, and no labelled record is

    Raises
    ------
    InputError : nothing could be scored
    """
    gateway = load()  # a bundle that cannot be used says so before anything else is done
    sets = find_sets(data_dir)
    work = _Work()
    if folds is None:
        _take_labelled(sets, records, work)
        _take_annotated(sets, records, work)
        _check_names(records, work, data_dir)
    else:
        _take_annotated(sets, records or [*folds, *DS2], work)
        _check_names(records, work, data_dir)
    observed = _observe(work, load, folds or {}, n_workers, track)
    labelled, heard = _labels(observed, work, gateway.record_label), _heard(observed, work)
    if not labelled and not heard:
        raise InputError(_nothing(data_dir, work))
    return {
        **_top_level(labelled, heard),
        "bundles": dict(gateway.bundles),
        "left_out_of_challenge2017": work.left_out,
        "folds": sorted(folds) if folds is not None else None,
        "skipped": [{"record": one.name, "why": one.why} for one in work.skipped],
    }


def _top_level(labelled: Sequence[Labelled], heard: Sequence[Heard]) -> dict[str, Any]:
    report: dict[str, Any] = {}
    if labelled:
        challenge = rhythm_parts.challenge(labelled)
        report |= {f"challenge2017.f1.{name}": f1 for name, f1 in challenge["f1"].items()}
        report["challenge2017.f1_mean_NAO"] = challenge["f1_mean_NAO"]
        report["challenge2017"] = challenge
    if heard:
        shockable = rhythm_parts.shockable(heard)
        for key in ("se", "false_per_hour", "delay_p95_s"):
            report[f"shockable.{key}"] = shockable["rhythm_model"][key]
        report["shockable"] = shockable
        report["episodes"] = rhythm_parts.af_episodes(heard)
        report["by_second"] = rhythm_parts.by_second(heard)
    return report


def _take_labelled(sets: RecordSets, records: Sequence[str] | None, work: _Work) -> None:
    for found in sets.labelled:
        for name, symbol in found.labels.items():
            if records is None and not is_test_record(name):
                work.left_out += 1
                continue
            if records is not None and list(records) != [ALL] and name not in records:
                continue
            if name not in found.paths:
                table = f"{found.folder}: its REFERENCE names it, no such record is there"
                work.skipped.append(Skipped(name, table))
                continue
            try:
                work.symbols[name] = reference_class(name, symbol)
                work.paths[name] = found.paths[name]
            except InputError as error:
                work.skipped.append(Skipped(name, str(error)))


def _take_annotated(sets: RecordSets, records: Sequence[str] | None, work: _Work) -> None:
    for found in sets.annotated:
        if records is None:
            work.learned += sum(name in _LEARNED for name in found.names)
        silent = []  # beats alone: a fault where other records of the folder tell the rhythm
        for name in found.names:
            if not _is_wanted(name, records):
                continue
            try:
                reference = read_rhythm_reference(found.folder / name)
            except InputError as error:
                work.skipped.append(Skipped(name, " ".join(str(error).split())))
                continue
            if reference is None:
                silent.append(Skipped(name, f"record {name}: its annotations hold no rhythm"))
                continue
            work.references[name], work.sets[name] = reference, found.folder.name
            work.paths[name] = found.folder / name
        if found.folder.name in work.sets.values():
            work.skipped += silent
        if records is None:
            work.skipped += [Skipped(name, "has no annotations (.atr)") for name in found.bare]


def _is_wanted(name: str, records: Sequence[str] | None) -> bool:
    if records is None:
        return name not in _LEARNED
    return list(records) == [ALL] or name in records


def _check_names(records: Sequence[str] | None, work: _Work, data_dir: Path) -> None:
    if records is None or list(records) == [ALL]:
        return
    there = {*work.paths, *(one.name for one in work.skipped)}
    missing = [name for name in records if name not in there]
    if missing:
        named = ", ".join(missing[:5])
        raise InputError(
            f"{data_dir}: no record with a label or annotated rhythm is named {named}"
        )


def _observe(
    work: _Work,
    load: Load,
    folds: Mapping[str, Load],
    n_workers: int | None,
    track: Track,
) -> dict[str, Observation]:
    """What the gateway said of each record, by name."""
    jobs = [Job(path, load=folds.get(name)) for name, path in sorted(work.paths.items())]
    seen: dict[str, Observation] = {}
    with track("scoring", len(jobs)) as advance:
        for job, result in run_jobs(jobs, load, n_workers=n_workers, progress=advance):
            if isinstance(result, Skipped):
                work.skipped.append(result)
            else:
                seen[job.name] = result
    return dict(sorted(seen.items()))


def _labels(
    observed: Mapping[str, Observation], work: _Work, weights: Mapping[str, Sequence[float]]
) -> list[Labelled]:
    labelled = []
    for name, seen in observed.items():
        if name not in work.symbols:
            continue
        told = seen.told[:0] if seen.blank else seen.told
        label, scores = record_label(told, weights)
        labelled.append(
            Labelled(
                name=name,
                path=work.paths[name],
                expected=work.symbols[name],
                answered=answered_class(label),
                certainty=min(scores[label], 1.0),
                scores=scores,
                duration_s=seen.duration_s,
            )
        )
    return labelled


def _heard(observed: Mapping[str, Observation], work: _Work) -> list[Heard]:
    return [
        Heard(work.sets[name], work.references[name], work.paths[name], seen)
        for name, seen in observed.items()
        if name in work.references
    ]


def _nothing(data_dir: Path, work: _Work) -> str:
    skipped = work.skipped
    if not skipped and work.left_out:
        return (
            f"{data_dir}: none of its {work.left_out} labelled records is of the test fifth: "
            "score all of them with --records all"
        )
    if not skipped and work.learned:
        return (
            f"{data_dir}: all of its {work.learned} annotated records are of DS1 or paced, and "
            "may have been learned from: score them with --records all"
        )
    if not skipped:
        return (
            f"{data_dir}: no rhythm is annotated in it, nothing can be scored: beats are "
            "scored by `vitalwire evaluate ecg-beat`"
        )
    return nothing_scored(skipped)
