"""Beats as the beat model learns from them: cut by the gateway's own stages.

The gateway's detector and its windows run over a record; each beat that it tells is given the
AAMI class of the annotated beat that it matches (EC57, 150 ms). A beat that matches none is
left out: what is no beat has no class. Or the stages are given the annotated beats in place
of the detector's, as papers score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.beat_windows import BeatWindow, BeatWindows, LinkedBeat
from edge.stages.framing import FRAME_S
from edge.stages.model_signal import ModelSignal
from edge.stages.qrs import Detection, QrsDetector
from edge.stages.rhythm_hops import N_HOP
from training.datasets.records import open_ecg
from training.datasets.rhythm import filled
from training.ec57 import MATCH_WINDOW_S, Reference, match_beats, read_reference
from vitalwire.contracts import BeatClass
from vitalwire.errors import InputError
from vitalwire.recordings import read_annotations

CLASSES: Final = (BeatClass.N, BeatClass.S, BeatClass.V, BeatClass.F)
"""What the model can say, in the order of its output; Q is for what nobody can classify."""

ProbabilityOfAf = Callable[[NDArray[np.float32], float], NDArray[np.float32]]
"""`(x_mv, fs)` of a lead to the rhythm model's P(AF) after each hop."""

DECIDED_S: Final = 0.3  # after its R peak an annotated beat is decided, as found ones are


@dataclass(frozen=True, slots=True, eq=False)
class BeatSet:
    """Beats of one lead of one record."""

    name: str
    patient: str
    beat: NDArray[np.float32]  # (n, N_CHANNELS, N_WINDOW)
    context: NDArray[np.float32]  # (n, N_CONTEXT)
    label: NDArray[np.int64]  # (n,) index into CLASSES
    sample: NDArray[np.int64]  # (n,) at the record's rate


def windows_of(
    x_mv: NDArray[np.float32],
    fs: float,
    beats: NDArray[np.int64] | None = None,
    p_af: NDArray[np.float32] | None = None,
) -> list[BeatWindow]:
    """The gateway's windows over one lead.

    Parameters
    ----------
    x_mv : (n_samples,) float32, NaN = missing
    fs : float
        Hz.
    beats : (n,) int64, optional
        Samples of beats to take in place of the detector's.
    p_af : (n_hops,) float32, optional
        The rhythm model's probability after each hop; 0 throughout where it is not given.
    """
    x = filled(x_mv)
    signal, detector, windows = ModelSignal(fs), QrsDetector(fs), BeatWindows(fs)
    given = None if beats is None else _given(beats, fs)
    linked = _Chain(fs).push
    ready: list[BeatWindow] = []
    n_model, step, known = 0, round(FRAME_S * fs), 0.0
    for first in range(0, len(x), step):
        frame = x[first : first + step]
        samples = signal.push(frame)
        n_model += len(samples)
        if p_af is not None and len(p_af):
            known = float(p_af[min(max(n_model // N_HOP - 1, 0), len(p_af) - 1)])
        found = detector.push(frame) if given is None else _decided(given, first + len(frame))
        ready += windows.push(samples, linked(found), known)
    rest = detector.flush() if given is None else _decided(given, len(x) + round(fs))
    return ready + windows.flush(linked(rest), known)


def beat_set(
    path: Path,
    lead: int = 0,
    *,
    patient: str | None = None,
    annotated: bool = False,
    p_af: NDArray[np.float32] | None = None,
) -> BeatSet:
    """The labelled beats of one lead of an annotated record.

    Raises
    ------
    InputError
        The record or its annotations cannot be read, or no beat of them is found in the lead.
    """
    recording = open_ecg(path)
    reference = reference_of(path, recording.fs)
    x = recording.read()[lead]
    beats = reference.samples if annotated else None
    windows = windows_of(x, recording.fs, beats, p_af)
    name = f"{path.name}/{recording.leads[lead]}"
    return labelled(windows, reference, recording.fs, name, patient or path.name)


def labelled(
    windows: Sequence[BeatWindow], reference: Reference, fs: float, name: str, patient: str
) -> BeatSet:
    """Windows with the class of the annotated beat that each matches.

    Raises
    ------
    InputError
        None matches.
    """
    samples = np.array([one.beat.detection.sample for one in windows], np.int64)
    window = round(MATCH_WINDOW_S * fs)
    pairs = match_beats(reference.samples, samples, window=window)
    names = [one.value for one in CLASSES]
    kept = [
        (j, names.index(str(reference.classes[i])))
        for i, j in pairs
        if i >= 0 and j >= 0 and str(reference.classes[i]) in names
    ]
    if not kept:
        raise InputError(f"{name}: none of its annotated beats is found in the signal")
    index = [j for j, _ in kept]
    return BeatSet(
        name=name,
        patient=patient,
        beat=np.stack([windows[j].inputs["beat"] for j in index]),
        context=np.stack([windows[j].inputs["context"] for j in index]),
        label=np.array([label for _, label in kept], np.int64),
        sample=samples[index],
    )


def reference_of(path: Path, fs: float) -> Reference:
    """The annotated beats of a record, in samples of a lead at `fs`."""
    notes = read_annotations(path).at_rate(fs)
    return read_reference(path.name, notes.samples, notes.symbols)


class _Chain:
    """Beats with the interval that each ends: a record has no gap."""

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._last: int | None = None

    def push(self, found: Sequence[Detection]) -> list[LinkedBeat]:
        chain = []
        for one in found:
            rr_s = None if self._last is None else (one.sample - self._last) / self._fs
            chain.append(LinkedBeat(one, rr_s))
            self._last = one.sample
        return chain


def _given(beats: NDArray[np.int64], fs: float) -> list[Detection]:
    return [Detection(int(at), int(at) + round(DECIDED_S * fs), 0.0) for at in beats]


def _decided(given: list[Detection], end: int) -> list[Detection]:
    """Take from the front those that are decided by sample `end`."""
    n = next((i for i, one in enumerate(given) if one.decided_sample >= end), len(given))
    taken = given[:n]
    del given[:n]
    return taken
