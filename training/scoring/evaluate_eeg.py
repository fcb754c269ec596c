"""Scores the gateway's alarms of seizures by SzCORE, and counts false alarms apart.

Every EEG recording that a data folder holds is played through the gateway's own pipeline, as
`analyze` plays it; from when an alarm of a seizure is told to its end is what is scored.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from training.datasets.eeg_recording import EegRecording
from training.datasets.eeg_sets import EegSet, find_sets
from training.scoring import eeg_pieces
from training.scoring.eeg_about import about
from training.scoring.eeg_errors import worst
from training.scoring.eeg_jobs import Job, each, run_jobs
from training.scoring.eeg_listeners import Listener
from training.scoring.eeg_pieces import Piece, pieces_of
from training.scoring.eeg_streams import streams_of
from training.scoring.jobs import Skipped, nothing_scored
from training.scoring.szcore_figures import FIGURES, summarise
from training.scoring.szcore_score import LEAST_S
from vitalwire.errors import InputError

Track = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""`with track("scoring", 46) as advance:` shows how far it is."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One listener on some leads."""

    listener: Listener
    n_leads: int | None
    pieces: list[Piece]
    bundles: dict[str, str]
    skipped: list[Skipped] = field(default_factory=list)


def evaluate_eeg(
    data_dir: Path,
    listeners: Sequence[Listener],
    *,
    leads: Sequence[int | None] = (None,),
    n_workers: int | None = None,
    track: Track,
) -> dict[str, Any]:
    """The report: of the first listener on the last of `leads`, and a line for each other run.

    It has `events.sensitivity`, `samples.f1`, `delay_p50_s`, `seizures.found`,
    `lead_in.alarms`, `background.alarms` and their like at its top; `events` and `samples` are
    means over patients, as SzCORE has them.

    Parameters
    ----------
    data_dir : folder of a set, or one that holds some
    listeners : who listens; all hear the same recordings
    leads : how many leads they hear; None: all

    Raises
    ------
    InputError, BundleError : nothing could be scored; who listens cannot be used
    """
    for listener in listeners:
        listener.check()
    notes: list[str] = []
    sets = find_sets(data_dir, notes.append)
    recordings = _scored(sets, data_dir)
    runs = [
        _run(listener, n, recordings, n_workers, track) for listener in listeners for n in leads
    ]
    main = runs[len(leads) - 1]
    figures = _figures(sets, main)
    return {
        **_top_level(figures),
        **figures,
        "detector": main.listener.name,
        "leads": main.n_leads,
        "bundles": main.bundles,
        "compared": [_line(run, _figures(sets, run)) for run in runs],
        "worst": worst(main.pieces),
        "skipped": [{"record": one.name, "why": one.why} for one in _skipped(runs)],
        "notes": notes,
    }


def _scored(sets: Sequence[EegSet], data_dir: Path) -> list[EegRecording]:
    recordings = [one for found in sets for one in found.recordings if not one.training_only]
    if not recordings:
        raise InputError(
            f"{data_dir}: of its EEG nobody knows who is who: it is for training only, nothing "
            "can be scored"
        )
    _check_once(recordings)
    return recordings


def _check_once(recordings: Sequence[EegRecording]) -> None:
    """Before hours are played: its seizures would count double."""
    seen: dict[tuple[str, str], Path] = {}
    for one in recordings:
        first = seen.setdefault((one.patient, one.name), one.path)
        if first is not one.path:
            raise InputError(
                f"{one.path}: {one.name} of {one.patient} lies in {first.parent} too: give the "
                "folder of one of them"
            )


def _run(
    listener: Listener,
    n_leads: int | None,
    recordings: Sequence[EegRecording],
    n_workers: int | None,
    track: Track,
) -> _Run:
    streams = streams_of(recordings, n_leads)
    what = f"{listener.name}, {_leads(n_leads)}"
    with track(f"preparing {what}", len(streams)) as advance:
        loads = listener.loads(streams, partial(each, n_workers=n_workers, progress=advance))
    unheard = [one for one in streams if one.patient not in loads]
    places = {load: place for place, load in enumerate(dict.fromkeys(loads.values()))}
    jobs = [Job(one, loads[one.patient]) for one in streams if one.patient in loads]
    jobs.sort(key=lambda job: places[job.load])
    run = _Run(listener, n_leads, [], _bundles(jobs))
    run.skipped.extend(
        Skipped(one.name, f"{listener.name}: no model is there that has not seen {one.patient}")
        for one in unheard
    )
    with track(f"scoring {what}", len(jobs)) as advance:
        for heard in run_jobs(jobs, n_workers=n_workers, progress=advance):
            if isinstance(heard, Skipped):
                run.skipped.append(heard)
            else:
                run.pieces.extend(_long_enough(pieces_of(heard), run.skipped))
    if not run.pieces:
        raise InputError(nothing_scored(run.skipped))
    run.pieces.sort(key=lambda one: (one.recording.patient, one.recording.name))
    return run


def _long_enough(pieces: Sequence[Piece], skipped: list[Skipped]) -> Iterator[Piece]:
    for piece in pieces:
        if piece.recording.duration_s >= LEAST_S:
            yield piece
        else:
            skipped.append(Skipped(piece.recording.name, f"is shorter than {LEAST_S:g} s"))


def _bundles(jobs: Sequence[Job]) -> dict[str, str]:
    """What answered; of several folds each."""
    loads = dict.fromkeys(job.load for job in jobs)
    named = [next(iter(load().bundles.values()), "") for load in loads]
    return {"eeg-seizure": "; ".join(dict.fromkeys(named))}


def _figures(sets: Sequence[EegSet], run: _Run) -> dict[str, Any]:
    background, lead_in = eeg_pieces.background(run.pieces), eeg_pieces.lead_in(run.pieces)
    lines = about(sets, run.pieces, background, lead_in, run.listener.what)
    return {
        **summarise(lines, [piece.score() for piece in run.pieces]),
        "seizures": eeg_pieces.seizures(run.pieces),
        "background": background,
        "lead_in": lead_in,
    }


def _top_level(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that are asked for most, by the path to them."""
    flat: dict[str, Any] = {
        f"{of}.{name}": figures[of]["mean"][name]
        for of in ("events", "samples")
        for name in FIGURES
    }
    pooled = figures["events"]["pooled"]
    return {
        **flat,
        **{f"events.pooled.{name}": pooled[name] for name in FIGURES},
        "delay_p50_s": figures["delay"]["median_s"],
        "delay_p95_s": figures["delay"]["p95_s"],
        "seizures.n": pooled["reference"],
        "seizures.found": pooled["tp"],
        "seizures.alarm_began_in": figures["seizures"]["alarm_began_in"],
        "background.alarms": figures["background"]["alarms"],
        "background.hours": figures["background"]["hours"],
        "background.per_day": figures["background"]["per_day"],
        "lead_in.alarms": figures["lead_in"]["alarms"],
    }


def _line(run: _Run, figures: Mapping[str, Any]) -> dict[str, Any]:
    """A run among the others."""
    return {
        "detector": run.listener.name,
        "device_probe": run.listener.device_probe,
        "leads": run.n_leads,
        "n_recordings": figures["n_recordings"],
        **_top_level(figures),
        "events": figures["events"],
        "background": figures["background"],
        "lead_in": figures["lead_in"],
        "delay": figures["delay"],
    }


def _skipped(runs: Sequence[_Run]) -> list[Skipped]:
    """Of all runs, each reason once."""
    return list(dict.fromkeys(one for run in runs for one in run.skipped))


def _leads(n_leads: int | None) -> str:
    return "all leads" if n_leads is None else f"{n_leads} lead{'s' if n_leads > 1 else ''}"
