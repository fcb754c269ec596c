"""EEG streams through the gateway, several at a time: each worker loads its own models.

A stream that cannot be read costs itself, not the others: in place of what was heard comes
the one line that says why.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.models import LoadedModels
from edge.offline import NOMINAL_START_NS, analyze
from edge.results import events_of
from training.scoring.eeg_streams import Stream
from training.scoring.jobs import MAX_WORKERS, Skipped
from training.scoring.observation import observe
from training.scoring.spans import Span
from vitalwire.contracts import AlarmKind, Brain, Probabilities
from vitalwire.errors import InputError

T = TypeVar("T")
R = TypeVar("R")


class Detector(Protocol):
    """Models for the gateway, one of which watches for seizures."""

    @property
    def loaded(self) -> LoadedModels: ...

    @property
    def bundles(self) -> Mapping[str, str]:
        """Task to the name of what answers it, for reports."""
        ...


Load = Callable[[], Detector]
"""Loads a detector in a worker: a frozen dataclass, told from others by `==`."""


@dataclass(frozen=True, slots=True)
class Job:
    """A stream, and who listens to it."""

    stream: Stream
    load: Load


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the gateway told of a stream; s from its start."""

    stream: Stream
    alarms: tuple[Span, ...]  # of seizures: from when each was told to its end
    told_s: NDArray[np.float64]  # (n_told,) when a probability was told
    told: NDArray[np.float64]  # (n_told,) of a seizure


_WORTH_A_PROCESS: Final = 16  # items
_KEPT: Final = 2  # detectors that a worker keeps: jobs come sorted by them
_loaded: dict[Load, Detector] = {}


def run_jobs(
    jobs: Sequence[Job],
    *,
    n_workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Heard | Skipped]:
    """Run jobs, in their order; see `each`."""
    return each(_run, jobs, n_workers=n_workers, progress=progress)


def each(
    work: Callable[[T], R],
    items: Sequence[T],
    *,
    n_workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[R]:
    """Do `work`, a function of a module, to each item; what comes of it in their order.

    Parameters
    ----------
    n_workers : processes; 1 works here. By default as many as the machine has cores, at most
        `MAX_WORKERS`, and for a few items none: to start one takes seconds
    progress : told 1 an item
    """
    usual = min(MAX_WORKERS, os.cpu_count() or 1) if len(items) >= _WORTH_A_PROCESS else 1
    n_workers = n_workers or usual
    if n_workers == 1:
        for item in items:
            yield work(item)
            progress(1)
        return
    with ProcessPoolExecutor(n_workers, multiprocessing.get_context("spawn")) as pool:
        for result in pool.map(work, items):
            yield result
            progress(1)


def listen(stream: Stream, models: LoadedModels) -> Heard:
    """The gateway's pipeline over a stream.

    Raises
    ------
    InputError
        It cannot be read, or not be analysed.
    """
    outputs = analyze(stream.records(), models=models.models, eeg=models.eeg)
    events = events_of(outputs)
    seen = observe(events, fs=stream.fs, n_samples=stream.n_samples, start_ns=NOMINAL_START_NS)
    told = [one for one in events if isinstance(one, Probabilities)]
    return Heard(
        stream,
        tuple(seen.alarmed(frozenset({AlarmKind.SEIZURE}))),
        np.array([one.sample / stream.fs for one in told], np.float64),
        np.array([one.values[one.labels.index(Brain.SEIZURE)] for one in told], np.float64),
    )


def _run(job: Job) -> Heard | Skipped:
    try:
        return listen(job.stream, _detector(job.load).loaded)
    except InputError as error:
        return Skipped(job.stream.name, " ".join(str(error).split()))


def _detector(load: Load) -> Detector:
    if load not in _loaded:
        for other in list(_loaded)[: len(_loaded) - _KEPT + 1]:
            del _loaded[other]
        _loaded[load] = load()
    return _loaded[load]
