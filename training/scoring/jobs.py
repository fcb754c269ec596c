"""Records through the gateway, several at a time: each worker loads its own models.

A job names a record; what comes back is an `Observation`, or the one line that says why there
is none. A record that cannot be read costs itself, not the others.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.offline import NOMINAL_START_NS
from edge.pipeline.ecg import supported
from edge.rhythm_label import RHYTHMS
from edge.stages.rhythm import HOP_S
from training.datasets.beats import reference_of
from training.evaluate_qrs import detect_with_stage, read_annotated, with_noise
from training.scoring.observation import Observation, observe
from training.scoring.reference import first_lead
from vitalwire.contracts import Event, Rhythm
from vitalwire.errors import InputError

MAX_WORKERS: Final = 2
_AHEAD: Final = 4  # jobs a worker that are handed out and not back: bounds memory


class Gateway(Protocol):
    """A pipeline with its models loaded."""

    @property
    def bundles(self) -> Mapping[str, str]:
        """Task to the name of the bundle that answers it, for reports."""
        ...

    @property
    def record_label(self) -> Mapping[str, Sequence[float]]:
        """Weights of the label of a whole recording."""
        ...

    def listen(self, x_mv: NDArray[np.float32], fs: float) -> Sequence[Event]:
        """Everything that it says of one lead that begins at `NOMINAL_START_NS`."""
        ...

    def classify(
        self,
        x_mv: NDArray[np.float32],
        fs: float,
        beats: NDArray[np.int64],
        p_af: NDArray[np.float32],
    ) -> NDArray[np.str_]:
        """Classes of beats that somebody else found.

        Parameters
        ----------
        x_mv : (n_samples,) one lead
        beats : (n_beats,) samples, ascending
        p_af : (n_hops,) the probability of AF that was told by the end of each hop

        Returns
        -------
        (n_beats,) N S V F Q
        """
        ...


Load = Callable[[], Gateway]
"""Loads a gateway in a worker. It goes there by pickle and is told from others by `==`: a
function of a module's top level, or a frozen dataclass."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise to add to a record, as `training.noise` does."""

    path: Path  # of the noise record, without suffix
    snr_db: float


@dataclass(frozen=True, slots=True)
class Job:
    """One lead of one record, with or without noise."""

    path: Path  # without suffix
    lead: int = 1
    noise: Noise | None = None
    annotated: bool = False  # also ask for the classes of the annotated beats
    load: Load | None = field(default=None, compare=False)  # another gateway for this record

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that could not be scored, and why, in one line."""

    name: str
    why: str


def nothing_scored(skipped: Sequence[Skipped]) -> str:
    """Why there is no figure at all: the first record's reason, and how many more."""
    first = skipped[0]
    more = f" (and {len(skipped) - 1} more records)" if len(skipped) > 1 else ""
    said = first.why if first.name in first.why else f"record {first.name}: {first.why}"
    return f"nothing could be scored: {said}{more}"


def run_jobs(
    jobs: Sequence[Job],
    load: Load,
    *,
    n_workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Job, Observation | Skipped]]:
    """Run jobs, in the order in which they are done.

    Parameters
    ----------
    load : see `Load`
    n_workers : processes; 1 runs here. By default as many as the machine has cores, at most
        `MAX_WORKERS`
    progress : told 1 a job
    """
    n_workers = n_workers or min(MAX_WORKERS, os.cpu_count() or 1, len(jobs) or 1)
    if n_workers == 1:
        _set_up(load)
        for job in jobs:
            yield job, _run(job)
            progress(1)
        return
    with ProcessPoolExecutor(
        n_workers, multiprocessing.get_context("spawn"), _set_up, (load,)
    ) as pool:
        rest = iter(jobs)
        pending: dict[Future[Observation | Skipped], Job] = {}
        while True:
            for job in islice(rest, n_workers * _AHEAD - len(pending)):
                pending[pool.submit(_run, job)] = job
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield pending.pop(future), future.result()
                progress(1)


def observe_record(job: Job, gateway: Gateway) -> Observation:
    """One record through the gateway.

    Raises
    ------
    InputError : it cannot be read, or its rate cannot be analysed
    """
    x_mv, fs = _signal(job)
    if not supported(fs):
        raise InputError(f"record {job.name}: {fs:g} Hz cannot be analysed: resample it")
    events = gateway.listen(x_mv, fs)
    seen = observe(events, fs=fs, n_samples=len(x_mv), start_ns=NOMINAL_START_NS)
    if seen.shutdown:
        seen = replace(seen, held_back=_held_back(x_mv, seen))
    return replace(seen, asked=_asked(job, x_mv, seen, gateway)) if job.annotated else seen


def _asked(
    job: Job, x_mv: NDArray[np.float32], seen: Observation, gateway: Gateway
) -> NDArray[np.str_]:
    """Classes at the annotated beats, with the rhythm that the gateway told meanwhile."""
    beats = reference_of(job.path, seen.fs).samples
    ends_s = (np.arange(round(seen.duration_s / HOP_S)) + 1) * HOP_S
    newest = np.searchsorted(seen.told_s, ends_s, side="right") - 1
    p_af = np.zeros(len(ends_s), np.float32)
    if len(seen.told):
        told = seen.told[np.maximum(newest, 0), RHYTHMS.index(Rhythm.AF.value)]
        p_af = np.where(newest >= 0, told, np.float32(0.0))
    return gateway.classify(x_mv, seen.fs, beats, p_af)


def _signal(job: Job) -> tuple[NDArray[np.float32], float]:
    if job.noise is None:
        return first_lead(job.path, job.lead)
    record = read_annotated(job.path.parent, job.name)
    added, noise_fs = first_lead(job.noise.path)
    noisy = with_noise(record, added.astype(np.float64), noise_fs, snr_db=job.noise.snr_db)
    return noisy, record.fs


def _held_back(x_mv: NDArray[np.float32], seen: Observation) -> NDArray[np.int64]:
    """Beats that the detector finds where the gateway says "cannot analyse"."""
    found, _ = detect_with_stage(np.nan_to_num(x_mv), seen.fs)
    inside = np.zeros(len(found), np.bool_)
    for first, last in seen.shutdown:
        inside |= (found >= first) & (found <= last)
    return found[inside]


_loaded: dict[Load, Gateway] = {}  # of this process: the usual one, and the last other


def _set_up(load: Load) -> None:
    _loaded.clear()
    _loaded[load] = load()


def _gateway(load: Load | None) -> Gateway:
    usual = next(iter(_loaded))
    if load is None:
        return _loaded[usual]
    if load not in _loaded:
        for other in [one for one in _loaded if one is not usual]:
            del _loaded[other]
        _loaded[load] = load()
    return _loaded[load]


def _run(job: Job) -> Observation | Skipped:
    try:
        return observe_record(job, _gateway(job.load))
    except InputError as error:
        return Skipped(job.name, " ".join(str(error).split()))
