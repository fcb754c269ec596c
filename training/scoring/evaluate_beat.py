"""Scores the gateway's beats on annotated records: EC57, and the same cut in several ways.

What is scored is what the daemon tells: its own beats, causal, of the first lead. Beside it
stand the other lead, noise at stated ratios, who the people are, the time in which the gateway
said "cannot analyse", and whether its probabilities mean what they say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from training.ec57 import LEARNING_S
from training.scoring import beat_parts
from training.scoring.beat_parts import Scored
from training.scoring.beat_score import ToldBeats, row_of, score_record, summarise
from training.scoring.jobs import Job, Load, Noise, Skipped, nothing_scored, run_jobs
from training.scoring.observation import Observation
from training.scoring.record_sets import RecordSets, chosen, find_sets
from training.scoring.reference import BeatReference, read_beat_reference
from training.splits import DS1, DS2, SAME_MAN
from vitalwire.errors import InputError

SNRS_DB: Final = (24.0, 18.0, 12.0, 6.0, 0.0)
NOISES: Final = ("ma", "bw")  # of nstdb, beside the folder of the records
CLEAN: Final = "clean"

Track = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""(what, how many) to a context that gives a function to advance by some."""


@dataclass(frozen=True, slots=True)
class BeatOptions:
    """What is scored beside the first lead as it is."""

    second_lead: bool = False
    snrs_db: tuple[float, ...] = ()
    annotated: bool = True  # the same classifier, asked at the annotated beats


@dataclass(slots=True)
class _Work:
    """Records to score, by the name that they have in the report."""

    references: dict[str, BeatReference] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


def evaluate_beat(
    data_dir: Path,
    records: Sequence[str] | None,
    load: Load,
    *,
    options: BeatOptions = BeatOptions(),
    n_workers: int | None = None,
    track: Track,
) -> dict[str, Any]:
    """The report, with `qrs.se`, `VEB.se` and their like at its top; percent, gross.

    Parameters
    ----------
    data_dir : folder of annotated records, or one that holds such folders
    records : names; None for all that are annotated

    Raises
    ------
    InputError : nothing could be scored
    """
    gateway = load()  # a bundle that cannot be used says so before anything else is done
    work = _references(find_sets(data_dir), records, data_dir)
    seen = _observe(work, load, options, n_workers, track)
    clean = seen.get(CLEAN, {})
    if not clean:
        raise InputError(_nothing(data_dir, work.skipped))
    variants = {
        name: {record: one.counts for record, one in scored.items()}
        for name, scored in seen.items()
        if name != CLEAN
    }
    return {
        **_report(clean),
        "bundles": dict(gateway.bundles),
        "variants": {name: summarise(counts) for name, counts in variants.items()},
        "annotated": _annotated(clean) if options.annotated else None,
        "skipped": [{"record": one.name, "why": one.why} for one in work.skipped],
    }


def top_level(figures: Mapping[str, Any]) -> dict[str, float | None]:
    """The flat figures by which a run is judged."""
    flat = {f"qrs.{key}": figures["qrs"][key] for key in ("se", "ppv")}
    for name in ("VEB", "SVEB"):
        flat |= {f"{name}.{key}": figures[name][key] for key in ("se", "ppv", "f1")}
    return flat


def _report(clean: Mapping[str, Scored]) -> dict[str, Any]:
    counts = {name: one.counts for name, one in clean.items()}
    whole = summarise(counts)

    def of(names: Iterable[str]) -> dict[str, Any]:
        return summarise({name: counts[name] for name in names if name in counts})

    return {
        **top_level(whole),
        **whole,
        "ds1": of(DS1),
        "ds2": of(DS2),
        "ds2_without_202": of([name for name in DS2 if name not in SAME_MAN]),
        "by_sex": beat_parts.grouped(clean, lambda one: one.reference.person.sex),
        "by_age": beat_parts.grouped(clean, lambda one: one.reference.person.age_band),
        "cannot_analyse": beat_parts.cannot_analyse(clean),
        "calibration": beat_parts.calibrations(clean),
        "worst": beat_parts.worst_errors(clean),
        "per_record": {name: row_of(one) for name, one in counts.items()},
    }


def _references(sets: RecordSets, records: Sequence[str] | None, data_dir: Path) -> _Work:
    work = _Work()
    paths = {name: one.folder / name for one in sets.annotated for name in one.names}
    for name in chosen(paths, records, data_dir):
        try:
            reference = read_beat_reference(paths[name])
        except InputError as error:
            work.skipped.append(Skipped(name, " ".join(str(error).split())))
            continue
        if reference is None:
            continue
        if reference.duration_s <= LEARNING_S:
            why = f"has {reference.duration_s:g} s: the first {LEARNING_S:g} s are not scored"
            work.skipped.append(Skipped(name, f"record {name}: {why}"))
            continue
        work.references[name], work.paths[name] = reference, paths[name]
    mixed = {path.parent for path in work.paths.values()}  # a folder without beats is no fault
    work.skipped += [
        Skipped(name, f"record {name}: its annotations hold no beat")
        for name in chosen(paths, records, data_dir)
        if name not in {*work.references, *(one.name for one in work.skipped)}
        and paths[name].parent in mixed
    ]
    if records is None:
        bare = [name for one in sets.annotated for name in one.bare]
        work.skipped += [Skipped(name, "has no annotations (.atr)") for name in bare]
    if not work.references:
        raise InputError(_nothing(data_dir, work.skipped))
    return work


def _observe(
    work: _Work, load: Load, options: BeatOptions, n_workers: int | None, track: Track
) -> dict[str, dict[str, Scored]]:
    """Run all jobs; by variant and record."""
    jobs = _jobs(work, options)
    by_job = {job: key for key, job in jobs.items()}
    seen: dict[str, dict[str, Scored]] = {variant: {} for variant in _ordered(jobs)}
    with track("scoring", len(jobs)) as advance:
        for job, result in run_jobs(
            list(jobs.values()), load, n_workers=n_workers, progress=advance
        ):
            variant, name = by_job[job]
            if isinstance(result, Skipped):
                work.skipped.append(Skipped(name, result.why))
                continue
            scored = _score(work.references[name], job, result)
            seen[variant][name] = scored
    return {variant: dict(sorted(scored.items())) for variant, scored in seen.items()}


def _ordered(jobs: Mapping[tuple[str, str], Job]) -> list[str]:
    """The variants: as they are, the second lead, then each noise from 24 dB down."""
    return list(dict.fromkeys(variant for variant, _ in jobs))


def _jobs(work: _Work, options: BeatOptions) -> dict[tuple[str, str], Job]:
    jobs: dict[tuple[str, str], Job] = {}
    for name, path in sorted(work.paths.items(), key=lambda item: item[1]):
        paced = work.references[name].paced
        jobs[CLEAN, name] = Job(path, annotated=options.annotated and not paced)
        if options.second_lead and len(work.references[name].leads) > 1:
            jobs["second lead", name] = Job(path, lead=2)
        for noise in NOISES:
            source = path.parent.parent / "nstdb" / noise
            for snr_db in options.snrs_db if source.with_suffix(".hea").exists() else ():
                jobs[f"{noise} {snr_db:g} dB", name] = Job(path, noise=Noise(source, snr_db))
    return jobs


def _score(reference: BeatReference, job: Job, seen: Observation) -> Scored:
    told = ToldBeats(seen.beats, seen.labels, seen.shutdown)
    counts = score_record(
        reference.beats,
        told,
        fs=reference.fs,
        n_samples=reference.n_samples,
        paced=reference.paced,
    )
    return Scored(reference, job.path, counts, seen)


def _annotated(clean: Mapping[str, Scored]) -> dict[str, Any]:
    """The same figures with the classifier asked at the annotated beats."""
    counts = {}
    for name, one in clean.items():
        if one.seen.asked is not None:
            reference = one.reference
            told = ToldBeats(reference.beats.samples, one.seen.asked)
            counts[name] = score_record(
                reference.beats, told, fs=reference.fs, n_samples=reference.n_samples
            )
    ds2 = {name: one for name, one in counts.items() if name in DS2}
    return {**summarise(counts), "ds2": summarise(ds2)}


def _nothing(data_dir: Path, skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return (
            f"{data_dir}: no annotated beats in it, nothing can be scored: rhythms are scored "
            "by `vitalwire evaluate ecg-rhythm`"
        )
    return nothing_scored(skipped)
