"""Annotated records that the tests make, and a gateway that hears what was put into them.

In these records a beat's height is its class (1 mV: N, 2 mV: V, 3 mV: S) and a tone is the
rhythm (5 Hz: shockable, 11 Hz: AF, 17 Hz: other, 23 Hz: noise), so a simple gateway can be
right, and a record whose annotations say something else makes it wrong.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.offline import NOMINAL_START_NS
from edge.rhythm_label import RHYTHMS
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Beat,
    BeatClass,
    Episode,
    Event,
    Priority,
    Probabilities,
    Quality,
    Signal,
    SignalState,
)

FS = 250
HEIGHT_MV = {"N": 1.0, "V": 2.0, "S": 3.0}
TONE_HZ = {"shockable": 5.0, "af": 11.0, "other": 17.0, "noise": 23.0}
NAME = ("made", Signal.ECG, 1)


@dataclass
class Made:
    """A record in the making; times in s."""

    duration_s: float = 340.0
    fs: float = FS
    beats: Sequence[tuple[float, str]] = ()  # when, class drawn
    tones: Sequence[tuple[float, float, str]] = ()  # from, to, rhythm drawn
    n_leads: int = 1
    comments: Sequence[str] = ()
    marks: Sequence[tuple[float, str, str]] = field(default_factory=list)  # when, symbol, aux
    marks_fs: float | None = None  # Hz, if the annotations do not count the signal's samples

    def signal(self) -> NDArray[np.float64]:
        x = np.zeros(round(self.duration_s * self.fs))
        times = np.arange(len(x)) / self.fs
        for start, end, rhythm in self.tones:
            inside = (times >= start) & (times < end)
            x[inside] += 0.3 * np.sin(2 * np.pi * TONE_HZ[rhythm] * times[inside])
        for at, label in self.beats:
            peak = HEIGHT_MV[label] * np.exp(-0.5 * ((times - at) / 0.012) ** 2)
            x += peak
        return x

    def write(self, folder: Path, name: str, *, annotate: bool = True) -> None:
        """As a WFDB record with `.atr`."""
        import wfdb

        folder.mkdir(parents=True, exist_ok=True)
        x = self.signal()
        wfdb.wrsamp(
            name, fs=self.fs, units=["mV"] * self.n_leads,
            sig_name=[f"L{i}" for i in range(self.n_leads)],
            d_signal=np.repeat(np.rint(x * 200).astype(np.int64)[:, None], self.n_leads, 1),
            adc_gain=[200.0] * self.n_leads, baseline=[0] * self.n_leads,
            fmt=["16"] * self.n_leads, write_dir=str(folder), comments=list(self.comments),
        )  # fmt: skip
        if annotate and self.marks:
            marks = sorted(self.marks)
            wfdb.wrann(
                name, "atr",
                np.array([round(at * (self.marks_fs or self.fs)) for at, _, _ in marks]),
                symbol=[symbol for _, symbol, _ in marks],
                aux_note=[aux for _, _, aux in marks], fs=self.marks_fs,
                write_dir=str(folder),
            )  # fmt: skip


def write_unknown_code(folder: Path, name: str) -> None:
    """A record whose annotations hold a code that WFDB has no symbol for: N, 45, N."""
    Made(duration_s=20.0).write(folder, name)
    words = struct.pack("<HHHH", 1 << 10 | 100, 45 << 10 | 100, 1 << 10 | 100, 0)
    (folder / f"{name}.atr").write_bytes(words)


def beats_each_second(
    duration_s: float, classes: Mapping[int, str] | None = None
) -> list[tuple[float, str]]:
    """A beat at each half second past, N but for those that are named by their number."""
    return [(n + 0.5, (classes or {}).get(n, "N")) for n in range(int(duration_s))]


class HearingGateway:
    """Hears the records above exactly as they were drawn. Flat signal: cannot analyse."""

    bundles: Mapping[str, str] = {"ecg-beat": "made 1", "ecg-rhythm": "made 1"}
    record_label: Mapping[str, Sequence[float]] = {}
    _af_since = 0

    def listen(self, x_mv: NDArray[np.float32], fs: float) -> Sequence[Event]:
        x = np.nan_to_num(x_mv.astype(np.float64))
        return [*self._beats(x, fs), *self._quality(x), *self._rhythm(x, fs)]

    def classify(
        self,
        x_mv: NDArray[np.float32],
        fs: float,  # noqa: ARG002
        beats: NDArray[np.int64],
        p_af: NDArray[np.float32],  # noqa: ARG002
    ) -> NDArray[np.str_]:
        heights = {0: "N", 1: "N", 2: "V", 3: "S"}
        return np.array([heights[round(float(x_mv[at]))] for at in beats], np.str_)

    def _beats(self, x: NDArray[np.float64], fs: float) -> list[Event]:
        told: list[Event] = []
        inside = np.flatnonzero(x > 0.6)
        for run in np.split(inside, np.flatnonzero(np.diff(inside) > fs * 0.2) + 1):
            if len(run):
                at = int(run[np.argmax(x[run])])
                label = {1: BeatClass.N, 2: BeatClass.V, 3: BeatClass.S}[round(float(x[at]))]
                told.append(
                    Beat(*NAME, at, _ns(at, fs), label, None, float(x[at]), probability=0.9)
                )
        return told

    def _quality(self, x: NDArray[np.float64]) -> list[Event]:
        state = SignalState.GOOD if bool(np.any(x)) else SignalState.POOR
        return [Quality(*NAME, 0, 0, NOMINAL_START_NS, state)]

    def _rhythm(self, x: NDArray[np.float64], fs: float) -> list[Event]:
        events: list[Event] = []
        n = round(fs)
        heard = [_tone(x[first : first + n], fs) for first in range(0, len(x) - n + 1, n)]
        for second, rhythm in enumerate(heard):
            values = tuple(0.8 if one == rhythm else 0.05 for one in RHYTHMS)
            end = (second + 1) * n
            events.append(Probabilities(*NAME, end, _ns(end, fs), RHYTHMS, values))
            before = heard[second - 1] if second else "normal"
            if rhythm != before:
                events += self._change(before, rhythm, end, fs)
        return events

    def _change(self, before: str, rhythm: str, end: int, fs: float) -> list[Event]:
        now, events = _ns(end, fs), list[Event]()
        for kind, begins in ((before, False), (rhythm, True)):
            if kind == "shockable":
                events.append(_alarm(now, begins, end))
            if kind == "af" and begins:
                self._af_since = end
                events.append(Episode(*NAME, "af", end, None, now, None, 0.8))
            elif kind == "af":
                since = self._af_since
                events.append(Episode(*NAME, "af", since, end, _ns(since, fs), now, 0.8))
        return events


def load_hearing() -> HearingGateway:
    return HearingGateway()


def _tone(x: NDArray[np.float64], fs: float) -> str:
    power = np.abs(np.fft.rfft(x)) / len(x)
    hz = np.fft.rfftfreq(len(x), 1 / fs)
    loudest = {
        rhythm: float(power[np.abs(hz - tone) < 0.6].max()) for rhythm, tone in TONE_HZ.items()
    }
    best = max(loudest, key=lambda rhythm: loudest[rhythm])
    return best if loudest[best] > 0.08 else "normal"


def _alarm(time_ns: int, active: bool, sample: int) -> AlarmEvent:
    return AlarmEvent(
        alarm_id="a", revision=0, phase=AlarmPhase.START if active else AlarmPhase.UPDATE,
        kind=AlarmKind.SHOCKABLE_RHYTHM, priority=Priority.HIGH, site="s", device="made",
        signal=Signal.ECG, patient=None, stream_id=1, declared_sample=sample,
        onset_ns=time_ns, declared_ns=time_ns, time_ns=time_ns, active=active,
        latched=not active, acknowledged=False, acknowledged_by=None, snoozed_until_ns=None,
        ended_ns=None, message="",
    )  # fmt: skip


def _ns(sample: int, fs: float) -> int:
    return NOMINAL_START_NS + round(sample / fs * 1e9)
